"""Which columns deserve a test first, by points that add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.column_types import ColumnType
from agents.rules.check import Outcome

HIGH, MEDIUM = 50, 25
"""From so many points on a column has high, or medium, priority."""

_KEY, _PERSONAL, _DETERMINES, _UNTESTED = 30, 15, 10, 15
_MOST_FOR_BROKEN, _MOST_FOR_MISSING, _MOST_FOR_STRANGERS = 20, 15, 15


@dataclass(frozen=True)
class _Part:
    name: str
    points: float
    reason: str


def scope(
    types: Mapping[str, ColumnType],
    personal: Collection[str],
    outcomes: Sequence[Outcome],
    rows: int,
) -> list[dict[str, Any]]:
    """Every column with its priority, its score (the sum of its parts, at most 120) and why, first things first."""
    of_column: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for name in dict.fromkeys(outcome.rule.columns):
            of_column[name].append(outcome)
    scoped = []
    for name, found in types.items():
        parts = [part for part in _parts(name, found, name in personal, of_column[name], rows) if part.points]
        score = round(sum(part.points for part in parts), 2)
        scoped.append(
            {
                "column": name,
                "priority": "high" if score >= HIGH else "medium" if score >= MEDIUM else "low",
                "score": score,
                "parts": {part.name: part.points for part in parts},
                "reason": "; ".join(part.reason for part in parts) or "nothing speaks for testing it first",
            }
        )
    return sorted(scoped, key=lambda each: -float(str(each["score"])))


def _parts(name: str, found: ColumnType, personal: bool, outcomes: Sequence[Outcome], rows: int) -> list[_Part]:
    given = [each for each in outcomes if each.rule.origin != "suggested"]
    broken = [each for each in given if not each.passed]
    present = max(1, rows - found.missing)
    missing, strange = found.missing / max(1, rows), 0.0 if personal else 1 - found.confidence
    unique = any(each.rule.kind == "unique" for each in outcomes) and found.distinct > 1
    determines = sum(each.rule.kind == "dependency" and name in each.rule.columns[:-1] for each in outcomes)
    return [
        _Part("key", _KEY if unique else 0, f"{found.distinct:,} values on {present:,} rows: it names the rows"),
        _Part("broken", min(_MOST_FOR_BROKEN, 10 * len(broken)), f"{len(broken)} of its rules are broken"),
        _Part("missing", _points(missing, _MOST_FOR_MISSING), f"{100 * missing:.3g} % of it is missing"),
        _Part("strangers", _points(strange, _MOST_FOR_STRANGERS), f"{100 * strange:.3g} % is no {found.kind}"),
        _Part(
            "determines",
            _DETERMINES if determines else 0,
            f"it determines {determines} other column{'s' if determines > 1 else ''}",
        ),
        _Part("personal", _PERSONAL if personal else 0, "it names people"),
        _Part("untested", 0 if given else _UNTESTED, "no rule was given for it"),
    ]


def _points(share: float, most: float) -> float:
    """All points from a tenth of the rows on."""
    return round(most * min(1.0, 10 * share), 2)
