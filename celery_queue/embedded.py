"""The whole service in one process: SQLite, a folder as storage, Celery on `memory://` with its worker in a thread.

A lock file elects one worker per DATA_DIR. Any other process there is a client: it writes rows, and the worker's
reconciler finds them.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog
from celery import signals
from celery.worker import WorkController
from filelock import FileLock, Timeout

from billing import ledger
from celery_queue.publish import publisher
from celery_queue.slot import Children
from db import turns, users
from db.database import connect, transaction
from db.migrations import upgrade
from settings import Settings

log = structlog.get_logger(__name__)

LOCAL_ADMIN = "admin@localhost"
_START_SECONDS = 30
_LOOK_SECONDS = 0.02


def prepare(settings: Settings) -> str:
    """Bring the embedded database up to date; answer the id of the local admin, who always has credits."""
    upgrade(connect(settings))
    with transaction() as session:
        admin = users.by_email(session, LOCAL_ADMIN) or users.add(session, LOCAL_ADMIN, "", is_admin=True)
        balance = ledger.wallet(session, admin.id).balance
        if balance < settings.embedded_credits / 2:
            ledger.grant(session, admin.id, settings.embedded_credits - balance, "embedded mode")
        return admin.id


class EmbeddedWorker:
    """The worker of a data folder, if this process is elected. children: those that it is to use, else its own."""

    def __init__(self, settings: Settings, children: Children | None = None) -> None:
        self._settings = settings
        self._children = children
        self._lock = FileLock(settings.data_dir / "worker.lock")
        self._worker: WorkController | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()

    def try_start(self) -> bool:
        """Start working unless another process of this folder does; True once this one does."""
        if self._worker is not None:
            return True
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        with transaction() as session:
            turns.forget_messages(session)  # an earlier worker of this folder had them in its memory
        publisher.start(self._settings)
        self._start()
        return True

    def _start(self) -> None:
        from celery_queue import callbacks
        from celery_queue.celery_app import app
        from celery_queue.world import runner

        if self._children is not None:
            runner().children = self._children
        # The threads of the pool find their app by this; `celery worker` does the same.
        app.set_default()
        signals.task_postrun.connect(self._task_ended)
        self._worker = WorkController(
            app=app,
            hostname="embedded@localhost",
            pool_cls="threads",
            concurrency=self._settings.embedded_concurrency,
            ready_callback=self._begin,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            quiet=True,
        )
        self._thread = threading.Thread(target=self._worker.start, name="embedded-worker", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            log.error("embedded_worker_not_ready", seconds=_START_SECONDS)
        # Celery tells it only of workers that its own command line started.
        callbacks.started()

    def _begin(self, consumer: Any) -> None:
        """Celery's loop looks whether it is to stop only when its wait for messages ends, after two seconds."""
        drain = consumer.connection.drain_events
        consumer.connection.drain_events = lambda timeout: drain(timeout=min(timeout, _LOOK_SECONDS))
        self._ready.set()

    def _task_ended(self, **_: Any) -> None:
        self._ended.set()

    def wait(self, seconds: float) -> None:
        """Until a task has ended here since the last wait, or for so long."""
        self._ended.wait(seconds)
        self._ended.clear()

    def stop(self) -> None:
        """Stop working: what runs goes back to the queue, and the folder is free for another process."""
        if self._worker is None:
            return
        from celery_queue import callbacks

        callbacks.stopping()
        self._worker.stop()
        if self._thread is not None:
            self._thread.join(timeout=_START_SECONDS)
        callbacks.stopped()
        publisher.stop()
        self._worker = None
        self._lock.release()
