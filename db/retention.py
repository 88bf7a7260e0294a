"""Which ended tasks are old enough for their files, or their rows, to go."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.clock import moment
from db.models import TERMINAL, Task, TaskStatus

_DAY = 24 * 3600


class Stage(enum.StrEnum):
    """What goes at one age."""

    INPUTS = "inputs"
    OUTPUTS = "outputs"
    ROWS = "rows"


def count(session: Session, stage: Stage, days: float) -> int:
    """How many tasks are due."""
    return int(session.scalar(select(func.count()).select_from(Task).where(_due(stage, days))) or 0)


def due(session: Session, stage: Stage, days: float, *, after: str, limit: int) -> Sequence[str]:
    """The ids of the due tasks that follow the id `after`, in order."""
    query = select(Task.id).where(_due(stage, days), Task.id > after)
    return session.scalars(query.order_by(Task.id).limit(limit)).all()


def take(session: Session, task_id: str, stage: Stage, days: float) -> Task | None:
    """The task, locked for this transaction; None where it isn't due any more, or another transaction has it."""
    query = select(Task).where(Task.id == task_id, _due(stage, days))
    return session.scalar(query.with_for_update(skip_locked=True))


def mark(task: Task, stage: Stage) -> None:
    """Remember that what the stage is about is gone; of an archived row nothing is stored any more."""
    if task.inputs_removed_at is None and stage in {Stage.INPUTS, Stage.ROWS}:
        task.inputs_removed_at = moment()
    if task.outputs_removed_at is None and stage in {Stage.OUTPUTS, Stage.ROWS}:
        task.outputs_removed_at = moment()
    if stage is Stage.ROWS:
        task.archived_at = moment()


def _due(stage: Stage, days: float) -> ColumnElement[bool]:
    """Ended so long ago, not deleted (its files are gone then), and no task made of it still waits for them."""
    aged = and_(Task.status.in_(TERMINAL), Task.finished_at < moment(-days * _DAY), Task.deleted_at.is_(None))
    child = aliased(Task)
    needed = exists().where(child.parent_task_id == Task.id, child.status.not_in(TERMINAL))
    return and_(aged, _undone(stage), ~needed)


def _undone(stage: Stage) -> ColumnElement[bool]:
    match stage:
        case Stage.INPUTS:
            return and_(Task.inputs_removed_at.is_(None), Task.status != TaskStatus.EXPIRED)
        case Stage.OUTPUTS:
            return and_(Task.outputs_removed_at.is_(None), Task.status == TaskStatus.COMPLETED)
        case Stage.ROWS:
            return Task.archived_at.is_(None)
