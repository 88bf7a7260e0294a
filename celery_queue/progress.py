"""Progress as Celery's own tools show it. Our truth is the row; this is for whoever watches Flower."""

from typing import Any

import structlog
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from celery_queue.celery_app import app
from celery_queue.celery_config import ANALYSIS_TASK

log = structlog.get_logger(__name__)

STATE = "PROCESSING"


def report_to_celery(progress: int, current_agent: str | None, task_id: str) -> None:
    """Set the Celery task's state to PROCESSING with the progress, and send `task-progress`.

    Flower shows STARTED however often the state is set; it is the event that reaches it. `task_id` is Celery's.
    """
    meta: dict[str, Any] = {"progress": progress, "current_agent": current_agent}
    task = app.tasks[ANALYSIS_TASK]
    try:
        task.update_state(task_id=task_id, state=STATE, meta=meta)
        task.send_event("task-progress", retry=False, **meta)
    except (KombuError, OperationalError, RedisError, CeleryError, OSError) as error:
        # A result backend or broker that is down costs the operators their view, never a user the run.
        log.warning("progress_not_shown", celery_task_id=task_id, error=type(error).__name__)
