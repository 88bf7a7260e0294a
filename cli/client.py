"""What `run` does: a client like any other. It writes a task, sends its files, waits, fetches the results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.console import Console

import logs
from celery_queue import orders
from celery_queue.embedded import EmbeddedWorker, prepare
from celery_queue.publish import publisher
from celery_queue.slot import Children
from cli.display import Display, JsonDisplay, ProgressDisplay
from cli.wishes import Wish, files_of, wishes_of
from db import tasks
from db.database import reading
from db.models import Task, TaskStatus
from errors import InvalidInput, ServiceError, TaskNotCancellable
from settings import Settings, get_settings
from storage import Storage, open_storage
from transformers.tools import tool_of

DONE, REFUSED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
_POLL_SECONDS = 0.05
_SHOW_SECONDS = 0.25
"""How often the bars move while the worker here, which would say so at once, hasn't ended the task."""
_CANCEL_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """The arguments of `run` as they were typed."""

    file: Path
    tool: str
    out: Path
    agents: str | None
    parameters: Path | None
    input: tuple[str, ...]
    dataset: str | None


def run_all(asked: Asked, children: Children, *, quiet: bool, as_json: bool) -> int:
    """Check what was asked, then do it; the exit status. children: those of the worker, if there is to be one here."""
    console = Console(stderr=True)
    try:
        files = files_of(asked.file, asked.input)
        wishes = wishes_of(asked.tool, asked.agents, asked.parameters, asked.out, files)
        dataset = orders.dataset_name(asked.dataset) if asked.dataset is not None else None
    except (InvalidInput, OSError) as error:
        _complain(console, error)
        return BAD_USAGE
    logs.configure("CRITICAL", "run", get_settings().log_folder)
    display = Display() if quiet else JsonDisplay() if as_json else ProgressDisplay()
    return Client(get_settings(), children, display, console).run(wishes, files, dataset)


def _complain(console: Console, error: Exception) -> None:
    code = error.code if isinstance(error, ServiceError) else "FILES_NOT_FOUND"
    console.print(f"{code}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)


class Client:
    """Runs wishes one after the other, with a worker in this process where the data folder has none."""

    def __init__(self, settings: Settings, children: Children, display: Display, console: Console) -> None:
        self._settings = settings
        self._display = display
        self._console = console
        self._storage: Storage = open_storage(settings, settings.secret)
        self._worker = EmbeddedWorker(settings, children) if settings.embedded else None
        self._user_id = ""
        self._request_id = uuid4().hex

    def run(self, wishes: list[Wish], files: Mapping[str, Path], dataset: str | None) -> int:
        """The exit status."""
        try:
            self._begin()
            parent: Task | None = None
            for wish in wishes:
                parent = self._one(wish, files, parent, dataset)
                if parent.status != TaskStatus.COMPLETED:
                    return self._refused(parent)
            self._display.end()
            return DONE
        except ServiceError as error:
            _complain(self._console, error)
            return REFUSED
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            self._display.close()
            self._finish()

    def _begin(self) -> None:
        self._user_id = prepare(self._settings)
        if self._worker is None:
            publisher.start(self._settings)
        else:
            self._worker.try_start()

    def _finish(self) -> None:
        if self._worker is None:
            publisher.stop()
        else:
            self._worker.stop()

    def _refused(self, task: Task) -> int:
        message = f"{task.error_code or task.status}: {task.error_message or 'the task did not complete'}"
        self._console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
        self._display.failed(task)
        return REFUSED

    def _one(self, wish: Wish, files: Mapping[str, Path], parent: Task | None, dataset: str | None) -> Task:
        """Order one tool on the files, or on the main output of the task before it, and wait for its end."""
        task = self._order(wish, files, parent, dataset)
        self._display.start(task, tool_of(wish.tool_id))
        try:
            task = self._wait(task.id)
        except KeyboardInterrupt:
            self._cancel(task.id)
            raise
        if task.status == TaskStatus.COMPLETED:
            self._fetch(task, wish.out)
        return task

    def _order(self, wish: Wish, files: Mapping[str, Path], parent: Task | None, dataset: str | None) -> Task:
        inputs_from = None
        if parent is not None:
            main_output = tool_of(parent.tool_id).main_output
            inputs_from = {"primary": {"task_id": parent.id, "file": main_output}}
        task = orders.create(
            self._user_id,
            wish.tool_id,
            wish.agents,
            wish.parameters,
            dataset=dataset,
            inputs_from=inputs_from,
            trigger_type="manual",
            request_id=self._request_id,
        )
        own = {role: path for role, path in files.items() if parent is None or self._also_takes(wish, role)}
        uploads = {role: orders.Upload(path.name, size_bytes=path.stat().st_size) for role, path in own.items()}
        _, links = orders.expect_uploads(task.id, self._user_id, uploads, self._storage)
        for role, path in own.items():
            self._storage.put(path, links[role].key)
        return orders.submit(task.id, self._user_id, self._storage)

    def _also_takes(self, wish: Wish, role: str) -> bool:
        return role != "primary" and any(each.takes(role) for each in tool_of(wish.tool_id).roles)

    def _wait(self, task_id: str) -> Task:
        while True:
            with reading() as session:
                task = tasks.get(session, task_id, self._user_id)
            self._display.show(task)
            if TaskStatus(task.status).terminal:
                return task
            # The process that worked for this folder may have ended meanwhile.
            if self._worker is not None and self._worker.try_start():
                self._worker.wait(_SHOW_SECONDS)
            else:
                time.sleep(_POLL_SECONDS)

    def _cancel(self, task_id: str) -> None:
        try:
            orders.cancel(task_id, self._user_id)
        except TaskNotCancellable:
            return
        deadline = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < deadline:
            with reading() as session:
                if TaskStatus(tasks.get(session, task_id, self._user_id).status).terminal:
                    return
            time.sleep(_POLL_SECONDS)

    def _fetch(self, task: Task, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        outputs = task.outputs or {"files": [], "prefix": ""}
        for each in outputs["files"]:
            self._storage.get(f"{outputs['prefix']}/{each['filename']}", out / each["filename"])
        self._display.fetched(task, out)
