"""clean-my-data: repair a table, account for every cell, be able to undo any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.analysis import Job, run_analysis
from transformers.tools import Role, SummaryItem, ToolSpec

if TYPE_CHECKING:
    from transformers.pipeline import Run


def summarise(run: Run) -> list[SummaryItem]:
    """What was read, changed, removed and left for a person."""
    rows = run.original.rows
    changed, removed = _count(run, "changes"), _count(run, "removed")
    written = run.results["cleanse-writeback"].extras if "cleanse-writeback" in run.results else {}
    doubtful = written["quarantine.csv"].rows if "quarantine.csv" in written else _count(run, "quarantine")
    return [
        SummaryItem(
            "shape", "Rows × columns", f"{rows:,} × {len(run.original.columns):,}", "neutral", "as they were read"
        ),
        SummaryItem("changed", "Changes", f"{changed:,}", "good", "each with its rule and evidence in changes.csv"),
        SummaryItem("removed", "Rows removed", f"{removed:,}", _status(removed), "all of them kept in removed.csv"),
        SummaryItem(
            "quarantine", "Left to you", f"{doubtful:,}", _status(doubtful), "rows and cells in quarantine.csv"
        ),
    ]


def _count(run: Run, name: str) -> int:
    table = run.gathered.get(name)
    return table.rows if table else 0


def _status(count: int) -> str:
    return "warning" if count else "good"


TOOL = ToolSpec(
    id="clean-my-data",
    title="Clean my data",
    help="Repairs a table, accounts for every cell it changed, and can undo any of it.",
    roles=(
        Role("primary", "The table to clean.", required=True),
        Role("reference", "Values or rows known to be right."),
    ),
    main_output="cleaned.csv",
    summarise=summarise,
)


def run(job: Job) -> None:
    """Clean the table of this job."""
    run_analysis(TOOL, job)
