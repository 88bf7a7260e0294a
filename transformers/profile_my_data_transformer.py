"""profile-my-data: what is in a table, what is wrong with it, what is risky."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.analysis import Job, run_analysis
from transformers.tools import Role, SummaryItem, ToolSpec

if TYPE_CHECKING:
    from transformers.pipeline import Run


def summarise(run: Run) -> list[SummaryItem]:
    """What the table is, how good it is, and whether it is ready."""
    profile = run.results.get("unified-profiler")
    readiness = run.results.get("readiness-rater")
    items = [shape(run)]
    if profile:
        score = profile.metrics.get("quality_score")
        items.append(figure("quality", "Data quality", score, 80, "of 100, over completeness, uniqueness and validity"))
    if readiness:
        score = readiness.metrics.get("readiness_score")
        verdict = str(readiness.metrics.get("verdict", "")).replace("_", " ")
        items.append(figure("readiness", "Readiness", score, 80, verdict))
    items.append(findings(run))
    return items


def shape(run: Run) -> SummaryItem:
    """The size of the table as read."""
    size = f"{run.original.rows:,} × {len(run.original.columns):,}"
    return SummaryItem("shape", "Rows × columns", size, "neutral", f"read from {run.inputs[0].filename}")


def figure(id: str, title: str, score: float | None, good: float, description: str) -> SummaryItem:
    """A score of 100, green from `good` upwards."""
    if score is None:
        return SummaryItem(id, title, "–", "neutral", "not measured")
    status = "good" if score >= good else "warning" if score >= good / 2 else "bad"
    return SummaryItem(id, title, f"{score:.0f}", status, description)


def findings(run: Run) -> SummaryItem:
    """How many kinds of fault were found."""
    issues = [issue for result in run.results.values() for issue in result.issues]
    worst = {issue.severity for issue in issues}
    status = "bad" if "critical" in worst else "warning" if issues else "good"
    return SummaryItem("issues", "Issues", f"{len(issues):,}", status, "kinds of fault found")


TOOL = ToolSpec(
    id="profile-my-data",
    title="Profile my data",
    help="What is in a table, what is wrong with it, and what is risky. Changes nothing.",
    roles=(
        Role("primary", "The table to profile.", required=True),
        Role("baseline", "An earlier state of the table, to compare with."),
    ),
    main_output="report.json",
    summarise=summarise,
)


def run(job: Job) -> None:
    """Profile the table of this job."""
    run_analysis(TOOL, job)
