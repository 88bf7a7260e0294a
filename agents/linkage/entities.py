"""Entities: which rows are one thing, and an id that is the same whenever the same rows come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.linkage.fields import batches
from agents.table import Table

if TYPE_CHECKING:
    from agents.linkage.comparison import Integers

PAIR_COLUMNS = {
    "row_a": "BIGINT",
    "row_b": "BIGINT",
    "score": "DOUBLE",
    "bits": "DOUBLE",
    "decision": "VARCHAR",
    "explanation": "VARCHAR",
}
"""`score`: the probability of a match, 0.5 at the threshold; `bits` its log odds; `decision`: match or review."""


def entities_table(table: Table, rows: Integers, entity: Integers) -> Table:
    """One row per source row: `__row`, `entity` (the `__row` of its first member), `members`, `entity_id`."""
    import pandas

    linked = table.replace(pandas.DataFrame({"__row": rows, "entity": entity}))
    return _with_ids(table, linked.sql("SELECT *, count(*) OVER (PARTITION BY entity) AS members FROM {self}"))


def each_its_own(table: Table) -> Table:
    """The entities of a table of which no rows were linked."""
    return _with_ids(table, table.sql("SELECT __row, __row AS entity, 1 AS members FROM {self}"))


def _with_ids(table: Table, entities: Table) -> Table:
    """The id is a hash of the members' content, whatever their order; a counter tells equal ones apart."""
    return entities.sql(
        """
        WITH content AS (
            SELECT entity, CASE WHEN count(*) = 1 THEN any_value(__hashed)
                           ELSE md5(string_agg(__hashed, '' ORDER BY __hashed)) END AS hashed
            FROM {self} JOIN {hashes} USING (__row) GROUP BY entity
        ),
        named AS (
            SELECT entity, left(hashed, 16) AS name,
                row_number() OVER (PARTITION BY left(hashed, 16) ORDER BY entity) AS number
            FROM content
        )
        SELECT __row, entity, members, name || CASE WHEN number = 1 THEN '' ELSE '-' || number END AS entity_id
        FROM {self} JOIN named USING (entity) ORDER BY __row
        """,
        hashes=_content_hashes(table, table.columns),
    )


def _content_hashes(table: Table, columns: Sequence[str]) -> Table:
    """`__row` and `__hashed`: a hash of a row's cells that tells a missing cell from an empty one."""
    hashed = table.sql("SELECT __row, '' AS __hashed FROM {self}")
    for batch in batches(columns):
        cells = " || ".join(f"coalesce('=' || own.{Table.q(column)}, '-') || chr(31)" for column in batch)
        hashed = hashed.sql(
            f"SELECT __row, md5(__hashed || {cells}) AS __hashed FROM {{self}} JOIN {{table}} AS own USING (__row)",
            table=table,
        )
    return hashed
