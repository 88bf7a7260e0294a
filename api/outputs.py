"""The files of a finished task, found by the row's pointer and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from fastapi.responses import StreamingResponse

from api.schemas import DownloadAnswer
from celery_queue.retention import check_outputs
from db.models import Task
from errors import NotCompleted, NotFound, OutputGone
from storage import Storage
from storage.port import CHUNK, guessed_type

JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}, "description": "The report."}}
HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "The page."}}
REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"
)
"""The report is a page that holds users' text: it may show itself, but reach neither this service nor any other."""


def stream_output(
    task: Task, filename: str, storage: Storage, headers: dict[str, str] | None = None
) -> StreamingResponse:
    """One output file as the body of an answer."""
    key = f"{_prefix(task)}/{filename}"
    try:
        stream = storage.open(key)
    except NotFound as error:
        raise OutputGone(task_id=task.id) from error
    return StreamingResponse(_pieces(stream), media_type=guessed_type(filename), headers=headers)


def downloads(task: Task, storage: Storage, seconds: int) -> list[DownloadAnswer]:
    """Every output file, with a link that ends after so many seconds."""
    prefix = _prefix(task)
    stored = {file.key: file for file in storage.list(prefix)}
    if not stored:
        raise OutputGone(task_id=task.id)
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return [
        DownloadAnswer(
            download_id=each["filename"],
            filename=each["filename"],
            type=_type(each["filename"]),
            mime_type=guessed_type(each["filename"]),
            size_bytes=each["size_bytes"],
            sha256=each["sha256"],
            url=storage.download_link(f"{prefix}/{each['filename']}", each["filename"], seconds),
            expires_at=expires_at,
        )
        for each in (task.outputs or {})["files"]
        if f"{prefix}/{each['filename']}" in stored
    ]


def _prefix(task: Task) -> str:
    if task.outputs is None:
        raise NotCompleted(f"This task is {task.status}.", status=task.status)
    check_outputs(task)
    return str(task.outputs["prefix"])


def _type(filename: str) -> str:
    stem = filename.partition(".")[0]
    return stem if stem in {"report", "manifest", "recipe"} else "data"


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(CHUNK):
            yield piece
