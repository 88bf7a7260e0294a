"""What kind of file the first bytes tell of, and the one file inside a gzip or zip."""

from __future__ import annotations

import errno
import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO

from agents.read_base import MB, ReadOptions, blocks, listed
from errors import TooLarge, UnreadableFile, UnsupportedMediaType

READABLE = "Tables are read from CSV, TSV, JSON, JSON Lines, Parquet and XLSX, plain or in a gzip or zip file"
_FREE_MB = 100
_RATIO = 100

_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh91AY&SY", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"\x89HDF", "an HDF5 file"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What gzip, zip and what is packed in them raise where they are not sound.
DAMAGED = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def kind_of(path: Path) -> str:
    """ "parquet", "xlsx", "gzip", "zip" or "text"; raises where the bytes tell of a kind that isn't read."""
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise UnreadableFile("The file is empty.")
    if head.startswith(_OLE):
        raise _old_office(path)
    if head.startswith((b"PAR1", b"PARE")):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    foreign = next((what for magic, what in _FOREIGN if head.startswith(magic)), None)
    foreign = "a tar archive" if head[257:262] == b"ustar" else foreign
    if foreign:
        raise UnsupportedMediaType(f"The file is {foreign}. {READABLE}.")
    return "text"


def _old_office(path: Path) -> UnreadableFile | UnsupportedMediaType:
    locked = "EncryptedPackage".encode("utf-16-le")
    before = b""
    for block in blocks(path):
        if locked in before + block:
            return UnreadableFile("The workbook is protected by a password. Save it without one and send it again.")
        before = block[-len(locked) :]
    return UnsupportedMediaType("The file is an old Office document (.xls). Save it as .xlsx and send it again.")


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except DAMAGED as error:
        raise UnreadableFile("The file is a zip or XLSX that is damaged or cut off. Send it again.") from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise UnsupportedMediaType(f"The file is an Office document, but not XLSX. {READABLE}.")
    return "zip"


def unpack(path: Path, filename: str, folder: Path, options: ReadOptions) -> tuple[Path, str]:
    """The file inside a gzip or zip and its name; any other file as it is."""
    kind = kind_of(path)
    if kind not in ("gzip", "zip"):
        return path, filename
    target = folder / "unpacked"
    try:
        if kind == "gzip":
            with gzip.open(path, "rb") as stream:
                _copy(stream, target, path.stat().st_size, options)
            name = filename.removesuffix(".gz")
        else:
            name = _unzip(path, target, options)
    except DAMAGED as error:
        raise _damaged(kind) from error
    except OSError as error:
        # A place before the beginning of the file, as a damaged directory of a zip names it.
        if error.errno != errno.EINVAL:
            raise
        raise _damaged(kind) from error
    if kind_of(target) in ("gzip", "zip"):
        raise UnsupportedMediaType("The archive holds another archive. Send the table itself, packed once at most.")
    return target, name


def _damaged(kind: str) -> UnreadableFile:
    return UnreadableFile(f"The {kind} file is damaged or cut off. Send it again.")


def _unzip(path: Path, target: Path, options: ReadOptions) -> str:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if _is_content(entry)]
        if len(entries) != 1:
            inside = listed(entry.filename for entry in entries) or "nothing"
            raise UnreadableFile(f"The zip file must hold exactly one table; it holds {inside}.")
        if entries[0].flag_bits & 1:
            raise UnreadableFile("The zip file is protected by a password. Send it without one.")
        with archive.open(entries[0]) as stream:
            _copy(stream, target, entries[0].compress_size, options)
    return entries[0].filename


def _is_content(entry: zipfile.ZipInfo) -> bool:
    hidden = entry.filename.rsplit("/", 1)[-1].startswith(".") or entry.filename.startswith("__MACOSX/")
    return not entry.is_dir() and not hidden


def _copy(stream: gzip.GzipFile | IO[bytes], target: Path, packed: int, options: ReadOptions) -> None:
    written = 0
    with target.open("wb") as out:
        while block := stream.read(MB):
            written += len(block)
            check_expansion(written, packed, options)
            out.write(block)


def check_expansion(unpacked: int, packed: int, options: ReadOptions) -> None:
    """Raise TooLarge for what no honest table needs: a small file that unpacks into a huge one."""
    if unpacked > options.max_mb * MB:
        raise TooLarge(f"Unpacked, the file has over {options.max_mb:,} MB, the most that is read.")
    if unpacked > _FREE_MB * MB and unpacked > _RATIO * packed:
        raise TooLarge(f"The file unpacks to more than {_RATIO} times its size. Send it unpacked.")
