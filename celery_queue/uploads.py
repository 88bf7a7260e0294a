"""How a task's files come in: large ones in parts, outputs of earlier tasks by reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery_queue import orders
from celery_queue.orders import PARAMETERS, Upload
from db import tasks
from db.database import reading, transaction
from db.models import BEFORE_QUEUE, Task, TaskStatus
from errors import MissingInput, NotFound, OutputGone, WrongState
from settings import get_settings
from storage import PartedUpload, Storage, UploadLink

_MEGABYTE = 1 << 20
_MOST_PARTS = 1000


def copy_references(task: Task, storage: Storage) -> None:
    """Copy the outputs that `inputs_from` names, so that the task doesn't depend on its parent any more."""
    for role, each in task.inputs.items():
        try:
            storage.copy(each["source_key"], each["key"])
        except NotFound as error:
            raise OutputGone(role=role, task_id=each["from"]["task_id"]) from error


def expect(
    task_id: str, user_id: str, files: Mapping[str, Upload], storage: Storage, *, has_parameters: bool = False
) -> tuple[dict[str, UploadLink], dict[str, PartedUpload]]:
    """A link for each file that will come, and for each large one an upload in parts, which replaces an earlier one."""
    with reading() as session:
        before = tasks.get(session, task_id, user_id).inputs
    task, links = orders.expect_uploads(task_id, user_id, files, storage, has_parameters=has_parameters)
    parted = _offer_parts(task, files, storage)
    for role in files:
        if earlier := before.get(role, {}).get("upload_id"):
            storage.abort_parts(before[role]["key"], earlier)
    return links, parted


def _offer_parts(task: Task, files: Mapping[str, Upload], storage: Storage) -> dict[str, PartedUpload]:
    threshold = get_settings().multipart_above_mb * _MEGABYTE
    large = {role: each for role, each in files.items() if (each.size_bytes or 0) > threshold}
    begun = {role: _begin(task.inputs[role]["key"], upload, storage) for role, upload in large.items()}
    parted = {role: each for role, each in begun.items() if each is not None}
    if parted:
        _remember(task, {role: (each.upload_id, files[role].size_bytes) for role, each in parted.items()})
    return parted


def _begin(key: str, upload: Upload, storage: Storage) -> PartedUpload | None:
    settings, size = get_settings(), upload.size_bytes or 0
    return storage.begin_parts(
        key,
        content_type=upload.content_type or "application/octet-stream",
        size_bytes=size,
        part_bytes=max(settings.upload_part_mb * _MEGABYTE, -(-size // _MOST_PARTS)),
        seconds=settings.upload_link_seconds,
    )


def _remember(seen: Task, begun: Mapping[str, tuple[str, int | None]]) -> None:
    with transaction() as session:
        task = tasks.get(session, seen.id, seen.user_id, lock=True)
        task.inputs = task.inputs | {
            role: task.inputs[role] | {"upload_id": upload_id, "announced_bytes": size}
            for role, (upload_id, size) in begun.items()
        }


def complete(task_id: str, user_id: str, storage: Storage) -> dict[str, int]:
    """Put the parts together and look whether every announced file is there; answer their sizes by role.

    Raises MissingInput, and the task is UPLOAD_FAILED until the rest has come, where one isn't.
    """
    with reading() as session:
        seen = tasks.get(session, task_id, user_id)
    _check_open(seen)
    if not seen.inputs:
        raise MissingInput("no file was announced; ask for upload links first")
    sizes = {role: _arrived(each, storage) for role, each in seen.inputs.items()}
    missing = [role for role, size in sizes.items() if size is None]
    with transaction() as session:
        task = tasks.get(session, task_id, user_id, lock=True)
        _check_open(task)
        task.status = TaskStatus.UPLOAD_FAILED if missing else TaskStatus.UPLOADING
        event = "uploads_incomplete" if missing else "uploads_complete"
        tasks.record(session, task, event, f"user {user_id}", missing=missing)
    if missing:
        raise MissingInput(f"the file {', '.join(missing)} has not arrived", missing=missing)
    return {role: size for role, size in sizes.items() if size is not None and role != PARAMETERS}


def _check_open(task: Task) -> None:
    if task.status not in BEFORE_QUEUE:
        raise WrongState(f"a task that is {task.status} takes no files", status=task.status)


def _arrived(announced: Mapping[str, Any], storage: Storage) -> int | None:
    """The size of a file that is there whole, else None."""
    key, upload_id = announced["key"], announced.get("upload_id")
    joined = upload_id is not None and storage.complete_parts(key, upload_id, announced["announced_bytes"])
    stored = storage.stat(key)
    if stored is None or stored.size_bytes != announced.get("announced_bytes", stored.size_bytes):
        return None
    if upload_id is not None and not joined:
        storage.abort_parts(key, upload_id)  # it came by the single link
    return stored.size_bytes
