"""What is counted on the distinct texts of a few columns, as `shaped_values` gives them: c, v, n, padded, shape."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from agents.column_types import trim_sql
from agents.table import Table, literal

SUSPECT_WORDS = ("unknown", "empty", "missing", "not available", "not applicable", "unspecified", "tbd", "xxx", "#ref!")
"""Words that often stand where a value is missing; suspects only, because they can also be meant."""

_PRESENT = "shape <> 'missing'"
_LONGEST_PATTERN = 40
_PATTERNS = 5


@dataclass(frozen=True)
class Counts:
    """How the cells of one column divide. `missing` = NULL + blank + a spelling of "missing" (`disguised`).

    distinct: values that say something; once: those that stand in one row only. padded: cells with blank space around
    them. suspects: cells with a word that may stand for "missing".
    """

    rows: int = 0
    missing: int = 0
    blank: int = 0
    disguised: int = 0
    distinct: int = 0
    once: int = 0
    padded: int = 0
    suspects: int = 0

    @property
    def present(self) -> int:
        """Cells that say something."""
        return self.rows - self.missing


Frequencies = list[tuple[int, int]]
"""How many of a column's texts have so many rows: (rows, texts)."""


def frequencies(values: Table) -> dict[int, Frequencies]:
    """How often the non-missing texts of each column stand in the table."""
    found: dict[int, Frequencies] = {}
    query = f"SELECT c, n, count(*) FROM {{self}} WHERE {_PRESENT} GROUP BY c, n ORDER BY c, n"
    for place, rows, texts in values.query(query):
        found.setdefault(place, []).append((rows, texts))
    return found


def count_cells(
    values: Table, found: Mapping[int, Frequencies], measured: Mapping[int, Lengths], columns: int
) -> list[Counts]:
    """How the cells of each column divide, by its place."""
    missing: dict[int, list[tuple[str | None, int]]] = {}
    for place, text, rows in values.query("SELECT c, v, n FROM {self} WHERE shape = 'missing'"):
        missing.setdefault(place, []).append((text, rows))
    suspected = _suspects(values)
    return [
        _counts(found.get(place, []), missing.get(place, []), measured.get(place), suspected.get(place, 0))
        for place in range(columns)
    ]


def _suspects(values: Table) -> dict[int, int]:
    words = literal("|".join(SUSPECT_WORDS))
    likely = f"shape = 'text' AND strlen(v) <= {2 * max(map(len, SUSPECT_WORDS))}"
    query = (
        f"SELECT c, sum(n) FROM {{self}} WHERE {likely} AND regexp_full_match(lower({trim_sql('v')}), {words})"
        " GROUP BY c"
    )
    return {place: int(rows) for place, rows in values.query(query)}


def _counts(
    found: Frequencies, missing: Sequence[tuple[str | None, int]], measured: Lengths | None, suspects: int
) -> Counts:
    lost = sum(rows for _, rows in missing)
    blank = sum(rows for text, rows in missing if text is not None and not text.strip())
    return Counts(
        rows=lost + sum(rows * texts for rows, texts in found),
        missing=lost,
        blank=blank,
        disguised=lost - blank - sum(rows for text, rows in missing if text is None),
        distinct=sum(texts for _, texts in found),
        once=next((texts for rows, texts in found if rows == 1), 0),
        padded=measured.padded if measured else 0,
        suspects=suspects,
    )


@dataclass(frozen=True)
class Lengths:
    """Of the texts of one column, in characters; std as pandas (n - 1), None of a single cell.

    padded: cells with blank space around their text.
    """

    min: int
    mean: float
    median: float
    max: int
    std: float | None
    padded: int


def lengths(values: Table) -> dict[int, Lengths]:
    """How long the non-missing texts of each column are."""
    counted: dict[int, list[tuple[int, int, int]]] = {}
    query = (
        "SELECT c, length(v) AS l, sum(n), coalesce(sum(n) FILTER (padded), 0)"
        f" FROM {{self}} WHERE {_PRESENT} GROUP BY c, l ORDER BY c, l"
    )
    for place, length, rows, padded in values.query(query):
        counted.setdefault(place, []).append((length, int(rows), int(padded)))
    return {place: _lengths(found) for place, found in counted.items()}


def _lengths(counted: Sequence[tuple[int, int, int]]) -> Lengths:
    """From the rows of each length, in whole numbers until the last step."""
    rows = sum(n for _, n, _ in counted)
    total = sum(length * n for length, n, _ in counted)
    squares = sum(length * length * n for length, n, _ in counted)
    upto = list(accumulate(n for _, n, _ in counted))
    middle = [counted[bisect_right(upto, place)][0] for place in ((rows - 1) // 2, rows // 2)]
    spread = (squares * rows - total * total) / (rows * (rows - 1)) if rows > 1 else None
    return Lengths(
        min=counted[0][0],
        mean=total / rows,
        median=sum(middle) / 2,
        max=counted[-1][0],
        std=None if spread is None else math.sqrt(spread),
        padded=sum(padded for _, _, padded in counted),
    )


def entropy(found: Frequencies) -> float:
    """How much a column's values say, in bits: 0 where all cells are alike, log2(rows) where all differ."""
    total = sum(rows * texts for rows, texts in found)
    return max(0.0, math.log2(total) - math.fsum(texts * rows * math.log2(rows) for rows, texts in found) / total)


Counted = list[tuple[str, int]]
"""Texts with their rows."""


def top_and_rarest(values: Table, wanted: int) -> dict[int, tuple[Counted, Counted]]:
    """The most and the least frequent texts of each column; of equally frequent ones those that sort first."""
    found = values.query(
        f"SELECT c, min(row(-n, v), {int(wanted)}), min(row(n, v), {int(wanted)}) FROM {{self}}"
        f" WHERE {_PRESENT} GROUP BY c"
    )
    return {
        place: ([(text, -int(rows)) for rows, text in top], [(text, int(rows)) for rows, text in rarest])
        for place, top, rarest in found
    }


def spelling_variants(values: Table, places: Sequence[int]) -> dict[int, int]:
    """Rows whose text differs from a more frequent one only in case or blank space, by column."""
    if not places:
        return {}
    fingerprint = f"lower(regexp_replace({trim_sql('v')}, '\\s+', ' ', 'g'))"
    found = values.query(
        f"""
        SELECT c, sum(n - most) FROM (
            SELECT c, sum(n) AS n, max(n) AS most FROM {{self}}
            WHERE {_PRESENT} AND c IN ({", ".join(map(str, places))})
            GROUP BY c, {fingerprint}
        ) GROUP BY c
        """
    )
    return {place: int(rows) for place, rows in found}


Patterns = dict[int, tuple[int, Counted]]
"""Per column: how many cells were looked at, and its most frequent character patterns with their cells."""


def patterns(values: Table, free: Sequence[int]) -> Patterns:
    """The character patterns of distinct texts (c, v, n): `A` a capital, `a` a small letter, `9` a digit.

    In the columns of free text (their places in `free`) a run of letters is one `A+` or `a+`. Only the first 40
    characters count.
    """
    found = values.query(
        f"""
        SELECT c, sum(n), min(row(-n, pattern), {_PATTERNS}) FROM (
            SELECT c, {_pattern_sql(free)} AS pattern, sum(n) AS n FROM {{self}} GROUP BY c, pattern
        ) GROUP BY c
        """
    )
    return {place: (int(cells), [(pattern, -int(rows)) for rows, pattern in top]) for place, cells, top in found}


def _pattern_sql(free: Sequence[int]) -> str:
    text = f"left(v, {_LONGEST_PATTERN})"
    exact, runs = ((rf"\p{{Lu}}{m}", rf"\p{{Ll}}{m}") for m in ("", "+"))
    by_letter = _replaced(text, {exact[0]: "A", exact[1]: "a", r"\d": "9"})
    by_run = _replaced(text, {runs[0]: "A+", runs[1]: "a+", r"\d": "9"})
    return f"CASE WHEN c IN ({', '.join(map(str, free))}) THEN {by_run} ELSE {by_letter} END" if free else by_letter


def _replaced(text: str, letters: Mapping[str, str]) -> str:
    for pattern, letter in letters.items():
        text = f"regexp_replace({text}, {literal(pattern)}, '{letter}', 'g')"
    return text
