"""Whose turn it is: which queued tasks get a message next.

Messages are taken in the order in which they were sent, so a user's thousand tasks may not all be in the queue: each
user has a few messages waiting there, and the next follows as one of them is taken. Large inputs take several shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from db.clock import moment
from db.models import Task, TaskStatus

GIGABYTE = 1 << 30


def shares_of(input_bytes: int) -> int:
    """How many small tasks a task of this size counts as."""
    return 1 + input_bytes // GIGABYTE


def unpublished(
    session: Session, limit: int, *, age_seconds: float, window: int, user_id: str | None = None
) -> Sequence[Task]:
    """Queued tasks that are due and for which no message was sent, or none that anybody took within `age_seconds`.

    At most as many as leave a user `window` shares in the queue; everybody's first turn comes before anybody's second.
    """
    unsent = and_(_unsent(age_seconds), true() if user_id is None else Task.user_id == user_id)
    per_user: dict[str, Any] = {"partition_by": Task.user_id, "order_by": (Task.queued_at, Task.id)}
    ranked = select(
        Task.id,
        func.row_number().over(**per_user).label("turn"),
        func.sum(Task.shares).over(**per_user).label("shares"),
        _shares_in_queue(age_seconds).label("in_queue"),
    ).where(unsent)
    turns = ranked.subquery()
    first = and_(turns.c.turn == 1, turns.c.in_queue == 0)
    query = (
        select(Task)
        .join(turns, turns.c.id == Task.id)
        .where(or_(first, turns.c.in_queue + turns.c.shares <= window))
        .order_by(turns.c.turn, Task.queued_at)
    )
    return session.scalars(query.limit(limit)).all()


def take(session: Session, limit: int, *, age_seconds: float, window: int, user_id: str) -> Sequence[Task]:
    """The same for one user, marked as published in this transaction: of several who ask at once each gets others."""
    ids = [task.id for task in unpublished(session, limit, age_seconds=age_seconds, window=window, user_id=user_id)]
    if not ids:
        return []
    free = select(Task).where(Task.id.in_(ids), _unsent(age_seconds)).order_by(Task.queued_at)
    taken = session.scalars(free.with_for_update(skip_locked=True)).all()
    for task in taken:
        task.published_at = moment()
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


def _shares_in_queue(age_seconds: float) -> Any:
    other = aliased(Task)
    return (
        select(func.coalesce(func.sum(other.shares), 0))
        .where(
            other.user_id == Task.user_id,
            other.status == TaskStatus.QUEUED,
            other.published_at >= moment(-age_seconds),
        )
        .scalar_subquery()
    )
