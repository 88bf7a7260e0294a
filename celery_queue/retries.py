"""A failed task back into the queue, with everything that a run begins with."""

from __future__ import annotations

import structlog

from billing import ledger
from celery_queue.publish import publisher
from celery_queue.retention import check_inputs
from db import tasks
from db.database import reading, transaction
from db.models import Task, TaskStatus
from errors import InputGone, TaskNotRetryable
from settings import get_settings
from storage import Storage

log = structlog.get_logger(__name__)


def retry(
    task_id: str, user_id: str, storage: Storage, *, actor: str | None = None, request_id: str | None = None
) -> Task:
    """Queue a failed task again as a run of its own: a new hold, attempts counted anew, another message.

    Raises TaskNotRetryable unless it is FAILED, InputGone where its files were removed, InsufficientCredits.
    """
    with reading() as session:
        seen = tasks.get(session, task_id, user_id)
    _check_failed(seen)
    check_inputs(seen)
    gone = [role for role, each in seen.inputs.items() if storage.stat(each["key"]) is None]
    if gone:
        raise InputGone(f"the file {', '.join(gone)} is not there any more", roles=gone)
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        _check_failed(task)
        check_inputs(task)
        tasks.begin_run(task, queued_seconds=get_settings().queued_hours * 3600)
        task.request_id = request_id or task.request_id
        ledger.hold(session, user_id, task.id, task.run_no, task.credits_quoted)
        session.flush()
        tasks.record(session, task, "task_queued", actor or f"user {user_id}", held=task.credits_quoted, retry=True)
    log.info("task_queued", task_id=task.id, user_id=user_id, celery_task_id=task.celery_task_id, run_no=task.run_no)
    publisher.wake(user_id)
    return task


def _check_failed(task: Task) -> None:
    if task.status != TaskStatus.FAILED:
        raise TaskNotRetryable(f"this task is {task.status}", status=task.status)
