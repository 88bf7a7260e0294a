"""Progress as Celery's own tools show it. Our truth is the row; this is for whoever watches Flower."""

from typing import Any

import structlog
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError

from celery_queue.broker import redis_errors
from celery_queue.celery_app import app
from celery_queue.celery_config import ANALYSIS_TASK

log = structlog.get_logger(__name__)

STATE = "PROCESSING"


def report_to_celery(progress: int, current_agent: str | None, task_id: str) -> None:
    """Set the Celery task's state to PROCESSING with the progress, and send `task-progress`.

    Flower shows STARTED however often the state is set; it is the event that reaches it. `task_id` is Celery's.
    """
    meta: dict[str, Any] = {"progress": progress, "current_agent": current_agent}
    tell_celery(STATE, meta, task_id, "task-progress", **meta)


def tell_celery(state: str, meta: dict[str, Any], task_id: str, event: str, **fields: Any) -> None:
    """Store a state of the running task and send an event of it; what fails costs operators a view, never a run."""
    task = app.tasks[ANALYSIS_TASK]
    try:
        task.update_state(task_id=task_id, state=state, meta=meta)
        task.send_event(event, retry=False, **fields)
    except _faults() as error:
        log.warning("celery_not_told", celery_task_id=task_id, state=state, error=type(error).__name__)


def _faults() -> tuple[type[Exception], ...]:
    return (KombuError, OperationalError, CeleryError, OSError, *redis_errors())
