"""Golden records: one row per entity, each cell taken from one of the entity's own rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.column_types import is_null_sql
from agents.linkage.fields import BATCH, batches
from agents.table import Table

# Each column of a query brings a hash table of what survived in it: those of many entities fit in memory one by one.
_CELLS_AT_ONCE = 200_000


@dataclass(frozen=True)
class GoldenNames:
    """What our columns are called beside the user's, whose names are never taken."""

    entity_id: str
    trust_score: str
    member_count: str


def golden_names(columns: Iterable[str]) -> GoldenNames:
    """Our column names, with a number after them where the user has such a column."""
    taken = {column.casefold() for column in columns}
    return GoldenNames(*(_free(name, taken) for name in ("entity_id", "trust_score", "member_count")))


def golden_records(table: Table, entities: Table, survivors: Table | None, links: Table | None) -> Table:
    """`__row` (the entity's first row), entity_id, the user's columns, trust_score, member_count, in row order.

    survivors: entity, column_number, row, confidence of entities of several rows; without it their first row is taken.
    links: entity and the mean probability of its matches.
    """
    names = golden_names(table.columns)
    heads = entities.sql("SELECT __row, entity_id, members FROM {self} WHERE __row = entity ORDER BY __row")
    named = heads.sql(f"SELECT __row, entity_id AS {Table.q(names.entity_id)} FROM {{self}}")
    trusted = heads.sql(
        f"SELECT __row, trust AS {Table.q(names.trust_score)}, members AS {Table.q(names.member_count)}"
        " FROM {self} JOIN {trust} USING (__row) ORDER BY __row",
        trust=_trust(table, entities, survivors, links),
    )
    at_once = max(1, min(BATCH, _CELLS_AT_ONCE // max(heads.rows, 1)))
    cells = (_records(table, heads, survivors, batch) for batch in batches(list(enumerate(table.columns)), at_once))
    return named.widened(itertools.chain(cells, (trusted,)))


def _free(name: str, taken: set[str]) -> str:
    numbered, number = name, 2
    while numbered in taken:
        numbered, number = f"{name}_{number}", number + 1
    return numbered


def _records(table: Table, heads: Table, survivors: Table | None, batch: Sequence[tuple[int, str]]) -> Table:
    """`__row` and some columns of each entity: the cells that survived, or its first row's; batch: number and name."""
    if survivors is None:
        cells = ", ".join(Table.q(column) for _, column in batch)
        return table.sql(
            f"SELECT __row, {cells} FROM {{self}} WHERE __row IN (SELECT __row FROM {{heads}}) ORDER BY __row",
            heads=heads,
        )
    kept = {f"kept{number}": _survived(table, survivors, number, column) for number, column in batch}
    joins = " ".join(f"LEFT JOIN {{{name}}} AS {name} ON {name}.__row = head.__row" for name in kept)
    cells = ", ".join(
        f"CASE WHEN head.members = 1 THEN own.{Table.q(column)} ELSE kept{number}.cell END AS {Table.q(column)}"
        for number, column in batch
    )
    return table.sql(
        f"SELECT head.__row, {cells} FROM {{self}} AS own JOIN {{heads}} AS head ON head.__row = own.__row {joins}"
        " ORDER BY head.__row",
        heads=heads,
        **kept,
    )


def _survived(table: Table, survivors: Table, number: int, column: str) -> Table:
    """`__row` (the entity's first) and `cell`: what survived in a column."""
    return survivors.sql(
        f"SELECT chosen.entity AS __row, own.{Table.q(column)} AS cell"
        " FROM {self} AS chosen JOIN {table} AS own ON own.__row = chosen.row"
        f" WHERE chosen.column_number = {number}",
        table=table,
    )


def _trust(table: Table, entities: Table, survivors: Table | None, links: Table | None) -> Table:
    """`__row` and `trust`: how sure the links are, times the confidence of the values, lowered by gaps."""
    width = max(len(table.columns), 1)
    chosen = survivors or table.beside({"entity": "BIGINT", "column_number": "INTEGER", "confidence": "FLOAT"})
    linked = links or table.beside({"entity": "BIGINT", "strength": "DOUBLE"})
    return entities.sql(
        f"""
        SELECT __row, round(coalesce(strength, 1) * coalesce(confidence, 1)
            * (1 + least(coalesce(cells, filled) / {width}, 1)) / 2, 4) AS trust
        FROM {{self}} JOIN {{filled}} USING (__row)
        LEFT JOIN (SELECT entity AS __row, avg(round(confidence * 1e6)) / 1e6 AS confidence, count(*) AS cells
            FROM {{chosen}} GROUP BY 1)
            USING (__row)
        LEFT JOIN (SELECT entity AS __row, strength FROM {{linked}}) USING (__row)
        WHERE {{self}}.__row = {{self}}.entity
        """,
        filled=_filled(table, table.columns),
        chosen=chosen,
        linked=linked,
    )


def _filled(table: Table, columns: Sequence[str]) -> Table:
    """`__row` and `filled`: how many of its cells hold a value."""
    counted = table.sql("SELECT __row, 0 AS filled FROM {self}")
    for batch in batches(columns):
        cells = " + ".join(f"CAST(NOT {is_null_sql(Table.q(column))} AS INTEGER)" for column in batch)
        counted = counted.sql(
            f"SELECT __row, filled + more AS filled FROM {{self}} JOIN"
            f" (SELECT __row, {cells} AS more FROM {{table}}) USING (__row)",
            table=table,
        )
    return counted
