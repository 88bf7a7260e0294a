"""Rules that a table keeps already, with few exceptions: what one would ask of the next delivery.

A rule is suggested where at least 99 % of its rows keep it; the exceptions are its tolerance. Columns of personal data
are given no rule that would carry a value of theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agents.column_types import TEMPORAL, ColumnType, Kind, is_null_sql
from agents.rules.cells import Cells, by_place
from agents.rules.check import Outcome, check_cells, check_rows
from agents.rules.limits import whole
from agents.rules.rule import LOGICAL_TYPE_OF, Rule, RuleKind
from agents.table import Table, literal

LEAST_CONFORMITY = 0.99
FEW_VALUES = 20
REPEATED = 10
"""A value has to come this often, on average, for the values to be a closed list."""

_ENOUGH_ROWS = 20
_SAMPLE = 20_000
_SHAPE_SAMPLE = 5_000
_MOST_SHAPES = 3
_LONGEST_SHAPE = 40
_FAR = 3.0
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Bounds = tuple[float, float] | tuple[str, str]
_RANGED = (Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.DATETIME)
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
    """A column to suggest rules for. found: what it holds; meaning: its sort of value, as agents.semantics calls it;
    personal: that none of its values may be shown."""

    name: str
    found: ColumnType
    rows: int
    meaning: str = ""
    personal: bool = False

    @property
    def filled(self) -> int:
        """Cells that hold something."""
        return self.rows - self.found.missing

    @property
    def may_be_shown(self) -> bool:
        """Whether its values may be told, and are enough to tell anything."""
        return not self.personal and self.filled >= _ENOUGH_ROWS

    @property
    def is_closed_list(self) -> bool:
        """Whether it has few values, which come again and again."""
        few = min(FEW_VALUES, self.filled / REPEATED)
        return self.may_be_shown and self.found.kind in _WORDS and 0 < self.found.distinct <= few

    @property
    def is_measured(self) -> bool:
        """Whether its numbers or dates lie in a range that says something: a counter's grows with the table."""
        counter = self.found.kind is Kind.INTEGER and self.found.distinct == self.filled
        return self.may_be_shown and self.found.kind in _RANGED and self.found.distinct > 1 and not counter

    @property
    def is_shaped(self) -> bool:
        """Whether its texts may be written alike."""
        return self.may_be_shown and self.found.kind in _SHAPED and self.meaning not in GENERAL_PATTERNS


def suggest_for_columns(cells: Cells, columns: Sequence[Column]) -> list[Outcome]:
    """The rules that each column alone keeps, column by column."""
    present = [column for column in columns if column.filled]
    allowed = _allowed_values(cells, [column for column in present if column.is_closed_list])
    ranges = _ranges(cells, [column for column in present if column.is_measured and column.name not in allowed])
    shapes = _shapes(cells, [column for column in present if column.is_shaped and column.name not in allowed])
    lengths = _lengths(cells, [name for name, own in shapes.items() if not own])
    rules: dict[str, list[Rule]] = {}
    for column in present:
        telling = _by_values(column, allowed, ranges, shapes, lengths) if column.may_be_shown else None
        rules[column.name] = [*_by_type(column), *([telling] if telling else [])]
    outcomes = check_cells(cells, rules)
    return [_with_tolerance(each) for own in outcomes.values() for each in own if _kept(each)]


def suggest_dependency(determinant: Sequence[str], dependent: str, support: int, failing: int) -> Outcome | None:
    """That some columns determine another, which so many rows have to keep and so many don't."""
    outcome = Outcome(Rule("dependency", (*determinant, dependent), "suggested"), support, failing)
    because = f"the same on {outcome.conformity:.4g} % of {support:,} rows"
    outcome = replace(outcome, rule=replace(outcome.rule, because=because))
    return _with_tolerance(outcome) if support and _kept(outcome) else None


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


def _rule(column: Column, kind: RuleKind, because: str, **values: object) -> Rule:
    return Rule(kind, (column.name,), "suggested", values, because=because)


def _by_type(column: Column) -> Iterator[Rule]:
    """What follows from what the column holds, without a value of it."""
    found, filled = column.found, f"{column.filled:,} filled cells"
    if column.filled >= 2 and found.distinct >= LEAST_CONFORMITY * column.filled and found.kind in _KEYLIKE:
        yield _rule(column, "unique", f"{found.distinct:,} values on {column.filled:,} rows")
    if column.filled >= LEAST_CONFORMITY * column.rows:
        yield _rule(column, "required", f"filled on {column.filled:,} of {column.rows:,} rows")
    if found.kind in LOGICAL_TYPE_OF and found.confidence >= LEAST_CONFORMITY:
        because = f"{100 * found.confidence:.4g} % of {filled} are {found.kind}"
        yield _rule(column, "type", because, type=LOGICAL_TYPE_OF[found.kind])
    if column.meaning in GENERAL_PATTERNS:
        because = f"most of {filled} are of the sort {column.meaning}"
        yield _rule(column, "format", because, pattern=GENERAL_PATTERNS[column.meaning])


def _by_values(
    column: Column,
    allowed: Mapping[str, list[str]],
    ranges: Mapping[str, _Bounds],
    shapes: Mapping[str, list[str]],
    lengths: Mapping[str, tuple[int, int]],
) -> Rule | None:
    """What the column's values tell: the list of them, their range, how they are written, or how long they are."""
    name, filled = column.name, f"{column.filled:,} filled cells"
    if values := allowed.get(name):
        return _rule(column, "allowed_values", f"{len(values)} values on {filled}", values=values)
    if name in ranges:
        low, high = ranges[name]
        return _rule(column, "range", f"all of {filled} but far outliers", min=low, max=high)
    if own := shapes.get(name):
        return _rule(column, "format", f"{len(own)} patterns cover {filled}", pattern=_pattern(own))
    if name in lengths:
        low, high = lengths[name]
        return _rule(column, "length", f"all of {filled}", min=low, max=high)
    return None


def _allowed_values(cells: Cells, columns: Sequence[Column]) -> dict[str, list[str]]:
    """Closed lists of values; those that come once among many rows are taken for slips."""
    names = {cells.places[column.name]: column.name for column in columns}
    found: dict[str, list[str]] = {}
    if names:
        again = f"n > 1 AND c IN ({_listed(names)}) AND NOT {is_null_sql('v')}"
        for place, value in cells.of_texts(f"SELECT c, v FROM texts WHERE {again} ORDER BY c, n DESC, v"):
            found.setdefault(names[place], []).append(value)
    return found


def _ranges(cells: Cells, columns: Sequence[Column]) -> dict[str, _Bounds]:
    """From the smallest to the largest value that isn't far outside the quartiles; from 0 where none is negative."""
    of_place = {cells.places[column.name]: column for column in columns}
    fences = dict(_fences(cells, of_place))
    if not fences:
        return {}
    low, high = (by_place({place: _number(ends[end]) for place, ends in fences.items()}, "NULL") for end in (0, 1))
    ends = cells.of_measures(
        f"SELECT c, min(x), max(x) FROM (SELECT c, x, {low} AS low, {high} AS high FROM measures)"
        " WHERE x BETWEEN low AND high GROUP BY c"
    )
    return {of_place[place].name: _bounds(of_place[place].found.kind, least, most) for place, least, most in ends}


def _fences(cells: Cells, columns: Mapping[int, Column]) -> Iterator[tuple[int, tuple[float, float]]]:
    """How far from the quartiles a column's values are not far outliers."""
    if not columns:
        return
    sampled = f"c IN ({_listed(columns)}) AND isfinite(x) AND {_one_in(cells, columns, _SAMPLE)}"
    chosen = f"SELECT c, x FROM measures WHERE {sampled}"
    quartiles = "quantile_cont(x, 0.25 ORDER BY x), quantile_cont(x, 0.75 ORDER BY x)"
    for place, low, high in cells.of_measures(f"SELECT c, {quartiles} FROM ({chosen}) GROUP BY c"):
        reach = _FAR * (high - low)
        yield place, (low - reach, high + reach)


def _bounds(kind: Kind, least: float, most: float) -> _Bounds:
    if kind in TEMPORAL:
        return _day(least), _day(most if kind is Kind.DATE else most + _DAY)
    least = 0.0 if least >= 0 else least
    return (int(least), int(most)) if kind is Kind.INTEGER else (float(least), float(most))


def _day(seconds: float) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).date().isoformat()


def _number(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"


def _lengths(cells: Cells, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The shortest and the longest of the texts of some columns."""
    of_place = {cells.places[name]: name for name in names}
    if not of_place:
        return {}
    said = f"c IN ({_listed(of_place)}) AND NOT {is_null_sql('v')}"
    ends = cells.of_texts(f"SELECT c, min(length(v)), max(length(v)) FROM texts WHERE {said} GROUP BY c")
    return {of_place[place]: (int(least), int(most)) for place, least, most in ends}


def _shapes(cells: Cells, columns: Sequence[Column]) -> dict[str, list[str]]:
    """The few character patterns of nearly all cells of a sample: capitals read A, small letters a, digits 9.

    None for a column that has too many, or whose patterns don't tell.
    """
    of_place = {cells.places[column.name]: column for column in columns}
    if not of_place:
        return {}
    shape = f"left(v, {_LONGEST_SHAPE + 1})"
    for letters, sign in (("[A-Z]", "A"), ("[a-z]", "a"), ("[0-9]", "9")):
        shape = f"regexp_replace({shape}, {literal(letters)}, '{sign}', 'g')"
    some = _one_in(cells, of_place, _SHAPE_SAMPLE)
    chosen = f"c IN ({_listed(of_place)}) AND CASE WHEN {some} THEN NOT {is_null_sql('v')} END"
    counted: dict[int, list[tuple[str, int]]] = {place: [] for place in of_place}
    for place, text, rows in cells.of_texts(
        f"SELECT c, {shape} AS shape, sum(n) AS n FROM texts WHERE {chosen} GROUP BY ALL ORDER BY c, n DESC, shape"
    ):
        counted[place].append((text, int(rows)))
    return {of_place[place].name: _few_shapes(own) for place, own in counted.items()}


def _one_in(cells: Cells, columns: Mapping[int, Column], wanted: int) -> str:
    """SQL that is true of about so many of each column's texts or measures."""
    # Of a hash's own type: dividing it by any other goes by way of 128 bits, ten times slower.
    steps = {
        place: f"{1 + (column.found.distinct if cells.grouped else column.filled) // wanted}::UBIGINT"
        for place, column in columns.items()
    }
    return f"hash(r) % {by_place(steps, 'NULL')} = 0"


def _few_shapes(counted: Sequence[tuple[str, int]]) -> list[str]:
    total = sum(rows for _, rows in counted)
    covered, shapes = 0, []
    for text, rows in counted[:_MOST_SHAPES]:
        covered += rows
        shapes.append(text)
        if covered >= LEAST_CONFORMITY * total:
            return shapes if all(_telling(each) for each in shapes) else []
    return []


def _listed(places: Iterable[int]) -> str:
    return ", ".join(map(str, places))


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
