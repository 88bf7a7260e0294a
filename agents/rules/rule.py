"""A rule, and the SQL that finds the cells that break it.

A missing cell breaks `required` alone. Texts are judged as they stand in the file, blank space around them included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agents.column_types import (
    FALSE_SPELLINGS,
    NUMERIC,
    TEMPORAL,
    TRUE_SPELLINGS,
    ColumnType,
    Kind,
    date_sql,
    is_null_sql,
    number_sql,
    one_of_sql,
    time_sql,
    trim_sql,
)
from agents.rules.cells import measure_of_cell_sql
from agents.table import literal

RuleKind = Literal[
    "required", "unique", "range", "format", "allowed_values", "length", "type", "dependency", "row_count"
]
Origin = Literal["user", "contract", "suggested"]

LOGICAL_TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time")
LOGICAL_TYPE_OF = {
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "number",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamp",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "time",
}
"""The data contract standard's word for a kind of cell; the cells of any other kind are strings."""
OF_CELLS: tuple[RuleKind, ...] = ("required", "range", "format", "allowed_values", "length", "type")
"""Kinds of rules that look at one cell alone."""

_FLAGS = TRUE_SPELLINGS | FALSE_SPELLINGS | {"0", "1"}


@dataclass(frozen=True)
class Rule:
    """One rule. values: its parameters (min, max, pattern, values, type). tolerance: what share of its rows may break
    it. because: what a suggestion rests on. number: tells rules of one kind on the same columns apart."""

    kind: RuleKind
    columns: tuple[str, ...]
    origin: Origin
    values: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    tolerance: float = 0.0
    because: str = ""
    number: int = 1

    @property
    def id(self) -> str:
        """Its name in reports and files."""
        again = f"#{self.number}" if self.number > 1 else ""
        return f"{self.origin}.{self.kind}({', '.join(self.columns)}){again}"

    @property
    def of_one_column(self) -> bool:
        """Whether every text of one column keeps or breaks it, wherever it stands."""
        return self.kind in OF_CELLS or (self.kind == "unique" and len(self.columns) == 1)

    @property
    def column(self) -> str:
        """The column whose cell is shown where a row breaks it: the last one."""
        return self.columns[-1] if self.columns else ""

    def said(self) -> str:
        """The rule in words."""
        return self.description or _SAID[self.kind](self)


def _bounds(rule: Rule) -> str:
    low, high = rule.values.get("min"), rule.values.get("max")
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"exactly {low}" if low == high else f"between {low} and {high}"


_SAID: Mapping[RuleKind, Callable[[Rule], str]] = {
    "required": lambda rule: f"{rule.column} is always filled",
    "unique": lambda rule: f"{', '.join(rule.columns)}: no value comes twice",
    "range": lambda rule: f"{rule.column} is {_bounds(rule)}",
    "format": lambda rule: f"{rule.column} is written like {rule.values['pattern']}",
    "allowed_values": lambda rule: f"{rule.column} is one of {len(rule.values['values'])} values",
    "length": lambda rule: f"{rule.column} has {_bounds(rule)} characters",
    "type": lambda rule: f"{rule.column} is of the type {rule.values['type']}",
    "dependency": lambda rule: f"{', '.join(rule.columns[:-1])} determines {rule.column}",
    "row_count": lambda rule: f"the table has {_bounds(rule)} rows",
}


def numbered(rules: Iterable[Rule]) -> list[Rule]:
    """The rules, those that would have one id told apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for rule in rules:
        seen[rule.id] = seen.get(rule.id, 0) + 1
        found.append(replace(rule, number=seen[rule.id]))
    return found


def kept_by_measure_sql(rule: Rule, found: ColumnType, measure: str) -> str | None:
    """SQL that is true of a cell that keeps a rule, by its `measure_of_cell_sql`; None where only its text tells.

    A cell without a measure isn't true of it.
    """
    numeric, temporal = found.kind in NUMERIC, found.kind in TEMPORAL and bool(found.shapes)
    match rule.kind:
        case "range":
            limits = {name: limit for name, limit in rule.values.items() if limit is not None}
            of_dates = any(isinstance(limit, str) for limit in limits.values())
            if not (temporal if of_dates else numeric):
                return None
            bounds = [f"{measure} {_KEEPING[name]} {_bound_sql(limits[name])}" for name in _KEEPING if name in limits]
            return f"({' AND '.join(bounds)})"
        case "length" if found.kind is Kind.TEXT:
            return f"NOT {_beyond_sql(measure, rule.values)}"
        case "type":
            sure = temporal and found.date_order is not None
            return _TYPE_BY_MEASURE.get((rule.values["type"], numeric, sure), "").format(x=measure) or None
        case _:
            return None


def breaks_sql(rule: Rule, cell: str, found: ColumnType) -> str:
    """SQL that is true of a cell that breaks a rule of cells."""
    if rule.kind == "required":
        return is_null_sql(cell)
    return f"CASE WHEN {is_null_sql(cell)} THEN false ELSE {breaks_filled_sql(rule, cell, found)} END"


def breaks_filled_sql(rule: Rule, cell: str, found: ColumnType) -> str:
    """SQL that is true of a cell that holds something and breaks a rule of cells."""
    values = rule.values
    if kept := kept_by_measure_sql(rule, found, f"({measure_of_cell_sql(cell, found)})"):
        return f"({kept}) IS NOT TRUE"
    match rule.kind:
        case "range":
            return _outside_sql(values, cell)
        case "format":
            return f"NOT regexp_matches({cell}, {literal(values['pattern'])})"
        case "allowed_values":
            return f"{cell} NOT IN ({', '.join(map(literal, values['values']))})"
        case "length":
            return _beyond_sql(f"length({cell})", values)
        case "type":
            return _not_of_type_sql(values["type"], cell, found)
        case _:
            raise ValueError(f"{rule.kind} looks at more than one cell")


_KEEPING = {"min": ">=", "max": "<=", "above": ">", "below": "<"}
# By the type asked for, and whether the column is one of numbers, or of dates that can be read in one way alone.
_TYPE_BY_MEASURE = {
    ("integer", True, False): "(isfinite({x}) AND {x} = floor({x}))",
    ("number", True, False): "isfinite({x})",
    ("date", False, True): "{x} IS NOT NULL",
    ("timestamp", False, True): "{x} IS NOT NULL",
}


def _beyond_sql(value: str, limits: Mapping[str, Any]) -> str:
    parts = [f"{value} {sign} {_bound(limits[name])}" for name, sign in _SIGNS if limits.get(name) is not None]
    return f"({' OR '.join(parts)})"


_SIGNS = (("min", "<"), ("max", ">"), ("above", "<="), ("below", ">="))


def _bound_sql(limit: float | str) -> str:
    """A bound as a measure: a date's is its seconds since 1970."""
    return f"epoch(CAST({literal(limit)} AS TIMESTAMP))" if isinstance(limit, str) else _bound(limit)


def _bound(limit: float | int) -> str:
    return f"CAST('{limit!r}' AS DOUBLE)"


def _outside_sql(limits: Mapping[str, Any], cell: str) -> str:
    """Outside, or no number (no date) at all, where the column is neither of numbers nor of dates."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if any(isinstance(limit, str) for limit in given.values()):
        value = f"epoch({date_sql(cell, None)})"
        parts = [f"{value} {sign} {_bound_sql(given[name])}" for name, sign in _SIGNS if name in given]
        return f"(({value}) IS NULL OR {' OR '.join(parts)})"
    value = number_sql(cell)
    return f"(({value}) IS NULL OR {_beyond_sql(f'({value})', given)})"


def _not_of_type_sql(type: str, cell: str, found: ColumnType) -> str:
    number = number_sql(cell, found.decimal)
    conditions = {
        "string": "false",
        "number": f"({number}) IS NULL",
        "integer": f"(({number}) IS NULL OR ({number}) <> floor({number}))",
        "boolean": f"NOT {one_of_sql(f'lower({trim_sql(cell)})', _FLAGS)}",
        "date": f"({date_sql(cell, found.date_order or 'dmy')}) IS NULL",
        "timestamp": f"({date_sql(cell, found.date_order or 'dmy')}) IS NULL",
        "time": f"({time_sql(cell)}) IS NULL",
    }
    return conditions[type]
