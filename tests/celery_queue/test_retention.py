"""Files go, rows stay: what is removed of ended tasks, when, and what is said to whoever comes too late."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from celery_queue import orders, retention, uploads
from celery_queue.retention import Removed
from celery_queue.retries import retry
from db import tasks
from db.database import reading, transaction
from db.models import Task, TaskStatus
from db.retention import Stage
from errors import InputGone, OutputGone
from storage.local import LocalStorage
from tests.rows import make_task, reload


@pytest.fixture
def storage(runner):
    return runner.storage


@pytest.fixture
def ended(user, storage, tmp_path):
    """A factory of tasks that ended so many days ago, with an input, an output and what an attempt left."""

    def make(days: float, status: TaskStatus = TaskStatus.COMPLETED, **values: object) -> Task:
        when = datetime.now(UTC) - timedelta(days=days)
        task = make_task(user, status=status, finished_at=when, **values)
        path, folder = tmp_path / "a.csv", f"users/{user.id}/tasks/{task.id}"
        path.write_text("a\n1\n")
        for place in ("inputs/primary", "attempts/1/01-type-fixer", "attempts/1/outputs"):
            storage.put(path, f"{folder}/{place}/a.csv")
        with transaction() as session:
            row = session.get_one(Task, task.id)
            row.inputs = {"primary": {"key": f"{folder}/inputs/primary/a.csv", "filename": "a.csv"}}
            if status == TaskStatus.COMPLETED:
                row.outputs = {"prefix": f"{folder}/attempts/1/outputs", "files": [{"filename": "a.csv"}]}
        return reload(task)

    return make


def left(task: Task, storage: LocalStorage) -> list[str]:
    folder = f"users/{task.user_id}/tasks/{task.id}/"
    return [file.key.removeprefix(folder).partition("/")[0] for file in storage.list(folder)]


def events_of(task: Task) -> list[tuple[str, str]]:
    with reading() as session:
        return [(each.event, each.actor) for each in tasks.events(session, task.id)]


@pytest.mark.parametrize(
    ("days", "status", "stays", "told"),
    [
        (6, "COMPLETED", ["attempts", "attempts", "inputs"], []),
        (8, "COMPLETED", ["attempts", "attempts"], ["inputs_removed"]),
        (8, "FAILED", [], ["inputs_removed"]),
        (31, "COMPLETED", [], ["inputs_removed", "outputs_removed"]),
        (366, "COMPLETED", [], ["inputs_removed", "outputs_removed", "task_archived"]),
    ],
)
def test_what_goes_at_which_age(ended, storage, settings, days, status, stays, told):
    task = ended(days, TaskStatus(status))
    retention.apply(settings, storage)
    assert left(task, storage) == stays
    assert events_of(task) == [(each, "retention") for each in told]
    assert (reload(task).archived_at is not None) == (days > 365)
    assert reload(task).status == status


@pytest.mark.parametrize("status", ["QUEUED", "PROCESSING", "CREATED"])
def test_what_has_not_ended_is_left_alone(ended, storage, settings, status):
    task = ended(400, TaskStatus(status))
    retention.apply(settings, storage)
    assert len(left(task, storage)) == 3


def test_an_error_on_one_is_left_for_the_next_time_and_the_rest_go_on(ended, storage, settings, monkeypatch):
    made = sorted((ended(8) for _ in range(3)), key=lambda task: task.id)
    inputs = storage.path(f"users/{made[1].user_id}/tasks/{made[1].id}/inputs")
    inputs.rename(inputs.with_name("aside"))
    inputs.symlink_to("/")  # a way out of the folder: the storage refuses it
    assert retention.apply(settings, storage)[Stage.INPUTS] == Removed(done=2, failed=1)
    inputs.unlink()
    inputs.with_name("aside").rename(inputs)
    assert retention.apply(settings, storage)[Stage.INPUTS] == Removed(done=1)


def test_a_child_keeps_its_parents_files_until_it_has_ended(ended, storage, settings, user):
    parent = ended(40)
    child = make_task(user, parent_task_id=parent.id)
    retention.apply(settings, storage)
    assert len(left(parent, storage)) == 3
    with transaction() as session:
        session.get_one(Task, child.id).status = TaskStatus.COMPLETED
    retention.apply(settings, storage)
    assert left(parent, storage) == []


def test_a_childs_copy_outlives_its_parents_files(ended, storage, settings, user):
    parent = ended(40)
    source = {"primary": {"task_id": parent.id, "file": "a.csv"}}
    child = orders.create(user.id, "profile-my-data", inputs_from=source)
    uploads.copy_references(child, storage)
    with transaction() as session:
        session.get_one(Task, child.id).parent_task_id = None  # nothing keeps the parent's files now
    retention.apply(settings, storage)
    assert left(parent, storage) == []
    assert orders.submit(child.id, user.id, storage).status == TaskStatus.QUEUED


def test_a_retry_after_the_files_are_gone_says_since_when(ended, storage, settings):
    task = ended(8, TaskStatus.FAILED)
    retention.apply(settings, storage)
    with pytest.raises(InputGone, match=f"{datetime.now(UTC):%Y-%m-%d}"):
        retry(task.id, task.user_id, storage)


def test_results_that_are_gone_can_not_be_another_tasks_input(ended, storage, settings, user):
    task = ended(31)
    retention.apply(settings, storage)
    with pytest.raises(OutputGone):
        orders.create(user.id, "profile-my-data", inputs_from={"primary": {"task_id": task.id, "file": "a.csv"}})


def test_two_at_once_do_it_once(ended, storage, settings):
    made = [ended(8) for _ in range(10)]
    found = []
    both = [threading.Thread(target=lambda: found.append(retention.apply(settings, storage))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sum(each[Stage.INPUTS].done for each in found) == len(made)
    assert all(events_of(task) == [("inputs_removed", "retention")] for task in made)


def test_what_is_due_is_told_without_doing_it(ended, storage, settings):
    task = ended(31)
    with reading() as session:
        assert retention.due(session, settings) == {Stage.INPUTS: 1, Stage.OUTPUTS: 1, Stage.ROWS: 0}
    assert len(left(task, storage)) == 3
