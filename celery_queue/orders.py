"""What a client may ask of the queue: create a task, send its files, submit it, cancel it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from billing import ledger
from celery_queue.publish import publisher
from celery_queue.retention import check_outputs
from db import datasets, tasks
from db.clock import moment
from db.database import reading, transaction
from db.models import BEFORE_QUEUE, Task, TaskStatus, new_id
from db.turns import shares_of
from errors import (
    InvalidParameters,
    MissingInput,
    NotCompleted,
    TaskAlreadyProcessing,
    TaskNotCancellable,
    TooLarge,
    UnsupportedMediaType,
    WrongState,
)
from settings import get_settings
from storage import Storage, StoredFile, UploadLink, keys
from transformers.tools import Order, order, tool_of

log = structlog.get_logger(__name__)

PARAMETERS = "parameters"
"""Beside the roles: the name of an uploaded parameters.json."""

DATASET_NAME = re.compile(r"[a-z0-9-]{1,64}")

_MEGABYTE = 1 << 20
_PARAMETERS_LIMIT = _MEGABYTE
_NEVER_A_TABLE = re.compile(r"(image|audio|video|font)/|application/pdf")
"""Content types are guesses of a browser, so only these are believed; what a file holds is seen when it is read."""


@dataclass(frozen=True)
class Upload:
    """A file that a client wants to send."""

    filename: str
    content_type: str | None = None
    size_bytes: int | None = None


def create(
    user_id: str,
    tool_id: str,
    agents: list[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    dataset: str | None = None,
    inputs_from: Mapping[str, Mapping[str, str]] | None = None,
    trigger_type: str = "api",
    request_id: str | None = None,
) -> Task:
    """Write a CREATED task with a quote. `inputs_from`: {role: {task_id, file}}, outputs of one's own done tasks."""
    log.info("task_requested", user_id=user_id, tool_id=tool_id)
    ordered = order(tool_id, agents, parameters)
    with transaction() as session:
        if dataset is not None:
            datasets.ensure(session, user_id, dataset_name(dataset))
        task = Task(
            id=new_id(),
            user_id=user_id,
            tool_id=tool_id,
            dataset=dataset,
            trigger_type=trigger_type,
            request_id=request_id,
            **_quoted(ordered),
        )
        task.inputs = {
            role: _referenced(tasks.get(session, source["task_id"], user_id), task, role, source["file"])
            for role, source in (inputs_from or {}).items()
        }
        task.parent_task_id = next((source["task_id"] for source in (inputs_from or {}).values()), None)
        session.add(task)
        session.flush()
        tasks.record(session, task, "task_created", _user(user_id), credits=task.credits_quoted)
    log.info("task_created", task_id=task.id, user_id=user_id, tool_id=tool_id)
    return task


def dataset_name(name: str) -> str:
    """The name of a dataset; InvalidParameters where none can be called so."""
    if not DATASET_NAME.fullmatch(name):
        raise InvalidParameters([{"path": "dataset", "message": f"a dataset's name fits {DATASET_NAME.pattern}"}])
    return name


def _quoted(ordered: Order) -> dict[str, Any]:
    return {
        "agents": list(ordered.agents),
        "parameters": dict(ordered.parameters),
        "prices": dict(ordered.prices),
        "credits_quoted": ordered.credits,
    }


def _referenced(parent: Task, task: Task, role: str, filename: str) -> dict[str, Any]:
    if parent.outputs is None:
        raise NotCompleted("inputs_from names a task that has no result", task_id=parent.id)
    check_outputs(parent)
    if filename not in {each["filename"] for each in parent.outputs["files"]}:
        raise MissingInput(f"that task has no output {filename!r}", task_id=parent.id)
    return {
        "key": keys.input_key(task.user_id, task.id, role, filename),
        "filename": filename,
        "source_key": f"{parent.outputs['prefix']}/{filename}",
        "from": {"task_id": parent.id, "file": filename},
    }


def expect_uploads(
    task_id: str, user_id: str, files: Mapping[str, Upload], storage: Storage, *, has_parameters: bool = False
) -> tuple[Task, dict[str, UploadLink]]:
    """Take down which files will come, and answer a link for each."""
    settings = get_settings()
    wanted = dict(files) | ({PARAMETERS: Upload("parameters.json", "application/json")} if has_parameters else {})
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        if task.status not in BEFORE_QUEUE:
            raise WrongState(f"a task that is {task.status} takes no files", status=task.status)
        _check_roles(task, files)
        _check_types(files)
        links = {role: _link(task, role, upload, storage) for role, upload in wanted.items()}
        task.inputs = task.inputs | {
            role: {"key": links[role].key, "filename": keys.safe_filename(upload.filename)}
            for role, upload in wanted.items()
        }
        task.status = TaskStatus.UPLOADING
        task.progress = 10
        task.upload_expires_at = max(link.expires_at for link in links.values()) if links else None
        detail = {"roles": list(wanted), "seconds": settings.upload_link_seconds}
        tasks.record(session, task, "uploads_expected", _user(user_id), **detail)
    return task, links


def _check_roles(task: Task, files: Mapping[str, Upload]) -> None:
    tool = tool_of(task.tool_id)
    known = ", ".join(each.name for each in tool.roles)
    faults = [
        {"path": f"files.{role}", "message": f"{tool.id} takes {known}"}
        for role in files
        if not any(each.takes(role) for each in tool.roles)
    ]
    if faults:
        raise InvalidParameters(faults)


def _check_types(files: Mapping[str, Upload]) -> None:
    for role, upload in files.items():
        if upload.content_type and _NEVER_A_TABLE.match(upload.content_type):
            raise UnsupportedMediaType(f"{upload.content_type} is no table", role=role)


def _link(task: Task, role: str, upload: Upload, storage: Storage) -> UploadLink:
    settings = get_settings()
    limit = _PARAMETERS_LIMIT if role == PARAMETERS else settings.max_input_mb * _MEGABYTE
    if upload.size_bytes is not None and upload.size_bytes > limit:
        raise TooLarge(f"{upload.filename} is over the limit of {limit // _MEGABYTE} MB", limit_bytes=limit)
    return storage.upload_link(
        input_key_of(task, role, upload.filename),
        content_type=upload.content_type or "application/octet-stream",
        size_limit=limit,
        size_bytes=upload.size_bytes,
        seconds=settings.upload_link_seconds,
    )


def input_key_of(task: Task, role: str, filename: str) -> str:
    """Where a task's input of that role lies, or its parameters.json."""
    if role == PARAMETERS:
        return keys.parameters_key(task.user_id, task.id)
    return keys.input_key(task.user_id, task.id, role, filename)


def submit(
    task_id: str,
    user_id: str,
    storage: Storage,
    *,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    request_id: str | None = None,
    also: Callable[[Session, Task], None] | None = None,
) -> Task:
    """Check the files, then queue the task and hold its credits in one transaction; wake the publisher and answer.

    also: what else that transaction does, with the task as it will be.
    """
    settings = get_settings()
    with reading() as session:
        seen = tasks.get(session, task_id, user_id)
    _check_submittable(seen)
    inputs, ordered = _verified_inputs(seen, storage)
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        _check_submittable(task)
        for name, value in _quoted(ordered).items():
            setattr(task, name, value)
        task.inputs = inputs
        task.status = TaskStatus.QUEUED
        task.progress = 15
        task.celery_task_id = new_id()
        task.not_before = not_before
        task.request_id = request_id or task.request_id
        task.queued_at = moment()
        task.shares = shares_of(sum(each["size_bytes"] for each in inputs.values()))
        task.expires_at = expires_at or _latest_start(not_before, settings.queued_hours * 3600)
        ledger.hold(session, user_id, task.id, task.run_no, task.credits_quoted)
        session.flush()
        tasks.record(session, task, "task_queued", _user(user_id), held=task.credits_quoted)
        if ordered.unmasked:
            tasks.record(session, task, "unmasked_files_ordered", _user(user_id))
        if also:
            also(session, task)
    log.info("task_queued", task_id=task.id, user_id=user_id, celery_task_id=task.celery_task_id)
    publisher.wake(user_id)
    return task


def _latest_start(not_before: datetime | None, seconds: float) -> Any:
    return not_before + timedelta(seconds=seconds) if not_before else moment(seconds)


def _check_submittable(task: Task) -> None:
    if task.status not in BEFORE_QUEUE:
        raise TaskAlreadyProcessing(f"this task is {task.status}", status=task.status)


def _verified_inputs(task: Task, storage: Storage) -> tuple[dict[str, Any], Order]:
    """The inputs with the sizes that really arrived, and the order with an uploaded parameters.json in it."""
    inputs = {role: dict(each) for role, each in task.inputs.items()}
    for each in inputs.values():
        if "source_key" in each and storage.stat(each["key"]) is None:
            storage.copy(each["source_key"], each["key"])
    found = {role: storage.stat(each["key"]) for role, each in inputs.items()}
    missing = [role for role, file in found.items() if file is None]
    if missing:
        raise MissingInput(f"the file {', '.join(missing)} has not arrived", missing=missing)
    for role, file in found.items():
        if file is not None:
            inputs[role]["size_bytes"] = _checked_size(role, file)
    uploaded = inputs.pop(PARAMETERS, None)
    tool_of(task.tool_id).check_roles(inputs)
    parameters = _read_parameters(uploaded["key"], storage) if uploaded else task.parameters
    return inputs, order(task.tool_id, task.agents, parameters)


def _checked_size(role: str, file: StoredFile) -> int:
    """What arrived may be more than was announced: a signed link doesn't limit an unannounced length."""
    limit = get_settings().max_input_mb * _MEGABYTE
    if file.size_bytes > limit:
        raise TooLarge(f"the file {role} is over the limit of {limit // _MEGABYTE} MB", limit_bytes=limit)
    return file.size_bytes


def _read_parameters(key: str, storage: Storage) -> dict[str, Any]:
    with storage.open(key) as stream:
        text = stream.read(_PARAMETERS_LIMIT + 1)
    try:
        parameters = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidParameters([{"path": "parameters.json", "message": f"is not JSON: {error}"}]) from error
    if not isinstance(parameters, dict):
        raise InvalidParameters([{"path": "parameters.json", "message": "is not an object of agents"}])
    return parameters


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def cancel(task_id: str, user_id: str, actor: str | None = None) -> Task:
    """Cancel at once what doesn't run yet; ask what runs to stop. TaskNotCancellable where it has ended."""
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        who = actor or _user(user_id)
        if TaskStatus(task.status).terminal:
            raise TaskNotCancellable(f"this task is {task.status}", status=task.status)
        if task.status == TaskStatus.PROCESSING:
            task.cancel_requested_at = moment()
            tasks.record(session, task, "cancel_requested", who)
        else:
            tasks.end(task, TaskStatus.CANCELLED)
            ledger.release(session, user_id, task.id, task.run_no)
            tasks.record(session, task, "task_cancelled", who)
    return task


def _user(user_id: str) -> str:
    return f"user {user_id}"
