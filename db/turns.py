"""Whose turn it is: which queued tasks get a message next.

Messages are taken in the order in which they were sent, so a user's thousand tasks may not all be in the queue: each
user has a few messages waiting there, and the next follows as one of them is taken. Large inputs take several shares.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from db.clock import moment
from db.models import Task, TaskStatus

GIGABYTE = 1 << 30


def shares_of(input_bytes: int) -> int:
    """How many small tasks a task of this size counts as."""
    return 1 + input_bytes // GIGABYTE


def users_waiting(session: Session, limit: int, *, age_seconds: float) -> Sequence[str]:
    """Users with tasks that are due and for which no message was sent, or none that anybody took in that time."""
    return session.scalars(select(Task.user_id).where(_unsent(age_seconds)).distinct().limit(limit)).all()


def take(session: Session, user_id: str, *, age_seconds: float, window: int) -> Sequence[Task]:
    """The user's next tasks to send, oldest first, marked as published in this transaction.

    As many as leave `window` shares of the user in the queue; one at least where none is there. Of several who ask at
    once each gets others.
    """
    free = select(Task).where(Task.user_id == user_id, _unsent(age_seconds))
    oldest = free.order_by(Task.queued_at, Task.id).limit(window).with_for_update(skip_locked=True)
    shares = _shares_in_queue(session, user_id, age_seconds)
    taken = []
    for task in session.scalars(oldest):
        if shares and shares + task.shares > window:
            break
        shares += task.shares
        task.published_at = moment()
        taken.append(task)
    return taken


def give_back(session: Session, task: Task) -> None:
    """Say that a task's message could not be sent, unless the task was claimed in the meantime."""
    session.execute(
        update(Task)
        .where(Task.id == task.id, Task.fence == task.fence, Task.status == TaskStatus.QUEUED)
        .values(published_at=None)
        .execution_options(synchronize_session=False)
    )


def _unsent(age_seconds: float) -> ColumnElement[bool]:
    return and_(
        Task.status == TaskStatus.QUEUED,
        or_(Task.not_before.is_(None), Task.not_before <= moment()),
        or_(Task.published_at.is_(None), Task.published_at < moment(-age_seconds)),
    )


def _shares_in_queue(session: Session, user_id: str, age_seconds: float) -> int:
    in_queue = select(func.coalesce(func.sum(Task.shares), 0)).where(
        Task.user_id == user_id, Task.status == TaskStatus.QUEUED, Task.published_at >= moment(-age_seconds)
    )
    return int(session.scalar(in_queue) or 0)
