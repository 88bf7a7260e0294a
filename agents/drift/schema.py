"""Which columns came, went, changed their kind or their place, and which seem to have been renamed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import rapidfuzz

from agents.base import Severity
from agents.drift.columns import Facts, Side
from agents.drift.compare import Thresholds, measure

_MOST_CANDIDATES = 40
_BEST_NAMES = 5
_ALIKE = 0.7
_SAME_NAME = 0.9
_SIMILAR_VALUES = 0.8
_TELLING_VALUES = 5


@dataclass(frozen=True)
class Rename:
    """A column that went and one that came and may be it."""

    before: str
    after: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class TypeChange:
    """A column whose values are of another kind now."""

    column: str
    before: str
    after: str
    severity: Severity


@dataclass(frozen=True)
class Move:
    """A column that stands elsewhere among those that both sides have; places count from 0."""

    column: str
    before: int
    after: int


@dataclass(frozen=True)
class SchemaDrift:
    """Everything that happened to the columns as such. `pairs`: names before and now of all that both sides have."""

    added: Sequence[Facts]
    removed: Sequence[Facts]
    renamed: Sequence[Rename]
    type_changed: Sequence[TypeChange]
    moved: Sequence[Move]
    pairs: Sequence[tuple[str, str]]


NO_SCHEMA_DRIFT = SchemaDrift((), (), (), (), (), ())
"""All columns as they were."""


def schema_drift(baseline: Side, current: Side) -> SchemaDrift:
    """Compare the columns of two sides."""
    removed = [each for name, each in baseline.columns.items() if name not in current.columns]
    added = [each for name, each in current.columns.items() if name not in baseline.columns]
    renamed = _renames(baseline, current, removed, added)
    former = {each.after: each.before for each in renamed}
    pairs = [(former.get(name, name), name) for name in current.columns if name in baseline.columns or name in former]
    gone, come = set(former.values()), set(former)
    return SchemaDrift(
        added=[each for each in added if each.column not in come],
        removed=[each for each in removed if each.column not in gone],
        renamed=renamed,
        type_changed=list(_type_changes(baseline, current, pairs)),
        moved=list(_moves(baseline, pairs)),
        pairs=pairs,
    )


def _type_changes(baseline: Side, current: Side, pairs: Sequence[tuple[str, str]]) -> Iterator[TypeChange]:
    for before, after in pairs:
        old, new = baseline.columns[before], current.columns[after]
        if old.kind is not new.kind and "nothing" not in (old.family, new.family):
            severity: Severity = "low" if old.family == new.family else "high"
            yield TypeChange(after, str(old.kind), str(new.kind), severity)


def _moves(baseline: Side, pairs: Sequence[tuple[str, str]]) -> Iterator[Move]:
    """The fewest columns that have to be moved to get from one order to the other."""
    order = {name: place for place, name in enumerate(baseline.columns)}
    now = [order[before] for before, _ in pairs]
    place_before = {column: place for place, column in enumerate(sorted(now))}
    kept = _longest_rising(now)
    for place, (column, (_, after)) in enumerate(zip(now, pairs, strict=True)):
        if column not in kept:
            yield Move(after, place_before[column], place)


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """The members of a longest rising subsequence of different numbers."""
    ends: list[int] = []
    previous: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        previous[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found


def _renames(baseline: Side, current: Side, removed: Sequence[Facts], added: Sequence[Facts]) -> list[Rename]:
    """Pairs of alike names or values, each column in one at most, the surest first."""
    found = [
        rename
        for old in removed[:_MOST_CANDIDATES]
        for new in sorted(_candidates(old, added), key=lambda each: -_same_name(old.column, each.column))[:_BEST_NAMES]
        if (rename := _rename(baseline, current, old, new)) is not None
    ]
    taken: set[str] = set()
    chosen = []
    for each in sorted(found, key=lambda each: (-each.confidence, each.before, each.after)):
        if not taken & {f"- {each.before}", f"+ {each.after}"}:
            taken |= {f"- {each.before}", f"+ {each.after}"}
            chosen.append(each)
    return chosen


def _candidates(old: Facts, added: Sequence[Facts]) -> list[Facts]:
    return [new for new in added[:_MOST_CANDIDATES] if new.family == old.family != "nothing"]


def _rename(baseline: Side, current: Side, old: Facts, new: Facts) -> Rename | None:
    names = _same_name(old.column, new.column)
    distance = measure(baseline, current, (old.column, new.column), Thresholds()).measures.get("js_distance")
    if distance is None:
        return Rename(old.column, new.column, names, "the names are alike") if names >= _SAME_NAME else None
    values = 1 - distance
    # Values alone convince only where there are words to recognise: numbers of one range are common.
    words = old.family == "categories" and min(old.distinct, new.distinct) >= _TELLING_VALUES
    if (names >= _ALIKE and values >= _SIMILAR_VALUES) or (words and values >= _SAME_NAME):
        reason = f"{values:.0%} of the values and {names:.0%} of the name are alike"
        return Rename(old.column, new.column, (names + values) / 2, reason)
    return None


def _same_name(before: str, after: str) -> float:
    """How alike two headers are, case and separators aside; between 0 and 1."""
    plain = [re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).casefold() for name in (before, after)]
    return max(rapidfuzz.fuzz.ratio(*plain), rapidfuzz.fuzz.token_sort_ratio(*plain)) / 100
