"""master-my-data: find which rows are the same real thing, and build golden records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.analysis import Job, run_analysis
from transformers.tools import Role, SummaryItem, ToolSpec

if TYPE_CHECKING:
    from transformers.pipeline import Run


def summarise(run: Run) -> list[SummaryItem]:
    """How many real things there are behind the rows, and what a person should look at."""
    rows = run.original.rows
    linked = run.results.get("record-linker")
    metrics = linked.metrics if linked else {}
    entities = int(metrics.get("entities", rows))
    review = int(metrics.get("review_pairs", 0))
    return [
        SummaryItem("rows", "Source rows", f"{rows:,}", "neutral", f"from {len(run.sources)} file(s)"),
        SummaryItem("entities", "Golden records", f"{entities:,}", "good", "one for each real thing"),
        SummaryItem("duplicates", "Rows merged away", f"{rows - entities:,}", "neutral", "see cross_reference.csv"),
        SummaryItem(
            "review", "Pairs to review", f"{review:,}", "warning" if review else "good", "undecided, in review.csv"
        ),
    ]


TOOL = ToolSpec(
    id="master-my-data",
    title="Master my data",
    help="Finds which rows are the same real thing and builds one golden record for each.",
    roles=(
        Role("primary", "The table to master.", required=True),
        Role("source_", "One of several tables to master together: source_a, source_b, …", many=True),
        Role("schema", "A data contract that the table should keep."),
        Role("reference", "Records known to be right."),
    ),
    main_output="golden.csv",
    summarise=summarise,
)


def run(job: Job) -> None:
    """Master the tables of this job."""
    run_analysis(TOOL, job)
