"""Deleting what a worker is busy with."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from celery_queue import removal
from celery_queue.retries import retry
from db import tasks
from db.database import transaction
from db.models import TaskStatus
from errors import ChildDied
from tests.rows import claim, reload
from transformers.analysis import run_analysis
from transformers.tools import tool_of


@pytest.fixture
def run(runner):
    def run(task, on_progress=lambda *_: None):
        def transformer(job):
            run_analysis(tool_of(task.tool_id), job)

        return runner.run_attempt(task.id, task.user_id, transformer, on_progress)

    return run


def test_a_running_task_is_stopped_and_leaves_no_file(runner, run, scripted_task, settings):
    task = scripted_task("step", "sleep 20")
    ended = []
    worker = threading.Thread(target=lambda: ended.append(run(task)))
    worker.start()
    while not list(runner.storage.list(f"users/{task.user_id}")):
        assert worker.is_alive()
    removal.delete(task.id, task.user_id, runner.storage)
    worker.join(10)
    assert [each.status for each in ended] == ["CANCELLED"]
    with transaction() as session:
        tasks.find(session, task.id).finished_at = datetime.now(UTC) - timedelta(hours=1)
    assert removal.remove_files(settings, runner.storage) == 1
    assert list(runner.storage.list(f"users/{task.user_id}")) == []


def test_a_deleted_task_whose_child_died_is_cancelled(runner, scripted_task):
    task = scripted_task()
    running = claim(task)
    removal.delete(task.id, task.user_id, runner.storage)
    runner._end(running, ChildDied())
    assert reload(task).status == TaskStatus.CANCELLED


def test_a_retried_task_runs_to_its_end(runner, run, scripted_task):
    task = scripted_task("refuse")
    assert run(task).status == "FAILED"
    retry(task.id, task.user_id, runner.storage)
    assert run(task).code == "UNREADABLE_FILE"
    row = reload(task)
    assert (row.status, row.run_no, row.attempt, row.fence) == (TaskStatus.FAILED, 2, 1, 2)
