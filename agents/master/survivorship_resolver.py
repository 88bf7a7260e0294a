"""survivorship-resolver: which member's value an entity keeps, column by column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agents.base import ROW_ISSUE_COLUMNS, AgentContext, AgentResult, Alert, Chart, Issue, Params, agent
from agents.column_types import (
    NUMERIC,
    TEMPORAL,
    ColumnType,
    date_sql,
    infer_types,
    is_null_sql,
    measure_sql,
    number_sql,
    trim_sql,
)
from agents.linkage.fields import batches
from agents.linkage.sources import side_sql, source_column
from agents.table import Table, literal, regex_fault
from errors import NotApplicable

Rule = Literal[
    "freshness",
    "quality_score",
    "completeness",
    "source_priority",
    "frequency",
    "richness",
    "validation",
    "consensus",
    "min",
    "max",
    "first",
    "last",
]

SURVIVOR_COLUMNS = {
    "entity": "BIGINT",
    "column_number": "INTEGER",
    "row": "BIGINT",
    "confidence": "FLOAT",
    "contested": "BOOLEAN",
}
"""One row per column and entity of several rows that has a value: the source row whose cell survives."""

_RECENCY_NAME = re.compile(
    r"(last[ _-]?)?(updated?|modified|changed|seen|edited)([ _-]?(at|on|date|time))?|timestamp|as[ _-]?of",
    re.IGNORECASE,
)
_AUTHORITY = {
    "freshness",
    "source_priority",
    "min",
    "max",
    "first",
    "last",
    "completeness",
    "richness",
    "quality_score",
}
_ORDER = {
    "auto": "priority, fresh DESC NULLS LAST, support DESC",
    "freshness": "fresh DESC NULLS LAST, support DESC",
    "quality_score": "quality DESC, support DESC",
    "completeness": "complete DESC, support DESC",
    "source_priority": "priority, support DESC",
    "frequency": "votes DESC, support DESC",
    "richness": "length(value) DESC, support DESC",
    "validation": "support DESC",
    "consensus": "votes DESC, support DESC",
    "min": "measure NULLS LAST, value",
    "max": "measure DESC NULLS LAST, value DESC",
    "first": "__row",
    "last": "__row DESC",
}
_MOST_VARIANTS = 30
_COMPARED_LENGTH = 100
# A statement takes longer to make ready than to look at a thousand cells; windows over a million are beyond memory.
_COLUMNS_AT_ONCE = 16
_CELLS_AT_ONCE = 200_000
_ROW_ISSUES = 50_000


class ValidationRule(BaseModel):
    """What a value must be like: a whole-value pattern, bounds for numbers, or a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] | None = None

    @field_validator("pattern")
    @classmethod
    def _is_a_regular_expression(cls, pattern: str | None) -> str | None:
        if pattern is not None and (fault := regex_fault(pattern)):
            raise ValueError(f"no regular expression that RE2 can read: {fault}")
        return pattern

    def sql(self, value: str) -> str:
        """SQL that is true where a value is valid."""
        tests = [] if self.pattern is None else [f"regexp_full_match({value}, {literal(self.pattern)})"]
        if self.min is not None:
            tests.append(f"{number_sql(value)} >= {self.min!r}")
        if self.max is not None:
            tests.append(f"{number_sql(value)} <= {self.max!r}")
        if self.allowed is not None:
            tests.append(f"{value} IN ({', '.join(map(literal, self.allowed)) or 'NULL'})")
        return f"coalesce({' AND '.join(tests) or 'true'}, false)"


class SurvivorshipResolver(Params):
    survivorship_rules: dict[str, Rule] = Field(default_factory=dict, description="A rule for each column named.")
    default_rule: Rule | Literal["auto"] = Field(
        "auto",
        description="The rule of all other columns. auto: the best source where source_priority says so, then the "
        "newest row where a column says so, then the value most like all the others.",
    )
    source_priority: tuple[str, ...] = Field((), description="Sources, the most trusted first; others come after.")
    source_column: str | None = Field(None, description="The column that names a row's source. Empty: found by itself.")
    timestamp_column: str | None = Field(
        None, description="The column that says when a row was last right. Empty: found by its name and its dates."
    )
    field_groups: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = Field(
        (), description='Columns that survive together, from one row: [["street", "postcode", "city"]].'
    )
    field_validation_rules: dict[str, ValidationRule] = Field(
        default_factory=dict,
        description='What a value must be like to be preferred: {"zip": {"pattern": "[0-9]{5}"}, "age": {"max": 120}}.',
    )
    min_confidence_threshold: float = Field(
        0.5, ge=0, le=1, description="A surviving value with less confidence than this is reported."
    )

    @model_validator(mode="after")
    def _rules_have_what_they_need(self) -> SurvivorshipResolver:
        rules = {*self.survivorship_rules.values(), self.default_rule}
        if "source_priority" in rules and not self.source_priority:
            raise ValueError("the rule source_priority needs the parameter source_priority")
        unruled = [column for column, rule in self.survivorship_rules.items() if rule == "validation"]
        missing = [column for column in unruled if column not in self.field_validation_rules]
        if missing:
            raise ValueError(f"the rule validation needs field_validation_rules for {missing}")
        grouped = [column for group in self.field_groups for column in group]
        if len(grouped) != len(set(grouped)):
            raise ValueError("field_groups names a column twice")
        return self


@dataclass(frozen=True)
class _Unit:
    """One column, or a group of columns that survive together."""

    columns: tuple[str, ...]
    rule: str


@agent(credits=100, after=("record-linker",), needs=("record-linker",))
def run(table: Table, params: SurvivorshipResolver, ctx: AgentContext) -> AgentResult:
    """Choose which of an entity's values survive.

    Every value comes from one of the entity's own rows, never from a mixture of them. A value that breaks its
    validation rule survives only where no other is valid. Confidence is the share of the entity's values that agree,
    half of it granted where a rule with authority (a source, a date, an order) decided.
    """
    _require_columns(table, params)
    entities = ctx.earlier["record-linker"].extras["entities"]
    if not entities.scalar("SELECT coalesce(max(members), 0) > 1 FROM {self}"):
        raise NotApplicable("every entity has a single row: there is nothing to choose between")
    types = infer_types(table)
    timestamp = params.timestamp_column or _recency_column(types)
    members = _members(table, entities, params, ctx, types, timestamp)
    units = _units(table, params)
    rules = {unit.rule for unit in units}
    if "completeness" in rules:
        members = _with_completeness(table, members)
    if "quality_score" in rules:
        members = _with_quality(table, members)
    survivors = _survivors(table, members, units, params, types, ctx)
    return _result(table, survivors, params, timestamp)


def _require_columns(table: Table, params: SurvivorshipResolver) -> None:
    table.require(params.survivorship_rules, "survivorship_rules")
    table.require(params.field_validation_rules, "field_validation_rules")
    table.require([column for group in params.field_groups for column in group], "field_groups")
    if params.timestamp_column:
        table.require([params.timestamp_column], "timestamp_column")


def _recency_column(types: dict[str, ColumnType]) -> str | None:
    named = [column for column, found in types.items() if found.kind in TEMPORAL and _RECENCY_NAME.fullmatch(column)]
    return named[0] if named else None


def _units(table: Table, params: SurvivorshipResolver) -> list[_Unit]:
    grouped = {column for group in params.field_groups for column in group}
    groups = [
        _Unit(group, params.survivorship_rules.get(group[0], params.default_rule)) for group in params.field_groups
    ]
    single = [
        _Unit((column,), params.survivorship_rules.get(column, params.default_rule))
        for column in table.columns
        if column not in grouped
    ]
    return single + groups


def _members(
    table: Table,
    entities: Table,
    params: SurvivorshipResolver,
    ctx: AgentContext,
    types: dict[str, ColumnType],
    timestamp: str | None,
) -> Table:
    """The rows of entities of several rows, with what the rules rank them by."""
    side = side_sql(ctx.sources, source_column(table, params.source_column))
    ranks = " ".join(f"WHEN {literal(name)} THEN {rank}" for rank, name in enumerate(params.source_priority))
    priority = f"CASE {side} {ranks} ELSE {len(params.source_priority)} END" if side and ranks else "0"
    order = types[timestamp].date_order if timestamp else None
    fresh = date_sql(Table.q(timestamp), order) if timestamp else "CAST(NULL AS TIMESTAMP)"
    ranked = table.sql(f"SELECT __row, {priority} AS priority, {fresh} AS fresh FROM {{self}}")
    return entities.sql(
        "SELECT __row, entity, priority, fresh, 0 AS complete, 0.0::DOUBLE AS quality"
        " FROM {self} JOIN {ranked} USING (__row) WHERE members > 1",
        ranked=ranked,
    )


def _with_completeness(table: Table, members: Table) -> Table:
    """Rows ranked by how many of their cells say something."""
    for batch in batches(table.columns):
        filled = " + ".join(f"CAST(NOT {is_null_sql(Table.q(column))} AS INTEGER)" for column in batch)
        members = members.sql(
            "SELECT __row, entity, priority, fresh, complete + filled AS complete, quality FROM {self}"
            f" JOIN (SELECT __row, {filled} AS filled FROM {{table}}) USING (__row)",
            table=table,
        )
    return members


def _at_once(members: Table) -> int:
    """How many columns are looked at in one statement."""
    return max(1, min(_COLUMNS_AT_ONCE, _CELLS_AT_ONCE // members.rows))


def _with_quality(table: Table, members: Table) -> Table:
    """Rows ranked by how many of their cells the entity's other rows confirm."""
    for batch in batches(table.columns, _at_once(members)):
        cells = _cells(table, members, {column: f"lower({trim_sql(Table.q(column))})" for column in batch})
        listed = " UNION ALL ".join(
            f"SELECT {number} AS place, __row, {Table.q(column)} AS value FROM {{cells}}"
            for number, column in enumerate(batch)
        )
        members = members.sql(
            f"""
            SELECT __row, entity, priority, fresh, complete, quality + coalesce(confirmed, 0) AS quality
            FROM {{self}} LEFT JOIN (
                SELECT __row, sum(others) AS confirmed FROM (
                    SELECT __row, count(*) OVER (PARTITION BY place, entity, value) - 1 AS others
                    FROM ({listed}) JOIN {{self}} USING (__row) WHERE value IS NOT NULL
                ) GROUP BY __row
            ) USING (__row)
            """,
            cells=cells,
        )
    return members


def _cells(table: Table, members: Table, wanted: Mapping[str, str]) -> Table:
    """`__row` and an expression for each of a few columns, under the column's name, of the members' rows."""
    listed = ", ".join(f"{sql} AS {Table.q(column)}" for column, sql in wanted.items())
    return table.sql(
        f"SELECT __row, {listed} FROM {{self}} WHERE __row IN (SELECT __row FROM {{members}})", members=members
    )


def _survivors(
    table: Table,
    members: Table,
    units: Sequence[_Unit],
    params: SurvivorshipResolver,
    types: dict[str, ColumnType],
    ctx: AgentContext,
) -> Table:
    numbers = {column: number for number, column in enumerate(table.columns)}
    dated = bool(members.scalar("SELECT count(fresh) > 0 FROM {self}"))
    chosen: list[Table] = []
    done = 0
    for alike in _runs(units, _at_once(members)):
        columns = [column for unit in alike for column in unit.columns]
        cells = _cells(table, members, {column: _said_sql(Table.q(column)) for column in columns})
        listed = " UNION ALL ".join(_unit_sql(unit, numbers, params, types) for unit in alike)
        winners = _winners(_values(members, cells, listed), alike[0].rule, dated or bool(params.source_priority))
        if len(alike) == 1:
            chosen += [_kept(winners, cells, column, numbers[column]) for column in alike[0].columns]
        else:
            chosen.append(winners.sql("SELECT entity, unit AS column_number, row, confidence, contested FROM {self}"))
        done += len(alike)
        ctx.report_progress(0.9 * done / len(units))
    return _all_of(chosen)


def _runs(units: Sequence[_Unit], size: int) -> Iterator[Sequence[_Unit]]:
    """Units that are chosen for together: columns of one rule, or one group."""
    for rule in dict.fromkeys(unit.rule for unit in units):
        yield from batches([unit for unit in units if unit.rule == rule and len(unit.columns) == 1], size)
    yield from ([unit] for unit in units if len(unit.columns) > 1)


def _kept(winners: Table, cells: Table, column: str, number: int) -> Table:
    """What a column keeps of the rows that win: nothing of a row that says nothing there."""
    return winners.sql(
        f"SELECT entity, {number} AS column_number, row, confidence, contested FROM {{self}}"
        f" WHERE row IN (SELECT __row FROM {{cells}} WHERE {Table.q(column)} IS NOT NULL)",
        cells=cells,
    )


def _all_of(tables: Sequence[Table]) -> Table:
    """The rows of many tables as one, a few at a time."""
    while len(tables) > 1:
        tables = [_stacked(batch) for batch in batches(tables)]
    return tables[0]


def _stacked(tables: Sequence[Table]) -> Table:
    named = {f"t{number}": each for number, each in enumerate(tables)}
    return tables[0].sql(" UNION ALL ".join(f"SELECT * FROM {{{name}}}" for name in named), **named)


def _values(members: Table, cells: Table, listed: str) -> Table:
    """One row per unit and member that says something there: how it ranks, and what it says."""
    return members.sql(
        "SELECT unit, __row, entity, priority, fresh, complete, quality, value, filled_cells, valid, measure"
        f" FROM ({listed}) JOIN {{self}} USING (__row) WHERE filled_cells > 0",
        cells=cells,
    )


def _winners(values: Table, rule: str, somebody_decides: bool) -> Table:
    """One row per unit and entity: the source row that the unit's cells come from."""
    agreed = "share > 0.5" if rule == "consensus" else "true"
    authority = rule in _AUTHORITY or (rule == "auto" and somebody_decides)
    confidence = "(1 + share) / 2" if authority else "share"
    return values.sql(
        f"""
        WITH supported AS (
            SELECT unit, entity, one.value, sum(other.n * round(1e6 * jaro_winkler_similarity(
                one.value[:{_COMPARED_LENGTH}], other.value[:{_COMPARED_LENGTH}]))) AS support
            FROM {{variants}} AS one JOIN {{variants}} AS other USING (unit, entity)
            GROUP BY unit, entity, one.value
        ),
        counted AS (
            SELECT values.*, coalesce(support, 0) AS support,
                count(*) OVER (PARTITION BY unit, entity, lower(value)) AS votes,
                count(*) OVER (PARTITION BY unit, entity) AS filled
            FROM {{self}} AS values LEFT JOIN supported USING (unit, entity, value)
        )
        SELECT unit, entity, __row AS row,
            (({confidence}) * CASE WHEN valid THEN 1 ELSE 0.5 END)::FLOAT AS confidence, share < 1 AS contested
        FROM (SELECT *, votes / filled AS share FROM counted)
        QUALIFY row_number() OVER (
            PARTITION BY unit, entity
            ORDER BY valid DESC, filled_cells DESC, {_ORDER[rule]}, votes DESC, __row
        ) = 1 AND {agreed}
        """,
        variants=_variants(values),
    )


def _variants(values: Table) -> Table:
    """Each entity's different values, the most frequent ones where there are very many."""
    return values.sql(
        f"SELECT unit, entity, value, count(*) AS n FROM {{self}} GROUP BY unit, entity, value"
        f" QUALIFY row_number() OVER (PARTITION BY unit, entity ORDER BY n DESC, value) <= {_MOST_VARIANTS}"
    )


def _said_sql(cell: str) -> str:
    return f"CASE WHEN NOT {is_null_sql(cell)} THEN {trim_sql(cell)} END"


def _unit_sql(
    unit: _Unit, numbers: Mapping[str, int], params: SurvivorshipResolver, types: Mapping[str, ColumnType]
) -> str:
    """What the members' rows say of a unit, which is called by its first column's number."""
    together = " || chr(31) || ".join(f"coalesce({Table.q(column)}, '')" for column in unit.columns)
    filled = " + ".join(f"CAST({Table.q(column)} IS NOT NULL AS INTEGER)" for column in unit.columns)
    return (
        f"SELECT {numbers[unit.columns[0]]} AS unit, __row, {together} AS value, {filled} AS filled_cells,"
        f" {_valid_sql(unit, params)} AS valid, {_measure(unit, types)} AS measure FROM {{cells}}"
    )


def _valid_sql(unit: _Unit, params: SurvivorshipResolver) -> str:
    rules = params.field_validation_rules
    return " AND ".join(rules[column].sql(Table.q(column)) for column in unit.columns if column in rules) or "true"


def _measure(unit: _Unit, types: Mapping[str, ColumnType]) -> str:
    found, cell = types[unit.columns[0]], Table.q(unit.columns[0])
    if unit.rule in ("min", "max") and found.kind in NUMERIC:
        return measure_sql(cell, found)
    if unit.rule in ("min", "max") and found.kind in TEMPORAL:
        return f"epoch({date_sql(cell, found.date_order)})"
    return "CAST(NULL AS DOUBLE)"


def _result(table: Table, survivors: Table, params: SurvivorshipResolver, timestamp: str | None) -> AgentResult:
    cells, contested, weak = survivors.query(
        "SELECT count(*), count(*) FILTER (contested), count(*) FILTER (confidence < $least) FROM {self}",
        least=params.min_confidence_threshold,
    )[0]
    counted = survivors.query(
        "SELECT column_number, count(*) FILTER (contested), count(*) FILTER (confidence < $least)"
        " FROM {self} GROUP BY 1 ORDER BY 1",
        least=params.min_confidence_threshold,
    )
    issues = tuple(
        Issue(
            field_name=table.columns[number],
            issue_type="low_confidence_survivor",
            severity="low",
            message=f"{low:,} surviving values are confirmed by less than {params.min_confidence_threshold:.0%}",
            rows=low,
        )
        for number, _, low in counted
        if low
    )
    disputed = [(table.columns[number], count) for number, count, _ in counted if count]
    disputed.sort(key=lambda pair: -pair[1])
    return AgentResult(
        row_issues=_row_issues(table, survivors, params.min_confidence_threshold),
        alerts=_alerts(cells, weak),
        issues=issues,
        metrics={"resolved_cells": cells, "contested_cells": contested, "low_confidence_cells": weak},
        data={"timestamp_column": timestamp, "contested_by_column": dict(disputed)},
        charts=(
            Chart(
                title="Values that an entity's rows disagree on",
                labels=tuple(column for column, _ in disputed[:15]),
                values=tuple(float(count) for _, count in disputed[:15]),
                unit="entities",
            ),
        )
        if disputed
        else (),
        extras={"survivors": survivors},
    )


def _alerts(cells: int, weak: int) -> tuple[Alert, ...]:
    if not cells or weak <= 0.1 * cells:
        return ()
    message = (
        f"{weak:,} of {cells:,} surviving values are little more than a guess: an entity's rows disagree too much."
    )
    advice = "Say which source to trust (source_priority), or when a row was last right (timestamp_column)."
    return (Alert(severity="medium", category="survivorship", message=message, recommendation=advice),)


def _row_issues(table: Table, survivors: Table, least: float) -> Table:
    names = table.beside({"column_number": "INTEGER", "name": "VARCHAR"}, enumerate(table.columns))
    columns = ", ".join(map(Table.q, ROW_ISSUE_COLUMNS))
    return survivors.sql(
        f"""
        SELECT {columns} FROM (
            SELECT row, name AS "column", 'low_confidence_survivor' AS issue_type, 'low' AS severity,
                'this value survives with a confidence of ' || round(confidence, 2) AS message,
                CAST(NULL AS VARCHAR) AS value
            FROM {{self}} JOIN {{names}} USING (column_number) WHERE confidence < $least
            ORDER BY row, column_number LIMIT {_ROW_ISSUES}
        )
        """,
        names=names,
        least=least,
    )
