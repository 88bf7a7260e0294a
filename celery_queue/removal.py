"""Tasks that their users don't want any more: out of sight at once, their files gone as soon as nobody writes any."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from billing import ledger
from db import tasks
from db.clock import moment
from db.database import reading, transaction
from db.models import Task, TaskStatus
from errors import ServiceError, Unavailable
from settings import Settings
from storage import Storage, keys

log = structlog.get_logger(__name__)

_LIMIT = 100


def delete(task_id: str, user_id: str, storage: Storage) -> None:
    """Hide a task and remove its files; one that waits is cancelled, one that runs is told to stop.

    What a run still writes, or a client sends by a link that it has, `remove_files` finds afterwards.
    """
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        _stop(session, task)
        task.deleted_at = moment()
        tasks.record(session, task, "task_deleted", f"user {user_id}")
    log.info("task_deleted", task_id=task_id, user_id=user_id)
    try:
        _remove(task, storage)
    except Unavailable as error:
        log.warning("files_left", task_id=task_id, code=error.code)


def _stop(session: Session, task: Task) -> None:
    if task.status == TaskStatus.PROCESSING:
        task.cancel_requested_at = moment()
    elif not TaskStatus(task.status).terminal:
        tasks.end(task, TaskStatus.CANCELLED)
        ledger.release(session, task.user_id, task.id, task.run_no)
        tasks.record(session, task, "task_cancelled", f"user {task.user_id}")


def _remove(task: Task, storage: Storage) -> None:
    for each in task.inputs.values():
        if "upload_id" in each:
            storage.abort_parts(each["key"], each["upload_id"])
    storage.delete(keys.task_prefix(task.user_id, task.id))


def remove_files(settings: Settings, storage: Storage) -> int:
    """Remove what deleted and expired tasks have left, once nobody can add to it; answer how many tasks that were."""
    with reading() as session:
        doomed = tasks.doomed(session, _LIMIT, settle_seconds=settings.lease_seconds)
    removed = [task.id for task in doomed if _removed(task, storage)]
    if removed:
        with transaction() as session:
            tasks.files_removed(session, removed)
    return len(removed)


def remove_all_files(settings: Settings, storage: Storage) -> int:
    """Remove, a bounded number at a time, until nothing is left that can be removed."""
    total = 0
    while removed := remove_files(settings, storage):
        total += removed
    return total


def _removed(task: Task, storage: Storage) -> bool:
    try:
        _remove(task, storage)
    except ServiceError as error:
        log.warning("files_left", task_id=task.id, code=error.code)
        return False
    return True


def count_unwanted(session: Session, settings: Settings) -> int:
    """How many tasks `remove_files` would find."""
    return tasks.count_doomed(session, settle_seconds=settings.lease_seconds)
