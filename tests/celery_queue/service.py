"""The whole service as operators run it: Redis, PostgreSQL, workers as processes, driven from the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
from sqlalchemy import select

from billing import ledger
from celery_queue import orders
from celery_queue.world import runner
from db import tasks
from db.database import transaction
from db.models import LedgerEntry, Task, TaskStatus, User
from tests.rows import reload
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]


class Service:
    """Starts processes of the service in an environment, and ends them by their own ids."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def worker(self, *options: str, app: str = "celery_queue.celery_app") -> subprocess.Popen[bytes]:
        """A worker by the plain Celery command, ready to take tasks."""
        name = f"w{len(self._processes)}@test"
        log = self.folder / f"{name}.log"
        process = self.start(log, "-m", "celery", "-A", app, "worker", "--loglevel=info", "-n", name, *options)
        until(lambda: "ready" in log.read_text() if log.exists() else False, 120)
        return process

    def flower(self) -> str:
        """Flower's address."""
        port = free_port()
        self.start(self.folder / "flower.log", "-m", "celery", "-A", "celery_queue.celery_app", "flower",
                    "--address=127.0.0.1", f"--port={port}")  # fmt: skip
        return f"http://127.0.0.1:{port}"

    def api(self, app: str = "main:app") -> str:
        """The API's address; its process is the `latest`."""
        port = free_port()
        self.start(self.folder / f"api{port}.log", "-m", "uvicorn", app, "--port", str(port))
        return f"http://127.0.0.1:{port}"

    @property
    def latest(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        return self._processes[-1]

    def start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Python with these arguments, in the service's environment, its output in `log`."""
        environment = os.environ | self.environment
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        self._processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, the worker's pool processes included, as when a machine goes down."""
        for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            each.send_signal(signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """End every process that still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill(process)


def submit(user: User, file: Path, tool_id: str = "clean-my-data", agents: Sequence[str] | None = None) -> Task:
    """Order a tool on a file as a client does."""
    storage = runner().storage
    task = orders.create(user.id, tool_id, list(agents) if agents else None)
    _, links = orders.expect_uploads(task.id, user.id, {"primary": orders.Upload(file.name)}, storage)
    storage.put(file, links["primary"].key)
    return orders.submit(task.id, user.id, storage)


def events_of(task: Task) -> list[str]:
    """What happened to a task, in order."""
    with transaction() as session:
        return [each.event for each in tasks.events(session, task.id)]


def check_history(ordered: Sequence[Task]) -> None:
    """One end for each task, its credits settled or released once, one set of outputs, nothing left running."""
    for task in ordered:
        row = reload(task)
        assert TaskStatus(row.status).terminal
        ends = [event for event in events_of(task) if event in {"task_completed", "task_failed", "task_cancelled"}]
        assert len(ends) == 1, ends
        assert (row.outputs is not None) == (row.status == TaskStatus.COMPLETED)
        with transaction() as session:
            kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.task_id == task.id)).all()
        assert sorted(kinds) == sorted(["HOLD", "SETTLE" if row.status == TaskStatus.COMPLETED else "RELEASE"])
    with transaction() as session:
        assert ledger.audit(session) == []


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    """Wait for something to become true; fail if it doesn't."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def ended(ordered: Sequence[Task]) -> bool:
    """Whether every task has reached an end."""
    return all(TaskStatus(reload(task).status).terminal for task in ordered)
