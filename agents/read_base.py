"""What every reader shares: limits, what a reader answers, and safe column names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.table import Table
from errors import TooLarge

MB = 1 << 20
BLOCK = 4 * MB
_LARGE = 64 * MB


@dataclass(frozen=True)
class ReadOptions:
    """The sheet to read, and how much of a file is still accepted."""

    sheet: str | None = None
    max_mb: int = 5000
    max_columns: int = 10_000
    max_field_mb: int = 16
    max_xlsx_cells: int = 5_000_000


@dataclass(frozen=True)
class Content:
    """What one reader made of a file."""

    table: Table
    format: str
    notes: tuple[str, ...] = ()
    delimiter: str | None = None
    mended: Table | None = None


def blocks(path: Path, start: int = 0) -> Iterator[bytes]:
    """The bytes of a file in blocks of a bounded size."""
    with path.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(BLOCK):
            yield block


def is_large(path: Path) -> bool:
    """Whether a file's table had better not be kept in memory."""
    return path.stat().st_size > _LARGE


def column_names(names: Sequence[str], limit: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that can stand side by side in one table, and a note for each that had to change."""
    if len(names) > limit:
        raise TooLarge(f"The file has {len(names):,} columns; at most {limit:,} are read.", columns=len(names))
    wanted = [_plain(name) or f"column_{number}" for number, name in enumerate(names, 1)]
    # A name that stands as it is keeps its spelling, also when a renamed one before it would like the same.
    kept = {_folded(name) for name in wanted}
    seen: set[str] = set()
    given = []
    for name in wanted:
        given.append(_free(name, seen, kept))
        seen.add(_folded(given[-1]))
    notes = (
        f"Column {number} is called {new!r} here; in the file its name is {old!r}."
        for number, (old, new) in enumerate(zip(names, given, strict=True), 1)
        if old != new
    )
    return tuple(given), tuple(notes)


def _plain(name: str) -> str:
    """Hidden columns start with two underscores, so a user's must not."""
    plain = name.replace("\0", "")
    return re.sub(r"^__+", "_", plain) if plain.strip() else ""


def _folded(name: str) -> str:
    """DuckDB tells identifiers apart by everything but the case of ASCII letters."""
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), name)


def _free(name: str, seen: set[str], kept: set[str]) -> str:
    if _folded(name) not in seen:
        return name
    number = 2
    while _folded(f"{name}_{number}") in seen | kept:
        number += 1
    return f"{name}_{number}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """A few names for a message, and how many there are beyond them."""
    held = list(names)
    shown = ", ".join(repr(name) for name in held[:most])
    return shown if len(held) <= most else f"{shown} and {len(held) - most:,} more"
