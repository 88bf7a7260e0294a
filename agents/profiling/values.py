"""What is counted on the distinct texts of a few columns, as `shaped_values` gives them: c, v, n, padded, shape."""

from __future__ import annotations

import math
import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate, compress

from agents.column_types import Spelled, trim_sql
from agents.semantics.columns import Texts
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
    values: Table,
    spelled: Sequence[Spelled],
    found: Mapping[int, Frequencies],
    measured: Mapping[int, Lengths],
    columns: int,
) -> list[Counts]:
    """How the cells of each column divide, by its place."""
    missing: dict[int, list[tuple[str | None, int]]] = {}
    if any(each.shape == "missing" for each in spelled):
        for place, text, rows in values.query("SELECT c, v, n FROM {self} WHERE shape = 'missing'"):
            missing.setdefault(place, []).append((text, rows))
    suspected = _suspects(values) if any(_may_be_suspect(each) for each in spelled) else {}
    return [
        _counts(found.get(place, []), missing.get(place, []), measured.get(place), suspected.get(place, 0))
        for place in range(columns)
    ]


_LONGEST_SUSPECT = 2 * max(map(len, SUSPECT_WORDS))


def _may_be_suspect(each: Spelled) -> bool:
    return each.shape == "text" and (each.length or 0) <= _LONGEST_SUSPECT


def _suspects(values: Table) -> dict[int, int]:
    words = literal("|".join(SUSPECT_WORDS))
    likely = f"shape = 'text' AND strlen(v) <= {_LONGEST_SUSPECT}"
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


def lengths(spelled: Iterable[Spelled]) -> dict[int, Lengths]:
    """How long the non-missing texts of each column are."""
    rows: dict[int, Counter[int]] = {}
    padded: Counter[int] = Counter()
    for each in spelled:
        if each.shape != "missing" and each.length is not None:
            rows.setdefault(each.place, Counter())[each.length] += each.rows
            padded[each.place] += each.rows if each.padded else 0
    return {place: _lengths(sorted(found.items()), padded[place]) for place, found in rows.items()}


def _lengths(counted: Sequence[tuple[int, int]], padded: int) -> Lengths:
    """From the rows of each length, in whole numbers until the last step."""
    rows = sum(n for _, n in counted)
    total = sum(length * n for length, n in counted)
    squares = sum(length * length * n for length, n in counted)
    upto = list(accumulate(n for _, n in counted))
    middle = [counted[bisect_right(upto, place)][0] for place in ((rows - 1) // 2, rows // 2)]
    spread = (squares * rows - total * total) / (rows * (rows - 1)) if rows > 1 else None
    return Lengths(
        min=counted[0][0],
        mean=total / rows,
        median=sum(middle) / 2,
        max=counted[-1][0],
        std=None if spread is None else math.sqrt(spread),
        padded=padded,
    )


def entropy(found: Frequencies) -> float:
    """How much a column's values say, in bits: 0 where all cells are alike, log2(rows) where all differ."""
    total = sum(rows * texts for rows, texts in found)
    return max(0.0, math.log2(total) - math.fsum(texts * rows * math.log2(rows) for rows, texts in found) / total)


Counted = list[tuple[str, int]]
"""Texts with their rows."""


def top_and_rarest(values: Table, found: Mapping[int, Frequencies], wanted: int) -> dict[int, tuple[Counted, Counted]]:
    """The most and the least frequent texts of each column; of equally frequent ones those that sort first."""
    top = {place: _ends(reversed(frequencies), wanted) for place, frequencies in found.items()}
    rarest = {place: _ends(frequencies, wanted) for place, frequencies in found.items()}
    texts = _first_texts(values, top, rarest, wanted)
    return {
        place: (_listed(place, top[place], texts, wanted), _listed(place, rarest[place], texts, wanted))
        for place in found
    }


def _ends(frequencies: Iterable[tuple[int, int]], wanted: int) -> list[int]:
    """From the first on, as many frequencies as it takes to have so many texts."""
    chosen, texts = [], 0
    for rows, count in frequencies:
        chosen.append(rows)
        texts += count
        if texts >= wanted:
            break
    return chosen


def _first_texts(
    values: Table, top: Mapping[int, Sequence[int]], rarest: Mapping[int, Sequence[int]], wanted: int
) -> dict[tuple[int, int], list[str]]:
    """Of the texts with so many rows (column, rows), those that sort first."""
    if not top:
        return {}
    least, most = _last_sql(top), _last_sql(rarest)
    found = values.query(
        f"SELECT c, n, min(v, {int(wanted)}) FROM {{self}}"
        f" WHERE {_PRESENT} AND (n >= {least} OR n <= {most}) GROUP BY c, n"
    )
    return {(place, rows): texts for place, rows, texts in found}


def _last_sql(ends: Mapping[int, Sequence[int]]) -> str:
    """SQL for the last number of a text's column c."""
    last = [ends.get(place, [0])[-1] for place in range(max(ends) + 1)]
    return f"{last}[c + 1]" if len(last) > 1 else str(last[0])


def _listed(place: int, ends: Sequence[int], texts: Mapping[tuple[int, int], list[str]], wanted: int) -> Counted:
    return [(text, rows) for rows in ends for text in texts[place, rows]][:wanted]


def spelling_variants(values: Table, places: Sequence[int]) -> dict[int, int]:
    """Rows whose text differs from a more frequent one only in case or blank space, by column."""
    if not places:
        return {}
    # Most texts have no blank space to join, which a look tells sooner than a replacement that replaces nothing.
    joined = "CASE WHEN regexp_matches(t, '[\\t\\n\\f\\r]|  ') THEN regexp_replace(t, '\\s+', ' ', 'g') ELSE t END"
    texts = f"SELECT c, n, CASE WHEN padded THEN {trim_sql('v')} ELSE v END AS t FROM {{self}} WHERE {_PRESENT}"
    found = values.query(
        f"""
        SELECT c, sum(n - most) FROM (
            SELECT c, sum(n) AS n, max(n) AS most FROM ({texts} AND c IN ({", ".join(map(str, places))}))
            GROUP BY c, lower({joined})
        ) GROUP BY c
        """
    )
    return {place: int(rows) for place, rows in found}


Patterns = dict[int, tuple[int, Counted]]
"""Per column: how many cells were looked at, and its most frequent character patterns with their cells."""


def patterns(held: Sequence[Texts], free: Collection[int]) -> Patterns:
    """The character patterns of columns' distinct texts: `A` a capital, `a` a small letter, `9` a digit.

    In the columns of free text (their places in `free`) a run of letters is one `A+` or `a+`. Only the first 40
    characters count.
    """
    return {
        place: (int(texts.n.sum()), _most_frequent(_pattern_rows(texts, runs=place in free)))
        for place, texts in enumerate(held)
        if len(texts.v)
    }


def _pattern_rows(texts: Texts, *, runs: bool) -> Counter[str]:
    """Rows by pattern. ASCII is translated in one go, which is six times as fast as three regular expressions."""
    plain = texts.pattern == ""
    found = Counter[str]()
    for pattern, rows in zip(texts.pattern[~plain].tolist(), texts.n[~plain].tolist(), strict=True):
        found[pattern] += rows
    if plain.any():
        lines = "\n".join([text[:_LONGEST_PATTERN] for text in texts.v[plain].tolist()])
        translated = lines.encode("ascii").translate(_CLASSES).decode("ascii").split("\n")
        often = texts.n[plain] > 1
        found.update(compress(translated, (~often).tolist()))
        for pattern, rows in zip(compress(translated, often.tolist()), texts.n[plain][often].tolist(), strict=True):
            found[pattern] += rows
    return _in_runs(found) if runs else found


def _in_runs(found: Mapping[str, int]) -> Counter[str]:
    joined = Counter[str]()
    for pattern, rows in found.items():
        joined[re.sub("A+", "A+", re.sub("a+", "a+", pattern))] += rows
    return joined


def _most_frequent(found: Mapping[str, int]) -> Counted:
    return nsmallest(_PATTERNS, found.items(), key=lambda each: (-each[1], each[0]))


_CLASSES = bytes.maketrans(
    (string.ascii_uppercase + string.ascii_lowercase + string.digits).encode(),
    ("A" * 26 + "a" * 26 + "9" * 10).encode(),
)


def own_pattern_sql(text: str) -> str:
    """SQL for the pattern of a text that isn't plain ASCII in one line, letter by letter; empty of any other."""
    pattern = _replaced(f"left({text}, {_LONGEST_PATTERN})", {r"\p{Lu}": "A", r"\p{Ll}": "a", r"\d": "9"})
    return f"CASE WHEN strlen({text}) = length({text}) AND NOT contains({text}, '\n') THEN '' ELSE {pattern} END"


def _replaced(text: str, letters: Mapping[str, str]) -> str:
    for pattern, letter in letters.items():
        text = f"regexp_replace({text}, {literal(pattern)}, '{letter}', 'g')"
    return text
