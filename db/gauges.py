"""What operators watch, counted in the rows: the queue's depth and age, lost work, tasks by status."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from db.clock import moment
from db.models import Task, TaskStatus
from db.types import UtcDateTime

POISON = "POISON_TASK"


@dataclass(frozen=True)
class Gauges:
    """How the queue is. `depth`: queued tasks that are due; `oldest_seconds`: how long the first of them waits."""

    by_status: Mapping[str, int]
    depth: int
    scheduled: int
    oldest_seconds: float
    lease_expired: int
    dead_letters: int


def read(session: Session) -> Gauges:
    """Count."""
    present = Task.deleted_at.is_(None)
    grouped = session.execute(select(Task.status, func.count()).where(present).group_by(Task.status))
    counted = {str(row[0]): int(row[1]) for row in grouped}
    depth, oldest, now = session.execute(
        select(
            func.count(),
            func.min(func.coalesce(Task.not_before, Task.queued_at), type_=UtcDateTime()),
            select(moment()).scalar_subquery(),
        ).where(Task.status == TaskStatus.QUEUED, or_(Task.not_before.is_(None), Task.not_before <= moment()))
    ).one()
    return Gauges(
        by_status={status: counted.get(status, 0) for status in TaskStatus},
        depth=depth,
        scheduled=counted.get(TaskStatus.QUEUED, 0) - depth,
        oldest_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        lease_expired=_count(session, Task.status == TaskStatus.PROCESSING, Task.lease_expires_at < moment()),
        dead_letters=_count(session, Task.status == TaskStatus.FAILED, Task.error_code == POISON, present),
    )


def _count(session: Session, *conditions: object) -> int:
    return int(session.scalar(select(func.count()).select_from(Task).where(and_(*conditions))) or 0)  # type: ignore[arg-type]
