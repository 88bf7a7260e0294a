"""Credits: append-only, held before use, ended once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from billing import ledger
from db.database import transaction
from db.models import TaskStatus
from errors import InsufficientCredits
from tests.rows import make_task, make_user


def wallet_of(user):
    with transaction() as session:
        return ledger.wallet(session, user.id)


def test_a_hold_reserves_without_charging():
    user = make_user(100)
    make_task(user)
    assert wallet_of(user) == ledger.Wallet(balance=100, held=25)
    assert wallet_of(user).available == 75


def test_settling_charges_and_frees_the_rest():
    user = make_user(100)
    task = make_task(user)
    with transaction() as session:
        ledger.settle(session, user.id, task.id, 1, 10)
    assert wallet_of(user) == ledger.Wallet(balance=90, held=0)


def test_releasing_gives_everything_back_and_once():
    user = make_user(100)
    task = make_task(user)
    for _ in range(2):
        with transaction() as session:
            ledger.release(session, user.id, task.id, 1)
    assert wallet_of(user) == ledger.Wallet(balance=100, held=0)


def test_a_run_that_was_released_can_not_be_settled():
    user = make_user(100)
    task = make_task(user)
    with transaction() as session:
        ledger.release(session, user.id, task.id, 1)
    with pytest.raises(IntegrityError), transaction() as session:
        ledger.settle(session, user.id, task.id, 1, 10)


def test_holding_more_than_there_is_says_how_much_is_missing():
    user = make_user(10)
    with pytest.raises(InsufficientCredits) as caught:
        make_task(user)
    assert caught.value.context == {"required": 25, "available": 10}


def test_of_eight_holds_at_once_as_many_pass_as_there_are_credits():
    user = make_user(25)

    def order(_):
        try:
            make_task(user)
        except InsufficientCredits:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(order, range(8))) == 1
    assert wallet_of(user) == ledger.Wallet(balance=25, held=25)


def test_the_audit_names_what_is_wrong():
    user = make_user(100)
    unpaid = make_task(user, status=TaskStatus.COMPLETED)
    holding = make_task(user)
    with transaction() as session:
        assert ledger.audit(session) == [f"task {unpaid.id} is COMPLETED and was not settled"]
        session.merge(holding).status = TaskStatus.FAILED
    with transaction() as session:
        assert f"task {holding.id} is FAILED and still holds credits" in ledger.audit(session)
