"""key-identifier: which columns name a row, which name a thing, and which point to other tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import Field, model_validator

from agents.base import AgentContext, AgentResult, Alert, Chart, Params, Recommendation, agent
from agents.column_types import is_null_sql, trim_sql
from agents.table import Table
from errors import InvalidParameters, NotApplicable

_BARS = 15
_MOST_ADVICE = 5
_NAMES_ROWS = 95.0
_MOST_COMBINED = 8
_MOST_COMBINATIONS = 60
_MOST_REFERENCES = 400
_NOT_COMPARED_ROLES = frozenset({"schema"})


class KeyIdentifier(Params):
    pk_uniqueness_threshold: float = Field(
        99.0, ge=0, le=100, description="A primary key's values are different in at least this share of rows (percent)."
    )
    pk_null_threshold: float = Field(
        0.0, ge=0, le=100, description="A primary key is empty in at most this share of rows (percent)."
    )
    entity_key_uniqueness_min: float = Field(
        50.0,
        ge=0,
        le=100,
        description="An entity key repeats now and then: the least share of different values (percent).",
    )
    entity_key_uniqueness_max: float = Field(
        99.0, ge=0, le=100, description="The largest share of different values of an entity key (percent)."
    )
    fk_overlap_threshold: float = Field(
        70.0, ge=0, le=100, description="A foreign key finds at least this share of its values elsewhere (percent)."
    )
    reference_tables: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description='Where foreign keys may point to: {"reference": ["id"]}. Empty: every column of every other file.',
    )
    analyze_composite_keys: bool = Field(True, description="Look for several columns that name a row together.")
    max_composite_key_columns: int = Field(3, ge=2, le=5, description="The most columns of a composite key.")

    @model_validator(mode="after")
    def _least_before_most(self) -> KeyIdentifier:
        if self.entity_key_uniqueness_min > self.entity_key_uniqueness_max:
            raise ValueError("entity_key_uniqueness_min is over entity_key_uniqueness_max")
        return self


@dataclass(frozen=True)
class _Uniqueness:
    """Shares in percent: different values among the rows that have one, and rows without one."""

    columns: tuple[str, ...]
    unique: float
    empty: float

    @property
    def name(self) -> str:
        return " + ".join(self.columns)


@agent(credits=45)
def run(table: Table, params: KeyIdentifier, ctx: AgentContext) -> AgentResult:
    """Find primary keys, entity keys and foreign keys.

    A primary key is there in every row and (nearly) never repeats. An entity key is filled and repeats now and then:
    rows that share it may be the same thing. A foreign key finds its values in a column of another file.
    """
    if not table.rows or not table.columns:
        raise NotApplicable("there are no rows")
    single = [_uniqueness(table, column) for column in table.columns]
    ctx.report_progress(0.5)
    primary = [found for found in single if _is_primary(found, params)]
    composite = _composite_keys(table, single, params) if params.analyze_composite_keys and not primary else []
    ctx.report_progress(0.8)
    entity = [
        found
        for found in single
        if params.entity_key_uniqueness_min <= found.unique < params.entity_key_uniqueness_max and found.empty < 50
    ]
    foreign = list(_foreign_keys(table, params, ctx))
    return _result(single, primary, composite, entity, foreign)


def _uniqueness(table: Table, columns: tuple[str, ...] | str) -> _Uniqueness:
    names = (columns,) if isinstance(columns, str) else columns
    cells = ", ".join(f"{trim_sql(Table.q(column))} AS v{number}" for number, column in enumerate(names))
    filled = " AND ".join(f"NOT {is_null_sql(Table.q(column))}" for column in names)
    values = ", ".join(f"v{number}" for number in range(len(names)))
    distinct, rows = table.query(
        f"SELECT count(*), coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM"
        f" (SELECT {cells} FROM {{self}} WHERE {filled}) GROUP BY {values})"
    )[0]
    unique = 100 * distinct / rows if rows else 0.0
    return _Uniqueness(names, round(unique, 4), round(100 * (table.rows - rows) / table.rows, 4))


def _is_primary(found: _Uniqueness, params: KeyIdentifier) -> bool:
    return found.unique >= params.pk_uniqueness_threshold and found.empty <= params.pk_null_threshold


def _composite_keys(table: Table, single: Sequence[_Uniqueness], params: KeyIdentifier) -> list[_Uniqueness]:
    """Minimal combinations of columns that name a row, the most telling columns tried first."""
    usable = [found for found in single if found.empty <= params.pk_null_threshold and found.unique > 0]
    usable.sort(key=lambda found: -found.unique)
    columns = [found.columns[0] for found in usable[:_MOST_COMBINED]]
    keys: list[_Uniqueness] = []
    tried = 0
    for size in range(2, params.max_composite_key_columns + 1):
        for chosen in combinations(columns, size):
            if tried >= _MOST_COMBINATIONS or any(set(key.columns) <= set(chosen) for key in keys):
                continue
            tried += 1
            found = _uniqueness(table, chosen)
            if _is_primary(found, params):
                keys.append(found)
    return keys


def _foreign_keys(table: Table, params: KeyIdentifier, ctx: AgentContext) -> Iterator[dict[str, object]]:
    references = [(role, column) for role, columns in _references(params, ctx).items() for column in columns]
    looked = 0
    for column in table.columns:
        for role, other in references:
            if looked >= _MOST_REFERENCES:
                return
            looked += 1
            overlap = _overlap(table, column, ctx.inputs[role], other)
            if overlap is not None and overlap >= params.fk_overlap_threshold:
                yield {"column": column, "table": role, "references": other, "overlap": round(overlap, 2)}


def _references(params: KeyIdentifier, ctx: AgentContext) -> Mapping[str, Sequence[str]]:
    """The columns of other files that may be pointed to."""
    if not params.reference_tables:
        return {role: each.columns for role, each in ctx.inputs.items() if role not in _NOT_COMPARED_ROLES}
    unknown = sorted(set(params.reference_tables) - set(ctx.inputs))
    if unknown:
        raise InvalidParameters(
            [
                {"path": f"key-identifier.reference_tables.{role}", "message": "no such file was given"}
                for role in unknown
            ]
        )
    for role, columns in params.reference_tables.items():
        ctx.inputs[role].require(columns, "reference_tables")
    return {role: columns or ctx.inputs[role].columns for role, columns in params.reference_tables.items()}


def _overlap(table: Table, column: str, other: Table, referenced: str) -> float | None:
    """Percent of a column's different values that a column elsewhere has, if that one names its own rows; else None."""
    here, there = trim_sql(Table.q(column)), trim_sql(Table.q(referenced))
    target = _uniqueness(other, referenced) if other.rows else _Uniqueness((referenced,), 0, 100)
    if target.unique < _NAMES_ROWS:
        return None
    found, values = table.query(
        f"SELECT count(*) FILTER (v IN (SELECT {there} FROM {{other}})), count(*)"
        f" FROM (SELECT DISTINCT {here} AS v FROM {{self}} WHERE NOT {is_null_sql(Table.q(column))})",
        other=other,
    )[0]
    return 100 * found / values if values else None


def _result(
    single: Sequence[_Uniqueness],
    primary: Sequence[_Uniqueness],
    composite: Sequence[_Uniqueness],
    entity: Sequence[_Uniqueness],
    foreign: Sequence[dict[str, object]],
) -> AgentResult:
    best = max([*primary, *composite], key=lambda found: (found.unique, -len(found.columns)), default=None)
    top = sorted(single, key=lambda found: -found.unique)[:_BARS]
    return AgentResult(
        metrics={
            "primary_keys": len(primary),
            "composite_keys": len(composite),
            "entity_keys": len(entity),
            "foreign_keys": len(foreign),
            "best_key": best.name if best else None,
        },
        data={
            "columns": [_described(found) for found in single],
            "primary_keys": [_described(found) for found in primary],
            "composite_keys": [_described(found) for found in composite],
            "entity_keys": [_described(found) for found in entity],
            "foreign_keys": list(foreign),
        },
        alerts=_alerts(best),
        recommendations=tuple(_advice(best, entity)),
        charts=(
            Chart(
                title="Different values per column",
                labels=tuple(found.name for found in top),
                values=tuple(found.unique for found in top),
                unit="% of filled rows",
            ),
        ),
    )


def _described(found: _Uniqueness) -> dict[str, object]:
    return {"columns": list(found.columns), "uniqueness": found.unique, "empty": found.empty}


def _alerts(best: _Uniqueness | None) -> tuple[Alert, ...]:
    if best is not None:
        return ()
    message = "No column, nor a combination of columns, names every row: rows can't be told apart by a key."
    return (Alert(severity="medium", category="keys", message=message, recommendation="Give the rows an id."),)


def _advice(best: _Uniqueness | None, entity: Sequence[_Uniqueness]) -> Iterator[Recommendation]:
    if best is not None:
        text = f"{best.name} names the rows: {best.unique:g} % different, {best.empty:g} % empty."
        yield Recommendation(field_name=best.name, priority="low", recommendation=text)
    for found in entity[:_MOST_ADVICE]:
        text = f"{found.name} repeats now and then ({found.unique:g} % different): rows that share it may be one thing."
        yield Recommendation(field_name=found.name, priority="medium", recommendation=text)
