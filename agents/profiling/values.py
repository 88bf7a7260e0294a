"""What is counted on the distinct texts of a few columns, as `shaped_values` gives them: c, v, n, padded, shape."""

import math
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


def count_cells(values: Table, columns: int) -> list[Counts]:
    """How the cells of each column divide, by its place."""
    words = "|".join(SUSPECT_WORDS)
    suspect = f"shape = 'text' AND strlen(v) <= 30 AND regexp_full_match(lower({trim_sql('v')}), {literal(words)})"
    found = values.query(
        f"""
        SELECT c, sum(n), sum(n) FILTER (shape = 'missing'), sum(n) FILTER (shape = 'missing' AND blank),
            sum(n) FILTER (shape = 'missing' AND NOT blank), count(*) FILTER ({_PRESENT}),
            count(*) FILTER ({_PRESENT} AND n = 1), sum(n) FILTER ({_PRESENT} AND padded), sum(n) FILTER ({suspect})
        FROM (SELECT *, CASE WHEN shape = 'missing' THEN {trim_sql("v")} = '' END AS blank FROM {{self}}) GROUP BY c
        """
    )
    counted = {place: Counts(*(int(figure or 0) for figure in figures)) for place, *figures in found}
    return [counted.get(place, Counts()) for place in range(columns)]


@dataclass(frozen=True)
class Lengths:
    """Of the texts of one column, in characters; std as pandas (n - 1), None of a single cell."""

    min: int
    mean: float
    median: float
    max: int
    std: float | None


def lengths(values: Table) -> dict[int, Lengths]:
    """How long the non-missing texts of each column are."""
    counted: dict[int, list[tuple[int, int]]] = {}
    query = f"SELECT c, length(v) AS l, sum(n) FROM {{self}} WHERE {_PRESENT} GROUP BY c, l ORDER BY c, l"
    for place, length, rows in values.query(query):
        counted.setdefault(place, []).append((length, int(rows)))
    return {place: _lengths(found) for place, found in counted.items()}


def _lengths(counted: Sequence[tuple[int, int]]) -> Lengths:
    """From the rows of each length, in whole numbers until the last step."""
    rows = sum(n for _, n in counted)
    total = sum(length * n for length, n in counted)
    squares = sum(length * length * n for length, n in counted)
    upto = list(accumulate(n for _, n in counted))
    middle = [next(counted[at][0] for at, last in enumerate(upto) if place < last) for place in _middle(rows)]
    spread = (squares * rows - total * total) / (rows * (rows - 1)) if rows > 1 else None
    return Lengths(
        min=counted[0][0],
        mean=total / rows,
        median=sum(middle) / len(middle),
        max=counted[-1][0],
        std=None if spread is None else math.sqrt(spread),
    )


def _middle(rows: int) -> tuple[int, ...]:
    return (rows // 2,) if rows % 2 else (rows // 2 - 1, rows // 2)


def entropies(values: Table) -> dict[int, float]:
    """How much each column's values say, in bits: 0 where all cells are alike, log2(rows) where all differ."""
    counted: dict[int, list[tuple[int, int]]] = {}
    query = f"SELECT c, n, count(*) FROM {{self}} WHERE {_PRESENT} GROUP BY c, n ORDER BY c, n"
    for place, rows, texts in values.query(query):
        counted.setdefault(place, []).append((rows, texts))
    return {place: _entropy(found) for place, found in counted.items()}


def _entropy(counted: Sequence[tuple[int, int]]) -> float:
    """From how many values have so many rows."""
    total = sum(rows * texts for rows, texts in counted)
    return max(0.0, math.log2(total) - math.fsum(texts * rows * math.log2(rows) for rows, texts in counted) / total)


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
