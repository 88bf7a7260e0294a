"""The profile of every column of a table, and which of its cells stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.base import ROW_ISSUE_COLUMNS
from agents.profiling import figures
from agents.profiling.measures import Measures, Thresholds
from agents.profiling.moments import fences_sql
from agents.profiling.readings import infinite_sql, stranger_sql
from agents.profiling.values import entropy
from agents.sampling import sample_of
from agents.table import ROW, Table, literal

__all__ = ["ColumnProfile", "TableProfile", "Thresholds", "profile_columns"]

_MOST_COLUMNS = 50
_CELLS_AT_ONCE = 400_000


@dataclass(frozen=True)
class ColumnProfile:
    """All figures of one column; docs and shapes stand at the functions of `figures`."""

    column: str
    kind: str
    role: str
    semantic: str
    semantic_type: Mapping[str, Any] | None
    type_confidence: float
    counter_examples: Sequence[str]
    rows: int
    missing: int
    missing_percent: float
    blank: int
    disguised_missing: int
    suspected_missing: int
    distinct: int
    distinct_percent: float
    unique_values: int
    constant: bool
    strangers: int
    infinite: int
    padded: int
    spelling_variants: int
    ambiguous_dates: int
    min_length: int
    mean_length: float
    median_length: float
    max_length: int
    std_length: float | None
    entropy: float
    order: str
    auto_increment: Mapping[str, float] | None
    quality: Mapping[str, Any]
    numeric: Mapping[str, Any] | None = None
    dates: Mapping[str, Any] | None = None
    boolean: Mapping[str, Any] | None = None
    histogram: Mapping[str, Any] | None = None
    top_values: Sequence[Mapping[str, Any]] = ()
    rarest_values: Sequence[Mapping[str, Any]] = ()
    patterns: Sequence[Mapping[str, Any]] = ()
    patterns_sampled: int | None = None


@dataclass(frozen=True)
class TableProfile:
    """Every column in order, and the cells that are outliers, infinite or not of their column's kind.

    readings: the columns that stand for numbers, with the SQL of a cell's number.
    """

    columns: Sequence[ColumnProfile]
    row_issues: Table
    readings: Mapping[str, str]


def profile_columns(
    table: Table,
    thresholds: Thresholds,
    *,
    now: datetime,
    seed: int = 0,
    report_progress: Callable[[float], None] = lambda _: None,
) -> TableProfile:
    """Profile every column of a table, a few at a time. `now` decides which dates are in the future."""
    sample = table.ahead(lambda: sample_of(table, seed))
    found: list[ColumnProfile] = []
    flagged: list[Table] = []
    readings: dict[str, str] = {}

    def profile(names: Sequence[str]) -> TableProfile:
        measures = Measures(table, names, thresholds, sample, now)
        columns = [_profile(measures, place) for place in range(len(names))]
        read = {names[place]: measures.reading(place, Table.q(names[place])) for place in measures.moments}
        return TableProfile(columns, _together(table, _flagged_rows(measures)), read)

    for part in table.each(profile, _parts(table)):
        found += part.columns
        flagged.append(part.row_issues)
        readings |= part.readings
        report_progress(len(found) / len(table.columns))
    return TableProfile(found, _together(table, flagged), readings)


def _parts(table: Table) -> Iterator[Sequence[str]]:
    """Many columns at once where the table is small; one where each brings a large hash table of its own."""
    size = max(1, min(_MOST_COLUMNS, _CELLS_AT_ONCE // max(table.rows, 1)))
    for start in range(0, len(table.columns), size):
        yield table.columns[start : start + size]


def _together(table: Table, parts: Sequence[Table]) -> Table:
    """All parts as one table of row issues."""
    if not parts:
        return table.beside(ROW_ISSUE_COLUMNS)
    named = {f"part{place}": part for place, part in enumerate(parts)}
    return table.sql(" UNION ALL ".join(f"SELECT * FROM {{{name}}}" for name in named), **named)


def _profile(measures: Measures, place: int) -> ColumnProfile:
    count, column, unread = measures.counts[place], measures.types[place], measures.unread_of(place)
    cells, seen = measures.patterns.get(place, (0, []))
    length = measures.lengths.get(place)
    order = measures.orders.get(place)
    return ColumnProfile(
        column=measures.names[place],
        kind=figures.kind(measures, place),
        role=figures.role(measures, place),
        semantic=measures.meaning(place),
        semantic_type=figures.semantic(measures, place),
        type_confidence=column.confidence,
        counter_examples=column.counter_examples,
        rows=count.rows,
        missing=count.missing,
        missing_percent=figures.percent(count.missing, count.rows),
        blank=count.blank,
        disguised_missing=count.disguised,
        suspected_missing=figures.suspects(measures, place),
        distinct=count.distinct,
        distinct_percent=figures.percent(count.distinct, count.present),
        unique_values=count.once,
        constant=count.distinct == 1 and count.present > 1,
        strangers=unread.strangers,
        infinite=unread.infinite,
        padded=count.padded,
        spelling_variants=measures.variants.get(place, 0),
        ambiguous_dates=column.ambiguous_dates,
        min_length=length.min if length else 0,
        mean_length=length.mean if length else 0.0,
        median_length=length.median if length else 0.0,
        max_length=length.max if length else 0,
        std_length=length.std if length else None,
        entropy=entropy(measures.frequencies[place]) if place in measures.frequencies else 0.0,
        order=order.direction if order else "",
        auto_increment=figures.auto_increment(measures, place),
        quality=figures.quality(measures, place),
        numeric=figures.numeric(measures, place),
        dates=figures.dates(measures, place),
        boolean=figures.boolean(measures, place),
        histogram=figures.histogram(measures, place),
        top_values=figures.counted("value", measures.top.get(place, ([], []))[0], count.present),
        rarest_values=figures.counted("value", figures.rarest(measures, place), count.present),
        patterns=figures.counted("pattern", seen, cells),
        patterns_sampled=cells if measures.sample.sampled else None,
    )


def _flagged_rows(measures: Measures) -> list[Table]:
    """The rows behind outliers, infinities and cells not of the column's kind, as row issues."""
    places = [p for p in range(len(measures.names)) if _flagged_sql(measures, p)]
    if not places:
        return []
    flagged = measures.values.sql(" UNION ALL ".join(_flagged_sql(measures, place) for place in places))
    rows = " UNION ALL ".join(
        f"SELECT {ROW} AS row, {literal(measures.names[place])} AS column, issue_type, severity, message, v AS value"
        f" FROM (SELECT {ROW}, {Table.q(measures.names[place])} AS cell FROM {{self}})"
        f" JOIN {{flagged}} ON c = {place} AND v = cell"
        for place in places
    )
    return [measures.table.sql(rows, flagged=flagged)]


def _flagged_sql(measures: Measures, place: int) -> str:
    """The texts of a column that stand out, and why: c, v, issue_type, severity, message."""
    column, unread = measures.types[place], measures.unread_of(place)
    cells = f"FROM {{self}} WHERE c = {place} AND shape <> 'missing' AND"
    parts = []
    if unread.strangers:
        parts.append(
            f"SELECT c, v, 'invalid_value' AS issue_type, 'medium' AS severity,"
            f" 'is no {column.kind}, unlike the rest of the column' AS message {cells} {stranger_sql('v', column)}"
        )
    if unread.infinite:
        parts.append(
            "SELECT c, v, 'infinite_value' AS issue_type, 'high' AS severity,"
            f" 'is infinite' AS message {cells} {infinite_sql('v', column)}"
        )
    if any(measures.outside.get(place, ())):
        parts.append(
            "SELECT c, v, 'outlier' AS issue_type, 'low' AS severity,"
            " 'lies outside ' || format('{:.6g}', low) || ' to ' || format('{:.6g}', high) AS message"
            f" FROM (SELECT c, v, {measures.reading(place, 'v')} AS x FROM {{self}} WHERE c = {place}"
            f" AND shape <> 'missing') JOIN ({fences_sql({place: measures.fences[place]})}) USING (c)"
            " WHERE isfinite(x) AND (x < low OR x > high)"
        )
    return " UNION ALL ".join(parts)
