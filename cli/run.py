"""`python main.py run FILE`: a client like any other. It writes a task, sends its files, waits, fetches the results."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console

import logs
from celery_queue import orders
from celery_queue.embedded import EmbeddedWorker, prepare
from celery_queue.publish import publisher
from cli.display import Display, JsonDisplay, ProgressDisplay
from db import tasks
from db.database import reading
from db.models import Task, TaskStatus
from errors import InvalidInput, ServiceError, TaskNotCancellable
from settings import Settings, get_settings
from storage import Storage, open_storage
from transformers.tools import OUTPUT, order, tool_of

DONE, REFUSED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
_POLL_SECONDS = 0.05
_CANCEL_SECONDS = 20


@dataclass(frozen=True)
class Wish:
    """One tool of the command line, checked."""

    tool_id: str
    agents: list[str] | None
    parameters: dict[str, Any]
    out: Path


def run(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON, JSON Lines, Parquet or XLSX; also gzip or zip of one.")],
    tool: Annotated[str, typer.Option(help="The tool; several, with commas between, one after the other.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    agents: Annotated[str | None, typer.Option(help="Agents to run, with commas between.")] = None,
    parameters: Annotated[Path | None, typer.Option(help="JSON file: {agent: {parameter: value}}.")] = None,
    input: Annotated[list[str] | None, typer.Option(help="Another file, as ROLE=FILE; may be repeated.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset that this run belongs to.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one JSON object.")] = False,
) -> None:
    """Run a tool, or several in a row, on a file."""
    console = Console(stderr=True)
    try:
        files = {"primary": file} | dict(_role(each) for each in input or ())
        wishes = _wishes(tool, agents, parameters, out, files)
        dataset = orders.dataset_name(dataset) if dataset is not None else None
    except (InvalidInput, OSError) as error:
        _complain(console, error)
        raise typer.Exit(BAD_USAGE) from None
    logs.configure("CRITICAL", "run", get_settings().log_folder)
    display = Display() if quiet else JsonDisplay() if as_json else ProgressDisplay()
    raise typer.Exit(Client(get_settings(), display, console).run(wishes, files, dataset))


def _complain(console: Console, error: Exception) -> None:
    code = error.code if isinstance(error, ServiceError) else "FILES_NOT_FOUND"
    console.print(f"{code}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)


def _role(text: str) -> tuple[str, Path]:
    role, equals, path = text.partition("=")
    if not equals:
        raise InvalidInput(f"--input takes ROLE=FILE, not {text!r}")
    return role, Path(path)


def _wishes(tool: str, agents: str | None, parameters: Path | None, out: Path, files: Mapping[str, Path]) -> list[Wish]:
    """Check everything that can be checked before anything runs."""
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
    tool_ids = [each.strip() for each in tool.split(",")]
    chosen = [each.strip() for each in agents.split(",")] if agents else None
    given = _read_parameters(parameters) if parameters else {}
    wishes = [
        Wish(
            tool_id,
            agents=_of_tool(tool_id, chosen, tool_ids),
            parameters=_parameters_of(tool_id, given, tool_ids),
            out=out / tool_id if len(tool_ids) > 1 else out,
        )
        for tool_id in tool_ids
    ]
    for wish in wishes:
        order(wish.tool_id, wish.agents, wish.parameters)
    tool_of(tool_ids[0]).check_roles(files)
    return wishes


def _read_parameters(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"{path} is not an object of agents")
    return given


def _of_tool(tool_id: str, chosen: list[str] | None, tool_ids: list[str]) -> list[str] | None:
    """The chosen agents that are this tool's; with one tool all of them, so that a wrong name is told."""
    if chosen is None or len(tool_ids) == 1:
        return chosen
    own = {agent.id for agent in tool_of(tool_id).agents}
    return [each for each in chosen if each in own] or None


def _parameters_of(tool_id: str, given: Mapping[str, Any], tool_ids: list[str]) -> dict[str, Any]:
    if len(tool_ids) == 1:
        return dict(given)
    own = {agent.id for agent in tool_of(tool_id).agents} | tool_of(tool_id).common.keys()
    strangers = {OUTPUT, *(agent.id for other in tool_ids for agent in tool_of(other).agents)} - own
    return {name: value for name, value in given.items() if name not in strangers}


class Client:
    """Runs wishes one after the other, with a worker in this process where the data folder has none."""

    def __init__(self, settings: Settings, display: Display, console: Console) -> None:
        self._settings = settings
        self._display = display
        self._console = console
        self._storage: Storage = open_storage(settings, settings.secret)
        self._worker = EmbeddedWorker(settings) if settings.embedded else None
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
            if self._worker is not None:
                # The process that worked for this folder may have ended meanwhile.
                self._worker.try_start()
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
