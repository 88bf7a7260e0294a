"""A folder as storage, with signed links to the API's own `/files/{key}`."""

from __future__ import annotations

import hmac
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode
from uuid import uuid4

from errors import NotFound, NotPermitted, ServiceError, StorageUnavailable, of_disk
from storage.port import CHUNK, StoredFile, UploadLink, check_size, checked_key, checked_prefix, guessed_type

INCOMING = ".incoming"
"""Files being written and folders being removed; on the same disk as their place, so that moving is one step."""


@dataclass(frozen=True)
class Grant:
    """What one signed link allows, until the Unix time `expires`."""

    method: str
    key: str
    expires: int
    content_type: str = ""
    size_bytes: int = -1
    size_limit: int = -1
    filename: str = ""


class LocalStorage:
    """Keeps files in a folder, each at the path that its key spells."""

    def __init__(self, root: Path, secret: str, public_url: str) -> None:
        self.root = root.resolve()
        self._signing_key = sha256(b"files:" + secret.encode()).digest()
        self._public_url = public_url.rstrip("/")

    def path(self, key: str) -> Path:
        """Where the key lies; never outside the root."""
        path = self.root.joinpath(*checked_key(key).split("/"))
        if key.split("/")[0] == INCOMING or not path.resolve().is_relative_to(self.root):
            raise NotPermitted("This key is not a place for files.")
        return path

    def get(self, key: str, path: Path) -> None:
        """Copy the file at `key` to `path`."""
        with self.open(key) as source, _translated(key), _appearing(path.with_name(f".{uuid4().hex}"), path) as target:
            shutil.copyfileobj(source, target, CHUNK)

    def lend(self, key: str, path: Path) -> None:
        """A hard link at `path`, or a copy where there can't be one."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(self.path(key))
        except OSError:  # another disk, no hard links there, or no such file
            self.get(key, path)

    def put(self, path: Path, key: str, content_type: str | None = None) -> StoredFile:
        """Copy the file at `path` to `key`."""
        with path.open("rb") as source:
            return self.write(source, key, content_type)

    def write(self, source: BinaryIO, key: str, content_type: str | None = None) -> StoredFile:
        """Copy everything that `source` still has to `key`."""
        with self.writing(key) as target:
            shutil.copyfileobj(source, target, CHUNK)
        return StoredFile(key, self.path(key).stat().st_size, content_type or guessed_type(key))

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """A file to write to, which becomes `key` when the block ends well and is dropped when it doesn't."""
        place = self.path(key)
        with _translated(key), _appearing(self.root / INCOMING / uuid4().hex, place) as target:
            yield target

    def open(self, key: str) -> BinaryIO:
        """Read the file at `key` as a stream."""
        with _translated(key, missing=NotFound):
            return self.path(key).open("rb")

    def stat(self, key: str) -> StoredFile | None:
        """What is at `key`, or None."""
        path = self.path(key)
        with _translated(key):
            return self._stored(path) if path.is_file() else None

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file in the folder `prefix`, at any depth."""
        prefix = checked_prefix(prefix)
        for folder, folders, names in os.walk(self.path(prefix) if prefix else self.root):
            folders[:] = sorted(name for name in folders if name != INCOMING)
            with _translated(prefix):
                yield from [self._stored(Path(folder, name)) for name in sorted(names)]

    def delete(self, prefix: str) -> None:
        """Remove a file or a folder: out of sight in one step, then off the disk."""
        path, doomed = self.path(checked_prefix(prefix)), self.root / INCOMING / uuid4().hex
        with _translated(prefix):
            doomed.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.rename(doomed)
            except (FileNotFoundError, NotADirectoryError):
                return
            if doomed.is_dir():
                shutil.rmtree(doomed)
            else:
                doomed.unlink()

    def copy(self, source_key: str, key: str) -> StoredFile:
        """Let one stored file appear at another key too: files never change in place, so a hard link is a copy."""
        source, place, aside = self.path(source_key), self.path(key), self.root / INCOMING / uuid4().hex
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            aside.hardlink_to(source)
            aside.replace(place)
        except OSError:  # there is no such file, or this file system has no hard links
            with self.open(source_key) as stream:
                return self.write(stream, key)
        finally:
            aside.unlink(missing_ok=True)
        return self._stored(place)

    def download_link(self, key: str, filename: str, seconds: int) -> str:
        """An address of this service that gives the file."""
        return self._link(Grant("GET", checked_key(key), int(time.time()) + seconds, filename=filename))

    def upload_link(
        self, key: str, *, content_type: str, size_limit: int, seconds: int, size_bytes: int | None = None
    ) -> UploadLink:
        """An address of this service that takes the file."""
        check_size(size_bytes, size_limit)
        expires = int(time.time()) + seconds
        exactly = -1 if size_bytes is None else size_bytes
        grant = Grant("PUT", checked_key(key), expires, content_type, exactly, size_limit)
        moment = datetime.fromtimestamp(expires, UTC)
        return UploadLink(self._link(grant), "PUT", {"Content-Type": content_type}, key, moment)

    def verified(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """What the link allows, or NotPermitted: signed by us, for this method and key, and not expired."""
        try:
            grant = Grant(
                method,
                checked_key(key),
                int(query["expires"]),
                query.get("content_type", ""),
                int(query.get("size_bytes", -1)),
                int(query.get("size_limit", -1)),
                query.get("filename", ""),
            )
        except (KeyError, ValueError):
            raise NotPermitted("This link is not complete.") from None
        if not hmac.compare_digest(self._signature(grant).encode(), query.get("signature", "").encode()):
            raise NotPermitted("This link was not made here.")
        if grant.expires < time.time():
            raise NotPermitted("This link has expired.")
        return grant

    def begin_parts(self, key: str, *, content_type: str, size_bytes: int, part_bytes: int, seconds: int) -> None:
        """None: a single request to this service may be as large as a file may be."""

    def complete_parts(self, key: str, upload_id: str, size_bytes: int) -> bool:  # noqa: ARG002 - the port's form
        """False: no upload in parts ever began here."""
        return False

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Nothing to drop."""

    def check(self) -> None:
        """Raise StorageUnavailable unless the folder takes a file."""
        with _translated(""):
            probe = self.root / INCOMING / uuid4().hex
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()

    def _stored(self, path: Path) -> StoredFile:
        key = path.relative_to(self.root).as_posix()
        return StoredFile(key, path.stat().st_size, guessed_type(key))

    def _link(self, grant: Grant) -> str:
        fields = {name: value for name, value in asdict(grant).items() if value not in {"", -1}}
        del fields["method"], fields["key"]
        query = urlencode(fields | {"signature": self._signature(grant)})
        return f"{self._public_url}/files/{quote(grant.key)}?{query}"

    def _signature(self, grant: Grant) -> str:
        return hmac.digest(self._signing_key, json.dumps(asdict(grant), sort_keys=True).encode(), "sha256").hex()


@contextmanager
def _appearing(temporary: Path, place: Path) -> Iterator[BinaryIO]:
    """Write aside, then move into place, so that nobody ever sees half a file."""
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as target:
            yield target
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _translated(key: str, missing: type[ServiceError] = StorageUnavailable) -> Iterator[None]:
    """Turn the file system's errors into ours; only who reads may find that a file isn't there."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise missing("There is no such file.", key=key) from error
    except OSError as error:
        raise of_disk(error, key=key) from error
