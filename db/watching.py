"""What those who watch tasks live need: the state and the news of many tasks in two short queries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Task, TaskEvent, TaskStatus


@dataclass(frozen=True)
class TaskState:
    """Where a task stands."""

    status: str
    progress: int
    progress_detail: dict[str, Any]
    error_code: str | None
    error_message: str | None

    @property
    def terminal(self) -> bool:
        """Whether nothing more will come."""
        return TaskStatus(self.status).terminal


def states(session: Session, task_ids: Collection[str]) -> Mapping[str, TaskState]:
    """Where each of these tasks stands; a deleted one is left out."""
    columns = (Task.status, Task.progress, Task.progress_detail, Task.error_code, Task.error_message)
    query = select(Task.id, *columns).where(Task.id.in_(task_ids), Task.deleted_at.is_(None))
    return {row[0]: TaskState(*row[1:]) for row in session.execute(query)}


def news(session: Session, task_ids: Collection[str], after: int) -> Sequence[TaskEvent]:
    """What happened to these tasks after the event of that id, in order."""
    query = select(TaskEvent).where(TaskEvent.task_id.in_(task_ids), TaskEvent.id > after)
    return session.scalars(query.order_by(TaskEvent.id)).all()
