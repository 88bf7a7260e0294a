"""What operators see and do."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger
from db import tasks
from db.database import transaction
from db.models import User, new_id

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def admin(make_user, sign_in):
    made = make_user("root@example.com", credits=0)
    with transaction() as session:
        session.get(User, made.id).is_admin = True
    return sign_in(made)


@pytest.fixture
def poisoned(signed_in, make_task, change_task, user):
    """A task that was given up as the reconciler does it."""
    task_id = make_task(queued=True)
    change_task(task_id, "task_failed", status="FAILED", error_code="POISON_TASK", attempt=3, fence=3)
    with transaction() as session:
        ledger.release(session, user.id, task_id, 1)
    return task_id


def test_everybodys_tasks_are_listed_and_narrowed(signed_in, admin, make_task, change_task, make_user, sign_in, user):
    mine, stuck = make_task(), make_task(queued=True)
    change_task(stuck, status="PROCESSING", lease_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    eve = make_user("eve@example.com")
    hers = signed_in.post("/tasks", json={"tool_id": "clean-my-data"}, headers=sign_in(eve)).json()["task_id"]

    def listed(**query):
        page = signed_in.get("/admin/tasks", params=query, headers=admin).json()
        return [task["task_id"] for task in page["items"]]

    assert listed() == [hers, stuck, mine]
    assert (listed(user_id=eve.id), listed(stuck=True), listed(status="CREATED")) == ([hers], [stuck], [hers])
    page = signed_in.get("/admin/tasks", params={"limit": 2}, headers=admin).json()
    assert listed(limit=2, cursor=page["next_cursor"]) == [mine]
    assert page["queue"]["lease_expired"] == 1
    assert page["items"][1]["user_id"] == user.id


def test_a_dead_letter_is_listed_and_queued_again(signed_in, admin, poisoned):
    (letter,) = signed_in.get("/admin/dead-letters", headers=admin).json()["items"]
    assert (letter["task_id"], letter["error_code"], letter["fence"]) == (poisoned, "POISON_TASK", 3)
    again = signed_in.post(f"/admin/tasks/{poisoned}/requeue", headers=admin)
    task = signed_in.get(f"/tasks/{poisoned}").json()
    assert (again.status_code, task["status"], task["run_no"], task["attempt"]) == (202, "QUEUED", 2, 0)
    assert task["credits_held"] == task["credits_quoted"]
    timeline = signed_in.get(f"/tasks/{poisoned}/timeline").json()["events"]
    assert timeline[-1]["actor"].startswith("admin ")
    assert signed_in.get("/admin/dead-letters", headers=admin).json()["items"] == []


def test_only_a_failed_task_is_requeued(signed_in, admin, make_task):
    refused = signed_in.post(f"/admin/tasks/{make_task()}/requeue", headers=admin)
    assert (refused.status_code, refused.json()["error"]) == (409, "TASK_NOT_RETRYABLE")
    assert signed_in.post(f"/admin/tasks/{UNKNOWN}/requeue", headers=admin).status_code == 404


def test_a_row_is_shown_beside_celerys_state(signed_in, admin, poisoned):
    celery_id = signed_in.get(f"/tasks/{poisoned}").json()["celery_task_id"]
    shown = signed_in.get(f"/admin/celery-tasks/{celery_id}", headers=admin).json()
    assert (shown["task"]["task_id"], shown["celery_state"]) == (poisoned, "UNAVAILABLE")
    for unknown in (UNKNOWN, new_id(), "x"):
        assert signed_in.get(f"/admin/celery-tasks/{unknown}", headers=admin).status_code == 404


def test_who_holds_a_task_is_listed(signed_in, admin, make_task, change_task):
    task_id = make_task(queued=True)
    change_task(task_id, status="PROCESSING", worker_hostname="mill", worker_pid=7)
    (holder,) = signed_in.get("/admin/workers", headers=admin).json()["holding"]
    assert (holder["hostname"], holder["pid"], holder["task_id"]) == ("mill", 7, task_id)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/tasks"),
        ("GET", "/admin/dead-letters"),
        ("GET", "/admin/workers"),
        ("GET", f"/admin/celery-tasks/{UNKNOWN}"),
        ("POST", f"/admin/tasks/{UNKNOWN}/requeue"),
    ],
)
def test_nobody_else_sees_any_of_it(signed_in, method, path):
    answer = signed_in.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (403, "NOT_PERMITTED")


def test_a_traceback_is_for_operators_alone(signed_in, admin, make_task, settings):
    task_id = make_task(queued=True)
    with transaction() as session:
        task = tasks.find(session, task_id)
        tasks.record(session, task, "task_failed", "worker a 1", code="AGENT_ERROR", trace="Traceback: line 7")
    seen = signed_in.get(f"/tasks/{task_id}/timeline").json()["events"][-1]
    whole = signed_in.get(f"/admin/tasks/{task_id}/timeline", headers=admin).json()["events"][-1]
    assert seen["detail"] == {"code": "AGENT_ERROR"}
    assert whole["detail"] == seen["detail"] | {"trace": "Traceback: line 7"}
    assert signed_in.get(f"/admin/tasks/{task_id}/timeline").status_code == 403
    assert signed_in.get(f"/admin/tasks/{UNKNOWN}/timeline", headers=admin).status_code == 404
