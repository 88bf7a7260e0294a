"""The one analysis task: what it dispatches, and what it answers to what can't be run."""

import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from billing import ledger
from celery_queue import callbacks
from celery_queue import tasks as queue_tasks
from celery_queue.celery_app import app
from celery_queue.tasks import TRANSFORMERS, health_check, process_analysis
from db.database import transaction
from db.models import TaskStatus
from tests.rows import make_task, make_user, reload
from transformers import clean_my_data_transformer, master_my_data_transformer, profile_my_data_transformer
from transformers.tools import tools


@pytest.fixture(autouse=True)
def _this_runner(runner, monkeypatch):
    """The task runs on the test's runner."""
    app.set_current()
    monkeypatch.setattr(queue_tasks, "runner", lambda: runner)


def run(task_id, user_id):
    return process_analysis.apply(args=(task_id, user_id)).result


def test_it_is_registered_under_the_name_that_clients_know():
    assert process_analysis.name == "queue.tasks.process_analysis"


def test_every_tool_has_its_transformer():
    assert {
        "profile-my-data": profile_my_data_transformer.run,
        "clean-my-data": clean_my_data_transformer.run,
        "master-my-data": master_my_data_transformer.run,
    } == TRANSFORMERS
    assert TRANSFORMERS.keys() == tools().keys()


@pytest.mark.parametrize("tool_id", ["profile-my-data", "clean-my-data", "master-my-data"])
def test_it_dispatches_on_the_tool_of_the_row(scripted_task, monkeypatch, tool_id):
    dispatched = []
    real = TRANSFORMERS[tool_id]
    monkeypatch.setitem(TRANSFORMERS, tool_id, lambda job: (dispatched.append(tool_id), real(job)))
    task = scripted_task("step", tool_id=tool_id)
    assert run(task.id, task.user_id) == {"task_id": task.id, "status": "COMPLETED", "error": None}
    assert dispatched == [tool_id]


def test_an_unknown_task_is_answered_with_its_code(user):
    assert run("no-such-task", user.id) == {"task_id": "no-such-task", "status": "FAILED", "error": "TASK_NOT_FOUND"}


def test_somebody_elses_task_is_unknown_and_stays_as_it_is(scripted_task):
    task = scripted_task("step")
    assert run(task.id, make_user().id)["error"] == "TASK_NOT_FOUND"
    assert reload(task).status == TaskStatus.QUEUED


def test_an_unknown_tool_fails_the_row_and_releases_its_credits(user):
    task = make_task(user, tool_id="guess-my-data")
    assert run(task.id, user.id)["error"] == "UNKNOWN_TOOL"
    assert (reload(task).status, reload(task).error_code) == (TaskStatus.FAILED, "UNKNOWN_TOOL")
    with transaction() as session:
        assert ledger.wallet(session, user.id) == ledger.Wallet(balance=1000, held=0)


def test_a_disabled_users_task_fails(user):
    task = make_task(user)
    with transaction() as session:
        session.merge(user).disabled = True
    assert run(task.id, user.id)["error"] == "USER_NOT_FOUND"
    assert reload(task).error_code == "USER_NOT_FOUND"


def test_a_second_delivery_of_a_finished_task_is_refused(scripted_task):
    task = scripted_task("step")
    run(task.id, task.user_id)
    assert run(task.id, task.user_id)["status"] == "REFUSED"


def test_what_is_logged_during_a_message_names_its_request_and_later_lines_do_not(user, monkeypatch):
    seen = []
    monkeypatch.setattr(runner := queue_tasks.runner(), "tool_of", lambda *_: seen.append(get_contextvars()) or "none")
    monkeypatch.setattr(runner, "refuse", lambda *_: None)
    process_analysis.apply(args=("t", user.id), task_id="c", headers={"request_id": "r"})
    assert seen == [{"request_id": "r", "celery_task_id": "c"}]
    assert get_contextvars() == {}


def test_an_error_that_nobody_expected_is_told_with_its_code():
    with capture_logs() as told:
        callbacks.failed(task_id="c", exception=MemoryError())
    assert [(line["event"], line["code"]) for line in told] == [("message_failed", "OUT_OF_MEMORY")]


def test_the_health_check_answers():
    assert health_check.apply().result == {"status": "healthy", "worker": "ok"}
