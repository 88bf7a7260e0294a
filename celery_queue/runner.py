"""One attempt at one task: claim it, run its transformer under a lease, end it. Knows nothing of Celery.

The row decides everything. An attempt may die at any line: its lease runs out, and another resumes after the last
finished agent. What it uploaded stays invisible, because readers follow the pointer that `complete` sets.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import ledger
from celery_queue.attempt import Attempt, OnProgress
from celery_queue.error_handlers import ENDINGS, Consequence, Recovery, classify_error
from celery_queue.lease import Lease
from celery_queue.publish import publisher
from celery_queue.reconciler import recover
from celery_queue.slot import Children
from db import counters, tasks, turns
from db.counters import Count
from db.database import reading, transaction
from db.models import Task, TaskStatus, User
from db.tasks import Claim
from errors import (
    DatabaseUnavailable,
    ServiceError,
    TaskNotFound,
    UserNotFound,
)
from settings import Settings
from storage import Storage
from transformers.analysis import Job

log = structlog.get_logger(__name__)

Transformer = Callable[[Job], None]
EXPECTED = (ServiceError, OSError, MemoryError)
"""What may end an attempt: adapters have put other libraries' errors into our words."""
OutcomeStatus = Literal["COMPLETED", "FAILED", "CANCELLED", "RETRY", "HANDED_BACK", "REFUSED", "LOST"]


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. REFUSED: the task wasn't to be had, or was taken away; nothing was changed."""

    status: OutcomeStatus
    code: str | None = None
    delay: float = 0


class Runner:
    """What the attempts of one process share: settings, storage and warm children."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self.settings = settings
        self.storage = storage
        self.children = Children(settings)
        self.hostname = socket.gethostname()

    @property
    def actor(self) -> str:
        """How this worker signs its events."""
        return f"worker {self.hostname} {os.getpid()}"

    def run_attempt(self, task_id: str, user_id: str, transformer: Transformer, on_progress: OnProgress) -> Outcome:
        """Claim the task and run it through its transformer; the outcome is what the row says."""
        claim = self._claim(task_id, user_id)
        # Its message was taken, and later its run has ended: the user's next one may follow.
        publisher.wake(user_id)
        if claim is None:
            return Outcome("REFUSED")
        try:
            return self._run_claimed(claim, transformer, on_progress)
        finally:
            publisher.wake(user_id)

    def _run_claimed(self, claim: Claim, transformer: Transformer, on_progress: OnProgress) -> Outcome:
        with structlog.contextvars.bound_contextvars(
            request_id=claim.request_id,
            task_id=claim.task_id,
            celery_task_id=claim.celery_task_id,
            user_id=claim.user_id,
            attempt=claim.attempt,
        ):
            outcome = self._run(claim, transformer, on_progress)
            if outcome.status == "REFUSED" and outcome.code != DatabaseUnavailable.code:
                _count(Count.FENCE_LOSSES)
            return outcome

    def _run(self, claim: Claim, transformer: Transformer, on_progress: OnProgress) -> Outcome:
        log.info("task_started", fence=claim.fence)
        with Lease(claim, self.settings) as lease:
            job = Attempt(claim, lease, self.settings, self.storage, self.children, self.actor, on_progress)
            try:
                transformer(job)
            except EXPECTED as error:
                return self._end(claim, error)
            finally:
                job.clean_up()
        log.info("task_completed")
        return Outcome("COMPLETED")

    def _claim(self, task_id: str, user_id: str) -> Claim | None:
        with transaction() as session:
            claim = tasks.claim(
                session,
                task_id,
                user_id,
                lease_seconds=self.settings.lease_seconds,
                limit_seconds=self.settings.task_soft_time_limit,
                max_attempts=self.settings.max_attempts,
                max_running=self.settings.max_running_per_user,
                hostname=self.hostname,
                pid=os.getpid(),
            )
            if claim:
                tasks.record(session, claim, "task_started", self.actor, claimed_at=claim.claimed_at.isoformat())
            else:
                self._refused(session, task_id)
        return claim

    def _refused(self, session: Session, task_id: str) -> None:
        """Say why a claim was not granted: for want of room, which comes again, or because of a duplicate message."""
        postponed = turns.postpone(session, task_id, self.settings.max_running_per_user)
        counters.add(session, Count.CLAIMS_POSTPONED if postponed else Count.CLAIMS_REFUSED)
        log.info("claim_postponed" if postponed else "claim_refused", task_id=task_id)

    def _end(self, claim: Claim, raised: Exception) -> Outcome:
        verdict = classify_error(raised)
        error = verdict.error
        if error is not raised:
            error.add_note("".join(traceback.format_exception(raised)))
        log.warning("attempt_ended", code=error.code, recovery=verdict.recovery.value)
        match verdict.consequence:
            case Consequence.DISCARD:
                return Outcome("REFUSED", error.code)
            case Consequence.CANCEL:
                return self._cancelled(claim)
            case Consequence.HAND_BACK:
                return self._hand_back(claim)
            case Consequence.LOST:
                return self._lost(claim, error)
            case Consequence.RETRY if claim.retry_count < self.settings.max_retries:
                return self._retry(claim, error)
            case Consequence.RETRY:
                return self._failed(claim, error, "TRANSIENT_ERROR", ENDINGS["TRANSIENT_ERROR"])
            case Consequence.FAIL:
                return self._failed(claim, error, error.code, verdict.recovery)

    def _cancelled(self, claim: Claim) -> Outcome:
        with transaction() as session:
            if not tasks.end_cancelled(session, claim):
                return Outcome("REFUSED")
            ledger.release(session, claim.user_id, claim.task_id, claim.run_no)
            tasks.record(session, claim, "task_cancelled", self.actor)
        return Outcome("CANCELLED")

    def _failed(self, claim: Claim, error: ServiceError, code: str, recovery: Recovery) -> Outcome:
        with transaction() as session:
            if not tasks.fail(session, claim, code, error.message):
                return Outcome("REFUSED")
            ledger.release(session, claim.user_id, claim.task_id, claim.run_no)
            detail = {"code": code, "message": error.message, "context": error.context, "trace": _trace(error)}
            tasks.record(session, claim, "task_failed", self.actor, **detail, recovery=recovery.value)
        log.error("task_failed", code=code, trace=_trace(error))
        return Outcome("FAILED", code)

    def _retry(self, claim: Claim, error: ServiceError) -> Outcome:
        doubled = self.settings.retry_delay_seconds * 2**claim.retry_count
        delay = min(doubled, self.settings.retry_delay_max_seconds) * random.uniform(0.75, 1.0)
        with transaction() as session:
            if not tasks.hand_back(session, claim, delay=delay, error_code=error.code):
                return Outcome("REFUSED")
            tasks.record(session, claim, "task_retried", self.actor, code=error.code, delay_seconds=round(delay, 1))
        log.info("task_retried", code=error.code, delay_seconds=round(delay, 1))
        return Outcome("RETRY", error.code, delay)

    def _hand_back(self, claim: Claim) -> Outcome:
        with transaction() as session:
            if not tasks.hand_back(session, claim):
                return Outcome("REFUSED")
            tasks.record(session, claim, "task_handed_back", self.actor)
        return Outcome("HANDED_BACK")

    def _lost(self, claim: Claim, error: ServiceError) -> Outcome:
        """The child died: do at once what the reconciler would do once the lease has run out."""
        with transaction() as session:
            if not tasks.abandon(session, claim):
                return Outcome("REFUSED")
            task = session.get_one(Task, claim.task_id)  # locked by now, and perhaps deleted
            tasks.record(session, claim, "attempt_lost", self.actor, message=error.message)
            recover(session, task, self.settings, self.actor)
        if task.status == TaskStatus.FAILED:
            return Outcome("FAILED", task.error_code)
        if task.status == TaskStatus.QUEUED:
            publisher.wake(task.user_id)
        return Outcome("LOST", error.code)

    def tool_of(self, task_id: str, user_id: str) -> str:
        """The tool that a task of this user orders; TaskNotFound, or UserNotFound also for a disabled user."""
        query = (
            select(Task.tool_id, User.disabled)
            .outerjoin_from(Task, User, User.id == Task.user_id)
            .where(Task.id == task_id, Task.user_id == user_id, Task.deleted_at.is_(None))
        )
        with reading() as session:
            row = session.execute(query).one_or_none()
        if row is None:
            raise TaskNotFound
        if row.disabled is not False:
            raise UserNotFound("this user is disabled or gone")
        return str(row.tool_id)

    def end_overrun(self, celery_task_id: str) -> None:
        """Fail the task whose slot was killed by Celery's hard limit; nothing where its run has ended already."""
        with transaction() as session:
            task = tasks.running_as(session, celery_task_id)
            if task is None:
                return
            limit = self.settings.task_time_limit
            tasks.end(task, TaskStatus.FAILED, code="HARD_TIMEOUT", message=f"the slot was stuck for {limit} s")
            ledger.release(session, task.user_id, task.id, task.run_no)
            detail = {"code": "HARD_TIMEOUT", "recovery": ENDINGS["HARD_TIMEOUT"].value}
            tasks.record(session, task, "task_failed", self.actor, **detail)
        log.error("task_failed", task_id=task.id, user_id=task.user_id, code="HARD_TIMEOUT")

    def refuse(self, task_id: str, user_id: str, error: ServiceError) -> None:
        """Fail a queued task that can't be run at all; one that isn't this user's, runs or has ended is left alone."""
        with transaction() as session:
            try:
                task = tasks.get(session, task_id, user_id, lock=True)
            except TaskNotFound:
                return
            if task.status != TaskStatus.QUEUED:
                return
            tasks.end(task, TaskStatus.FAILED, code=error.code, message=error.message)
            ledger.release(session, user_id, task_id, task.run_no)
            detail = {"code": error.code, "message": error.message, "recovery": classify_error(error).recovery.value}
            tasks.record(session, task, "task_failed", self.actor, **detail)
        log.error("task_failed", task_id=task_id, user_id=user_id, code=error.code)


def _count(count: Count) -> None:
    try:
        with transaction() as session:
            counters.add(session, count)
    except DatabaseUnavailable:
        log.warning("not_counted", count=count)


def _trace(error: ServiceError) -> str:
    return "".join(getattr(error, "__notes__", ()))


def remove_stale_folders(data_dir: Path, older_than_seconds: float) -> None:
    """Remove what attempts left behind whose worker was killed."""
    work = data_dir / "work"
    for folder in work.iterdir() if work.is_dir() else ():
        if folder.stat().st_mtime < time.time() - older_than_seconds:
            shutil.rmtree(folder, ignore_errors=True)
