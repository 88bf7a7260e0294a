"""profile-my-data: what is in a table, what is wrong with it, what is risky."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.analysis import Job, run_analysis
from transformers.tools import Role, SummaryItem, ToolSpec

if TYPE_CHECKING:
    from transformers.pipeline import Run
    from transformers.report.masking import Shield


def summarise(run: Run) -> list[SummaryItem]:
    """What the table is, how good it is, and whether it is ready."""
    profile = run.results.get("unified-profiler")
    readiness = run.results.get("readiness-rater")
    items = [shape(run)]
    if profile:
        score = profile.metrics.get("quality_score")
        items.append(figure("quality", "Data quality", score, 80, "of 100, over all its dimensions"))
    if readiness:
        score = readiness.metrics.get("readiness_score")
        verdict = str(readiness.metrics.get("verdict", "")).replace("_", " ")
        items.append(figure("readiness", "Readiness", score, 80, verdict))
    items += risk(run)
    items += drift(run)
    items.append(findings(run))
    return items


def risk(run: Run) -> list[SummaryItem]:
    """How much harm the table's riskiest column could do."""
    found = run.results.get("score-risk")
    if found is None or found.metrics.get("risk_score") is None:
        return []
    score, level = found.metrics["risk_score"], str(found.metrics.get("risk_level", ""))
    status = {"high": "bad", "medium": "warning"}.get(level, "good")
    said = "no personal or sensitive data was found" if level == "none" else f"{level}; of 100, the riskiest column's"
    return [SummaryItem("risk", "Risk", f"{score:.0f}", status, said)]


def drift(run: Run) -> list[SummaryItem]:
    """In how many columns the values are distributed otherwise than before."""
    found = run.results.get("drift-detector")
    if found is None:
        return []
    compared = found.data.get("columns", [])
    moved = sum(each["status"] == "drifted" for each in compared)
    said = f"of {len(compared):,} columns, against the baseline"
    return [SummaryItem("drift", "Drifted", f"{moved:,}", "warning" if moved else "good", said)]


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
    """How many faults of columns were found, and how grave they are."""
    severities = [issue.severity for result in run.results.values() for issue in result.issues]
    counts = {each: severities.count(each) for each in ("critical", "high", "medium", "low")}
    status = "bad" if counts["critical"] else "warning" if counts["high"] or counts["medium"] else "good"
    said = ", ".join(f"{count:,} {each}" for each, count in counts.items() if count) or "nothing stands out"
    return SummaryItem("issues", "Issues", f"{len(severities):,}", status, said)


def shield(run: Run) -> Shield:
    """What of this table nobody may see whole, whether score-risk was chosen or not; its classifications count."""
    # Whoever only takes orders needs neither what finds personal data nor what writes reports.
    from transformers.report.protection import shield_of

    return shield_of(run)


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
    shield=shield,
    imports=("transformers.report.protection",),
)


def run(job: Job) -> None:
    """Profile the table of this job."""
    run_analysis(TOOL, job)
