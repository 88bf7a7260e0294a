"""The service under attack: its servers and its own processes, each restarted when it ends, as compose does it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil

from db.database import connect
from db.migrations import upgrade
from settings import get_settings
from tests.celery_queue.service import Service
from tests.s3_proxy import S3Proxy
from tests.services import free_port, own_postgres, own_redis, rclone_s3

PROFILE = {
    "LEASE_SECONDS": "5",
    "HEARTBEAT_SECONDS": "1",
    "WATCH_SECONDS": "0.3",
    "SWEEP_SECONDS": "1",
    "REPUBLISH_SECONDS": "10",
    "RETRY_DELAY_SECONDS": "1",
    "RETRY_DELAY_MAX_SECONDS": "4",
    # Long tasks get their message again while they run.
    "VISIBILITY_TIMEOUT": "10",
    "TASK_SOFT_TIME_LIMIT": "60",
    "TASK_TIME_LIMIT": "90",
    "WORKER_CONCURRENCY": "3",
    "WORKER_SOFT_SHUTDOWN_TIMEOUT": "5",
    "PUBLISHED_PER_USER": "2",
    "CHILD_MEMORY_MB": "600",
    "REGISTRATION_OPEN": "true",
    "AUTH_TRIES_PER_MINUTE": "100",
    "SECRET_KEY": "only for this soak",
}
"""Short leases and sweeps: what takes minutes in production takes seconds here."""

_WATCH_SECONDS = 0.5


class Stand:
    """Everything that runs. `workers` and `api` are the processes of now; faults end them, the supervisor restarts."""

    def __init__(self, folder: Path, workers: int, stack: ExitStack) -> None:
        self.redis = stack.enter_context(own_redis("--appendonly", "yes", "--maxmemory-policy", "noeviction"))
        self.postgres = stack.enter_context(own_postgres())
        s3 = stack.enter_context(rclone_s3())
        self.proxy = stack.enter_context(S3Proxy(s3.endpoint_url))
        self.folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.bucket = s3.create_bucket()
        self.s3 = s3
        self._service = Service(self._environment(), folder)
        self.crashes: list[int] = []
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._enter_environment(stack)
        self.workers = [self._worker() for _ in range(workers)]
        self.api = self._api()
        self._supervisor.start()
        stack.callback(self.end)

    def _environment(self) -> dict[str, str]:
        return PROFILE | {
            "REDIS_URL": self.redis.url.rpartition("/")[0],
            "DATABASE_URL": self.postgres.create_database("chaos"),
            "DATA_DIR": str(self.folder / "data"),
            "S3_BUCKET": self.bucket,
            "S3_ENDPOINT_URL": self.proxy.url,
            "S3_ACCESS_KEY_ID": self.s3.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.s3.secret_access_key,
        }

    def _enter_environment(self, stack: ExitStack) -> None:
        """Make this process a client of the same servers, for the final look at the rows."""
        before = dict(os.environ)
        os.environ.update(self._service.environment)
        get_settings.cache_clear()
        engine = connect(get_settings())
        upgrade(engine)

        def leave() -> None:
            engine.dispose()
            os.environ.clear()
            os.environ.update(before)
            get_settings.cache_clear()

        stack.callback(leave)

    def _worker(self) -> subprocess.Popen[bytes]:
        name = f"w{time.monotonic_ns()}"
        arguments = ["-m", "celery", "-A", "tests.chaos.worker", "worker", "--loglevel=info", "-n", f"{name}@soak"]
        return self._service.start(self.folder / f"worker-{name}.log", *arguments)

    def _api(self) -> subprocess.Popen[bytes]:
        log = self.folder / f"api-{time.monotonic_ns()}.log"
        return self._service.start(log, "-m", "uvicorn", "main:app", "--port", str(self._port), "--no-access-log")

    def _supervise(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            self.crashes += [each.returncode for each in [*self.workers, self.api] if (each.poll() or 0) > 0]
            self.workers = [each if each.poll() is None else self._worker() for each in self.workers]
            if self.api.poll() is not None:
                self.api = self._api()

    def end(self) -> None:
        """Stop restarting, then end what runs."""
        self._stopping.set()
        self._supervisor.join()
        self._service.end()

    @staticmethod
    def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """A process and all that it has started, itself first; empty where it is gone."""
        if process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                first = psutil.Process(process.pid)
                return [first, *first.children(recursive=True)]
        return []

    @staticmethod
    def slots(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """A worker's pool processes."""
        if process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                return psutil.Process(process.pid).children()
        return []

    def logged(self, event: str) -> int:
        """How often the workers logged an event."""
        paths = self.folder.glob("worker-*.log")
        return sum(path.read_text(encoding="utf-8", errors="replace").count(event) for path in paths)


@contextlib.contextmanager
def standing(folder: Path, workers: int) -> Iterator[Stand]:
    """A stand that is ended whatever happens."""
    with ExitStack() as stack:
        yield Stand(folder, workers, stack)
