"""Personal data in so few cells of a large table that a sample of its rows misses them: looked for in every row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from agents.privacy.checks import kinds_marked
from agents.table import Table, literal

_COLUMNS_AT_ONCE = 10
_MOST_TEXTS = 2_000
_SHORTEST = 8
_COMMON = 0.01

# How the sorts that tell themselves by their spelling look at least; whether they are it, a validator says.
_SHAPES: Mapping[str, str] = {
    "email": r"[^\s@]@[^\s@]+\.[A-Za-z]{2}",
    "national_id": r"\d{3}-\d{2}-\d{4}",
    "card": r"\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d|\d{4}[ -]\d{6}[ -]\d{4}",
    "bank_account": r"[A-Z]{2}\d{2} ?[A-Z\d]{4} ?[A-Z\d]{4}",
    "phone": r"\+\d[\d ().-]{7}|(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-.]\d{4}",
    "ip_address": r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d",
    "secret": r"eyJ[\w-]{10}|AKIA[A-Z\d]{16}|gh[pousr]_\w{30}|sk_(?:live|test)_|-----BEGIN ",
}

_COMPILED = {kind: re.compile(shape) for kind, shape in _SHAPES.items()}
_LETTER = re.compile(r"[^\W\d_]")

Values = list[tuple[str, int]]


@dataclass(frozen=True)
class Suspects:
    """Cells of one column that are spelled like one of `kinds`: distinct texts with their rows, at most 2,000.

    share: of the filled cells, how many are spelled so.
    """

    kinds: Collection[str]
    texts: Values
    share: float


def suspects(table: Table, seen: Mapping[str, Values]) -> Iterator[tuple[str, Suspects]]:
    """What a sample of each column may have missed, `seen` being the distinct values in it."""
    wanted = {name: kinds for name, values in seen.items() if not _only_figures(values) and (kinds := _unseen(values))}
    names = list(wanted)
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        part = names[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(
            f"count(*) FILTER ({_spelled_sql(Table.q(name), wanted[name])}), count({Table.q(name)})" for name in part
        )
        found = table.query(f"SELECT {counts} FROM {{self}}")[0]
        for name, cells, filled in zip(part, found[::2], found[1::2], strict=True):
            if cells:
                yield name, Suspects(wanted[name], _texts(table, name, wanted[name]), cells / filled)


def _only_figures(values: Values) -> bool:
    """Whether they are dates, times or long numbers: what is spelled otherwise among these, the profile lists."""
    return not any(map(_LETTER.search, (text for text, _ in values))) and all(
        len(text) >= _SHORTEST for text, _ in values
    )


def _unseen(values: Values) -> list[str]:
    """The kinds of which the sample shows next to nothing: what it shows, it has been judged by."""
    everything = "\n".join(text for text, _ in values)
    marked = kinds_marked(everything)
    few = _COMMON * sum(count for _, count in values)
    return [
        kind
        for kind, shape in _COMPILED.items()
        if kind not in marked or not shape.search(everything) or _shows_few(values, shape, few)
    ]


def _shows_few(values: Values, shape: re.Pattern[str], few: float) -> bool:
    rows = accumulate(count for text, count in values if shape.search(text))
    return not any(count >= few for count in rows)


def _spelled_sql(cell: str, kinds: Collection[str]) -> str:
    shapes = literal("|".join(_SHAPES[kind] for kind in kinds))
    # CASE, so that no short cell is searched.
    return f"CASE WHEN strlen({cell}) < {_SHORTEST} THEN false ELSE regexp_matches({cell}, {shapes}) END"


def _texts(table: Table, name: str, kinds: Collection[str]) -> Values:
    return table.query(
        f"SELECT v, count(*) AS n FROM (SELECT {Table.q(name)} AS v FROM {{self}}) WHERE {_spelled_sql('v', kinds)}"
        f" GROUP BY v ORDER BY n DESC, hash(v), v LIMIT {_MOST_TEXTS}"
    )
