"""Where to draw the line between match and no match, without labels.

Two facts stand in for the labels. Where an entity has one row a source, a row's second-best partner is known to be
wrong, so runner-up scores show how high wrong pairs score. Elsewhere, a threshold is wrong when the groups that it
makes disagree with the scores inside and between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy
import numpy.typing

from agents.linkage.candidates import Pairs, Positions
from agents.linkage.comparison import Floats, Integers

GRID = (-12.0, -9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0)
STRICT = 6.0
_ENOUGH = 15
_PENALTY = 3.0
_WORST_FALSE = 0.25


@dataclass(frozen=True)
class Threshold:
    """In bits. `reason` is empty where the table showed where to draw it, else why it didn't."""

    bits: float
    reason: str = ""


def between_sources(rows: int, pairs: Pairs, bits: Floats, sides: Positions) -> Threshold:
    """The threshold that wins the most right links less wrong ones, wrong ones judged by the runners-up."""
    best, second = _best_and_second(rows, pairs, bits, sides)
    mutual = (bits == best[0]) & (bits == best[1])
    linked, runner_up = bits[mutual], second[mutual]
    sizes = numpy.sort(numpy.bincount(sides))
    slots = float(sizes[:-1].sum())
    gains = []
    for threshold in GRID:
        chosen = linked >= threshold
        links = float(chosen.sum())
        wrong = (runner_up[chosen] >= threshold).mean() * max(slots - links, 0) if links else 0.0
        gains.append((links - 2 * wrong, links, wrong, threshold))
    gain, links, wrong, threshold = max(gains)
    if links < _ENOUGH:
        return Threshold(STRICT, "hardly any rows of different sources look alike")
    if gain <= 0 or wrong > _WORST_FALSE * links:
        return Threshold(STRICT, "wrong pairs score about as high as right ones")
    return Threshold(threshold)


def within(pairs: Pairs, bits: Floats, label_at: Callable[[float], Integers]) -> Threshold:
    """The threshold whose groups keep the most linked pairs together, less those where groups and scores disagree."""
    found = []
    for threshold in GRID:
        linked = bits >= threshold
        if linked.sum() < _ENOUGH:
            break
        label = label_at(threshold)
        together = label[pairs[0]] == label[pairs[1]]
        agreed = float((linked & together).sum())
        found.append((agreed - _PENALTY * float((linked != together).sum()), threshold))
    if not found:
        return Threshold(STRICT, "hardly any rows look alike")
    gain, threshold = max(found)
    if gain <= 0:
        return Threshold(STRICT, "rows that look alike don't fall into clear groups")
    return Threshold(threshold)


def _best_and_second(rows: int, pairs: Pairs, bits: Floats, sides: Positions) -> tuple[tuple[Floats, Floats], Floats]:
    """For each pair: the best score of either row with the other's source, and the better of their second-best ones."""
    width = int(sides.max()) + 1
    slots = [one.astype(numpy.int64) * width + sides[other] for one, other in (pairs, pairs[::-1])]
    slot = numpy.concatenate(slots)
    score = numpy.concatenate([bits, bits])
    order = numpy.lexsort((-score, slot))
    first = numpy.diff(slot[order], prepend=-1) != 0
    best = numpy.full(rows * width, -numpy.inf)
    second = numpy.full(rows * width, -numpy.inf)
    best[slot[order][first]] = score[order][first]
    after = numpy.flatnonzero(first) + 1
    after = after[after < len(order)]
    after = after[~first[after]]
    second[slot[order][after]] = score[order][after]
    return (best[slots[0]], best[slots[1]]), numpy.maximum(second[slots[0]], second[slots[1]])
