"""Every query on Task, its steps and its events. Money and files are other packages' business.

A run owns its task while `fence` is the number its claim was given: every write of a run names it, and a write
that finds another number changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from db import turns
from db.clock import moment
from db.models import BEFORE_QUEUE, TERMINAL, UNWANTED_FILES, Task, TaskEvent, TaskStatus, TaskStep, User, new_id
from errors import TaskNotFound


def get(session: Session, task_id: str, user_id: str, *, lock: bool = False) -> Task:
    """The user's own task; TaskNotFound also for another's or a deleted one. `lock` keeps it for this transaction."""
    query = select(Task).where(Task.id == task_id, Task.user_id == user_id, Task.deleted_at.is_(None))
    task = session.scalar(query.with_for_update() if lock else query)
    if task is None:
        raise TaskNotFound
    return task


def find(session: Session, task_id: str) -> Task | None:
    """The task, whoever owns it."""
    return session.get(Task, task_id)


def running_as(session: Session, celery_task_id: str) -> Task | None:
    """The running task behind a Celery task's id, locked for this transaction."""
    query = select(Task).where(Task.celery_task_id == celery_task_id, Task.status == TaskStatus.PROCESSING)
    return session.scalar(query.with_for_update())


def page(
    session: Session,
    user_id: str,
    *,
    limit: int,
    status: str | None = None,
    tool_id: str | None = None,
    before: tuple[datetime, str] | None = None,
) -> Sequence[Task]:
    """The user's tasks, newest first, without archived ones; `before`: (created_at, id) of the last one of the page
    before."""
    query = select(Task).where(Task.user_id == user_id, Task.deleted_at.is_(None), Task.archived_at.is_(None))
    if status:
        query = query.where(Task.status == status)
    if tool_id:
        query = query.where(Task.tool_id == tool_id)
    return session.scalars(_newest(query, limit, before)).all()


def _newest(query: Select[Task], limit: int, before: tuple[datetime, str] | None) -> Select[Task]:
    if before:
        moment_before, id_before = before
        earlier = and_(Task.created_at == moment_before, Task.id < id_before)
        query = query.where(or_(Task.created_at < moment_before, earlier))
    return query.order_by(Task.created_at.desc(), Task.id.desc()).limit(limit)


def page_of_all(
    session: Session,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    status: str | None = None,
    user_id: str | None = None,
    error_code: str | None = None,
    stuck: bool = False,
) -> list[Task]:
    """Everybody's tasks, newest first, deleted ones too; `stuck`: only running ones whose lease has ended."""
    wanted = {"status": status, "user_id": user_id, "error_code": error_code}
    query = select(Task).filter_by(**{name: value for name, value in wanted.items() if value is not None})
    if stuck:
        query = query.where(Task.status == TaskStatus.PROCESSING, Task.lease_expires_at < moment())
    return list(session.scalars(_newest(query, limit, before)))


def holders(session: Session) -> Sequence[Task]:
    """The tasks that a worker holds, by worker."""
    query = select(Task).where(Task.status == TaskStatus.PROCESSING)
    return session.scalars(query.order_by(Task.worker_hostname, Task.worker_pid, Task.id).limit(1000)).all()


def by_celery_id(session: Session, celery_task_id: str) -> Task | None:
    """The task whose present run has that Celery id, whoever owns it."""
    return session.scalar(select(Task).where(Task.celery_task_id == celery_task_id))


def events(session: Session, task_id: str, *, after: int = 0) -> Sequence[TaskEvent]:
    """What happened to a task, in order, after the event of that id."""
    query = select(TaskEvent).where(TaskEvent.task_id == task_id, TaskEvent.id > after)
    return session.scalars(query.order_by(TaskEvent.id)).all()


def record(session: Session, task: Task | Claim, event: str, actor: str, **detail: Any) -> None:
    """Write down that something happened to a task, in the request that this thread serves, else in the task's own."""
    task_id = task.task_id if isinstance(task, Claim) else task.id
    session.add(
        TaskEvent(
            task_id=task_id,
            event=event,
            actor=actor,
            request_id=structlog.contextvars.get_contextvars().get("request_id") or task.request_id,
            run_no=task.run_no,
            attempt=task.attempt,
            fence=task.fence,
            detail=detail,
        )
    )


@dataclass(frozen=True)
class Claim:
    """One attempt's right to a task: what it must do and the fence that proves it is the owner."""

    task_id: str
    user_id: str
    tool_id: str
    agents: tuple[str, ...]
    parameters: dict[str, Any]
    inputs: dict[str, Any]
    prices: dict[str, int]
    credits_quoted: int
    run_no: int
    attempt: int
    retry_count: int
    fence: int
    created_at: datetime
    claimed_at: datetime
    dataset: str | None
    celery_task_id: str | None
    request_id: str | None


def _unresolved() -> Any:
    """Attempts of this run that ended without a verdict, the present one included."""
    return Task.attempt - Task.retry_count - Task.handed_back


def claim(
    session: Session,
    task_id: str,
    user_id: str,
    *,
    lease_seconds: float,
    limit_seconds: float,
    max_attempts: int,
    max_running: int,
    hostname: str,
    pid: int,
) -> Claim | None:
    """Take a task that is queued, or whose owner's lease has ended, in one UPDATE; None = it is not to be had.

    The attempt is counted here, before any work, so that work that kills its process is counted too.
    max_running: shares of one user that may run at a time.
    """
    turns.lock(session, user_id)
    ready = and_(Task.status == TaskStatus.QUEUED, or_(Task.not_before.is_(None), Task.not_before <= moment()))
    lost = and_(Task.status == TaskStatus.PROCESSING, Task.lease_expires_at < moment())
    enabled = exists().where(User.id == Task.user_id, User.disabled.is_(False))
    row = session.execute(
        update(Task)
        .where(
            Task.id == task_id,
            Task.user_id == user_id,
            Task.deleted_at.is_(None),
            Task.cancel_requested_at.is_(None),
            or_(ready, lost),
            _unresolved() < max_attempts,
            enabled,
            turns.has_room(max_running),
        )
        .values(
            status=TaskStatus.PROCESSING,
            attempt=Task.attempt + 1,
            fence=Task.fence + 1,
            lease_expires_at=moment(lease_seconds),
            deadline_at=moment(limit_seconds),
            started_at=moment(),
            not_before=None,
            worker_hostname=hostname,
            worker_pid=pid,
            progress=15,
            progress_detail={},
        )
        .returning(Task)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if row is None:
        return None
    assert row.started_at is not None  # the UPDATE has just set it
    return Claim(
        task_id=row.id,
        user_id=row.user_id,
        tool_id=row.tool_id,
        agents=tuple(row.agents),
        parameters=row.parameters,
        inputs=row.inputs,
        prices=row.prices,
        credits_quoted=row.credits_quoted,
        run_no=row.run_no,
        attempt=row.attempt,
        retry_count=row.retry_count,
        fence=row.fence,
        created_at=row.created_at,
        claimed_at=row.started_at,
        dataset=row.dataset,
        celery_task_id=row.celery_task_id,
        request_id=row.request_id,
    )


def _mine(claim: Claim) -> Any:
    return and_(Task.id == claim.task_id, Task.fence == claim.fence, Task.status == TaskStatus.PROCESSING)


def _fenced(session: Session, claim: Claim, *conditions: Any, **values: Any) -> bool:
    result = session.execute(
        update(Task).where(_mine(claim), *conditions).values(**values).execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Pulse:
    """What a running attempt learns when it looks at its row."""

    owned: bool
    cancel_requested: bool = False


def pulse(session: Session, claim: Claim) -> Pulse:
    """Whether the attempt still owns its task, and whether somebody wants it to end."""
    row = session.execute(select(Task.cancel_requested_at).where(_mine(claim))).one_or_none()
    return Pulse(owned=False) if row is None else Pulse(owned=True, cancel_requested=row[0] is not None)


def renew(session: Session, claim: Claim, lease_seconds: float) -> bool:
    """Extend the lease; False = the task isn't this attempt's any more."""
    return _fenced(session, claim, lease_expires_at=moment(lease_seconds))


def report_progress(session: Session, claim: Claim, progress: int, detail: dict[str, Any]) -> bool:
    """Show how far an attempt is, 0 to 100; it never goes back within one."""
    return _fenced(session, claim, Task.progress <= progress, progress=progress, progress_detail=detail)


def keep_step(session: Session, claim: Claim, step: TaskStep) -> bool:
    """Remember a finished agent while the attempt owns the task, in place of steps that it could not resume from."""
    if not _fenced(session, claim, updated_at=moment()):
        return False
    session.execute(
        delete(TaskStep).where(
            TaskStep.task_id == claim.task_id, TaskStep.run_no == claim.run_no, TaskStep.position >= step.position
        )
    )
    session.add(step)
    return True


def steps(session: Session, task_id: str, run_no: int) -> Sequence[TaskStep]:
    """The finished agents of one run, in order."""
    query = select(TaskStep).where(TaskStep.task_id == task_id, TaskStep.run_no == run_no)
    return session.scalars(query.order_by(TaskStep.position)).all()


_ENDED: dict[str, Any] = {"lease_expires_at": None, "deadline_at": None, "finished_at": moment()}


def complete(session: Session, claim: Claim, outputs: dict[str, Any]) -> bool:
    """Make an attempt's outputs the task's. A cancel that came before wins, and then this answers False."""
    return _fenced(
        session,
        claim,
        Task.cancel_requested_at.is_(None),
        status=TaskStatus.COMPLETED,
        progress=100,
        progress_detail={"stage": "completed"},
        outputs=outputs,
        error_code=None,
        error_message=None,
        **_ENDED,
    )


def fail(session: Session, claim: Claim, code: str, message: str) -> bool:
    """End a run as FAILED."""
    return _fenced(session, claim, status=TaskStatus.FAILED, error_code=code, error_message=message, **_ENDED)


def end_cancelled(session: Session, claim: Claim) -> bool:
    """End a run that was asked to stop."""
    return _fenced(session, claim, Task.cancel_requested_at.is_not(None), status=TaskStatus.CANCELLED, **_ENDED)


def hand_back(session: Session, claim: Claim, *, delay: float = 0, error_code: str | None = None) -> bool:
    """Put the task back into the queue with a verdict: a transient fault (with its code), or a graceful stop."""
    counted = {"retry_count": Task.retry_count + 1} if error_code else {"handed_back": Task.handed_back + 1}
    return _fenced(
        session,
        claim,
        status=TaskStatus.QUEUED,
        lease_expires_at=None,
        deadline_at=None,
        not_before=moment(delay),
        published_at=None,
        error_code=error_code,
        **counted,
    )


def abandon(session: Session, claim: Claim) -> bool:
    """End the lease of an attempt whose process died: the reconciler decides what becomes of it."""
    return _fenced(session, claim, lease_expires_at=moment(-1))


def end(task: Task, status: TaskStatus, *, code: str | None = None, message: str | None = None) -> None:
    """End a task that no attempt owns and that the caller has locked. A claim that comes later finds nothing."""
    task.status = status
    task.error_code = code
    task.error_message = message
    task.lease_expires_at = task.deadline_at = None
    task.finished_at = moment()


def requeue(task: Task) -> None:
    """Put a lost task that the caller has locked back into the queue."""
    task.status = TaskStatus.QUEUED
    task.lease_expires_at = task.deadline_at = task.published_at = None


def begin_run(task: Task, *, queued_seconds: float) -> None:
    """Queue an ended task that the caller has locked as a new run, of which nothing has happened yet."""
    task.run_no += 1
    task.attempt = task.retry_count = task.handed_back = 0
    task.status = TaskStatus.QUEUED
    task.celery_task_id = new_id()
    task.progress, task.progress_detail = 15, {}
    task.error_code = task.error_message = task.outputs = None
    task.worker_hostname = task.worker_pid = None
    task.started_at = task.finished_at = task.cancel_requested_at = task.published_at = task.not_before = None
    task.queued_at = moment()
    task.expires_at = moment(queued_seconds)


def doomed(session: Session, limit: int, *, settle_seconds: float) -> Sequence[Task]:
    """Deleted and expired tasks whose files are still to be removed, once nobody can be sending any more.

    settle_seconds: how long after its end a run that lost its task may still be writing.
    """
    return session.scalars(select(Task).where(_doomed(settle_seconds)).limit(limit)).all()


def count_doomed(session: Session, *, settle_seconds: float) -> int:
    """How many of these there are."""
    return _count(session, _doomed(settle_seconds))


def _doomed(settle_seconds: float) -> ColumnElement[bool]:
    ended = and_(Task.status.in_(TERMINAL), or_(Task.finished_at.is_(None), Task.finished_at < moment(-settle_seconds)))
    unlinked = or_(Task.upload_expires_at.is_(None), Task.upload_expires_at < moment())
    return and_(UNWANTED_FILES, ended, unlinked)


def files_removed(session: Session, task_ids: Sequence[str]) -> None:
    """Remember that nothing of these tasks is stored any more."""
    session.execute(
        update(Task)
        .where(Task.id.in_(task_ids))
        .values(files_removed_at=moment())
        .execution_options(synchronize_session=False)
    )


def lost(session: Session, limit: int) -> Sequence[Task]:
    """Running tasks whose lease has ended, locked, those that another transaction holds left out."""
    query = select(Task).where(Task.status == TaskStatus.PROCESSING, Task.lease_expires_at < moment())
    return session.scalars(query.limit(limit).with_for_update(skip_locked=True)).all()


def overdue(session: Session, limit: int, *, idle_seconds: float, queued_seconds: float) -> Sequence[Task]:
    """Tasks whose uploads never came, or that waited in the queue for too long, locked."""
    query = select(Task).where(_overdue(idle_seconds, queued_seconds))
    return session.scalars(query.limit(limit).with_for_update(skip_locked=True)).all()


def count_overdue(session: Session, *, idle_seconds: float, queued_seconds: float) -> int:
    """How many of these there are."""
    return _count(session, _overdue(idle_seconds, queued_seconds))


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.count()).select_from(Task).where(condition)) or 0)


def _overdue(idle_seconds: float, queued_seconds: float) -> ColumnElement[bool]:
    idle = and_(
        Task.status.in_(BEFORE_QUEUE),
        or_(
            Task.upload_expires_at < moment(-idle_seconds),
            and_(Task.upload_expires_at.is_(None), Task.created_at < moment(-queued_seconds)),
        ),
    )
    waited = and_(Task.status == TaskStatus.QUEUED, Task.expires_at < moment())
    return and_(or_(idle, waited), Task.deleted_at.is_(None))


def out_of_attempts(task: Task, max_attempts: int) -> bool:
    """Whether every attempt that a run may have has ended without a verdict."""
    return task.attempt - task.retry_count - task.handed_back >= max_attempts
