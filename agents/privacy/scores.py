"""How risky a finding is, in points that add up, and what that makes of its column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.filled_cells import Cells
from agents.privacy.detect import Finding
from agents.privacy.kinds import CLASSIFICATIONS, KINDS, Classification

_SPREAD = 10
_SINGLED_OUT = 10
_NO_PEOPLE = -20


@dataclass(frozen=True)
class Scored:
    """A finding with its risk of 100: `points` by reason, which add up to `score`. cells: how many hold it."""

    finding: Finding
    cells: int
    points: Mapping[str, float]

    @property
    def score(self) -> float:
        """The sum of the points."""
        return round(sum(self.points.values()), 1)


def scored(finding: Finding, cells: Cells) -> Scored:
    """The risk of a finding in a column with so many cells."""
    lone = cells.lone / max(1, cells.filled)
    points = {
        "sensitivity of this kind of data": float(KINDS[finding.kind].sensitivity),
        "share of the cells that hold it": round(_SPREAD * finding.share, 1),
        "values that belong to one row only": round(_SINGLED_OUT * lone * finding.share, 1),
    }
    if not finding.people:
        points["rows don't seem to be people"] = float(_NO_PEOPLE)
    return Scored(finding, max(1, round(finding.share * cells.filled)), points)


def classification_of(found: Iterable[Finding], *, reference: bool) -> Classification:
    """The most protected of what a column's findings ask for; else public of `reference` values, internal of others."""
    asked = (KINDS[each.kind].classification for each in found)
    return max(asked, key=CLASSIFICATIONS.index, default="public" if reference else "internal")
