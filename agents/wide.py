"""Tables kept as several groups of columns, row beside row, of which a query sees only those that it names.

DuckDB sets aside 2,048 rows of 16 bytes for every column at every step of a query, however few rows there are: at
2,000 columns each step takes 64 MB. So the columns of a wide table lie in several DuckDB tables. And where a few of a
long table's columns change, the table before and the one after share all the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

ROW = "__row"
"""The hidden column: the 0-based data row of the user's own file, given at reading and never changed."""

GROUP = 100
"""How many columns are kept together."""

MOST_PARTS = 20
"""More than so many lie no longer side by side: a table of changes for every column would grow one after the other."""

_WORDS = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|(\w+)""")
_EVERY_COLUMN = re.compile(r"(?:\bSELECT(?:\s+DISTINCT)?|[,.])\s*\*|\*\s*(?:EXCLUDE|REPLACE)\b|\bCOLUMNS\s*\(")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")


@dataclass(frozen=True)
class Part:
    """One DuckDB table: its name, and those of its columns and rows that count; `whole` where these are all.

    rows: from which place up to before which other they lie, where they aren't all; numbered: whether `rowid` is
    DuckDB's own there, and no column's name.
    """

    name: str
    columns: tuple[str, ...]
    whole: bool = True
    rows: tuple[int, int] | None = None
    numbered: bool = True

    def without(self, columns: Iterable[str]) -> Part:
        """The same with fewer columns."""
        gone = set(columns)
        kept = tuple(column for column in self.columns if column not in gone)
        return replace(self, columns=kept, whole=self.whole and kept == self.columns)

    def chosen(self, columns: Sequence[str]) -> str:
        """What stands for some of its columns, and for its rows, in a query."""
        some = self._some(*self.rows) if self.rows else ""
        return f"(SELECT {', '.join(map(quote, columns)) or 'rowid'} FROM {self.name}{some})"

    def _some(self, start: int, end: int) -> str:
        # An offset reads all rows before it, too.
        return f" WHERE rowid >= {start} AND rowid < {end}" if self.numbered else f" LIMIT {end - start} OFFSET {start}"


def quote(column: str) -> str:
    """An identifier as SQL takes it."""
    return '"' + column.replace('"', '""') + '"'


def groups(columns: Sequence[str]) -> list[Sequence[str]]:
    """The columns but `__row`, as they are kept together."""
    own = [column for column in columns if column != ROW]
    return [own[at : at + GROUP] for at in range(0, len(own), GROUP)]


def named_in(query: str, columns: Iterable[str]) -> list[str]:
    """Those of the columns that a query may need: all where it says `*`, else those whose names stand in it."""
    if _EVERY_COLUMN.search(_QUOTED.sub('""', query)):
        return list(columns)
    words = {quoted.replace('""', '"') or bare for quoted, bare in _WORDS.findall(query)}
    return [column for column in columns if column in words]


def asks_for_rowid(query: str) -> bool:
    """Whether a query names DuckDB's own `rowid`: a quoted one is a user's column."""
    return "rowid" in query and "rowid" in _QUOTED.sub("", query)


def most_columns(query: str, named: int) -> int:
    """More columns than a query can have whose tables have so many, each counted as often as it is named."""
    bare = _QUOTED.sub("", query)
    return len(_EVERY_COLUMN.findall(bare)) * named + bare.count(",") + 1


_ALL_ROWS = 2**62


def source(parts: Sequence[Part], wanted: Sequence[str]) -> str:
    """What stands for the table in a query that needs the `wanted` columns; several parts are put row beside row."""
    homes = {column: part for part in parts for column in part.columns}
    own = [column for column in wanted if column != ROW]
    used = list(dict.fromkeys(homes[column] for column in own)) or [parts[0]]
    if len(used) == 1 and used[0].rows is None and (not own or _as_it_lies(used[0], own)):
        return used[0].name
    of_part = {part: [column for column in own if homes[column] == part] for part in used}
    of_part[used[0]] = [ROW] * (ROW in used[0].columns) + of_part[used[0]]
    if len(used) == 1:
        return used[0].chosen(of_part[used[0]])
    names = {part: f"p{place}" for place, part in enumerate(used)}
    cells = [f"p0.{ROW}"] * (ROW in used[0].columns)
    cells += [f"{names[homes[column]]}.{quote(column)}" for column in own]
    tables = [(part.chosen(of_part[part]) if part.rows else part.name, names[part]) for part in used]
    joined = " POSITIONAL JOIN ".join(f"{table} {name}" for table, name in tables)
    # A limit that limits nothing: DuckDB lets a join's filter through to one of the parts, whose rows then lie beside
    # other rows.
    return f"(SELECT {', '.join(cells)} FROM {joined} LIMIT {_ALL_ROWS})"


def _as_it_lies(part: Part, own: Sequence[str]) -> bool:
    return part.whole and list(own) == [column for column in part.columns if column in own]
