"""INLINE_FALLBACK: while the broker is down, a web process runs tasks in one slot of its own.

Through the same claim as every worker: whatever a late message or another process brings finds the task taken. A thread
of its own, never the event loop; one task at a time; the user who has waited longest for a start first.
"""

from __future__ import annotations

import threading

import structlog

from celery_queue import lease
from celery_queue.broker import check_broker
from celery_queue.runner import Outcome
from celery_queue.tasks import transformer_of
from celery_queue.world import close, runner
from db import turns
from db.database import reading
from db.models import Task
from errors import BrokerUnavailable, DatabaseUnavailable, TaskNotFound, UnknownTool, UserNotFound
from settings import Settings

log = structlog.get_logger(__name__)

_CANDIDATES = 20
_STOP_SECONDS = 30


class InlineSlot(threading.Thread):
    """Asks every SWEEP_SECONDS whether the broker answers, and works for as long as it doesn't."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="inline-slot", daemon=True)
        self._settings = settings
        self._stopped = threading.Event()

    def run(self) -> None:
        """Work while the broker is down, until stopped."""
        lease.stopping.value = False
        while not self._stopped.wait(self._settings.sweep_seconds):
            try:
                while not self._stopped.is_set() and self._broker_is_down() and self._run_one():
                    pass
            except DatabaseUnavailable:
                log.warning("inline_slot_waits")

    def stop(self) -> None:
        """End; what runs goes back to the queue."""
        self._stopped.set()
        lease.stopping.value = True
        self.join(timeout=_STOP_SECONDS)
        close()

    def _broker_is_down(self) -> bool:
        try:
            check_broker(self._settings)
        except BrokerUnavailable:
            return True
        return False

    def _run_one(self) -> bool:
        """Run the first due task that is to be had; False where there is none."""
        with reading() as session:
            due = turns.next_due(session, _CANDIDATES, max_running=self._settings.max_running_per_user)
        return any(_attempt(task).status != "REFUSED" for task in due)


def _attempt(task: Task) -> Outcome:
    log.info("run_inline", task_id=task.id)
    try:
        transformer = transformer_of(task.id, task.user_id)
    except (TaskNotFound, UserNotFound, UnknownTool) as error:
        runner().refuse(task.id, task.user_id, error)
        return Outcome("FAILED", error.code)
    return runner().run_attempt(task.id, task.user_id, transformer, lambda *_: None)
