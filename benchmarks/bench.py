"""`make bench`: what the house costs, beside bare Celery, and how fast each tool is.

Starts its own Redis, PostgreSQL, API and worker on free ports of 127.0.0.1, prints one table, and ends them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import psutil

import logs
from benchmarks.tables import write_table
from tests.services import RedisServer, free_port, own_postgres, own_redis

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 20
USERS = 4


def main() -> None:
    """Measure and print."""
    options = _options()
    logs.configure("WARNING")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        if not options.tools_only:
            with _services(folder) as redis:
                _measure_house(folder, options, redis)
        _measure_tools(folder, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="no-op jobs")
    parser.add_argument("--requests", type=int, default=200, help="POST /process requests")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the generated table")
    parser.add_argument("--tools", default="profile-my-data,clean-my-data,master-my-data")
    parser.add_argument("--tools-only", action="store_true", help="leave the house out")
    return parser.parse_args()


@contextlib.contextmanager
def _services(folder: Path) -> Iterator[RedisServer]:
    """Redis, which it answers, and PostgreSQL, for this process and those it starts."""
    with own_redis() as redis, own_postgres() as postgres:
        os.environ |= {
            "REDIS_URL": redis.url,
            "DATABASE_URL": postgres.create_database("bench"),
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "only for this benchmark",
            "REGISTRATION_OPEN": "true",
            "LOG_LEVEL": "WARNING",
            # Warm children: a pool process that is replaced takes its CPU time out of the count.
            "WORKER_MAX_TASKS_PER_CHILD": "1000000",
            "CHILD_MAX_JOBS": "1000000",
            "SWEEP_SECONDS": "3600",  # the reconciler would publish what is to be timed
        }
        subprocess.run([sys.executable, "main.py", "migrate"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        yield redis


# The house


def _measure_house(folder: Path, options: argparse.Namespace, redis: RedisServer) -> None:
    with _process(
        "-m", "celery", "-A", "benchmarks.noop_worker", "worker", "--concurrency=2", "--loglevel=error"
    ) as worker:
        bare_rate, bare_cpu = _bare_celery(worker, options.jobs)
        rate, cpu = _noop_jobs(folder, worker, options.jobs)
        print(f"{'':28}{'jobs/s':>10}{'CPU ms/job':>12}")
        print(f"{'bare Celery no-op':28}{bare_rate:>10.0f}{bare_cpu:>12.1f}")
        print(f"{'our no-op job, warm children':28}{rate:>10.0f}{cpu:>12.1f}")
        print(f"{'ratio':28}{rate / bare_rate:>10.2f}{cpu / bare_cpu:>12.1f}\n")
        port = free_port()
        with _process("-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "error"):
            _measure_submissions(f"http://127.0.0.1:{port}", options.requests, redis)


def _measure_submissions(url: str, count: int, redis: RedisServer) -> None:
    """POST /process with the broker up, down, and taking connections without ever answering."""
    print(f"{'':28}{'p50 ms':>10}{'p99 ms':>12}")
    with _customer(url) as client:
        posts, starts = _submissions(client, count)
        _print_times("POST /process", posts)
        _print_times("submit → start", starts)
        for state, enter in {"down": redis.stop, "never answers": redis.freeze}.items():
            ready = [_uploaded_task(client) for _ in range(count)]
            enter()
            _print_times(f"POST, broker {state}", [_post(client, task_id) for task_id in ready])
            redis.resume()
            redis.start()
    print()


def _print_times(name: str, milliseconds: Sequence[float]) -> None:
    print(f"{name:28}{_percentile(milliseconds, 50):>10.1f}{_percentile(milliseconds, 99):>12.1f}")


def _bare_celery(worker: psutil.Process, jobs: int) -> tuple[float, float]:
    from benchmarks.noop_worker import BARE_TASK
    from celery_queue.celery_app import app

    def send(count: int) -> list[str]:
        return [app.send_task(BARE_TASK, queue="analysis").id for _ in range(count)]

    def finished(ids: Sequence[str]) -> bool:
        return all(app.backend.get(app.backend.get_key_for_task(each)) is not None for each in reversed(ids))

    _until(finished, send(WARM_UP))
    return _timed(worker, jobs, lambda: send(jobs), finished)


def _noop_jobs(folder: Path, worker: psutil.Process, jobs: int) -> tuple[float, float]:
    from celery_queue.publish import publisher
    from settings import get_settings

    users = [_user(f"noop{number}@example.org") for number in range(USERS)]

    def send() -> Sequence[str]:
        publisher.start(get_settings())
        for user_id in users:
            publisher.wake(user_id)
        return users

    for count in (WARM_UP, jobs):
        for user_id in users:
            _order(folder, user_id, count // USERS)
        result = _timed(worker, jobs, send, _no_task_waits)
        publisher.stop()
    return result


def _user(email: str) -> str:
    from billing import ledger
    from db import users
    from db.database import transaction

    with transaction() as session:
        user = users.add(session, email)
        ledger.grant(session, user.id, 10**9, "benchmark")
        return user.id


def _order(folder: Path, user_id: str, count: int) -> None:
    """Queue so many tasks without telling anybody: the publisher isn't running."""
    from celery_queue import orders
    from celery_queue.world import runner

    tiny = folder / "tiny.csv"
    tiny.write_text("a\n1\n")
    for _ in range(count):
        task = orders.create(user_id, "clean-my-data")
        _, links = orders.expect_uploads(task.id, user_id, {"primary": orders.Upload("tiny.csv")}, runner().storage)
        runner().storage.put(tiny, links["primary"].key)
        orders.submit(task.id, user_id, runner().storage)


def _no_task_waits(_: Sequence[str]) -> bool:
    from sqlalchemy import func, select

    from db.database import reading
    from db.models import Task

    with reading() as session:
        counts = dict(session.execute(select(Task.status, func.count()).group_by(Task.status)).tuples().all())
    if counts.get("FAILED"):
        raise RuntimeError(f"no-op jobs failed: {counts}")
    return not counts.get("QUEUED") and not counts.get("PROCESSING")


@contextlib.contextmanager
def _customer(url: str) -> Iterator[httpx.Client]:
    """Somebody with credits, signed in."""
    with httpx.Client(base_url=url, timeout=30) as client:
        _until(lambda _: _answers(client), ())
        account = {"email": "posts@example.org", "password": "only for this benchmark"}
        opened = client.post("/auth/register", json=account).raise_for_status().json()
        _grant(opened["user"]["id"])
        client.headers["Authorization"] = f"Bearer {opened['access_token']}"
        yield client


def _submissions(client: httpx.Client, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of POST /process, and from there to the claim by the database's clock."""
    posts, starts = [], []
    for _ in range(count):
        task_id = _uploaded_task(client)
        posts.append(_post(client, task_id))
        starts.append(_start_delay(task_id))
    return posts, starts


def _post(client: httpx.Client, task_id: str) -> float:
    """Milliseconds of one POST /process."""
    began = time.perf_counter()
    client.post(f"/tasks/{task_id}/process").raise_for_status()
    return 1000 * (time.perf_counter() - began)


def _grant(user_id: str) -> None:
    from billing import ledger
    from db.database import transaction

    with transaction() as session:
        ledger.grant(session, user_id, 10**9, "benchmark")


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def _uploaded_task(client: httpx.Client) -> str:
    task_id = client.post("/tasks", json={"tool_id": "clean-my-data"}).raise_for_status().json()["task_id"]
    wanted = {"files": {"primary": {"filename": "tiny.csv"}}}
    answer = client.post(f"/tasks/{task_id}/upload-urls", json=wanted).raise_for_status().json()
    link = answer["uploads"]["primary"]
    path = link["url"].partition("/files/")[2]
    client.request(link["method"], f"/files/{path}", headers=link["headers"], content=b"a\n1\n").raise_for_status()
    return str(task_id)


def _start_delay(task_id: str) -> float:
    from db import tasks
    from db.database import reading

    while True:
        with reading() as session:
            task = tasks.find(session, task_id)
        if task and task.started_at and task.queued_at and task.finished_at:
            return 1000 * (task.started_at - task.queued_at).total_seconds()
        time.sleep(0.01)


# The tools


def _measure_tools(folder: Path, options: argparse.Namespace) -> None:
    table = write_table(folder / "table.csv", options.rows)
    print(f"{options.rows:,} × 20 rows, {table.stat().st_size / 1e6:.0f} MB of CSV, through `python main.py run`")
    print(f"{'':28}{'seconds':>10}{'rows/s':>12}{'peak MB':>10}")
    _measure_summarize(table, options.rows)
    environment = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}} | {
        "DATA_DIR": str(folder / "embedded")
    }
    for tool in options.tools.split(","):
        out = folder / tool
        command = [sys.executable, "main.py", "run", str(table), "--tool", tool, "--out", str(out), "--quiet"]
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            peak = _peak_of_children(process)
        seconds = time.perf_counter() - began
        ended = "" if process.returncode == 0 else f"   exit {process.returncode}"
        print(f"{tool:28}{seconds:>10.1f}{options.rows / seconds:>12,.0f}{peak:>10.0f}{ended}")


def _measure_summarize(table: Path, rows: int) -> None:
    """DuckDB's own SUMMARIZE on the same file: what reading and looking once costs."""
    code = f"import duckdb; duckdb.sql(\"SUMMARIZE FROM read_csv('{table}', all_varchar=true)\").fetchall()"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    print(f"{'DuckDB SUMMARIZE':28}{seconds:>10.1f}{rows / seconds:>12,.0f}")


def _peak_of_children(process: subprocess.Popen[bytes]) -> float:
    """The highest resident memory, in MB, of any process that this one started, until it ends."""
    peak = 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                peak = max(peak, child.memory_info().rss / (1 << 20))
        time.sleep(0.05)
    return peak


# Measuring


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _timed(
    worker: psutil.Process, jobs: int, send: Callable[[], Sequence[str]], finished: Callable[[Sequence[str]], bool]
) -> tuple[float, float]:
    """Jobs a second and CPU milliseconds a job of the worker and all its processes."""
    before = _cpu_seconds(worker)
    began = time.perf_counter()
    _until(finished, send())
    seconds = time.perf_counter() - began
    return jobs / seconds, 1000 * (_cpu_seconds(worker) - before) / jobs


def _cpu_seconds(worker: psutil.Process) -> float:
    total = 0.0
    for process in [worker, *worker.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _until(finished: Callable[[Sequence[str]], bool], ids: Sequence[str], seconds: float = 300) -> None:
    stop = threading.Event()
    deadline = time.monotonic() + seconds
    while not finished(ids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished after {seconds} s")
        stop.wait(0.02)


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
