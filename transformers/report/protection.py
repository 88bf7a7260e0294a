"""What of a table nobody may see whole: the columns that lead to a person, and those that are confidential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agents.privacy.detect import survey
from agents.privacy.kinds import CLASSIFICATIONS, KINDS, Classification, Style
from agents.privacy.scores import classification_of
from agents.table import Table
from transformers.report.masking import Shield

if TYPE_CHECKING:
    from transformers.pipeline import Run

MASKED_FROM = CLASSIFICATIONS.index("confidential")
"""From this classification on a column is masked wherever rows are listed."""


def shield_of(run: Run) -> Shield:
    """What the results of this run may not show; what score-risk says of it counts, if it was chosen."""
    tables = [run.table, *run.others.values()]
    leading: dict[str, Style] = {}
    classes: dict[str, Classification] = {}
    for table in reversed(tables):
        leading |= _leading(table, run.specification.seed)
        classes |= _classes(table, run.specification.seed)
    styles = {name: leading.get(name, "hidden") for name in classes}
    coverage = run.results.get("test-coverage-agent")
    return Shield(
        leading=leading,
        protected={
            name: styles[name]
            for name, found in (classes | _decided(run, classes)).items()
            if CLASSIFICATIONS.index(found) >= MASKED_FROM
        },
        tables=tables,
        keys=((coverage.data.get("key") or {}).get("columns") or ()) if coverage else (),
        exempt=("masked.csv",),
    )


def _leading(table: Table, seed: int) -> dict[str, Style]:
    found = survey(table, seed=seed).findings
    return {each.column: KINDS[each.kind].style for each in reversed(found) if each.leads_to_a_person}


def _classes(table: Table, seed: int) -> dict[str, Classification]:
    seen = survey(table, seed=seed)
    return {
        name: classification_of(
            [each for each in seen.findings if each.column == name], reference=name in seen.reference
        )
        for name in table.columns
    }


def _decided(run: Run, classes: Mapping[str, Classification]) -> dict[str, Classification]:
    """What score-risk says: the user's decision, or the more protected of its own and the usual suggestion."""
    risk = run.results.get("score-risk")
    decided = {}
    for each in risk.data["columns"] if risk else ():
        usual, own = classes[each["column"]], each["classification"]
        settled = each["status"] == "overridden"
        decided[each["column"]] = own if settled else max(usual, own, key=CLASSIFICATIONS.index)
    return decided
