"""`python main.py watch TASK_ID`: a task's story, live."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from db import tasks
from db.database import connect, reading
from db.models import Task, TaskEvent, TaskStatus
from settings import get_settings

_SECONDS = 0.5


def watch(task_id: Annotated[str, typer.Argument(help="The task's id.")]) -> None:
    """Follow a task: every event with its time, actor and attempt, and how far it is, until its end."""
    connect(get_settings())
    seen, shown = 0, ""
    while True:
        with reading() as session:
            task = tasks.find(session, task_id)
            news = tasks.events(session, task_id, after=seen)
        if task is None:
            print(f"TASK_NOT_FOUND: there is no task {task_id}")
            raise typer.Exit(1)
        for event in news:
            print(_line(event), flush=True)
            seen = event.id
        if _progress(task) != shown:
            shown = _progress(task)
            print(shown, flush=True)
        if TaskStatus(task.status).terminal:
            return
        time.sleep(_SECONDS)


def _line(event: TaskEvent) -> str:
    detail = {name: value for name, value in event.detail.items() if value not in (None, "", {}) and name != "trace"}
    said = f"  {json.dumps(detail, ensure_ascii=False)}" if detail else ""
    attempt = f"run {event.run_no}, attempt {event.attempt}, fence {event.fence}"
    return f"{event.created_at:%Y-%m-%d %H:%M:%S}  {event.event:<18} {event.actor} ({attempt}){said}"


def _progress(task: Task) -> str:
    agent = task.progress_detail.get("current_agent") or task.progress_detail.get("stage") or ""
    return f"{'':21}{task.status} {task.progress} % {agent}".rstrip()
