"""Ended tasks grow old: their inputs go first, then their outputs; at last the row is archived, which keeps its story.

Several may apply this at once: each task is locked while its files are removed, so a retry either comes before, or
finds them gone and says since when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from db import retention, tasks
from db.database import reading, transaction
from db.models import Task
from db.retention import Stage
from errors import DatabaseUnavailable, InputGone, OutputGone, ServiceError
from settings import Settings
from storage import Storage, keys

log = structlog.get_logger(__name__)

_ACTOR = "retention"
_LIMIT = 500
_EVENTS = {Stage.INPUTS: "inputs_removed", Stage.OUTPUTS: "outputs_removed", Stage.ROWS: "task_archived"}


@dataclass(frozen=True)
class Removed:
    """How many tasks one stage has dealt with, and how many it left because of an error."""

    done: int = 0
    failed: int = 0


def periods(settings: Settings) -> Mapping[Stage, float]:
    """After how many days each stage is due."""
    return {
        Stage.INPUTS: settings.inputs_retention_days,
        Stage.OUTPUTS: settings.outputs_retention_days,
        Stage.ROWS: settings.rows_retention_days,
    }


def due(session: Session, settings: Settings) -> Mapping[Stage, int]:
    """How many tasks each stage would deal with now."""
    return {stage: retention.count(session, stage, days) for stage, days in periods(settings).items()}


def apply(settings: Settings, storage: Storage) -> Mapping[Stage, Removed]:
    """Remove what is due; a task whose files can't be removed is left for the next time, and the rest go on."""
    found = {stage: _apply(stage, days, storage) for stage, days in periods(settings).items()}
    log.info(
        "retention_applied", **{f"{stage}_{name}": n for stage, each in found.items() for name, n in vars(each).items()}
    )
    return found


def _apply(stage: Stage, days: float, storage: Storage) -> Removed:
    done = failed = 0
    after = ""
    while True:
        with reading() as session:
            task_ids = retention.due(session, stage, days, after=after, limit=_LIMIT)
        if not task_ids:
            return Removed(done, failed)
        for task_id in task_ids:
            try:
                done += _remove(task_id, stage, days, storage)
            except DatabaseUnavailable:
                raise
            except ServiceError as error:
                failed += 1
                log.warning("files_left", task_id=task_id, stage=stage, code=error.code)
        after = task_ids[-1]


def _remove(task_id: str, stage: Stage, days: float, storage: Storage) -> bool:
    with transaction() as session:
        task = retention.take(session, task_id, stage, days)
        if task is None:
            return False
        for prefix in _prefixes(task, stage):
            storage.delete(prefix)
        retention.mark(task, stage)
        tasks.record(session, task, _EVENTS[stage], _ACTOR, days=days)
    log.info(_EVENTS[stage], task_id=task_id)
    return True


def _prefixes(task: Task, stage: Stage) -> list[str]:
    """The folders to empty; what attempts left behind goes with the inputs where no result lies beside it."""
    owner = (task.user_id, task.id)
    match stage:
        case Stage.INPUTS if task.outputs is None:
            return [keys.inputs_prefix(*owner), keys.attempts_prefix(*owner)]
        case Stage.INPUTS:
            return [keys.inputs_prefix(*owner)]
        case Stage.OUTPUTS:
            return [keys.attempts_prefix(*owner)]
        case Stage.ROWS:
            return [keys.task_prefix(*owner)]


def check_inputs(task: Task) -> None:
    """Raise InputGone, with the date, where the task's inputs were removed by age."""
    if task.inputs_removed_at is not None:
        when = task.inputs_removed_at
        raise InputGone(
            f"this task's files were removed on {when:%Y-%m-%d}", task_id=task.id, removed_at=when.isoformat()
        )


def check_outputs(task: Task) -> None:
    """Raise OutputGone, with the date, where the task's results were removed by age."""
    if task.outputs_removed_at is not None:
        when = task.outputs_removed_at
        raise OutputGone(
            f"this task's results were removed on {when:%Y-%m-%d}", task_id=task.id, removed_at=when.isoformat()
        )
