"""Whose turn it is: which queued tasks get a message next, and how many of a user run at a time.

Messages are taken in the order in which they were sent, so a user's thousand tasks may not all be in the queue: each
user has a few messages waiting there, and the next follows as one of them is taken or ends. Large inputs take several
shares, of the queue and of what may run.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from db.clock import moment
from db.models import Task, TaskStatus

GIGABYTE = 1 << 30
_LOCKS = 7145203


def shares_of(input_bytes: int) -> int:
    """How many small tasks a task of this size counts as."""
    return 1 + input_bytes // GIGABYTE


def users_waiting(session: Session, limit: int, *, age_seconds: float, max_running: int) -> Sequence[str]:
    """Users with room for another task and with tasks that are due and have no message, or none that anybody took in
    that time; the user whose task waits longest first."""
    crowded = select(Task.user_id).where(_running()).group_by(Task.user_id).having(func.sum(Task.shares) >= max_running)
    served = select(Task.user_id).where(_in_queue(age_seconds))
    waiting = select(Task.user_id).where(
        _unsent(age_seconds), Task.user_id.not_in(crowded), Task.user_id.not_in(served)
    )
    return session.scalars(waiting.group_by(Task.user_id).order_by(func.min(Task.queued_at)).limit(limit)).all()


def take(session: Session, user_id: str, *, age_seconds: float, window: int, max_running: int) -> Sequence[Task]:
    """The user's next tasks to send, oldest first, marked as published in this transaction.

    As many as leave `window` shares of the user in the queue and `max_running` in the queue and running; one at least
    where none is there. Of several who ask at once each gets others.
    """
    waiting, running = _shares(session, user_id, age_seconds)
    if waiting >= window or waiting + running >= max_running:
        return []
    free = select(Task).where(Task.user_id == user_id, _unsent(age_seconds))
    oldest = free.order_by(Task.queued_at, Task.id).limit(window).with_for_update(skip_locked=True)
    taken = []
    for task in session.scalars(oldest):
        if not (_fits(task.shares, waiting, window) and _fits(task.shares, waiting + running, max_running)):
            break
        waiting += task.shares
        task.published_at = moment()
        taken.append(task)
    return taken


def _fits(shares: int, others: int, most: int) -> bool:
    return not others or others + shares <= most


def give_back(session: Session, task: Task) -> None:
    """Say that a task's message could not be sent, unless the task was claimed in the meantime."""
    session.execute(
        update(Task)
        .where(Task.id == task.id, Task.fence == task.fence, Task.status == TaskStatus.QUEUED)
        .values(published_at=None)
        .execution_options(synchronize_session=False)
    )


def forget_messages(session: Session) -> None:
    """Say that no queued task has a message: those of an in-memory broker end with its process."""
    queued = update(Task).where(Task.status == TaskStatus.QUEUED)
    session.execute(queued.values(published_at=None).execution_options(synchronize_session=False))


def lock(session: Session, user_id: str) -> None:
    """Let one claim of a user be made at a time: two at once would each see the room that is left for one."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:space, hashtext(:id))"), {"space": _LOCKS, "id": user_id})


def has_room(max_running: int) -> ColumnElement[bool]:
    """Whether a task may run beside what else of its user runs: a condition of a query on Task."""
    other = aliased(Task)
    running = (
        select(func.coalesce(func.sum(other.shares), 0))
        .where(other.user_id == Task.user_id, other.id != Task.id, _running(other))
        .correlate(Task)
        .scalar_subquery()
    )
    return or_(running == 0, running + Task.shares <= max_running)


def postpone(session: Session, task_id: str, max_running: int) -> bool:
    """Take back the message of a task that has no room to run in; False where that isn't what it lacks."""
    crowded = update(Task).where(Task.id == task_id, _due(), ~has_room(max_running)).returning(Task.id)
    values = crowded.values(published_at=None).execution_options(synchronize_session=False)
    return session.execute(values).one_or_none() is not None


def next_due(session: Session, limit: int, *, max_running: int) -> Sequence[Task]:
    """For each user the task that is due longest, whether or not it has a message, the users who have waited longest
    for a start first."""
    other = aliased(Task)
    started = select(func.max(other.started_at)).where(other.user_id == Task.user_id).correlate(Task).scalar_subquery()
    place = func.row_number().over(partition_by=Task.user_id, order_by=(Task.queued_at, Task.id))
    first = select(Task.id, place.label("place")).where(_due(), has_room(max_running)).subquery()
    query = select(Task).join(first, first.c.id == Task.id).where(first.c.place == 1)
    return session.scalars(query.order_by(started.asc().nulls_first(), Task.queued_at).limit(limit)).all()


def _due() -> ColumnElement[bool]:
    return and_(Task.status == TaskStatus.QUEUED, or_(Task.not_before.is_(None), Task.not_before <= moment()))


def _unsent(age_seconds: float) -> ColumnElement[bool]:
    return and_(_due(), or_(Task.published_at.is_(None), Task.published_at < moment(-age_seconds)))


def _in_queue(age_seconds: float) -> ColumnElement[bool]:
    return and_(Task.status == TaskStatus.QUEUED, Task.published_at >= moment(-age_seconds))


def _running(task: type[Task] = Task) -> ColumnElement[bool]:
    return and_(task.status == TaskStatus.PROCESSING, task.lease_expires_at >= moment())


def _shares(session: Session, user_id: str, age_seconds: float) -> tuple[int, int]:
    """What the user has in the queue, and what it has running."""
    sums = [
        func.coalesce(func.sum(case((condition, Task.shares), else_=0)), 0)
        for condition in (_in_queue(age_seconds), _running())
    ]
    present = Task.status.in_((TaskStatus.QUEUED, TaskStatus.PROCESSING))
    waiting, running = session.execute(select(*sums).where(Task.user_id == user_id, present)).one()
    return int(waiting), int(running)
