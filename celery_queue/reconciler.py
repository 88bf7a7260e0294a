"""The guarantee behind the messages: a thread that finds lost work in the rows and sets it right.

It runs in every API process and in every worker's main process, not on a slot and not by Beat: with all slots busy,
recovery must go on. One of them at a time does the sweep. Knows nothing of Celery.
"""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing import ledger
from celery_queue import removal, retention
from celery_queue.error_handlers import ENDINGS
from celery_queue.publish import publisher
from db import counters, tasks, turns
from db.counters import Count
from db.database import transaction
from db.models import Task, TaskStatus
from errors import DatabaseUnavailable
from settings import Settings
from storage import Storage, open_storage

log = structlog.get_logger(__name__)

_ACTOR = "reconciler"
_LIMIT = 200
_EMBEDDED_SECONDS = 1.0
_HEAD_START_SECONDS = 0.3
"""Whoever starts an embedded worker mostly has an order for it, and that goes first."""
_UPKEEP_SECONDS = 3600
_LEADER = 7145202


def recover(session: Session, task: Task, settings: Settings, actor: str) -> None:
    """Decide what becomes of a running task, locked by the caller, whose attempt ended without a verdict."""
    if task.cancel_requested_at is not None:
        _end(session, task, TaskStatus.CANCELLED, "task_cancelled", actor)
    elif tasks.out_of_attempts(task, settings.max_attempts):
        message = f"{settings.max_attempts} attempts ended without a verdict; the task takes its process with it"
        _end(session, task, TaskStatus.FAILED, "task_failed", actor, "POISON_TASK", message)
    else:
        tasks.requeue(task)
        tasks.record(session, task, "task_requeued", actor)
    log.warning("task_recovered", task_id=task.id, status=task.status, attempt=task.attempt)


def _end(
    session: Session,
    task: Task,
    status: TaskStatus,
    event: str,
    actor: str,
    code: str | None = None,
    message: str | None = None,
) -> None:
    tasks.end(task, status, code=code, message=message)
    ledger.release(session, task.user_id, task.id, task.run_no)
    detail = {"code": code, "message": message, "recovery": ENDINGS[code].value} if code else {}
    tasks.record(session, task, event, actor, **detail)


def sweep(settings: Settings) -> int:
    """Set right what is lost, expired or unpublished; answer how many tasks that were. One process at a time."""
    with transaction() as session:
        if not _lead(session):
            return 0
        lost = tasks.lost(session, _LIMIT)
        for task in lost:
            recover(session, task, settings, _ACTOR)
        if lost:
            counters.add(session, Count.LEASES_EXPIRED, len(lost))
        expired = expire(session, settings)
        session.flush()
        waiting = turns.users_waiting(
            session, _LIMIT, age_seconds=settings.republish_seconds, max_running=settings.max_running_per_user
        )
    for user_id in waiting:
        publisher.wake(user_id)
    return len(lost) + expired + len(waiting)


def expire(session: Session, settings: Settings) -> int:
    """End tasks whose files never came, and those that waited too long in the queue."""
    overdue = tasks.overdue(session, _LIMIT, **_patience(settings))
    for task in overdue:
        _end(session, task, TaskStatus.EXPIRED, "task_expired", _ACTOR)
    return len(overdue)


def expire_all(settings: Settings) -> int:
    """Expire, a bounded number at a time, until nothing is left to expire."""
    total = 0
    while True:
        with transaction() as session:
            expired = expire(session, settings)
        if not expired:
            return total
        total += expired


def count_overdue(session: Session, settings: Settings) -> int:
    """How many tasks would expire now."""
    return tasks.count_overdue(session, **_patience(settings))


def _patience(settings: Settings) -> dict[str, float]:
    return {"idle_seconds": settings.uploads_idle_seconds, "queued_seconds": settings.queued_hours * 3600}


def _lead(session: Session) -> bool:
    """Take the lead for this transaction; on SQLite the transaction itself is the lock."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LEADER}))


class Reconciler(threading.Thread):
    """Sweeps every SWEEP_SECONDS until stopped; a database that is down is waited for."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._settings = settings
        # Another process of an embedded folder can only leave a row, and somebody sits before it and waits.
        self._seconds = min(settings.sweep_seconds, _EMBEDDED_SECONDS) if settings.embedded else settings.sweep_seconds
        self._stopped = threading.Event()
        self._next_upkeep = 0.0

    def run(self) -> None:
        """Sweep at once, then regularly."""
        publisher.start(self._settings)
        if self._settings.embedded:
            self._stopped.wait(_HEAD_START_SECONDS)
        storage = open_storage(self._settings, self._settings.secret)
        while not self._stopped.is_set():
            try:
                sweep(self._settings)
                removal.remove_files(self._settings, storage)
                self._keep_house(storage)
            except DatabaseUnavailable:
                log.warning("sweep_failed")
            self._stopped.wait(self._seconds)

    def _keep_house(self, storage: Storage) -> None:
        """Where there is no Beat, do what it would have done."""
        if self._settings.embedded and time.monotonic() >= self._next_upkeep:
            self._next_upkeep = time.monotonic() + _UPKEEP_SECONDS
            retention.apply(self._settings, storage)

    def stop(self) -> None:
        """End after the sweep that is going on."""
        self._stopped.set()
        self.join(timeout=10)
