"""Whose turn it is: which queued tasks get a message next.

Messages are taken in the order in which they were sent, so a user's thousand tasks may not all be in the queue: each
user has a few messages waiting there, and the next follows as one of them is taken. Large inputs take several shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select, true
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
    unsent = and_(
        Task.status == TaskStatus.QUEUED,
        or_(Task.not_before.is_(None), Task.not_before <= moment()),
        or_(Task.published_at.is_(None), Task.published_at < moment(-age_seconds)),
        true() if user_id is None else Task.user_id == user_id,
    )
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
