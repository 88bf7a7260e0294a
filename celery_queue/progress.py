"""Progress as Celery's own tools show it. Our truth is the row; this is for whoever watches Flower."""

from typing import Any

from celery_queue.celery_app import app

STATE = "PROCESSING"


def report_to_celery(progress: int, current_agent: str | None, task_id: str) -> None:
    """Set the Celery task's state to PROCESSING with the progress, and send `task-progress`.

    Flower shows STARTED however often the state is set; it is the event that reaches it. `task_id` is Celery's.
    """
    meta: dict[str, Any] = {"progress": progress, "current_agent": current_agent}
    task = app.current_worker_task
    if task is None or task.request.id != task_id:
        app.backend.store_result(task_id, meta, STATE)
        return
    task.update_state(task_id=task_id, state=STATE, meta=meta)
    task.send_event("task-progress", **meta)
