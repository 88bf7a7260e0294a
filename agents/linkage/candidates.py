"""Which pairs of rows are worth comparing: rows that share rare keys, a bounded number of them for each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy
import numpy.typing
import pandas

from agents.linkage.fields import Field
from agents.table import Table

Positions = numpy.typing.NDArray[numpy.int32]
Pairs = tuple[Positions, Positions]
"""Two arrays of row positions, the smaller one of each pair first."""

NEIGHBOURS = 20
"""Candidate pairs kept for each row."""

MAX_PAIRS = 2_000_000
_MEETINGS = 40_000_000
_MEETINGS_AT_ONCE = 1_500_000
_GRAM_ROWS = 60_000
_PREFIX = 4
_COMBINED = 6
_WORTH_UNITS = 65_536


def candidates(values: Table, fields: Sequence[Field], sides: Positions | None, *, as_of: int | None = None) -> Pairs:
    """Pairs of positions, in order: each row with those that it shares the rarest keys with.

    sides: each position's source where rows of one source never match, else None. as_of: look no closer than at a
    table of so many rows.
    """
    rows = values.rows
    effort = max(as_of or rows, 1)
    meetings = max(20, min(600, _MEETINGS // effort))
    neighbours = max(2, min(NEIGHBOURS, MAX_PAIRS // effort))
    postings = _postings(_keys(values, fields, trigrams=effort <= _GRAM_ROWS), rows, meetings)
    lengths = postings.sql("SELECT p, sqrt(sum(w)) AS length FROM {self} GROUP BY p")
    frame = pandas.DataFrame({"p": numpy.arange(rows, dtype=numpy.int32)})
    frame["side"] = frame["p"] if sides is None else sides
    lengths = lengths.sql("SELECT p, length, side FROM {self} JOIN {sides} USING (p)", sides=values.replace(frame))
    step = max(1, _MEETINGS_AT_ONCE // meetings)
    packed = [
        _nearest(postings, lengths, start, start + step, meetings, neighbours, rows) for start in range(0, rows, step)
    ]
    return unpacked(numpy.unique(numpy.concatenate([*packed, numpy.empty(0, dtype=numpy.int64)])), rows)


def unpacked(packed: numpy.typing.NDArray[numpy.int64], rows: int) -> Pairs:
    """Pairs from their numbers a * rows + b."""
    return (packed // max(rows, 1)).astype(numpy.int32), (packed % max(rows, 1)).astype(numpy.int32)


def _keys(values: Table, fields: Sequence[Field], *, trigrams: bool) -> Table:
    """One row per row and key: whole values, pairs of beginnings, words, and in tables of modest size trigrams."""
    parts = [f"SELECT p, hash({n}, {field.name}) AS key FROM {{self}}" for n, field in enumerate(fields)]
    for one, other in combinations(fields[:_COMBINED], 2):
        beginnings = ", ".join(f"{field.name}[:{_PREFIX}]" for field in (one, other))
        parts.append(
            f"SELECT p, hash('{one.name}{other.name}', {beginnings}) AS key FROM {{self}}"
            f" WHERE {one.name} IS NOT NULL AND {other.name} IS NOT NULL"
        )
    worded = [field for field in fields if field.comparison in ("name", "text")]
    parts += [_unnested(f"string_split({field.name}, ' ')", field, "length(key) > 1") for field in worded]
    if trigrams:
        parts += [_unnested(grams_sql(f"{field.name}[:100]"), field, "true") for field in worded]
    keyed = parts[: len(fields)]
    filled = [f"{part} WHERE {field.name} IS NOT NULL" for part, field in zip(keyed, fields, strict=True)]
    return values.sql(" UNION ALL ".join([*filled, *parts[len(fields) :]]))


def grams_sql(text: str) -> str:
    """SQL for the list of a text's runs of three characters, its beginning and end marked by a blank."""
    padded = f"(' ' || {text} || ' ')"
    return f"list_transform(range(1, length({padded}) - 1), lambda i: {padded}[i:i + 2])"


def _unnested(tokens: str, field: Field, condition: str) -> str:
    found = f"SELECT p, unnest(list_distinct({tokens})) AS key FROM {{self}} WHERE {field.name} IS NOT NULL"
    return f"SELECT DISTINCT p, hash('word', key) AS key FROM ({found}) WHERE {condition}"


def _postings(keys: Table, rows: int, meetings: int) -> Table:
    """Keys that some but not too many rows share, with `n`, how many, and `w`, what sharing one is worth."""
    # Whole numbers, because only their sums come out the same whichever thread adds first; else ties break at random.
    return keys.sql(
        f"""
        SELECT p, key, n, round((ln({rows} / n) ** 2 + 0.01) * {_WORTH_UNITS}) AS w
        FROM {{self}} JOIN (
            SELECT key, count(*) AS n FROM {{self}} GROUP BY key HAVING count(*) BETWEEN 2 AND {meetings}
        ) USING (key)
        ORDER BY p
        """
    )


def _nearest(
    postings: Table, lengths: Table, start: int, end: int, meetings: int, neighbours: int, rows: int
) -> numpy.typing.NDArray[numpy.int64]:
    """The best pairs of the rows in [start, end): each spends its meetings on its rarest keys first."""
    # Step by step, so that each step knows how small the last one was and builds its hash table on the smaller side.
    kept = postings.sql(
        f"""
        SELECT p, key, w FROM (
            SELECT p, key, w, sum(n) OVER (PARTITION BY p ORDER BY n, key ROWS UNBOUNDED PRECEDING) AS spent
            FROM {{self}} WHERE p >= {start} AND p < {end}
        ) WHERE spent <= {meetings}
        """
    )
    met = kept.sql(
        "SELECT kept.p AS a, other.p AS b, sum(kept.w) AS shared FROM {self} AS kept JOIN {postings} AS other"
        " USING (key) WHERE kept.p <> other.p GROUP BY 1, 2",
        postings=postings,
    )
    found = met.df(
        f"""
        SELECT least(a, b)::BIGINT * {rows} + greatest(a, b) AS pair
        FROM {{self}} JOIN {{lengths}} AS one ON one.p = a JOIN {{lengths}} AS two ON two.p = b
        WHERE one.side <> two.side
        QUALIFY row_number() OVER (PARTITION BY a ORDER BY shared / two.length DESC, b) <= {neighbours}
        """,
        lengths=lengths,
    )
    return found["pair"].to_numpy(dtype=numpy.int64)
