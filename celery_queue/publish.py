"""The one place that sends a message. It never blocks a caller, never touches the result backend, and may fail:
what isn't sent, the reconciler sends."""

import queue
import threading
from dataclasses import dataclass

import structlog
from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from db import tasks
from db.database import transaction
from db.models import Task
from errors import DatabaseUnavailable
from settings import Settings

log = structlog.get_logger(__name__)

_CAPACITY = 10_000
_BATCH = 100
_TIMEOUT = 2


@dataclass(frozen=True)
class Message:
    """Two ids for the worker, and what marks the row as published."""

    task_id: str
    user_id: str
    celery_task_id: str
    fence: int


class Publisher:
    """A thread that sends what it is handed. Before `start` it takes nothing: no message is better than a lost one."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Message | None] = queue.Queue(_CAPACITY)
        self._thread: threading.Thread | None = None

    def start(self, settings: Settings) -> None:
        """Start sending to the settings' broker; does nothing where it runs already."""
        if self._thread is None or not self._thread.is_alive():
            app = _publishing_app(settings)
            self._thread = threading.Thread(target=self._work, args=(app, settings), name="publisher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send what is waiting, then end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=2 * _TIMEOUT)
            self._thread = None

    def enqueue(self, task: Task) -> bool:
        """Hand over a queued task; False = nobody sends here, or too much is waiting."""
        if self._thread is None or not self._thread.is_alive() or task.celery_task_id is None:
            return False
        try:
            self._waiting.put_nowait(Message(task.id, task.user_id, task.celery_task_id, task.fence))
        except queue.Full:
            log.warning("publisher_full", task_id=task.id)
            return False
        return True

    def _work(self, app: Celery, settings: Settings) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first, *self._more()]
            sent = [message for message in batch if message and _send(app, settings, message)]
            _mark(sent)
            if None in batch:
                return

    def _more(self) -> list[Message | None]:
        found: list[Message | None] = []
        while len(found) < _BATCH and not self._waiting.empty():
            found.append(self._waiting.get())
        return found


def _publishing_app(settings: Settings) -> Celery:
    app = Celery("agensium-publisher", set_as_current=False)
    app.conf.update(configuration(settings))
    app.conf.update(result_backend="disabled://", broker_connection_timeout=_TIMEOUT)
    if settings.broker.startswith("redis"):
        timeouts = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "retry_on_timeout": False}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **timeouts}
    return app


def _send(app: Celery, settings: Settings, message: Message) -> bool:
    try:
        app.send_task(
            ANALYSIS_TASK,
            args=(message.task_id, message.user_id),
            task_id=message.celery_task_id,
            queue=settings.queue_analysis,
            retry=False,
        )
    except (OperationalError, KombuError, CeleryError, OSError) as error:
        log.warning("publish_failed", task_id=message.task_id, error=type(error).__name__)
        return False
    log.info("task_published", task_id=message.task_id, celery_task_id=message.celery_task_id)
    return True


def _mark(sent: list[Message]) -> None:
    try:
        with transaction() as session:
            for message in sent:
                tasks.mark_published(session, message.task_id, message.fence)
    except DatabaseUnavailable:
        log.warning("published_not_marked", tasks=len(sent))


publisher = Publisher()
"""This process's publisher; the API, the embedded worker and the reconciler start it."""
