"""The one place that sends a message. It never blocks a caller, never touches the result backend, and may fail:
what isn't sent, the reconciler sends."""

import threading

import structlog
from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from db import turns
from db.database import transaction
from db.models import Task
from errors import DatabaseUnavailable
from settings import Settings

log = structlog.get_logger(__name__)

_TIMEOUT = 2


class Publisher:
    """A thread that sends messages for users whose turn may have come. Before `start` it does nothing: no message is
    better than a lost one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users: set[str] = set()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, settings: Settings) -> None:
        """Start sending to the settings' broker; does nothing where it runs already."""
        if not self._running:
            self._users, self._stopping, self._changed = set(), False, threading.Condition()
            app = _publishing_app(settings)
            self._thread = threading.Thread(target=self._work, args=(app, settings), name="publisher", daemon=True)
            self._thread.start()

    @property
    def _running(self) -> bool:
        # In a forked process the thread of the parent is there and not alive.
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Send what is waiting, then end."""
        if self._running and self._thread is not None:
            with self._changed:
                self._stopping = True
                self._changed.notify()
            self._thread.join(timeout=2 * _TIMEOUT)
        self._thread = None

    def wake(self, user_id: str) -> None:
        """Say that a task of this user was queued, that one of its messages was taken, or that one of its runs ended.
        Never waits."""
        if self._running:
            with self._changed:
                self._users.add(user_id)
                self._changed.notify()

    def _work(self, app: Celery, settings: Settings) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._users or self._stopping)
                users, self._users = self._users, set()
            for user_id in users:
                _publish_turn(app, settings, user_id)
            if self._stopping and not self._users:
                return


def _publish_turn(app: Celery, settings: Settings, user_id: str) -> None:
    """Send as many messages as leave this user no more than its window in the queue."""
    try:
        with transaction() as session:
            taken = turns.take(
                session,
                user_id,
                age_seconds=settings.republish_seconds,
                window=settings.published_per_user,
                max_running=settings.max_running_per_user,
            )
        unsent = [task for task in taken if not _send(app, settings, task)]
        if unsent:
            with transaction() as session:
                for task in unsent:
                    turns.give_back(session, task)
    except DatabaseUnavailable:
        log.warning("turn_not_published", user_id=user_id)


def _publishing_app(settings: Settings) -> Celery:
    app = Celery("agensium-publisher", set_as_current=False)
    app.conf.update(configuration(settings))
    app.conf.update(result_backend="disabled://", broker_connection_timeout=_TIMEOUT)
    if settings.broker.startswith("redis"):
        timeouts = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "retry_on_timeout": False}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **timeouts}
    return app


def _send(app: Celery, settings: Settings, task: Task) -> bool:
    try:
        app.send_task(
            ANALYSIS_TASK,
            args=(task.id, task.user_id),
            task_id=task.celery_task_id,
            queue=settings.queue_analysis,
            headers={"request_id": task.request_id},
            retry=False,
        )
    except (OperationalError, KombuError, CeleryError, OSError) as error:
        log.warning("publish_failed", task_id=task.id, error=type(error).__name__)
        return False
    about = {"user_id": task.user_id, "request_id": task.request_id, "attempt": task.attempt}
    log.info("task_published", task_id=task.id, celery_task_id=task.celery_task_id, **about)
    return True


publisher = Publisher()
"""This process's publisher; the API, the embedded worker and the reconciler start it."""
