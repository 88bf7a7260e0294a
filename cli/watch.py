"""`python main.py watch TASK_ID`: a task's story, live."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from db import tasks
from db.database import connect, reading
from db.models import Task, TaskEvent, TaskStatus
from settings import get_settings

_SECONDS = 0.5
_UNSAID = {"timestamp", "level", "event", "task_id", "celery_task_id", "user_id", "request_id", "attempt", "trace"}


def watch(
    task_id: Annotated[str, typer.Argument(help="The task's id.")],
    trace: Annotated[bool, typer.Option("--trace", help="Show the tracebacks of errors too.")] = False,
) -> None:
    """Follow a task until its end: every event with its actor and attempt, how far it is, and its log lines."""
    connect(get_settings())
    folder = get_settings().log_folder
    log = _LogFile(folder / f"task-{task_id}.log") if folder else None
    seen, shown = 0, ""
    while True:
        with reading() as session:
            task = tasks.find(session, task_id)
            news = tasks.events(session, task_id, after=seen)
        if task is None:
            print(f"TASK_NOT_FOUND: there is no task {task_id}")
            raise typer.Exit(1)
        seen = news[-1].id if news else seen
        _tell(news, log, trace)
        if _progress(task) != shown:
            shown = _progress(task)
            print(shown, flush=True)
        if TaskStatus(task.status).terminal:
            return
        time.sleep(_SECONDS)


def _tell(news: Sequence[TaskEvent], log: _LogFile | None, trace: bool) -> None:
    """The events, and what the log says beyond them."""
    for event in news:
        print(_line(event), flush=True)
        if trace and event.detail.get("trace"):
            print(event.detail["trace"], flush=True)
    for line in log.news({event.event for event in news}) if log else ():
        print(line, flush=True)


def _line(event: TaskEvent) -> str:
    detail = {name: value for name, value in event.detail.items() if value not in (None, "", {}) and name != "trace"}
    said = f"  {json.dumps(detail, ensure_ascii=False)}" if detail else ""
    attempt = f"run {event.run_no}, attempt {event.attempt}, fence {event.fence}, request {event.request_id}"
    return f"{event.created_at:%Y-%m-%d %H:%M:%S}  {event.event:<18} {event.actor} ({attempt}){said}"


def _progress(task: Task) -> str:
    agent = task.progress_detail.get("current_agent") or task.progress_detail.get("stage") or ""
    return f"{'':21}{task.status} {task.progress} % {agent}".rstrip()


class _LogFile:
    """The task's own log file, read as it grows; it may not be there yet, or begin anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._told: set[str] = set()

    def news(self, told: set[str]) -> Iterator[str]:
        """Its new lines but for those that say the same as an event."""
        self._told |= told
        if not self._path.exists():
            return
        self._position = 0 if self._path.stat().st_size < self._position else self._position
        with self._path.open("rb") as stream:
            stream.seek(self._position)
            lines = stream.readlines()
        for line in lines:
            if not line.endswith(b"\n"):
                return  # not whole yet
            self._position += len(line)
            said: dict[str, Any] = json.loads(line)
            if said["event"] not in self._told:
                yield _log_line(said)


def _log_line(said: dict[str, Any]) -> str:
    rest = " ".join(f"{name}={value}" for name, value in said.items() if name not in _UNSAID)
    return f"{said['timestamp'][:19].replace('T', ' ')}  | {said['event']} {rest}".rstrip()
