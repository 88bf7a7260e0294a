"""How risky a finding is, in points that add up, and what that makes of its column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.privacy.detect import Finding
from agents.privacy.kinds import CLASSIFICATIONS, KINDS, Classification

_SPREAD = 10
_SINGLED_OUT = 10
_NO_PEOPLE = -20


@dataclass(frozen=True)
class Scored:
    """A finding with its risk of 100: `points` by reason, which add up to `score`."""

    finding: Finding
    points: Mapping[str, float]

    @property
    def score(self) -> float:
        """The sum of the points."""
        return round(sum(self.points.values()), 1)

    @property
    def classification(self) -> Classification:
        """How the column should be handled because of this finding."""
        own = KINDS[self.finding.kind].classification
        lowered = not self.finding.people and own != "restricted"
        return "internal" if lowered else own


def scored(finding: Finding, lone_share: float) -> Scored:
    """The risk of a finding; `lone_share` of its column's filled cells hold a value that no other row has."""
    sensitivity = KINDS[finding.kind].sensitivity
    points = {
        "sensitivity of this kind of data": float(sensitivity),
        "share of the cells that hold it": round(_SPREAD * finding.share, 1),
        "values that belong to one row only": round(_SINGLED_OUT * lone_share * finding.share, 1),
    }
    if not finding.people:
        points["rows don't seem to be people"] = float(_NO_PEOPLE)
    return Scored(finding, points)


def classification_of(found: Sequence[Scored], *, reference: bool) -> Classification:
    """The most protected of what a column's findings ask for; else public of `reference` values, internal of others."""
    otherwise: Classification = "public" if reference else "internal"
    return max((each.classification for each in found), key=CLASSIFICATIONS.index, default=otherwise)
