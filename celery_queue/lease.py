"""The lease of one attempt: renewed by a thread, lost when the database says so or doesn't answer in time."""

from __future__ import annotations

import contextvars
import ctypes
import functools
import multiprocessing
import threading
import time
from types import TracebackType

import structlog

from db import tasks
from db.database import reading, transaction
from db.tasks import Claim
from errors import Cancelled, DatabaseUnavailable, LeaseLost, OutOfTime, ShuttingDown, Stopped
from settings import Settings

log = structlog.get_logger(__name__)

stopping = multiprocessing.RawValue(ctypes.c_bool, False)
"""True once this worker has been told to stop: what its slots run goes back to the queue. Shared with the pool
processes that are forked from this one; without a lock, because one that is killed would take it along."""


class Lease:
    """Use as a context around an attempt; `check` raises once the attempt must end."""

    def __init__(self, claim: Claim, settings: Settings) -> None:
        self._claim = claim
        self._settings = settings
        self._ended = threading.Event()
        self._reason: Stopped | None = None
        self._renewed = time.monotonic()
        self._deadline = self._renewed + settings.task_soft_time_limit
        # A new thread starts without what this one's log lines are bound to.
        keep = functools.partial(contextvars.copy_context().run, self._keep)
        self._thread = threading.Thread(target=keep, name=f"lease-{claim.task_id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def check(self) -> None:
        """Raise the reason why the attempt must end, if there is one."""
        if self._reason is None:
            self._look_at_clock()
        if self._reason is not None:
            raise self._reason

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            limit = self._settings.task_soft_time_limit
            self._reason = OutOfTime(f"the task ran longer than its limit of {limit} s")
        elif now > self._renewed + self._settings.lease_seconds:
            self._reason = LeaseLost()
        elif stopping.value:
            self._reason = ShuttingDown()

    def _keep(self) -> None:
        while not self._ended.wait(self._settings.watch_seconds) and self._reason is None:
            try:
                self._look()
                if time.monotonic() > self._renewed + self._settings.heartbeat_seconds:
                    self._renew()
            except DatabaseUnavailable:
                log.warning("heartbeat_failed")

    def _look(self) -> None:
        with reading() as session:
            pulse = tasks.pulse(session, self._claim)
        if not pulse.owned:
            self._reason = LeaseLost()
        elif pulse.cancel_requested:
            self._reason = Cancelled()

    def _renew(self) -> None:
        asked = time.monotonic()
        with transaction() as session:
            owned = tasks.renew(session, self._claim, self._settings.lease_seconds)
        if owned:
            self._renewed = asked
        else:
            self._reason = LeaseLost()
