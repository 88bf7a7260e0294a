"""What a web process runs beside its API: with a broker the reconciler, the publisher and perhaps a slot for while the
broker is down; else the embedded worker."""

from __future__ import annotations

import logs
from api.tokens import issue_token
from celery_queue.embedded import EmbeddedWorker, prepare
from celery_queue.inline import InlineSlot
from celery_queue.publish import publisher
from celery_queue.reconciler import Reconciler
from settings import Settings

TOKEN_FILE = "admin-token"
_TOKEN_MINUTES = 30 * 24 * 60


class Companion:
    """Start it with the web process, stop it with it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._worker = EmbeddedWorker(settings)
        self._reconciler = Reconciler(settings)
        self._slot = InlineSlot(settings) if settings.inline_fallback and not settings.embedded else None

    def start(self) -> None:
        """Begin."""
        logs.configure(self._settings.log_level, "api", self._settings.log_folder)
        if self._settings.embedded:
            self._keep_token(prepare(self._settings))
            self._worker.try_start()
            return
        self._reconciler.start()
        if self._slot:
            self._slot.start()

    def stop(self) -> None:
        """End; what runs in the embedded worker goes back to the queue."""
        if self._settings.embedded:
            self._worker.stop()
            return
        if self._slot:
            self._slot.stop()
        self._reconciler.stop()
        publisher.stop()

    def _keep_token(self, admin_id: str) -> None:
        """Leave the local admin's token where only its owner can read it, and say where."""
        token, _ = issue_token(self._settings.secret, admin_id, _TOKEN_MINUTES)
        path = self._settings.data_dir / TOKEN_FILE
        path.touch(mode=0o600)
        path.write_text(token, encoding="utf-8")
        print(f"The local admin's token is in {path}", flush=True)
