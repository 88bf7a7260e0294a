"""What record-linker does: the rows compared, those that are the same linked, and what people should look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy

from agents.base import AgentContext, AgentResult, Alert, Chart, Issue, Recommendation
from agents.linkage.calibration import Threshold
from agents.linkage.candidates import Pairs
from agents.linkage.clusters import components
from agents.linkage.comparison import Floats, Integers
from agents.linkage.engine import Options, link
from agents.linkage.entities import entities_table
from agents.linkage.fields import Field, choose
from agents.linkage.matches import Matches, decided, exact
from agents.linkage.records import Records, records
from agents.linkage.sources import side_sql, source_column, stacked_row
from agents.master.record_linker import RecordLinker, RowPair
from agents.table import Table
from errors import InvalidParameters, NotApplicable, Stopped

Rows = tuple[int, int]

_MOST_FIELDS = 12
_MANY_ROWS = 300_000
_FIELDS_OF_MANY = 8
_LARGE_CLUSTER = 50
_LAST_BAR = 10


@dataclass(frozen=True)
class _Line:
    """Where the line between match and no match was drawn. bits: the scores of the compared pairs, 0 on the line.
    one_each: whether every source holds each thing once."""

    bits: Floats
    threshold: Threshold
    one_each: bool


def link_rows(table: Table, params: RecordLinker, ctx: AgentContext) -> AgentResult:
    """Link the rows, and tell which pairs are left for review."""
    if table.rows < 2:
        raise NotApplicable("a single row has no duplicates")
    source = source_column(table, params.source_column)
    fields = _fields(table, params, source)
    together = _row_pairs(params.must_link, "must_link", table, ctx)
    apart = _row_pairs(params.cannot_link, "cannot_link", table, ctx)
    _refuse_contradictions(together, apart)
    ctx.report_progress(0.1)
    side = side_sql(ctx.sources, source)
    if not params.enable_fuzzy_matching:
        return _exactly(table, params, fields, side, together, apart)
    # What was needed to find the matches is gone by the time the entities are made: both would not fit in memory.
    matches, line = _fuzzily(table, params, ctx, fields, side, together, apart)
    return _result(table, fields, matches, line)


def _fuzzily(
    table: Table,
    params: RecordLinker,
    ctx: AgentContext,
    fields: Sequence[Field],
    side: str | None,
    together: Sequence[Rows],
    apart: Sequence[Rows],
) -> tuple[Matches, _Line]:
    found = records(table, fields, side, [row for pair in (*together, *apart) for row in pair])
    options = Options(
        one_to_one=None if params.one_to_one == "auto" else params.one_to_one,
        threshold=None if params.match_threshold == "auto" else params.match_threshold,
        factors=numpy.array([params.match_key_weights.get(field.column, 1.0) for field in fields]),
        together=_record_pairs(found, together),
        apart=_record_pairs(found, apart),
        seed=ctx.seed,
    )
    linkage = link(found, fields, options, lambda share: _report(ctx, share))
    matches = decided(found, fields, linkage, options.together)
    return matches, _Line(linkage.bits, linkage.threshold, linkage.sides is not None)


def _exactly(
    table: Table,
    params: RecordLinker,
    fields: Sequence[Field],
    side: str | None,
    together: Sequence[Rows],
    apart: Sequence[Rows],
) -> AgentResult:
    # Equal rows that must not be one entity: the second is taken out, for its equals equal the first one too.
    found = records(table, fields, None, [second for _, second in apart])
    sides = None
    if side is not None and params.one_to_one is True:
        sides = table.df(f"SELECT {side} AS side FROM {{self}} ORDER BY __row")["side"].to_list()
    return _result(table, fields, exact(found, fields, _record_pairs(found, together), sides), None)


def _fields(table: Table, params: RecordLinker, source: str | None) -> list[Field]:
    table.require(params.match_key_columns, "match_key_columns")
    table.require(params.match_key_weights, "match_key_weights")
    asked = bool(params.match_key_columns)
    most = _MOST_FIELDS if table.rows <= _MANY_ROWS else _FIELDS_OF_MANY
    fields = choose(table, params.match_key_columns or table.columns, most, source=source, asked=asked)
    if not fields:
        raise NotApplicable("no column tells one thing from another: they are empty, constant, or count the rows")
    return fields


def _row_pairs(pairs: Sequence[RowPair], parameter: str, table: Table, ctx: AgentContext) -> list[Rows]:
    """The pairs as `__row` numbers; every one that isn't there is refused at once."""
    asked = [(stacked_row(ctx.sources, one), stacked_row(ctx.sources, other)) for one, other in pairs]
    numbers = ", ".join({str(int(row)) for pair in asked for row in pair if row is not None}) or "NULL"
    there = {row for (row,) in table.query(f"SELECT __row FROM {{self}} WHERE __row IN ({numbers})")}
    found, faults = [], []
    for number, (one, other) in enumerate(asked):
        if one in there and other in there and one != other and one is not None and other is not None:
            found.append((min(one, other), max(one, other)))
        else:
            faults.append({"path": f"record-linker.{parameter}.{number}", "message": "names no two rows of the table"})
    if faults:
        raise InvalidParameters(faults)
    return found


def _refuse_contradictions(together: Sequence[Rows], apart: Sequence[Rows]) -> None:
    rows = sorted({row for pair in (*together, *apart) for row in pair})
    place = {row: number for number, row in enumerate(rows)}
    label = components(len(rows), _as_pairs([(place[one], place[other]) for one, other in together]))
    faults = [
        {"path": f"record-linker.cannot_link.{number}", "message": "must_link says that these rows are the same"}
        for number, (one, other) in enumerate(apart)
        if label[place[one]] == label[place[other]]
    ]
    if faults:
        raise InvalidParameters(faults)


def _record_pairs(found: Records, pairs: Sequence[Rows]) -> Pairs:
    return _as_pairs([(found.record_of(one), found.record_of(other)) for one, other in pairs])


def _as_pairs(pairs: Sequence[Rows]) -> Pairs:
    both = numpy.sort(numpy.array(pairs, dtype=numpy.int32).reshape(-1, 2), axis=1)
    return both[:, 0], both[:, 1]


def _report(ctx: AgentContext, share: float) -> None:
    if ctx.should_stop():
        raise Stopped
    ctx.report_progress(share)


def _result(table: Table, fields: Sequence[Field], matches: Matches, line: _Line | None) -> AgentResult:
    entities = entities_table(table, matches.rows, matches.entity)
    sizes = numpy.unique(matches.entity, return_counts=True)[1]
    review = int(matches.pairs.scalar("SELECT count(*) FROM {self} WHERE decision = 'review'"))
    return AgentResult(
        metrics={
            "rows": table.rows,
            "entities": len(sizes),
            "duplicates": table.rows - len(sizes),
            "largest_cluster": int(sizes.max()),
            "pairs_compared": len(line.bits) if line else 0,
            "matched_pairs": matches.pairs.rows - review,
            "review_pairs": review,
            "threshold_bits": round(line.threshold.bits, 2) if line else None,
            "one_row_per_source": line is not None and line.one_each,
            "calibrated": line is None or not line.threshold.reason,
        },
        data={"compared_columns": [{"column": field.column, "as": field.comparison} for field in fields]},
        alerts=tuple(_alerts(line, sizes, table.rows)),
        issues=_duplicate_issue(table.rows - len(sizes)),
        recommendations=_review_advice(review),
        charts=tuple(_charts(sizes, line)),
        extras={"entities": entities, "pairs": matches.pairs},
    )


def _duplicate_issue(duplicates: int) -> tuple[Issue, ...]:
    if not duplicates:
        return ()
    message = f"{duplicates:,} rows are further rows of a thing that another row holds already"
    return (Issue(field_name="", issue_type="duplicate_entity", severity="medium", message=message, rows=duplicates),)


def _review_advice(review: int) -> tuple[Recommendation, ...]:
    if not review:
        return ()
    text = f"Look at the {review:,} pairs in review.csv and answer them by must_link or cannot_link."
    return (Recommendation(field_name="", priority="medium", recommendation=text),)


def _alerts(line: _Line | None, sizes: Integers, rows: int) -> Iterator[Alert]:
    if line is not None and line.threshold.reason:
        yield Alert(
            severity="medium",
            category="matching",
            message=f"This table doesn't show where matches end: {line.threshold.reason}. A strict line was drawn.",
            recommendation="Set match_threshold or match_key_columns, or decide the pairs in review.csv.",
        )
    if line is not None and line.one_each:
        yield Alert(
            severity="low",
            category="matching",
            message="Each source seems to hold each thing once, so rows of one source were not linked with each other.",
            recommendation="Set one_to_one to false if a source has duplicates of its own.",
        )
    if sizes.max() > max(_LARGE_CLUSTER, rows // 10):
        yield Alert(
            severity="medium",
            category="matching",
            message=f"The largest entity holds {int(sizes.max()):,} rows: check that they are one thing.",
        )


def _charts(sizes: Integers, line: _Line | None) -> Iterator[Chart]:
    counted = numpy.bincount(numpy.minimum(sizes, _LAST_BAR))[1:]
    labels = [str(size) for size in range(1, len(counted) + 1)]
    if len(counted) == _LAST_BAR:
        labels[-1] += " or more"
    yield Chart(title="Rows per entity", labels=tuple(labels), values=tuple(map(float, counted)), unit="entities")
    if line is not None and len(line.bits):
        heights, edges = numpy.histogram(line.bits, bins=20)
        marks = tuple(f"{(low + high) / 2:+.0f}" for low, high in pairwise(edges))
        title = "Scores of compared pairs, in bits above the threshold"
        yield Chart(title=title, labels=marks, values=tuple(map(float, heights)), unit="pairs", kind="histogram")
