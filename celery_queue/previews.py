"""Previews for a web process, which itself never opens a table: a lean child does, for a few seconds at most."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery_queue.slot import Children, Event
from db.models import Task
from errors import ChildDied, InvalidInput, NotFound, OutOfMemory, RateLimited, Unforeseen, UnreadableFile
from settings import Settings
from storage import Storage
from transformers.specification import FILENAME, InputSpec, Specification

_MEGABYTE = 1 << 20
_AT_ONCE = 2
_START_SECONDS = 30
_WHOLE = (b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
"""What ZIP and XLSX, Parquet, gzip and encrypted XLSX begin with: none of these can be read from its first part."""
_JSON_DOCUMENT = re.compile(rb"(\xef\xbb\xbf)?\s*(\[|\{\s*\n)")


class Previews:
    """Call it with a task, a role and the storage; close it when the process ends."""

    def __init__(self, settings: Settings, module: str = "celery_queue.preview_child") -> None:
        self._settings = settings
        self._children = Children(settings, module)
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def __call__(self, task: Task, role: str, storage: Storage) -> Mapping[str, Any]:
        """What the file of that role looks like; NotFound where it hasn't come, UnreadableFile where it is no table."""
        if not self._room.acquire(timeout=self._settings.preview_seconds):
            raise RateLimited("Too many files are being previewed; wait a little.")
        try:
            with self._folder() as folder, self._children.borrow() as child:
                self._prepare(folder, task, role, storage)
                deadline = _Deadline(self._settings.preview_seconds)
                return child.run(folder, deadline.begin, deadline.check)
        except (InvalidInput, OutOfMemory, ChildDied, Unforeseen) as error:
            # Whatever it is that the reader can't do with it, to who asks for a look the file is not readable.
            raise UnreadableFile(error.message, **error.context) from error
        finally:
            self._room.release()

    def close(self) -> None:
        """End the idle children."""
        self._children.close()

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self._settings.data_dir / "work" / f"preview-{uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self, folder: Path, task: Task, role: str, storage: Storage) -> None:
        """Lay out the job; the file lies there under a name of ours."""
        each, settings = task.inputs[role], self._settings
        self._fetch(each["key"], each["filename"], folder / "input", storage)
        specification = Specification(
            task_id=task.id,
            tool_id=task.tool_id,
            agents=(),
            parameters=task.parameters,
            prices={},
            inputs=(InputSpec(role=role, filename=each["filename"], path="input"),),
            created_at=task.created_at,
            duckdb_memory=settings.duckdb_memory,
            duckdb_threads=settings.duckdb_threads,
            max_input_mb=settings.preview_max_mb,
            max_columns=settings.max_columns,
            max_field_mb=settings.max_field_mb,
            max_xlsx_cells=settings.max_xlsx_cells,
        )
        (folder / FILENAME).write_text(specification.model_dump_json(), encoding="utf-8")

    def _fetch(self, key: str, filename: str, path: Path, storage: Storage) -> None:
        stored = storage.stat(key)
        if stored is None:
            raise NotFound("The file has not arrived.")
        with storage.open(key) as stream:
            head = stream.read(_MEGABYTE)
        if stored.size_bytes <= len(head):
            path.write_bytes(head)
        elif not _readable_from_its_head(head, filename):
            self._fetch_whole(key, stored.size_bytes, path, storage)
        else:
            path.write_bytes(_whole_lines(head))

    def _fetch_whole(self, key: str, size_bytes: int, path: Path, storage: Storage) -> None:
        most = self._settings.preview_max_mb
        if size_bytes > most * _MEGABYTE:
            raise UnreadableFile(f"A file of this kind is previewed up to {most} MB.", size_bytes=size_bytes)
        storage.get(key, path)


class _Deadline:
    """Counts from the moment at which the child, which may have to start first, begins."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + _START_SECONDS

    def begin(self, _: Event) -> None:
        self._ends = time.monotonic() + self._seconds

    def check(self) -> None:
        if time.monotonic() > self._ends:
            raise UnreadableFile(f"The file can't be previewed within {self._seconds:g} s.")


def _readable_from_its_head(head: bytes, filename: str) -> bool:
    if head.startswith(_WHOLE):
        return False
    return filename.lower().endswith((".jsonl", ".ndjson")) or not _JSON_DOCUMENT.match(head)


def _whole_lines(head: bytes) -> bytes:
    """Without the last line, which was cut; UTF-16 shows itself by its zeros, and its line ends take two bytes."""
    ends = (b"\n\0", b"\0\n") if b"\0" in head[:1000] else (b"\n", b"\r")
    cut = max(head.rfind(end) + len(end) for end in ends)
    return head[:cut] if cut > len(ends[0]) else head
