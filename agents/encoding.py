"""Which encoding a text file is in, and the same text as UTF-8.

DuckDB refuses or silently drops what it can't decode, so the decision is made here, on every byte of the file.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agents.read_base import blocks
from errors import UnreadableFile

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f"))
_SAMPLE = 1 << 18

# cp1252 leaves five bytes without a meaning; latin-1 has one for each.
_CP1252 = "".join(
    byte.decode("latin-1") if byte in b"\x81\x8d\x8f\x90\x9d" else byte.decode("cp1252")
    for byte in (bytes([code]) for code in range(256))
)


@dataclass(frozen=True)
class Text:
    """A text file that is valid UTF-8 without a byte order mark."""

    path: Path
    encoding: str
    nuls: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Census:
    """How the bytes of a file look when they are taken as UTF-8."""

    broken: int
    beyond_ascii: int
    nuls: int


def to_utf8(path: Path, folder: Path) -> Text:
    """The text of a file as UTF-8: the file itself where it is that already, else a copy in `folder`."""
    head = next(blocks(path), b"")[:_SAMPLE]
    marked = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), None)
    if marked:
        mark, name = marked
        return _transcode(path, folder, name, start=len(mark))
    wide = _utf16_by_nulls(head)
    if wide:
        return _transcode(path, folder, wide)
    _refuse_binary(head)
    census = _census(path)
    if not census.broken:
        return Text(path, "utf-8", census.nuls)
    # Letters of cp1252 hardly ever make a sound sequence of UTF-8, so where many are sound it is UTF-8 with a few
    # foreign bytes: reading it all as cp1252 would spoil every other letter.
    if census.beyond_ascii >= census.broken:
        return _transcode(path, folder, "utf-8", broken=census.broken)
    return _transcode(path, folder, "cp1252")


def _utf16_by_nulls(head: bytes) -> str | None:
    """UTF-16 without a mark has the zero bytes of its delimiters and line ends on one side only."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    units = len(head) // 2
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if units >= 2 and zeros >= max(2, units // 20) and others <= zeros // 50 and _decodes(head, name):
            return name
    return None


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return "\n" in text or "\r" in text or "," in text or len(text) < 100


def _refuse_binary(head: bytes) -> None:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > max(4, len(head) // 50) or head.count(0) > max(4, len(head) // 4):
        raise UnreadableFile(
            "The file holds binary data, not text. Send a table as CSV, TSV, JSON, JSON Lines, Parquet or XLSX."
        )


def _census(path: Path) -> _Census:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    broken = beyond = nuls = 0
    for block in blocks(path):
        nuls += block.count(0) if b"\0" in block else 0
        if block.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(block)
        replaced = text.count("\ufffd")
        broken += max(0, replaced - block.count(b"\xef\xbf\xbd"))
        beyond += len(text) - len(text.encode("ascii", "ignore")) - replaced
    return _Census(broken + len(decoder.decode(b"", True)), beyond, nuls)


def _transcode(path: Path, folder: Path, encoding: str, *, start: int = 0, broken: int = 0) -> Text:
    target = folder / "as_utf8"
    nuls = replaced = 0
    with target.open("wb") as out:
        for text in _decoded(path, encoding, start):
            nuls += text.count("\0")
            replaced += text.count("\ufffd")
            out.write(text.encode("utf-8"))
    return Text(target, encoding, nuls, tuple(_remarks(encoding, broken, replaced)))


def _decoded(path: Path, encoding: str, start: int) -> Iterator[str]:
    if encoding == "cp1252":
        for block in blocks(path, start):
            yield codecs.charmap_decode(block, "strict", _CP1252)[0]
        return
    errors = _FOREIGN_BYTES if encoding == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for block in blocks(path, start):
        yield decoder.decode(block)
    yield decoder.decode(b"", True)


def _remarks(encoding: str, broken: int, replaced: int) -> Iterator[str]:
    if broken:
        places = "a place in it is not; it was" if broken == 1 else f"{broken:,} places in it are not; they were"
        yield f"The file is UTF-8, but {places} read as cp1252."
    elif encoding != "utf-8":
        yield f"The file was read as {encoding} and is UTF-8 from here on."
    if replaced and encoding.startswith(("utf-16", "utf-32")):
        yield f"{replaced:,} characters can't be decoded as {encoding}; each stands as \ufffd."


def _foreign_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return codecs.charmap_decode(error.object[error.start : error.end], "strict", _CP1252)[0], error.end


_FOREIGN_BYTES = "agensium-foreign-bytes"
codecs.register_error(_FOREIGN_BYTES, _foreign_bytes)
