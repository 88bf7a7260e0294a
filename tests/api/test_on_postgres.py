"""What must hold when many ask at once, on the database that serves many."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from billing import ledger
from db.database import connect, transaction
from db.migrations import upgrade
from db.models import LedgerEntry, LedgerKind, User
from settings import get_settings
from tests.api.conftest import CSV

pytestmark = pytest.mark.service
AT_ONCE = 8


@pytest.fixture
def settings(monkeypatch, stage, postgres_url):
    """The service on PostgreSQL in place of SQLite."""
    monkeypatch.setenv("EVENTS_SECONDS", "0.05")
    monkeypatch.setenv("PUBLIC_URL", stage.url)
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    get_settings.cache_clear()
    engine = connect(get_settings())
    upgrade(engine)
    yield get_settings()
    engine.dispose()


def at_once(ask):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _: ask(), range(AT_ONCE)))


def test_one_call_sent_many_times_at_once_makes_one_task(signed_in):
    def ask():
        files = {"primary": ("a.csv", CSV)}
        return signed_in.post(
            "/analyze", data={"tool_id": "clean-my-data"}, files=files, headers={"Idempotency-Key": "k"}
        )

    answers = at_once(ask)
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["task_id"] for each in answers}) == 1
    (task,) = signed_in.get("/tasks").json()["items"]
    assert signed_in.get("/billing/wallet").json()["held"] == task["credits_quoted"]


def test_one_task_submitted_many_times_at_once_is_queued_once(signed_in, make_task):
    task_id = make_task()
    answers = at_once(lambda: signed_in.post(f"/tasks/{task_id}/process"))
    assert sorted(each.status_code for each in answers) == [202] + [409] * (AT_ONCE - 1)
    events = signed_in.get(f"/tasks/{task_id}/timeline").json()["events"]
    assert [each["event"] for each in events].count("task_queued") == 1


def test_a_task_that_failed_is_retried_once(signed_in, make_task, change_task):
    task_id = make_task()
    change_task(task_id, status="FAILED")
    answers = at_once(lambda: signed_in.post(f"/tasks/{task_id}/retry"))
    assert sorted(each.status_code for each in answers) == [202] + [409] * (AT_ONCE - 1)
    assert signed_in.get(f"/tasks/{task_id}").json()["run_no"] == 2


def test_of_many_orders_at_once_as_many_pass_as_there_are_credits(signed_in, make_task, user):
    made = [make_task() for _ in range(AT_ONCE)]
    price = signed_in.get(f"/tasks/{made[0]}").json()["credits_quoted"]
    with transaction() as session:
        amount = price - ledger.wallet(session, user.id).available
        session.add(LedgerEntry(user_id=user.id, kind=LedgerKind.ADJUSTMENT, amount=amount))
    orders = iter(made)
    answers = at_once(lambda: signed_in.post(f"/tasks/{next(orders)}/process"))
    assert sorted(each.status_code for each in answers) == [202] + [402] * (AT_ONCE - 1)
    refused = next(each.json() for each in answers if each.status_code == 402)
    assert (refused["error"], refused["context"]) == ("INSUFFICIENT_CREDITS", {"required": price, "available": 0})
    wallet = signed_in.get("/billing/wallet").json()
    assert wallet == {"balance": price, "held": price, "available": 0}


def test_every_page_is_there(signed_in, make_task, user):
    with transaction() as session:
        session.get(User, user.id).is_admin = True
    make_task(queued=True)
    for path in ("/metrics", "/admin/tasks", "/admin/dead-letters", "/billing/transactions", "/auth/api-keys"):
        assert signed_in.get(path).status_code == 200
    key = signed_in.post("/auth/api-keys", json={"name": "a"}).json()
    assert signed_in.get("/auth/me", headers={"Authorization": f"Bearer {key['key']}"}).status_code == 200
    assert signed_in.delete(f"/auth/api-keys/{key['id']}").status_code == 204


def test_deleting_and_submitting_at_once_ends_in_one_of_two_ways(signed_in, make_task):
    for _ in range(5):
        task_id = make_task()
        with ThreadPoolExecutor(2) as pool:
            submitted = pool.submit(signed_in.post, f"/tasks/{task_id}/process")
            deleted = pool.submit(signed_in.delete, f"/tasks/{task_id}")
        assert deleted.result().status_code == 204
        assert submitted.result().status_code in {202, 400, 404}
    assert signed_in.get("/billing/wallet").json()["held"] == 0
