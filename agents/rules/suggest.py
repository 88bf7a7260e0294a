"""Rules that a table keeps already, with few exceptions: what one would ask of the next delivery.

A rule is suggested where at least 99 % of its rows keep it; the exceptions are its tolerance. Columns of personal data
are given no rule that would carry a value of theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agents.column_types import ColumnType, Kind, is_null_sql
from agents.profiling.readings import value_sql
from agents.rules.check import Outcome, check_cells, check_rows
from agents.rules.rule import Rule, whole
from agents.table import Table, literal

LEAST_CONFORMITY = 0.99
FEW_VALUES = 20
REPEATED = 10
"""A value has to come this often, on average, for the values to be a closed list."""

_ENOUGH_ROWS = 20
_SAMPLE = 20_000
_MOST_SHAPES = 3
_LONGEST_SHAPE = 40
_FAR = 3.0
_TYPES = {
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "number",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamp",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "time",
}
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL)
_WORDS = (Kind.TEXT, Kind.CODE, Kind.BOOLEAN)
_SHAPED = (Kind.CODE, Kind.PHONE, Kind.TEXT)
_KEYLIKE = (Kind.INTEGER, Kind.CODE, Kind.TEXT, Kind.EMAIL, Kind.URL, Kind.PHONE)

# Sorts of values with one spelling for all, so that the pattern says nothing of any of them.
GENERAL_PATTERNS = {
    "email": r"^[^\s@,;:<>()]+@[^\s@,;:<>()]+\.[A-Za-z]{2,24}$",
    "url": r"^([a-z][a-z0-9+.-]{1,11}://|www\.)[^\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}


@dataclass(frozen=True)
class Column:
    """A column to suggest rules for. values: its `column_values`; meaning: its sort of value, as agents.semantics calls
    it; personal: that none of its values may be shown."""

    name: str
    values: Table
    found: ColumnType
    rows: int
    meaning: str = ""
    personal: bool = False

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.found.missing


def suggest_for_cells(column: Column) -> list[Outcome]:
    """The rules that a column's cells keep."""
    if column.present < 1:
        return []
    rules = list(_rules_of_cells(column))
    return [_with_tolerance(each) for each in check_cells(column.values, rules, column.found) if _kept(each)]


def suggest_unique(table: Table, column: Column) -> Outcome | None:
    """That a column's values come once each."""
    enough = column.present >= 2 and column.found.distinct >= LEAST_CONFORMITY * column.present
    if not enough or column.found.kind not in _KEYLIKE:
        return None
    because = f"{column.found.distinct:,} values on {column.present:,} rows"
    outcome = check_rows(table, Rule("unique", (column.name,), "suggested", because=because))
    return _with_tolerance(outcome) if _kept(outcome) else None


def suggest_dependency(table: Table, determinant: Sequence[str], dependent: str) -> Outcome | None:
    """That some columns determine another."""
    outcome = check_rows(table, Rule("dependency", (*determinant, dependent), "suggested"))
    because = f"the same on {outcome.conformity:.4g} % of {outcome.support:,} rows"
    outcome = replace(outcome, rule=replace(outcome.rule, because=because))
    return _with_tolerance(outcome) if outcome.support and _kept(outcome) else None


def suggest_row_count(table: Table) -> Outcome | None:
    """That the next table is neither half nor twice as long."""
    if not table.rows:
        return None
    limits = {"min": table.rows // 2, "max": 2 * table.rows}
    return check_rows(table, Rule("row_count", (), "suggested", limits, because=f"{table.rows:,} rows now"))


def _kept(outcome: Outcome) -> bool:
    return outcome.conformity >= 100 * LEAST_CONFORMITY


def _with_tolerance(outcome: Outcome) -> Outcome:
    """The share of exceptions, rounded up to a tenth of a per mille, is tolerated."""
    share = outcome.failing / outcome.support if outcome.support else 0.0
    return replace(outcome, rule=replace(outcome.rule, tolerance=math.ceil(share * 10_000) / 10_000))


def _rules_of_cells(column: Column) -> Iterator[Rule]:
    def rule(kind: str, because: str, **values: object) -> Rule:
        return Rule(kind, (column.name,), "suggested", values, because=because)  # type: ignore[arg-type]

    found, filled = column.found, f"{column.present:,} filled cells"
    if column.present >= LEAST_CONFORMITY * column.rows:
        yield rule("required", f"filled on {column.present:,} of {column.rows:,} rows")
    if found.kind in _TYPES and found.confidence >= LEAST_CONFORMITY:
        yield rule("type", f"{found.confidence:.4%} of {filled} are {found.kind}", type=_TYPES[found.kind])
    if column.meaning in GENERAL_PATTERNS:
        yield rule(
            "format", f"most of {filled} are of the sort {column.meaning}", pattern=GENERAL_PATTERNS[column.meaning]
        )
    if column.personal or column.present < _ENOUGH_ROWS:
        return
    if allowed := _allowed_values(column):
        yield rule("allowed_values", f"{len(allowed)} values on {filled}", values=allowed)
    elif found.kind in _NUMBERS and (limits := _range(column)):
        yield rule("range", f"all of {filled} but far outliers", min=limits[0], max=limits[1])
    elif found.kind in _SHAPED and column.meaning not in GENERAL_PATTERNS:
        shapes = _shapes(column)
        if shapes:
            yield rule("format", f"{len(shapes)} patterns cover {filled}", pattern=_pattern(shapes))
        else:
            low, high = column.values.query("SELECT min(length(v)), max(length(v)) FROM {self} WHERE trim(v) <> ''")[0]
            yield rule("length", f"all of {filled}", min=int(low), max=int(high))


def _allowed_values(column: Column) -> list[str]:
    """A closed list of values; those that come once among many rows are taken for slips."""
    found = column.found
    if found.kind not in _WORDS or not 0 < found.distinct <= min(FEW_VALUES, column.present / REPEATED):
        return []
    rows = column.values.query(f"SELECT v FROM {{self}} WHERE n > 1 AND NOT {is_null_sql('v')} ORDER BY n DESC, v")
    return [value for (value,) in rows]


def _range(column: Column) -> tuple[float, float] | None:
    """From the smallest to the largest number that isn't far outside the quartiles; from 0 where none is negative."""
    found = column.found
    if column.found.distinct < 2 or (column.found.kind is Kind.INTEGER and column.found.distinct == column.present):
        return None
    number = value_sql("v", found)
    numbers = column.values.sql(f"SELECT x FROM (SELECT {number} AS x FROM {{self}}) WHERE isfinite(x)")
    chosen = f"SELECT x FROM {{self}} WHERE hash(x) % {1 + numbers.rows // _SAMPLE} = 0 ORDER BY x"
    low, high = numbers.query(f"SELECT quantile_cont(x, 0.25), quantile_cont(x, 0.75) FROM ({chosen})")[0]
    if low is None:
        return None
    reach = _FAR * (high - low)
    least, most = numbers.query(
        "SELECT min(x), max(x) FROM {self} WHERE x BETWEEN $low AND $high", low=low - reach, high=high + reach
    )[0]
    least = 0.0 if least >= 0 else least
    whole_numbers = found.kind is Kind.INTEGER
    return (int(least), int(most)) if whole_numbers else (float(least), float(most))


def _shapes(column: Column) -> list[str]:
    """The few character patterns of nearly all cells of a sample: capitals read A, small letters a, digits 9."""
    shape = f"left(v, {_LONGEST_SHAPE + 1})"
    for letters, sign in (("[A-Z]", "A"), ("[a-z]", "a"), ("[0-9]", "9")):
        shape = f"regexp_replace({shape}, {literal(letters)}, '{sign}', 'g')"
    chosen = f"hash(v) % {1 + column.found.distinct // _SAMPLE} = 0 AND NOT {is_null_sql('v')}"
    found = column.values.query(
        f"SELECT {shape} AS shape, sum(n) AS n FROM {{self}} WHERE {chosen} GROUP BY shape ORDER BY sum(n) DESC, shape"
    )
    total = sum(int(rows) for _, rows in found)
    covered, shapes = 0, []
    for text, rows in found[:_MOST_SHAPES]:
        covered += int(rows)
        shapes.append(str(text))
        if covered >= LEAST_CONFORMITY * total:
            return shapes if all(_telling(each) for each in shapes) else []
    return []


def _telling(shape: str) -> bool:
    """A word of small letters is no format, and what was cut off is unknown."""
    return len(shape) <= _LONGEST_SHAPE and ("9" in shape or "A" in shape) and " " not in shape.strip("Aa9")


def _pattern(shapes: Sequence[str]) -> str:
    return whole("|".join(map(_of_shape, sorted(shapes))))


def _of_shape(shape: str) -> str:
    """A shape as a regular expression that every engine reads alike."""
    signs = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}
    runs = [(run[0][0], len(run[0])) for run in re.finditer(r"(.)\1*", shape, re.DOTALL)]
    return "".join(
        (signs.get(sign) or _escaped(sign)) + (f"{{{length}}}" if length > 1 else "") for sign, length in runs
    )


def _escaped(sign: str) -> str:
    return "\\" + sign if sign in r"\.^$|?*+()[]{}" else sign
