"""What the sweep sets right."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger
from celery_queue.reconciler import sweep
from db.database import transaction
from db.models import TaskStatus
from tests.rows import claim, make_task, reload

LONG_AGO = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture(autouse=True)
def _database(runner):
    """The runner's database."""


def test_a_lost_task_is_queued_again(user, settings):
    task = make_task(user)
    claim(task, lease=-1)
    sweep(settings)
    assert (reload(task).status, reload(task).attempt) == (TaskStatus.QUEUED, 1)


def test_a_running_task_is_left_alone(user, settings):
    task = make_task(user)
    claim(task)
    sweep(settings)
    assert reload(task).status == TaskStatus.PROCESSING


def test_a_lost_task_whose_user_cancelled_it_is_cancelled(user, settings):
    task = make_task(user)
    claim(task, lease=-1)
    with transaction() as session:
        session.merge(reload(task)).cancel_requested_at = LONG_AGO
    sweep(settings)
    assert reload(task).status == TaskStatus.CANCELLED


def test_a_task_out_of_attempts_is_poison_and_costs_nothing(user, settings):
    task = make_task(user)
    for _ in range(settings.max_attempts):
        claim(task, lease=-1)
    sweep(settings)
    assert (reload(task).status, reload(task).error_code) == (TaskStatus.FAILED, "POISON_TASK")
    with transaction() as session:
        assert ledger.wallet(session, user.id) == ledger.Wallet(balance=1000, held=0)


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (TaskStatus.UPLOADING, {"upload_expires_at": LONG_AGO}),
        (TaskStatus.CREATED, {"created_at": LONG_AGO}),
        (TaskStatus.QUEUED, {"expires_at": LONG_AGO}),
    ],
)
def test_what_waited_too_long_expires(user, settings, status, values):
    task = make_task(user, status=status, **values)
    sweep(settings)
    assert reload(task).status == TaskStatus.EXPIRED
    with transaction() as session:
        assert ledger.wallet(session, user.id).held == 0
