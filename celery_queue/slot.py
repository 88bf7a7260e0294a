"""The worker's side of the lean child: start it, keep it warm, listen to it, end it.

Limits hold on every pool and every system alike, because they are kept from outside: whoever watches raises, and the
child is killed. Nothing that an agent does can swallow that.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from errors import ChildDied, OutOfMemory, ServiceError, named
from settings import Settings

Event = dict[str, Any]
_LOOK_SECONDS = 0.1
_ROOT = Path(__file__).resolve().parent.parent


class Child:
    """One lean process. It serves one job after another until it is spent."""

    def __init__(self, settings: Settings, module: str) -> None:
        self._settings = settings
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=_ROOT,
        )
        self._usage = psutil.Process(self._process.pid)
        self._events: queue.Queue[Event | None] = queue.Queue()
        threading.Thread(target=self._listen, name="child-listener", daemon=True).start()
        self._jobs = 0
        self._failed = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def run(self, folder: Path, on_event: Callable[[Event], None], watch: Callable[[], None]) -> Mapping[str, Any]:
        """Run the job in a folder and answer its manifest.

        watch: called several times a second; what it raises ends the child and goes on to the caller.
        Raises what the pipeline raised; OutOfMemory above CHILD_MEMORY_MB; ChildDied where it ended without a verdict.
        """
        self._jobs += 1
        self._failed = True  # until the verdict is in
        self._send({"folder": str(folder.resolve())})
        while True:
            event = self._next(watch)
            if event["event"] == "done":
                self._failed = False
                manifest: Mapping[str, Any] = event["manifest"]
                return manifest
            if event["event"] == "failed":
                raise _error_of(event)
            if event["event"] != "ready":
                on_event(event)

    def expect(self, tool_id: str) -> None:
        """Let it import that tool's agents before their first job comes."""
        self._send({"tool": tool_id})

    def _send(self, job: Event) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildDied from error

    def _next(self, watch: Callable[[], None]) -> Event:
        while True:
            watch()
            try:
                event = self._events.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._check_memory()
                continue
            if event is None:
                raise ChildDied(f"the process that ran the agents ended with {self._process.wait()}")
            return event

    def _check_memory(self) -> None:
        used = self.memory_mb()
        if used > self._settings.child_memory_mb:
            limit = self._settings.child_memory_mb
            raise OutOfMemory(f"this run needs more memory than the {limit} MB that a worker has", used_mb=round(used))

    def memory_mb(self) -> float:
        """Its resident memory; 0 where it has ended."""
        try:
            return float(self._usage.memory_info().rss) / (1 << 20)
        except psutil.Error:
            return 0.0

    @property
    def spent(self) -> bool:
        """Whether it should not serve another job: it failed, it ended, it served its number, or it has grown."""
        ended = self._process.poll() is not None
        served = self._jobs >= self._settings.child_max_jobs
        return self._failed or ended or served or self.memory_mb() > self._settings.child_recycle_mb

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _error_of(event: Event) -> ServiceError:
    error = named(event["kind"], event["message"], event["context"])
    error.add_note(event["traceback"])
    return error


class Children:
    """The idle children of this process, one for each slot that has worked; a forked process starts without any.

    module: what a child runs.
    """

    def __init__(self, settings: Settings, module: str = "celery_queue.child") -> None:
        self._settings = settings
        self._module = module
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._owner = os.getpid()

    def warm(self, tool_id: str) -> None:
        """Start a child ahead of its first job, so that it imports while this process does."""
        child = Child(self._settings, self._module)
        child.expect(tool_id)
        self._give_back(child)

    @contextmanager
    def borrow(self) -> Iterator[Child]:
        """A warm child for one job; a spent one is replaced by the next borrower."""
        child = self._take() or Child(self._settings, self._module)
        try:
            yield child
        finally:
            if child.spent:
                child.kill()
            else:
                self._give_back(child)

    def _take(self) -> Child | None:
        with self._lock:
            if self._owner != os.getpid():
                self._idle, self._owner = [], os.getpid()
            while self._idle:
                child = self._idle.pop()
                if not child.spent:
                    return child
                child.kill()
        return None

    def _give_back(self, child: Child) -> None:
        with self._lock:
            self._idle.append(child)

    def close(self) -> None:
        """End the idle children of this process."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for child in idle:
                child.kill()
