"""master-writeback-agent: checks the golden records against their sources and hands them over."""

from __future__ import annotations

from collections.abc import Sequence

from agents.base import AgentContext, AgentResult, Params, Source, agent
from agents.linkage.entities import PAIR_COLUMNS, each_its_own
from agents.linkage.golden import golden_names, golden_records
from agents.linkage.sources import own_row_sql, role_sql
from agents.table import Table
from errors import VerificationFailed

_SHOWN_CELLS = 12
_SHOWN_CHARACTERS = 60


class MasterWritebackAgent(Params):
    pass


@agent(
    credits=60,
    after=("record-linker", "survivorship-resolver", "golden-record-builder", "stewardship-flagger", "lineage-tracer"),
    always=True,
)
def run(table: Table, _params: MasterWritebackAgent, ctx: AgentContext) -> AgentResult:
    """Verify the golden records and write them out, with the cross-reference, the matches and the review list.

    Every source row belongs to exactly one entity, every entity has exactly one golden record, and every golden cell
    is the cell of one of the entity's own rows: otherwise the task fails and nothing is written. Where rows were not
    linked, each is an entity of its own; where no golden records were built, an entity's first row stands for it.
    """
    entities = _earlier(ctx, "record-linker", "entities") or each_its_own(table)
    pairs = _earlier(ctx, "record-linker", "pairs") or table.beside(PAIR_COLUMNS)
    golden = _earlier(ctx, "golden-record-builder", "golden") or golden_records(table, entities, None, None)
    survivors = _earlier(ctx, "survivorship-resolver", "survivors")
    _verify_rows(table, entities, ctx)
    _verify_entities(table, entities, golden)
    _verify_cells(table, entities, golden, ctx)
    return AgentResult(
        metrics={
            "golden_records": golden.rows,
            "source_rows": table.rows,
            "cells_verified": golden.rows * len(table.columns),
        },
        extras=_files(table, entities, pairs, golden, survivors, ctx.sources),
    )


def _earlier(ctx: AgentContext, agent_id: str, name: str) -> Table | None:
    """What an earlier agent left, or None where it was not chosen or had nothing to do."""
    result = ctx.earlier.get(agent_id)
    return result.extras.get(name) if result else None


def _verify_rows(table: Table, entities: Table, ctx: AgentContext) -> None:
    """Every row of the table is in exactly one entity, and every row that was read is there or was removed."""
    wrong = table.scalar(
        """
        SELECT count(*) FROM (SELECT __row, count(*) AS n FROM {entities} GROUP BY __row) AS placed
        FULL JOIN {self} AS source USING (__row) WHERE placed.n IS DISTINCT FROM 1 OR source.__row IS NULL
        """,
        entities=entities,
    )
    if wrong:
        raise VerificationFailed(f"{wrong:,} source rows are not in exactly one entity")
    removed = ctx.removed if ctx.removed is not None else table.beside({"row": "BIGINT"})
    lost = table.scalar(
        "SELECT count(*) FROM {original} WHERE __row NOT IN (SELECT __row FROM {self})"
        " AND __row NOT IN (SELECT row FROM {removed} WHERE row IS NOT NULL)",
        original=ctx.original,
        removed=removed,
    )
    if lost:
        raise VerificationFailed(f"{lost:,} rows of the input are in no entity, and no agent says that it removed them")


def _verify_entities(table: Table, entities: Table, golden: Table) -> None:
    name = Table.q(golden_names(table.columns).entity_id)
    wrong = golden.scalar(
        f"""
        SELECT count(*) FROM (SELECT DISTINCT entity_id FROM {{entities}}) AS entity
        FULL JOIN (SELECT {name} AS entity_id, count(*) AS n FROM {{self}} GROUP BY 1) AS record USING (entity_id)
        WHERE record.n IS DISTINCT FROM 1 OR entity.entity_id IS NULL
        """,
        entities=entities,
    )
    if wrong:
        raise VerificationFailed(f"{wrong:,} entities have no golden record, or more than one")


def _verify_cells(table: Table, entities: Table, golden: Table, ctx: AgentContext) -> None:
    """Every golden cell is, letter by letter, the cell of a member row."""
    for done, column in enumerate(table.columns):
        cell = Table.q(column)
        strange = golden.scalar(
            f"""
            SELECT count(*) FROM {{self}} AS record WHERE {cell} IS NOT NULL AND (__row, {cell}) NOT IN (
                SELECT placed.entity, own.{cell} FROM {{table}} AS own JOIN {{entities}} AS placed USING (__row)
                WHERE own.{cell} IS NOT NULL
            )
            """,
            table=table,
            entities=entities,
        )
        if strange:
            raise VerificationFailed(f"{strange:,} golden values of {column!r} are in no row of their entity")
        ctx.report_progress(0.8 * (done + 1) / len(table.columns))


def _files(
    table: Table, entities: Table, pairs: Table, golden: Table, survivors: Table | None, sources: Sequence[Source]
) -> dict[str, Table]:
    return {
        "golden.csv": golden,
        "golden.parquet": golden,
        "cross_reference.csv": _cross_reference(entities, sources),
        "matches.csv": _matches(pairs, sources),
        "review.csv": _review(table, pairs, sources),
        "survivorship.csv": _survivorship(table, entities, survivors, sources),
    }


def _row_sql(row: str, sources: Sequence[Source], suffix: str = "") -> str:
    """A row's number inside its own file, with the file's role before it where there are several."""
    if len(sources) < 2:
        return f"{row} AS row{suffix}"
    return f"{role_sql(sources, row)} AS source{suffix}, {own_row_sql(sources, row)} AS row{suffix}"


def _cross_reference(entities: Table, sources: Sequence[Source]) -> Table:
    return entities.sql(f"SELECT {_row_sql('__row', sources)}, entity_id FROM {{self}} ORDER BY __row")


def _matches(pairs: Table, sources: Sequence[Source]) -> Table:
    one, other = _row_sql("row_a", sources, "_a"), _row_sql("row_b", sources, "_b")
    return pairs.sql(
        f"SELECT {one}, {other}, score, explanation FROM {{self}} AS pair WHERE decision = 'match'"
        " ORDER BY pair.row_a, pair.row_b"
    )


def _review(table: Table, pairs: Table, sources: Sequence[Source]) -> Table:
    """The undecided pairs, likeliest first, with what the two rows say."""
    one, other = _row_sql("row_a", sources, "_a"), _row_sql("row_b", sources, "_b")
    shown = [f"{Table.q(column)}[:{_SHOWN_CHARACTERS}]" for column in table.columns[:_SHOWN_CELLS]]
    text = f"concat_ws(' | ', {', '.join(shown)})"
    return pairs.sql(
        f"""
        SELECT {one}, {other}, score, CASE WHEN score >= 0.5 THEN 'same' ELSE 'different' END AS proposed_decision,
            explanation AS reasons, first.said AS record_a, second.said AS record_b
        FROM {{self}} AS pair
        JOIN (SELECT __row, {text} AS said FROM {{table}}) AS first ON first.__row = pair.row_a
        JOIN (SELECT __row, {text} AS said FROM {{table}}) AS second ON second.__row = pair.row_b
        WHERE decision = 'review' ORDER BY bits DESC, pair.row_a, pair.row_b
        """,
        table=table,
    )


def _survivorship(table: Table, entities: Table, survivors: Table | None, sources: Sequence[Source]) -> Table:
    """Where an entity's rows disagreed: which value it keeps, and from which row."""
    chosen = survivors or table.beside(
        {"entity": "BIGINT", "column_number": "INTEGER", "row": "BIGINT", "confidence": "FLOAT", "contested": "BOOLEAN"}
    )
    names = table.beside({"column_number": "INTEGER", "column": "VARCHAR"}, enumerate(table.columns))
    place = _row_sql("chosen.row", sources)
    return chosen.sql(
        f"""
        SELECT entity_id, "column", {place}, round(confidence::DOUBLE, 4) AS confidence FROM {{self}} AS chosen
        JOIN {{names}} USING (column_number) JOIN {{entities}} AS kept ON kept.__row = chosen.entity
        WHERE contested ORDER BY chosen.entity, column_number
        """,
        names=names,
        entities=entities,
    )
