"""Checking rules: how many rows break each, and which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from agents.column_types import ColumnType, is_null_sql
from agents.edits import concat
from agents.rules.cells import Cells, by_place
from agents.rules.rule import OF_CELLS, Rule, breaks_filled_sql, breaks_sql, kept_by_measure_sql
from agents.table import ROW, Table, literal
from agents.turns import turns

FAILING_COLUMNS = {
    "row": "BIGINT",
    "rule": "VARCHAR",
    "column": "VARCHAR",
    "value": "VARCHAR",
    "origin": "VARCHAR",
}


@dataclass(frozen=True)
class Outcome:
    """A rule and what became of it: `support` rows have it to keep, `failing` of them break it."""

    rule: Rule
    support: int
    failing: int

    @property
    def conformity(self) -> float:
        """The share of rows that keep it, in percent."""
        return 100 * (1 - self.failing / self.support) if self.support else 100.0

    @property
    def passed(self) -> bool:
        """Whether no more rows break it than it tolerates."""
        return self.failing <= self.rule.tolerance * self.support


def check_cells(cells: Cells, rules: Mapping[str, Sequence[Rule]]) -> dict[str, list[Outcome]]:
    """Check rules on single columns, by column: those of cells, and that a value come once."""
    failing = {name: [_failing_by_type(cells, rule) for rule in own] for name, own in rules.items()}
    for name, place, count in _counted(cells, rules, failing):
        failing[name][place] = count
    return {
        name: [_outcome(cells, rule, count or 0) for rule, count in zip(own, failing[name], strict=True)]
        for name, own in rules.items()
    }


def _failing_by_type(cells: Cells, rule: Rule) -> int | None:
    """How many cells break a rule where what is known of the column tells; None where one has to look."""
    found = cells.types[rule.column]
    if rule.kind == "required":
        return found.missing
    return 0 if rule.kind == "unique" and found.distinct == cells.filled(rule.column) else None


def _outcome(cells: Cells, rule: Rule, failing: int) -> Outcome:
    return Outcome(rule, cells.rows if rule.kind == "required" else cells.filled(rule.column), failing)


def _counted(
    cells: Cells, rules: Mapping[str, Sequence[Rule]], known: Mapping[str, Sequence[int | None]]
) -> Iterator[tuple[str, int, int]]:
    """How many cells break each rule of which that isn't known: the column, the rule's place, the count."""
    keeping: list[_Asked] = []
    breaking: list[_Asked] = []
    for name, own in rules.items():
        for at, rule in enumerate(own):
            if known[name][at] is not None:
                continue
            if rule.kind == "unique" and cells.grouped:
                breaking.append(_Asked(name, at, "n > 1"))
            elif rule.kind == "unique":
                yield name, at, _count_repeated(cells.table, rule.columns)
            elif kept := kept_by_measure_sql(rule, cells.types[name], "x"):
                keeping.append(_Asked(name, at, kept))
            else:
                breaking.append(_Asked(name, at, breaks_filled_sql(rule, "v", cells.types[name])))
    for asked, count in _sums(cells.of_measures, "SELECT c, x, n FROM measures", keeping, cells):
        yield asked.column, asked.place, cells.filled(asked.column) - count
    filled = f"SELECT c, v, n FROM texts WHERE NOT {is_null_sql('v')}"
    for asked, count in _sums(cells.of_texts, filled, breaking, cells):
        yield asked.column, asked.place, count


@dataclass(frozen=True)
class _Asked:
    """A condition on the cells of one column, for the rule that has this place among the column's."""

    column: str
    place: int
    condition: str


def _sums(
    query: Callable[[str], list[tuple[Any, ...]]], source: str, asked: Sequence[_Asked], cells: Cells
) -> Iterator[tuple[_Asked, int]]:
    """How many rows of `source` each condition is true of.

    One column of the answer is for the first condition of every column of the table, one for the second, and so on.
    """
    turns: list[dict[int, _Asked]] = []
    for each in asked:
        place = cells.places[each.column]
        turn = next((turn for turn in turns if place not in turn), None)
        if turn is None:
            turns.append(turn := {})
        turn[place] = each
    if not turns:
        return
    conditions = (by_place({place: each.condition for place, each in turn.items()}, "false") for turn in turns)
    counts = ", ".join(f"coalesce(sum(n) FILTER ({condition}), 0)" for condition in conditions)
    places = ", ".join(str(place) for place in turns[0])
    answers = {
        place: figures
        for place, *figures in query(f"SELECT c, {counts} FROM ({source}) WHERE c IN ({places}) GROUP BY c")
    }
    for number, turn in enumerate(turns):
        for place, each in turn.items():
            yield each, int(answers[place][number]) if place in answers else 0


def check_rows(table: Table, rule: Rule) -> Outcome:
    """Check a rule that looks at more than one cell."""
    if rule.kind == "row_count":
        low, high = rule.values.get("min"), rule.values.get("max")
        kept = (low is None or table.rows >= low) and (high is None or table.rows <= high)
        return Outcome(rule, 1, 0 if kept else 1)
    cells = [Table.q(column) for column in rule.columns]
    filled = " AND ".join(f"NOT {is_null_sql(cell)}" for cell in cells)
    if rule.kind == "unique":
        support = int(table.scalar(f"SELECT count(*) FROM {{self}} WHERE {filled}"))
        return Outcome(rule, support, _count_repeated(table, rule.columns))
    support = failing = 0
    for _, pairs in _pairs(table, rule):
        counted = f"SELECT sum(__n) AS rows, max(__n) AS usual FROM {{self}} GROUP BY {_causes(rule)}"
        rows, odd = pairs.query(f"SELECT coalesce(sum(rows), 0), coalesce(sum(rows - usual), 0) FROM ({counted})")[0]
        support, failing = support + int(rows), failing + int(odd)
    return Outcome(rule, support, failing)


_repeats: WeakKeyDictionary[Table, dict[tuple[str, ...], Table]] = WeakKeyDictionary()
"""What has been found of tables that still exist, from the count until the rows are listed."""


def _repeated(table: Table, columns: Sequence[str]) -> Table:
    """The cells that come more than once where they may not, and how many rows have them: `__n`."""
    cells = [Table.q(column) for column in columns]
    same, filled = ", ".join(cells), " AND ".join(f"NOT {is_null_sql(cell)}" for cell in cells)
    return concat(
        [
            table.sql(
                f"SELECT {same}, count(*) AS __n FROM {{self}} WHERE {some} AND {filled} GROUP BY {same}"
                " HAVING count(*) > 1"
            )
            for some in turns(table.rows, same)
        ]
    )


def _count_repeated(table: Table, columns: tuple[str, ...]) -> int:
    """How many rows have such cells."""
    found = _repeats.setdefault(table, {})[columns] = _repeated(table, columns)
    return int(found.scalar("SELECT coalesce(sum(__n), 0) FROM {self}"))


def _causes(rule: Rule) -> str:
    return ", ".join(map(Table.q, rule.columns[:-1]))


def _pairs(table: Table, rule: Rule) -> Iterator[tuple[str, Table]]:
    """The cells of a dependency, the last as `__effect`, where each says something, and how many rows have them: `__n`.

    In turns: a condition on the rows, and the pairs of these.
    """
    *causes, effect = (Table.q(column) for column in rule.columns)
    filled = " AND ".join(f"NOT {is_null_sql(cell)}" for cell in (*causes, "__effect"))
    for some in turns(table.rows, _causes(rule)):
        # Few groups are left after grouping: only those are looked at for what says nothing.
        groups = table.sql(
            f"SELECT {_causes(rule)}, {effect} AS __effect, count(*) AS __n FROM {{self}} WHERE {some} GROUP BY ALL"
        )
        yield some, groups.sql(f"SELECT * FROM {{self}} WHERE {filled}")


def failing_rows(table: Table, outcomes: Sequence[Outcome], types: Mapping[str, ColumnType]) -> Table:
    """All rows that break a rule, with the cell that shows it, by rule and row."""
    repeats = _repeats.pop(table, {})
    parts = [table.beside(FAILING_COLUMNS)]
    for rule in (each.rule for each in outcomes if each.failing and each.rule.columns):
        shown = (
            f"SELECT {ROW} AS row, {literal(rule.id)} AS rule, {literal(rule.column)} AS column,"
            f" {_shown(rule)} AS value, {literal(rule.origin)} AS origin"
        )
        if rule.kind in OF_CELLS:
            query = f"{shown} FROM {{self}} WHERE {breaks_sql(rule, Table.q(rule.column), types[rule.column])}"
            parts.append(table.sql(f"{query} ORDER BY {ROW}"))
        elif rule.kind == "unique":
            same = ", ".join(map(Table.q, rule.columns))
            repeated = repeats.get(rule.columns) or _repeated(table, rule.columns)
            query = f"{shown} FROM {{self}} SEMI JOIN {{repeated}} USING ({same})"
            parts.append(table.sql(f"{query} ORDER BY {ROW}", repeated=repeated))
        else:
            parts.append(_undetermined(table, rule, shown).sql("SELECT * FROM {self} ORDER BY row"))
    return concat(parts)


def _shown(rule: Rule) -> str:
    """The cells of a rule; several as one text."""
    if rule.kind == "unique" and len(rule.columns) > 1:
        return f"concat_ws(' | ', {', '.join(map(Table.q, rule.columns))})"
    return Table.q(rule.column)


def _undetermined(table: Table, rule: Rule, shown: str) -> Table:
    """The rows whose last cell is not the one that usually goes with the others."""
    effect = Table.q(rule.column)
    found = []
    for some, pairs in _pairs(table, rule):
        broken = pairs.sql(
            f"SELECT {_causes(rule)}, max(row(__n, __effect))[2] AS __usual FROM {{self}} GROUP BY {_causes(rule)}"
            " HAVING count(*) > 1"
        )
        odd = f"{some} AND NOT {is_null_sql(effect)} AND {effect} <> __usual"
        found.append(
            table.sql(
                # A subselect has no `rowid`, which a column of the table's own may be called.
                f"{shown} FROM {{self}} JOIN (SELECT * FROM {{broken}}) USING ({_causes(rule)}) WHERE {odd}",
                broken=broken,
            )
        )
    return concat(found)
