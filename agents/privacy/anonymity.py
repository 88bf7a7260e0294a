"""How few rows a person hides among: k-anonymity and l-diversity of a table over its quasi-identifiers, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.column_types import trim_sql
from agents.edits import concat
from agents.table import ROW, Table
from agents.turns import turns

SIZES = (2, 3, 5, 10)
"""The k of which the report says how many rows fall short."""

ROWS_SHOWN = 50

# Groups of numbers take half as much memory as groups of texts.
_TIMES = 2


@dataclass(frozen=True)
class Anonymity:
    """A class is all rows with the same quasi-identifiers, missing ones included.

    k: the size of the smallest class. unique_rows: rows alone in theirs. below: rows in classes smaller than each of
    SIZES. diversity: per sensitive column l, the fewest different values in a class, and the rows where that is 1.
    """

    quasi_identifiers: tuple[str, ...]
    rows: int
    classes: int
    k: int
    unique_rows: int
    below: Mapping[int, int]
    diversity: Mapping[str, tuple[int, int]]

    def as_json(self) -> dict[str, Any]:
        """The figures as they stand in the report, without the diversity."""
        shown = asdict(self) | {
            "quasi_identifiers": list(self.quasi_identifiers),
            "unique_percent": _percent(self.unique_rows, self.rows),
            "below": [
                {"k": size, "rows": rows, "percent": _percent(rows, self.rows)} for size, rows in self.below.items()
            ],
        }
        del shown["diversity"]
        return shown

    def diversity_as_json(self) -> list[dict[str, Any]]:
        """The diversity of every sensitive column."""
        return [
            {"column": column, "l": least, "rows_below_2": rows, "percent_below_2": _percent(rows, self.rows)}
            for column, (least, rows) in self.diversity.items()
        ]


class Encoded:
    """Some columns of a table as numbers, one per different value, so that rows are grouped fast and exactly.

    Blank space around a value doesn't count; missing and blank are one value.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.columns = tuple(dict.fromkeys(columns))
        values = {f"v{place}": _values(table, column) for place, column in enumerate(self.columns)}
        numbers = "".join(f", v{place}.i AS i{place}" for place in range(len(self.columns)))
        joins = " ".join(
            f"JOIN {{v{place}}} v{place} ON v{place}.v IS NOT DISTINCT FROM t.{Table.q(column)}"
            for place, column in enumerate(self.columns)
        )
        self._classes: dict[tuple[tuple[str, ...], tuple[str, ...]], Table] = {}
        self._numbers = table.sql(f"SELECT t.{ROW} AS row{numbers} FROM {{self}} t {joins}", **values)

    def classes(self, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()) -> Table:
        """One row per class: its numbers, rows `n` and first `row`, and per sensitive column whether it is `same`."""
        asked = tuple(quasi_identifiers), tuple(sensitive)
        if asked not in self._classes:
            self._classes[asked] = self._classes_of(*asked)
        return self._classes[asked]

    def _classes_of(self, quasi_identifiers: Sequence[str], sensitive: Sequence[str]) -> Table:
        keys = self._keys(quasi_identifiers)
        varied = "".join(
            f", min({self._place(column)}) = max({self._place(column)}) AS same{i}"
            for i, column in enumerate(sensitive)
        )
        counted = f"SELECT {keys}, count(*) AS n, min(row) AS row{varied} FROM {{self}}"
        return concat([self._numbers.sql(f"{counted} WHERE {some} GROUP BY {keys}") for some in self._turns(keys)])

    def alone(self, quasi_identifiers: Sequence[str], classes: Table) -> int:
        """How many rows are alone in their class, from the classes of these columns and more."""
        keys = self._keys(quasi_identifiers)
        found = (
            classes.scalar(
                f"SELECT count(*) FROM (SELECT 1 FROM {{self}} WHERE {some} GROUP BY {keys} HAVING sum(n) = 1)"
            )
            for some in turns(classes.rows, keys, times=_TIMES)
        )
        return sum(map(int, found))

    def diversity(self, quasi_identifiers: Sequence[str], sensitive: str) -> int:
        """The fewest different values of a column in any class."""
        keys = self._keys(quasi_identifiers)
        varied = f"GROUP BY {keys}, {self._place(sensitive)}"
        fewest = (
            self._numbers.scalar(
                "SELECT min(n) FROM (SELECT count(*) AS n FROM"
                f" (SELECT {keys} FROM {{self}} WHERE {some} {varied}) GROUP BY {keys})"
            )
            for some in self._turns(keys)
        )
        return min(int(count) for count in fewest if count is not None)

    def _turns(self, keys: str) -> Iterator[str]:
        return turns(self._numbers.rows, keys, times=_TIMES)

    def _keys(self, columns: Sequence[str]) -> str:
        return ", ".join(map(self._place, columns))

    def _place(self, column: str) -> str:
        return f"i{self.columns.index(column)}"


def _values(table: Table, column: str) -> Table:
    trimmed = f"nullif({trim_sql('v')}, '')"
    return table.sql(
        f"SELECT v, CAST(dense_rank() OVER (ORDER BY {trimmed}) AS UINTEGER) AS i"
        f" FROM (SELECT DISTINCT {Table.q(column)} AS v FROM {{self}})"
    )


def measure(
    encoded: Encoded, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()
) -> tuple[Anonymity, Table]:
    """The anonymity of all rows over those of the encoded columns, and the rows that are alone, in order."""
    classes = encoded.classes(quasi_identifiers, sensitive)
    below = ", ".join(f"coalesce(sum(n) FILTER (n < {size}), 0)" for size in SIZES)
    same = "".join(f", coalesce(sum(n) FILTER (same{i}), 0)" for i in range(len(sensitive)))
    figures = classes.query(f"SELECT sum(n), count(*), min(n), {below}{same} FROM {{self}}")[0]
    rows, count, smallest, *rest = (int(figure or 0) for figure in figures)
    found = Anonymity(
        quasi_identifiers=tuple(quasi_identifiers),
        rows=rows,
        classes=count,
        k=smallest,
        unique_rows=rest[0],
        below=dict(zip(SIZES, rest, strict=False)),
        diversity={
            column: (1 if alike else encoded.diversity(quasi_identifiers, column), alike)
            for column, alike in zip(sensitive, rest[len(SIZES) :], strict=True)
        },
    )
    return found, classes.sql("SELECT row FROM {self} WHERE n = 1 ORDER BY row")


def unique_without_each(encoded: Encoded, quasi_identifiers: Sequence[str]) -> dict[str, int]:
    """How many rows would still be alone if one column were left out: the fewer, the more that column tells."""
    if len(quasi_identifiers) < 2:
        return {}
    classes = encoded.classes(quasi_identifiers)
    return {
        left_out: encoded.alone([column for column in quasi_identifiers if column != left_out], classes)
        for left_out in quasi_identifiers
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
