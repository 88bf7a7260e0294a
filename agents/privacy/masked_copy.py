"""A copy of a table to share: values replaced by keyed hashes or pseudonyms, quasi-identifiers generalised until every
row shares its own with enough others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.column_types import NUMERIC, TEMPORAL, ColumnType, date_sql, infer_types, is_null_sql, measure_sql, trim_sql
from agents.edits import concat
from agents.privacy.kinds import KINDS, Method
from agents.privacy.masks import loosely_masked_sql
from agents.table import ROW, Table, literal
from agents.turns import turns

ANYTHING = "*"
"""Stands for a value that is generalised so far that it could be any."""

REDACTED = "[redacted]"
TOP_LEVEL = 4
_COLUMNS_AT_ONCE = 8
_MOSTLY = 0.5
SUPPRESSED_AT_MOST = 0.05
"""Generalisation ends when no more than this share of the rows has to lose its quasi-identifiers altogether."""

_PREFIXES = {"person_name": "person", "email": "user", "user_name": "user"}
_BANDS = (50, 10, 4)


@dataclass(frozen=True)
class ColumnMask:
    """How a column is treated. kind: what it holds, if anything personal. scattered: only inside some of its texts.

    level: how far a generalised column is generalised at least, 0 to TOP_LEVEL.
    """

    column: str
    method: Method
    kind: str = ""
    scattered: bool = False
    level: int = 1

    @property
    def detail(self) -> str:
        """What is done, in words."""
        if self.scattered:
            return "addresses and numbers inside its texts are masked; names in them are not found"
        return {
            "keep": "as it is",
            "redact": f"every value reads {REDACTED}",
            "hash": "a keyed hash of 128 bits",
            "pseudonym": "a made-up value, the same wherever the value is the same",
            "generalise": f"generalised to level {self.level} of {TOP_LEVEL}",
        }[self.method]


@dataclass(frozen=True)
class MaskedCopy:
    """The copy, how each column was treated, and in how many rows all quasi-identifiers were replaced by ANYTHING."""

    table: Table
    masks: Sequence[ColumnMask]
    suppressed_rows: int


def masked_copy(
    table: Table, masks: Sequence[ColumnMask], quasi_identifiers: Sequence[str], *, k: int, salt: str
) -> MaskedCopy:
    """Mask every column by its method; generalise quasi-identifiers until each row is one of k at least.

    salt: the key of hashes and pseudonyms. A quasi-identifier that is kept, hashed or redacted isn't generalised.
    """
    ladders = {mask.column: _ladder(table, mask, k) for mask in masks if mask.method == "generalise"}
    climbing = [name for name in quasi_identifiers if name in ladders]
    levels = {mask.column: mask.level for mask in masks if mask.column in ladders}
    small = _climb(table, ladders, climbing, levels, k) if climbing else None
    treated = [replace(mask, level=levels.get(mask.column, 0)) for mask in masks]
    copy = table
    for part in _parts([mask for mask in treated if mask.method not in ("keep", "generalise")]):
        cells = ", ".join(f"{_cell(mask)} AS {Table.q(mask.column)}" for mask in part)
        keyed = {"salt": salt} if "$salt" in cells else {}
        copy = copy.sql(f"SELECT * REPLACE ({cells}) FROM {{self}}", **keyed)
    for mask in treated:
        if mask.method == "generalise":
            suppressed = small if mask.column in climbing else None
            copy = _generalised(copy, mask, ladders[mask.column], suppressed)
    return MaskedCopy(copy, treated, small.rows if small is not None else 0)


def _parts(masks: Sequence[ColumnMask]) -> Iterator[Sequence[ColumnMask]]:
    for start in range(0, len(masks), _COLUMNS_AT_ONCE):
        yield masks[start : start + _COLUMNS_AT_ONCE]


def _generalised(table: Table, mask: ColumnMask, ladder: Table, suppressed: Table | None) -> Table:
    """The table with one column at its level; in the rows `suppressed` it reads ANYTHING."""
    column = Table.q(mask.column)
    rows = table.sql(
        f"SELECT t.{ROW} AS row, m.l{mask.level} AS shown FROM {{self}} t"
        f" JOIN {{ladder}} m ON m.v IS NOT DISTINCT FROM t.{column}",
        ladder=ladder,
    )
    if suppressed is not None:
        rows = rows.sql(
            f"SELECT row, CASE WHEN row IN (SELECT row FROM {{suppressed}}) THEN {literal(ANYTHING)} ELSE shown END"
            " AS shown FROM {self}",
            suppressed=suppressed,
        )
    return table.sql(
        f"SELECT t.* REPLACE (r.shown AS {column}) FROM {{self}} t JOIN {{rows}} r ON r.row = t.{ROW}", rows=rows
    )


def _cell(mask: ColumnMask) -> str:
    cell = Table.q(mask.column)
    return f"CASE WHEN {is_null_sql(cell)} THEN {cell} ELSE {_replacement(mask, cell, trim_sql(cell))} END"


def _replacement(mask: ColumnMask, cell: str, text: str) -> str:
    if mask.scattered:
        return loosely_masked_sql(cell)
    if mask.method == "redact":
        return literal(REDACTED)
    # Hashed twice around the key, as HMAC does, so that a longer value can't be derived from a shorter one's hash.
    digest = f"sha256($salt || sha256($salt || {text}))"
    if mask.method == "hash":
        return f"left({digest}, 32)"
    prefix = _PREFIXES.get(mask.kind, mask.kind.replace("_", "-") or "value")
    pseudonym = f"{literal(prefix + '-')} || left({digest}, 12)"
    return f"{pseudonym} || '@example.invalid'" if mask.kind == "email" else pseudonym


# Generalisation


def _ladder(table: Table, mask: ColumnMask, k: int) -> Table:
    """The different values of a column with what they read at each level: v, l0 … l4."""
    known = infer_types(table, [mask.column])[mask.column]
    cell = Table.q(mask.column)
    values = concat(
        [
            table.sql(f"SELECT {cell} AS v, count(*) AS n FROM {{self}} WHERE {some} GROUP BY ALL")
            for some in turns(table.rows, cell)
        ]
    )
    rungs = list(_rungs(values, mask.kind, known, k))
    shown = ", ".join(
        f"CASE WHEN {is_null_sql('v')} THEN v ELSE {rung} END AS l{level}" for level, rung in enumerate(rungs, start=1)
    )
    return values.sql(f"SELECT v, v AS l0, {shown} FROM {{self}}")


def _rungs(values: Table, kind: str, known: ColumnType, k: int) -> Iterator[str]:
    """SQL for what a value `v` reads at level 1, 2, 3 and 4."""
    anything = literal(ANYTHING)
    if kind == "birth_date" or known.kind in TEMPORAL:
        day = date_sql("v", known.date_order)
        year = f"coalesce(year({day}), TRY_CAST(nullif(regexp_extract(v, '[12][0-9]{{3}}'), '') AS INTEGER))"
        yield f"coalesce(strftime({day}, '%Y-%m'), {year}::VARCHAR, {anything})"
        yield f"coalesce({year}::VARCHAR, {anything})"
        yield f"coalesce(({year} // 10 * 10)::VARCHAR || 's', {anything})"
    elif kind == "precise_location":
        for decimals in (2, 1, 0):
            yield f"coalesce(round({measure_sql('v', known)}, {decimals})::VARCHAR, {anything})"
    elif kind == "postcode":
        for kept in (3, 2, 1):
            yield f"left({trim_sql('v')}, {kept}) || repeat({anything}, greatest(0, length({trim_sql('v')}) - {kept}))"
    elif known.kind in NUMERIC:
        yield from _bands(values, known)
    else:
        yield f"CASE WHEN n < {k} THEN 'other' ELSE v END"
        yield f"CASE WHEN n < {10 * k} THEN 'other' ELSE v END"
        yield anything
    yield anything


def _bands(values: Table, known: ColumnType) -> Iterator[str]:
    """Numbers in about fifty, ten and four bands whose widths are 1, 2 or 5 with noughts."""
    number = measure_sql("v", known)
    spread = values.scalar(f"SELECT max({number}) - min({number}) FROM {{self}} WHERE isfinite({number})") or 1.0
    for bands in _BANDS:
        width = _nice(spread / bands)
        low = f"(floor({number} / {width}) * {width})"
        yield f"coalesce(format('{{:g}} – {{:g}}', {low}, {low} + {width}), {literal(ANYTHING)})"


def _nice(width: float) -> float:
    """The next of 1, 2, 5, 10, 20 … that isn't smaller."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))


def _climb(table: Table, ladders: Mapping[str, Table], names: Sequence[str], levels: dict[str, int], k: int) -> Table:
    """Raise levels, those of the column with most values first, until few enough rows are left; these rows."""
    while True:
        small = _in_small_classes(table, ladders, names, levels, k)
        few = small.rows == 0 or k <= small.rows <= SUPPRESSED_AT_MOST * table.rows
        lower = [name for name in names if levels[name] < TOP_LEVEL]
        if few or not lower:
            return small
        most = max(lower, key=lambda name: _different(ladders[name], levels[name]))
        levels[most] += 1


def _different(ladder: Table, level: int) -> int:
    return int(ladder.scalar(f"SELECT count(DISTINCT l{level}) FROM {{self}}"))


def _in_small_classes(
    table: Table, ladders: Mapping[str, Table], names: Sequence[str], levels: Mapping[str, int], k: int
) -> Table:
    """The rows that share what their quasi-identifiers read with fewer than k."""
    shown = ", ".join(f"coalesce(m{place}.l{levels[name]}, '') AS g{place}" for place, name in enumerate(names))
    keys = ", ".join(f"g{place}" for place in range(len(names)))
    joins = " ".join(
        f"JOIN {{m{place}}} m{place} ON m{place}.v IS NOT DISTINCT FROM t.{Table.q(name)}"
        for place, name in enumerate(names)
    )
    tables = {f"m{place}": ladders[name] for place, name in enumerate(names)}
    rows = table.sql(f"SELECT t.{ROW} AS row, {shown} FROM {{self}} t {joins}", **tables)
    few = f"GROUP BY {keys} HAVING count(*) < {int(k)}"
    return concat(
        [
            rows.sql(f"SELECT row FROM {{self}} JOIN (SELECT {keys} FROM {{self}} WHERE {some} {few}) USING ({keys})")
            for some in turns(rows.rows, keys)
        ]
    )


def usual_mask(column: str, kind: str, share: float, *, quasi_identifier: bool = False) -> ColumnMask:
    """How a column with that main kind of personal data, in that share of its cells, is treated if nobody says else.

    A quasi-identifier that would be kept is generalised, but only where it has to be.
    """
    method = KINDS[kind].method if kind else "keep"
    if method == "keep" and quasi_identifier:
        return ColumnMask(column, "generalise", kind, level=0)
    if kind and share < _MOSTLY:
        return ColumnMask(column, "redact", kind, scattered=True)
    return ColumnMask(column, method, kind)
