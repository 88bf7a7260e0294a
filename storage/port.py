"""The port: what the service asks of a place for files, and the few things that every adapter shares."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from errors import BadRequest, TooLarge

LONGEST_KEY = 1024
"""Bytes of a key, which is S3's own limit."""
LONGEST_SEGMENT = 255
"""Bytes of one name in a key, which is the limit of the usual file systems."""
CHUNK = 1 << 20

_TYPES = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "tsv": "text/tab-separated-values",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class StoredFile:
    """A file that is there. `content_type` is None where the place was asked for names and sizes only."""

    key: str
    size_bytes: int
    content_type: str | None = None


@dataclass(frozen=True)
class UploadLink:
    """Where and how a client sends one file: `headers` belong to the signature and go with the body."""

    url: str
    method: str
    headers: dict[str, str]
    key: str
    expires_at: datetime


@dataclass(frozen=True)
class PartLink:
    """Where a client PUTs one part of a file: exactly so many bytes, no header needed."""

    number: int
    url: str
    size_bytes: int


@dataclass(frozen=True)
class PartedUpload:
    """A file that comes in parts, in any order; it appears once they are put together."""

    upload_id: str
    parts: tuple[PartLink, ...]
    expires_at: datetime


class Storage(Protocol):
    """A place for files by key. A missing file raises NotFound, a place that doesn't answer StorageUnavailable."""

    def get(self, key: str, path: Path) -> None:
        """Copy the file at `key` to `path`; `path` appears whole or not at all."""

    def lend(self, key: str, path: Path) -> None:
        """Let the file at `key` appear at `path` too, as `get` does, for somebody who reads it only."""

    def put(self, path: Path, key: str, content_type: str | None = None) -> StoredFile:
        """Copy the file at `path` to `key`; the key appears, or changes, whole or not at all."""

    def write(self, source: BinaryIO, key: str, content_type: str | None = None) -> StoredFile:
        """Copy everything that `source` still has to `key`, as `put` does."""

    def open(self, key: str) -> BinaryIO:
        """Read the file at `key` as a stream; the caller closes it."""

    def stat(self, key: str) -> StoredFile | None:
        """What is at `key`, or None."""

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file in the folder `prefix`, at any depth; `users/1` is not the folder of `users/10/a`."""

    def delete(self, prefix: str) -> None:
        """Remove the file at `prefix` and every file in the folder `prefix`; nothing there is fine."""

    def copy(self, source_key: str, key: str) -> StoredFile:
        """Copy one stored file to another key."""

    def download_link(self, key: str, filename: str, seconds: int) -> str:
        """An address that gives the file to whoever has it, saved as `filename`, for so many seconds."""

    def upload_link(
        self, key: str, *, content_type: str, size_limit: int, seconds: int, size_bytes: int | None = None
    ) -> UploadLink:
        """An address that takes this one file: exactly `size_bytes` of it where given, else `size_limit` at most."""

    def begin_parts(
        self, key: str, *, content_type: str, size_bytes: int, part_bytes: int, seconds: int
    ) -> PartedUpload | None:
        """Links for the parts of one file; None where a single link takes any size as well."""

    def complete_parts(self, key: str, upload_id: str, size_bytes: int) -> bool:
        """Put the parts together; False, and nothing changes, where they don't make up that size (any more)."""

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Drop the parts that have come; an upload that isn't there any more is fine."""

    def check(self) -> None:
        """Raise StorageUnavailable unless the place answers."""


def checked_key(key: str) -> str:
    """The key as it is, or BadRequest: no way out of the root, nothing that a file system or S3 reads differently."""
    segments = key.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise BadRequest("A key has no empty part, no '.' and no '..'.")
    if not all(character.isprintable() and character not in "\\:" for character in key):
        raise BadRequest("A key has no control character, backslash or colon.")
    if len(key.encode()) > LONGEST_KEY or max(len(segment.encode()) for segment in segments) > LONGEST_SEGMENT:
        raise BadRequest("The key is too long.")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix without its closing slash; empty means everything."""
    prefix = prefix.removesuffix("/")
    return checked_key(prefix) if prefix else ""


def check_size(size_bytes: int | None, size_limit: int) -> None:
    """Raise TooLarge where a file is announced that the link could never take."""
    if size_bytes is not None and size_bytes > size_limit:
        raise TooLarge(f"The file has {size_bytes} bytes; the limit is {size_limit}.", limit=size_limit)


def attachment(filename: str) -> str:
    """A Content-Disposition that saves under this name, in any alphabet (RFC 6266)."""
    plain = filename.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_").replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def guessed_type(key: str) -> str:
    """The content type that the key's suffix stands for, the same on every machine for the files made here."""
    suffix = key.rpartition(".")[2].lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(key)[0] or "application/octet-stream"
