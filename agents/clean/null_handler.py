"""null-handler: empty what says "missing", and fill only what the table itself proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from pydantic import Field, model_validator

from agents.base import AgentContext, AgentResult, Alert, Chart, Issue, Params, Recommendation, agent
from agents.column_types import (
    NUMERIC,
    ColumnType,
    Kind,
    empty_spellings,
    infer_types,
    number_sql,
    one_of_sql,
    trim_sql,
    without_sql,
)
from agents.dependencies import dependencies_of, fill_cells
from agents.edits import Edits, concat
from agents.imputation import knn_cells
from agents.table import ROW, Table, literal
from agents.texts import texts_sql
from errors import InvalidParameters, NotApplicable

Strategy = Literal[
    "drop_column",
    "mean",
    "median",
    "mode",
    "forward_fill",
    "backward_fill",
    "constant",
    "knn_imputation",
    "dependency",
]

_SUSPECT_WORDS = (
    "empty",
    "missing",
    "unknown",
    "not available",
    "not applicable",
    "none",
    "tbd",
    "tba",
    "undefined",
    "blank",
)
_SUSPECT_NUMBERS = ("-1", "-9", "-99", "-999", "-9999", "99", "999", "9999", "99999", "999999")
_SUSPECT_DATES = (
    "0000-00-00",
    "1900-01-01",
    "01/01/1900",
    "1/1/1900",
    "1970-01-01",
    "9999-12-31",
    "31/12/9999",
    "12/31/9999",
)
_SUSPECT_SHARE = 0.01
_MANY_MISSING = 0.5
_COLUMNS_AT_ONCE = 10
_MEASURES = frozenset({"mean", "median"})


class NullHandler(Params):
    """What becomes of missing values."""

    global_strategy: Literal["infer", "drop_rows", "column_specific"] = Field(
        "infer",
        description="infer fills only what other columns determine; drop_rows removes rows with a missing value;"
        " column_specific does nothing but column_strategies.",
    )
    column_strategies: dict[str, Strategy] = Field(
        {}, description="How to fill single columns, whatever global_strategy is."
    )
    fill_values: dict[str, str] = Field({}, description="The text that the strategy constant fills a column with.")
    knn_neighbors: int = Field(5, ge=1, le=100, description="How many similar rows knn_imputation asks.")

    @model_validator(mode="after")
    def _constants_have_values(self) -> NullHandler:
        for column, strategy in self.column_strategies.items():
            if strategy == "constant" and column not in self.fill_values:
                raise ValueError(f"column_strategies.{column} is constant, so fill_values needs {column!r}")
        return self


@agent(credits=30, after=("duplicate-resolver",))
def run(table: Table, params: NullHandler, ctx: AgentContext) -> AgentResult:
    """Turn the usual spellings of "missing" into empty cells and fill those that other columns determine.

    A cell is filled by itself only where another column determines this one without a single exception. Values that
    may stand for "missing" (-1, 999, unknown) are reported, not changed. Means, modes and neighbours only when asked.
    """
    table.require(params.column_strategies, "column_strategies")
    table.require(params.fill_values, "fill_values")
    if not table.rows or not table.columns:
        raise NotApplicable("the table has no rows")
    types = infer_types(table)
    if params.global_strategy == "infer" and not params.column_strategies and not _anything_to_do(types):
        raise NotApplicable("no column has missing values")
    emptied, first = _empty_spellings(table, types)
    ctx.report_progress(0.3)
    issues = _suspects(emptied, types)
    filled, second = _fill(emptied, types, params, ctx)
    ctx.report_progress(0.9)
    left, removed = _drop_rows(filled) if params.global_strategy == "drop_rows" else (filled, None)
    return _result(left, types, concat([first, second]), removed, issues)


def _anything_to_do(types: Mapping[str, ColumnType]) -> bool:
    return any(found.missing or (found.kind is not Kind.EMPTY and _may_hide(found)) for found in types.values())


def _may_hide(found: ColumnType) -> bool:
    return found.kind in (NUMERIC | {Kind.TEXT, Kind.DATE, Kind.CODE, Kind.TIME})


# Spellings of "missing"


def _empty_spellings(table: Table, types: Mapping[str, ColumnType]) -> tuple[Table, Table]:
    edits = Edits(table)
    for column, found in types.items():
        if found.missing:
            listed = empty_spellings(table, column, found)
            edits.rewrite(
                column,
                partial(without_sql, spellings=listed),
                rule="null_spelling",
                evidence="a usual way to write that a value is missing",
            )
    return edits.apply()


def _suspects(table: Table, types: Mapping[str, ColumnType]) -> list[Issue]:
    """Values that may stand for "missing": a word for it, or a number or date far from the column's others."""
    issues = []
    for column, found in types.items():
        values = _suspect_listed(table, column, found, _SUSPECT_WORDS) if _may_hold_words(found) else []
        if found.kind in NUMERIC and "integer" in found.shapes:
            values += _suspect_numbers(table, column, found)
        if found.kind in (Kind.DATE, Kind.DATETIME):
            values += _suspect_listed(table, column, found, _SUSPECT_DATES)
        for value, rows in values:
            message = f"{value!r} in {rows} rows of {column!r} may mean that the value is missing; it was left as it is"
            issues.append(
                Issue(field_name=column, issue_type="disguised_null", severity="low", message=message, rows=rows)
            )
    return issues


def _may_hold_words(found: ColumnType) -> bool:
    """Words have the shape of a text, or of a spelling of "missing" that stayed because the column holds words."""
    return "text" in found.shapes or found.missing > 0


def _suspect_listed(table: Table, column: str, found: ColumnType, listed: Sequence[str]) -> list[tuple[str, int]]:
    longest, spelled = max(map(len, listed)) + 2, one_of_sql(f"lower({trim_sql('v')})", listed)
    values = table.query(
        f"SELECT v, sum(n) FROM {texts_sql(table, column, found)}"
        f" WHERE strlen(v) <= {longest} AND CASE WHEN {_begins_sql('v', listed)}"
        f" THEN {spelled} END"
        " GROUP BY ALL ORDER BY sum(n) DESC, v"
    )
    return [(value, int(rows)) for value, rows in values]


def _begins_sql(value: str, listed: Sequence[str]) -> str:
    """SQL that is true of a text that may be one of those, as its first letter shows, or a blank before it."""
    firsts = {case(text[0]) for text in listed for case in (str.lower, str.upper)}
    return f"({value} < '!' OR {value} > '~' OR contains({literal(''.join(sorted(firsts)))}, {value}[1]))"


def _suspect_numbers(table: Table, column: str, found: ColumnType) -> list[tuple[str, int]]:
    """Sentinels that are frequent and lie outside of all other numbers, twice as far as the next one."""
    enough = max(2, _SUSPECT_SHARE * table.rows)
    suspects = _suspect_listed(table, column, found, _SUSPECT_NUMBERS)
    listed = [(value, rows) for value, rows in suspects if rows >= enough]
    if not listed:
        return []
    texts = ", ".join(literal(text) for text in _SUSPECT_NUMBERS)
    lowest, highest = table.query(
        f"SELECT min(x), max(x) FROM (SELECT {number_sql('v')} AS x FROM {texts_sql(table, column, found)}"
        f" WHERE {trim_sql('v')} NOT IN ({texts}))"
    )[0]
    return [each for each in listed if lowest is not None and _stands_apart(float(each[0]), lowest, highest)]


def _stands_apart(value: float, lowest: float, highest: float) -> bool:
    return value < 0 <= lowest or value > 2 * max(abs(highest), 1.0)


# Filling


def _fill(table: Table, types: Mapping[str, ColumnType], params: NullHandler, ctx: AgentContext) -> tuple[Table, Table]:
    edits = Edits(table)
    strategies: dict[str, Strategy] = dict.fromkeys(params.fill_values, "constant")
    strategies |= params.column_strategies
    for column, strategy in strategies.items():
        _fill_column(table, column, strategy, types, params, ctx, edits)
    if params.global_strategy == "infer":
        targets = [column for column, found in types.items() if found.missing and column not in strategies]
        _fill_dependent(table, targets, types, ctx, edits)
    return edits.apply()


def _fill_dependent(
    table: Table, targets: Sequence[str], types: Mapping[str, ColumnType], ctx: AgentContext, edits: Edits
) -> None:
    for target, determinants in dependencies_of(table, targets, types, ctx.seed).items():
        edits.set_cells(target, fill_cells(table, target, determinants))


def _fill_column(
    table: Table,
    column: str,
    strategy: Strategy,
    types: Mapping[str, ColumnType],
    params: NullHandler,
    ctx: AgentContext,
    edits: Edits,
) -> None:
    if strategy == "drop_column":
        edits.drop_column(column, rule="drop_column", evidence="asked for")
    elif strategy == "dependency":
        _fill_dependent(table, [column], types, ctx, edits)
    elif strategy == "knn_imputation":
        edits.set_cells(column, knn_cells(table, column, types, params.knn_neighbors, ctx.seed))
    elif strategy in ("forward_fill", "backward_fill"):
        edits.set_cells(column, _neighbour_cells(table, column, strategy))
    else:
        value = (
            params.fill_values[column] if strategy == "constant" else _typical(table, column, strategy, types[column])
        )
        if value is not None:
            edits.rewrite(
                column,
                lambda cell: f"CASE WHEN coalesce({cell}, '') = '' THEN {literal(value)} ELSE {cell} END",
                rule=strategy,
                evidence="asked for" if strategy == "constant" else f"the {strategy} of the column",
                confidence=1.0 if strategy == "constant" else 0.5,
            )


def _typical(table: Table, column: str, strategy: Strategy, found: ColumnType) -> str | None:
    """The mean, median or most frequent value of a column, spelled as the column spells its numbers."""
    cell = Table.q(column)
    if strategy == "mode":
        frequent = table.query(
            f"SELECT {cell} FROM {{self}} WHERE coalesce({cell}, '') <> ''"
            " GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 1"
        )
        return str(frequent[0][0]) if frequent else None
    if found.kind not in NUMERIC | {Kind.EMPTY}:
        path = f"null-handler.column_strategies.{column}"
        raise InvalidParameters([{"path": path, "message": f"{strategy} needs a column of numbers"}])
    number = table.scalar(f"SELECT {strategy}({number_sql(cell, found.decimal)}) FROM {{self}}")
    return None if number is None else format(number, ".12g")


def _neighbour_cells(table: Table, column: str, strategy: Strategy) -> Table:
    """Each empty cell with the last value above it, or the next one below."""
    cell = f"nullif({Table.q(column)}, '')"
    if strategy == "forward_fill":
        window = f"last_value({cell} IGNORE NULLS) OVER (ORDER BY {Table.q(ROW)} ROWS UNBOUNDED PRECEDING)"
    else:
        window = (
            f"first_value({cell} IGNORE NULLS) OVER"
            f" (ORDER BY {Table.q(ROW)} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
        )
    return table.sql(
        f"SELECT row, new, {literal(strategy)} AS rule, 'the next value in the order of the file' AS evidence,"
        f" 0.5::DOUBLE AS confidence, true AS applied"
        f" FROM (SELECT {Table.q(ROW)} AS row, {cell} AS old, {window} AS new FROM {{self}})"
        " WHERE old IS NULL AND new IS NOT NULL"
    )


# Dropping rows


def _drop_rows(table: Table) -> tuple[Table, Table]:
    """The rows without a missing value, and the others with their reason."""
    names = ", ".join(
        f"CASE WHEN coalesce({Table.q(column)}, '') = '' THEN {literal(column)} END" for column in table.columns
    )
    removed = table.sql(
        f"SELECT row, 'missing: ' || gone AS reason FROM"
        f" (SELECT {Table.q(ROW)} AS row, concat_ws(', ', {names}) AS gone FROM {{self}}) WHERE gone <> '' ORDER BY row"
    )
    return table.of_rows(removed, among=False), removed


# Report


def _result(
    after: Table,
    types: Mapping[str, ColumnType],
    changes: Table,
    removed: Table | None,
    issues: list[Issue],
) -> AgentResult:
    remaining = _remaining(after, types)
    missing = {column: found.missing for column, found in types.items() if found.missing}
    alerts = [
        _alert(column, rows, after.rows) for column, rows in remaining.items() if rows > _MANY_MISSING * after.rows
    ]
    filled, suggested = changes.query(
        "SELECT count(*) FILTER (applied AND new IS NOT NULL), count(*) FILTER (NOT applied) FROM {self}"
    )[0]
    return AgentResult(
        table=after,
        changes=changes,
        removed=removed,
        alerts=tuple(alerts),
        issues=tuple(issues),
        recommendations=_recommendations(issues),
        charts=_charts(missing, remaining),
        metrics={
            "missing_before": sum(missing.values()),
            "missing_after": sum(remaining.values()),
            "cells_filled": filled,
            "cells_suggested": suggested,
            "rows_removed": removed.rows if removed else 0,
        },
        data={"missing_before": missing, "missing_after": remaining},
    )


def _remaining(table: Table, types: Mapping[str, ColumnType]) -> dict[str, int]:
    """Empty cells by column."""
    found = dict.fromkeys(table.columns, 0)
    holed = [column for column in table.columns if types[column].missing]
    for at in range(0, len(holed), _COLUMNS_AT_ONCE):
        some = holed[at : at + _COLUMNS_AT_ONCE]
        counts = ", ".join(f"count(*) FILTER (coalesce({Table.q(column)}, '') = '')" for column in some)
        found |= dict(zip(some, map(int, table.query(f"SELECT {counts} FROM {{self}}")[0]), strict=True))
    return found


def _alert(column: str, rows: int, total: int) -> Alert:
    message = f"{column!r} is empty in {rows} of {total} rows ({rows / total:.0%})"
    advice = "Find out whether the source ever knew these values before anything is computed from the column."
    return Alert(
        severity="medium", category="completeness", message=message, affected_fields=(column,), recommendation=advice
    )


def _recommendations(issues: Sequence[Issue]) -> tuple[Recommendation, ...]:
    columns = dict.fromkeys(issue.field_name for issue in issues)
    advice = "Say whether the values that look like placeholders mean that the value is missing."
    return tuple(Recommendation(field_name=column, priority="low", recommendation=advice) for column in columns)


def _charts(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Chart, ...]:
    if not before:
        return ()
    columns = sorted(before, key=lambda column: -before[column])[:20]
    labels = tuple(columns)
    return (
        Chart(title="Missing before", labels=labels, values=tuple(float(before[column]) for column in columns)),
        Chart(title="Missing after", labels=labels, values=tuple(float(after.get(column, 0)) for column in columns)),
    )
