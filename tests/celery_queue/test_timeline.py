"""Every way a task can go, walked: each change of its status is an event with its actor, request and attempt."""

import ast
import itertools
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from celery_queue import lease, orders, removal, retention, uploads
from celery_queue.orders import Upload
from celery_queue.reconciler import sweep
from celery_queue.retries import retry
from db import tasks
from db.database import reading, transaction
from db.models import Task, TaskEvent
from errors import MissingInput, UnknownTool
from tests.celery_queue.service import until
from tests.celery_queue.test_runner import run, unreachable_storage
from tests.rows import claim, reload

LONG_AGO = datetime.now(UTC) - timedelta(days=400)
ACTOR = re.compile(r"(user|admin) [0-9a-f-]{36}|worker \S+ \d+|reconciler|retention")
MEANS = {
    "task_created": "CREATED",
    "uploads_expected": "UPLOADING",
    "uploads_complete": "UPLOADING",
    "uploads_incomplete": "UPLOAD_FAILED",
    "task_queued": "QUEUED",
    "task_started": "PROCESSING",
    "task_retried": "QUEUED",
    "task_handed_back": "QUEUED",
    "task_requeued": "QUEUED",
    "task_completed": "COMPLETED",
    "task_failed": "FAILED",
    "task_cancelled": "CANCELLED",
    "task_expired": "EXPIRED",
}
"""The status that an event stands for."""
OTHERS = {"agent_finished", "attempt_lost", "cancel_requested", "task_deleted", "unmasked_files_ordered"}
OTHERS |= {"inputs_removed", "outputs_removed", "task_archived"}


@pytest.fixture
def story(runner, user, tmp_path):
    return Story(runner, user, tmp_path)


class Story:
    """One customer's tasks. A trigger of the database notes every status that a row has had."""

    def __init__(self, runner, user, folder):
        self.runner, self.user, self.folder = runner, user, folder
        self.tasks = []
        with transaction() as session:
            session.execute(text("CREATE TABLE moves (task_id TEXT, status TEXT)"))
            note = "BEGIN INSERT INTO moves VALUES (new.id, new.status); END"
            session.execute(text(f"CREATE TRIGGER made AFTER INSERT ON tasks {note}"))
            moved = "AFTER UPDATE OF status ON tasks WHEN old.status <> new.status"
            session.execute(text(f"CREATE TRIGGER moved {moved} {note}"))

    @contextmanager
    def request(self, name):
        with structlog.contextvars.bound_contextvars(request_id=name):
            yield name

    def ordered(self, tool_id="clean-my-data", agents=("type-fixer",), parameters=None):
        with self.request("ordering") as request_id:
            task = orders.create(self.user.id, tool_id, list(agents), parameters, request_id=request_id)
        self.tasks.append(task)
        return task

    def queued(self, *steps, **ordered):
        task, script = self.ordered(**ordered), self.folder / "script.txt"
        script.write_text("\n".join(steps or ["step"]))
        with self.request("submitting") as request_id:
            files = {"primary": Upload("script.txt")}
            _, links = orders.expect_uploads(task.id, self.user.id, files, self.runner.storage)
            with pytest.raises(MissingInput):
                uploads.complete(task.id, self.user.id, self.runner.storage)
            self.runner.storage.put(script, links["primary"].key)
            uploads.complete(task.id, self.user.id, self.runner.storage)
            return orders.submit(task.id, self.user.id, self.runner.storage, request_id=request_id)

    def run(self, task):
        return run(self.runner, task).status

    def begun(self, task):
        """The task while an attempt is in the middle of it."""
        attempt = threading.Thread(target=run, args=(self.runner, task))
        attempt.start()
        until(lambda: "agent_finished" in names(task))
        return attempt

    def aged(self, task, **values):
        with transaction() as session:
            for name, value in values.items():
                setattr(session.get_one(Task, task.id), name, value)

    def walk(self, settings):
        self.completed_then_archived(settings)
        self.retried_handed_back_and_cancelled(settings)
        self.lost_given_up_and_begun_again(settings)
        self.ended_before_it_ran(settings)

    def completed_then_archived(self, settings):
        task = self.queued()
        assert self.run(task) == "COMPLETED"
        self.aged(task, finished_at=LONG_AGO)
        retention.apply(settings, self.runner.storage)

    def retried_handed_back_and_cancelled(self, settings):
        task = self.queued("step", "sleep 60")
        kept, self.runner.storage = self.runner.storage, unreachable_storage()
        self.runner.settings = settings.model_copy(update={"retry_delay_seconds": 0.0})
        assert self.run(task) == "RETRY"
        self.runner.storage = kept
        attempt = self.begun(task)
        lease.stopping.value = True
        attempt.join(30)
        lease.stopping.value = False
        attempt = threading.Thread(target=run, args=(self.runner, task))
        attempt.start()
        until(lambda: names(task)[-1] == "task_started")
        with self.request("cancelling"):
            orders.cancel(task.id, self.user.id)
        attempt.join(30)

    def lost_given_up_and_begun_again(self, settings):
        task = self.queued("die")
        assert [self.run(task) for _ in range(3)] == ["LOST", "LOST", "FAILED"]
        with self.request("trying again") as request_id:
            retry(task.id, self.user.id, self.runner.storage, request_id=request_id)
        self.started(claim(task, lease=-1))
        sweep(settings)
        for _ in range(2):
            self.started(claim(task, lease=-1))
        sweep(settings)
        retry(task.id, self.user.id, self.runner.storage, actor=f"admin {self.user.id}", request_id="requeueing")
        self.started(claim(task))
        self.runner.end_overrun(reload(task).celery_task_id)

    def started(self, claimed):
        with transaction() as session:
            tasks.record(session, claimed, "task_started", "worker elsewhere 1")

    def ended_before_it_ran(self, settings):
        with self.request("cancelling"):
            unmasked = self.queued(
                tool_id="profile-my-data", agents=["unified-profiler"], parameters={"output": {"unmask": True}}
            )
            orders.cancel(unmasked.id, self.user.id)
            removal.delete(self.queued().id, self.user.id, self.runner.storage)
        unknown = self.queued()
        self.runner.refuse(unknown.id, self.user.id, UnknownTool())
        self.aged(self.ordered(), created_at=LONG_AGO)
        self.aged(self.queued(), expires_at=LONG_AGO)
        sweep(settings)


def names(task):
    with reading() as session:
        return [each.event for each in tasks.events(session, task.id)]


def all_events():
    with reading() as session:
        return session.query(TaskEvent).order_by(TaskEvent.id).all()


def without_repeats(statuses):
    return [status for status, _ in itertools.groupby(statuses)]


def test_every_change_of_status_is_an_event_that_says_who_when_and_in_which_attempt(story, settings):
    story.walk(settings)
    found = all_events()
    assert {each.event for each in found} == MEANS.keys() | OTHERS
    for each in found:
        assert ACTOR.fullmatch(each.actor), (each.event, each.actor)
        assert each.request_id, each.event
        assert each.run_no >= 1
        assert each.fence >= each.attempt >= (each.event == "task_started")
    for task in story.tasks:
        told = [MEANS[each.event] for each in found if each.task_id == task.id and each.event in MEANS]
        with reading() as session:
            had = session.scalars(text("SELECT status FROM moves WHERE task_id = :id ORDER BY rowid"), {"id": task.id})
            assert without_repeats(told) == without_repeats(had.all())


def test_events_name_the_request_that_caused_them(story):
    task = story.queued("step")
    with story.request("cancelling"):
        orders.cancel(task.id, story.user.id)
    found = {each.event: (each.actor, each.request_id) for each in all_events()}
    me = f"user {story.user.id}"
    assert found["task_created"] == (me, "ordering")
    assert found["task_queued"] == (me, "submitting")
    assert found["task_cancelled"] == (me, "cancelling")


def test_no_event_is_left_out_of_the_walk():
    """Whoever records a new one adds it to the walk."""
    recorded = set()
    for path in Path(orders.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"tasks.record", "_end"}:
                recorded |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and arg.value}
    codes = {name for name in recorded if name.isupper()}
    assert recorded - codes <= MEANS.keys() | OTHERS
    assert len(recorded - codes) >= 12
