"""golden-record-builder: one record per entity."""

from __future__ import annotations

from pydantic import Field

from agents.base import ROW_ISSUE_COLUMNS, AgentContext, AgentResult, Alert, Chart, Issue, Params, agent
from agents.linkage.golden import golden_names, golden_records
from agents.table import Table

_BANDS = 10
_ROW_ISSUES = 50_000


class GoldenRecordBuilder(Params):
    min_trust_score: float = Field(0.5, ge=0, le=1, description="A golden record trusted less than this is reported.")


@agent(
    credits=150,
    after=("record-linker", "survivorship-resolver"),
    needs=("record-linker",),
)
def run(table: Table, params: GoldenRecordBuilder, ctx: AgentContext) -> AgentResult:
    """Build one golden record for each entity from the values that survived.

    The trust score is the mean probability of the entity's matches, times the mean confidence of its values, lowered
    by up to half for empty cells. An id is a hash of the member rows' content: the same rows give the same id again.
    """
    linker = ctx.earlier["record-linker"]
    resolver = ctx.earlier.get("survivorship-resolver")
    survivors = resolver.extras.get("survivors") if resolver else None
    links = linker.extras["pairs"].sql(
        "SELECT entity, avg(round(score * 10000)) / 10000 AS strength FROM {self} JOIN {entities} ON __row = row_a"
        " WHERE decision = 'match' GROUP BY entity",
        entities=linker.extras["entities"],
    )
    golden = golden_records(table, linker.extras["entities"], survivors, links)
    return _result(table, golden, params.min_trust_score)


def _result(table: Table, golden: Table, least: float) -> AgentResult:
    trust = Table.q(golden_names(table.columns).trust_score)
    mean, low = golden.query(f"SELECT avg({trust}), count(*) FILTER ({trust} < $least) FROM {{self}}", least=least)[0]
    bands = dict(
        golden.query(
            f"SELECT least(floor({trust} * {_BANDS}), {_BANDS - 1})::INTEGER, count(*) FROM {{self}} GROUP BY 1"
        )
    )
    return AgentResult(
        row_issues=_row_issues(golden, trust, least),
        alerts=_alerts(golden.rows, low, least),
        issues=(
            Issue(
                field_name="",
                issue_type="low_trust_golden_record",
                severity="medium",
                message=f"{low:,} golden records have a trust score under {least}",
                rows=low,
            ),
        )
        if low
        else (),
        metrics={"golden_records": golden.rows, "mean_trust_score": round(mean or 0.0, 4), "low_trust_records": low},
        charts=(
            Chart(
                title="Trust scores of golden records",
                labels=tuple(f"{band / _BANDS:.1f}" for band in range(_BANDS)),
                values=tuple(float(bands.get(band, 0)) for band in range(_BANDS)),
                unit="records",
                kind="histogram",
            ),
        ),
        extras={"golden": golden},
    )


def _alerts(records: int, low: int, least: float) -> tuple[Alert, ...]:
    if low <= 0.1 * records:
        return ()
    message = (
        f"{low:,} of {records:,} golden records are trusted less than {least}: sources disagree or cells are empty."
    )
    return (Alert(severity="medium", category="trust", message=message, recommendation="Begin with those in review."),)


def _row_issues(golden: Table, trust: str, least: float) -> Table:
    columns = ", ".join(map(Table.q, ROW_ISSUE_COLUMNS))
    return golden.sql(
        f"""
        SELECT {columns} FROM (
            SELECT __row AS row, CAST(NULL AS VARCHAR) AS "column", 'low_trust_golden_record' AS issue_type,
                'medium' AS severity, 'its golden record has a trust score of ' || {trust} AS message,
                CAST(NULL AS VARCHAR) AS value
            FROM {{self}} WHERE {trust} < $least ORDER BY __row LIMIT {_ROW_ISSUES}
        )
        """,
        least=least,
    )
