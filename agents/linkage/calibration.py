"""Where to draw the line between match and no match, without labels.

Three facts stand in for the labels. Where an entity has one row a source, a row's second-best partner is known to be
wrong, so runner-up scores show how high wrong pairs score. Elsewhere, a threshold is wrong when the groups that it
makes disagree with the scores inside and between them. And records recombined at random must not match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy
import numpy.typing

from agents.linkage.candidates import Pairs, Positions
from agents.linkage.comparison import Floats, Integers
from agents.linkage.decoys import FEWEST, Decoys

GRID = (-12.0, -9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0)
STRICT = 6.0
_BEYOND = (15.0, 18.0, 21.0)
_MANY = 100
_AMONG_FEW = -3.0
_NEARLY = 0.995
_DECOYS = 0.15
_PENALTY = 3.0


@dataclass(frozen=True)
class Threshold:
    """In bits. `reason` is empty where the table showed where to draw it, else why it didn't."""

    bits: float
    reason: str = ""


def between_sources(rows: int, pairs: Pairs, bits: Floats, sides: Positions) -> float:
    """The threshold, in bits, that wins the most right links less wrong ones, judged by the runners-up."""
    best, second = _best_and_second(rows, pairs, bits, sides)
    mutual = (bits == best[0]) & (bits == best[1])
    linked, runner_up = bits[mutual], second[mutual]
    slots = float(numpy.sort(numpy.bincount(sides))[:-1].sum())
    gains = []
    for threshold in GRID:
        chosen = linked >= threshold
        links = float(chosen.sum())
        wrong = (runner_up[chosen] >= threshold).mean() * max(slots - links, 0) if links else 0.0
        gains.append((links - 2 * wrong, threshold))
    return _highest_of_the_best(gains)


def within(pairs: Pairs, bits: Floats, label_at: Callable[[float], Integers]) -> float:
    """The threshold, in bits, whose groups keep the most linked pairs together, less those at odds with it."""
    gains = []
    for threshold in GRID:
        linked = bits >= threshold
        if not linked.any():
            break
        label = label_at(threshold)
        together = label[pairs[0]] == label[pairs[1]]
        agreed = float((linked & together).sum())
        gains.append((agreed - _PENALTY * float((linked != together).sum()), threshold))
    return _highest_of_the_best(gains)


def confirmed(threshold: float, bits: Floats, decoys: Decoys | None, records: int) -> Threshold:
    """The threshold, raised until hardly any decoy reaches it, and whether the table bears it out."""
    if records < FEWEST:
        return Threshold(max(threshold, _AMONG_FEW), "there are too few rows to learn from")
    if decoys is None:
        doubt = "" if (bits >= threshold).sum() >= _MANY else "its columns say too little, or the same"
        return Threshold(max(threshold, STRICT) if doubt else threshold, doubt)
    for raised in (threshold, *(step for step in (*GRID, *_BEYOND) if step > threshold)):
        links = float((bits >= raised).sum())
        if links and decoys.expected(raised) <= _DECOYS * links:
            return Threshold(raised)
    chance = max(threshold, float(decoys.bits.max(initial=STRICT - 1)) + 1)
    if (bits >= chance).any():
        return Threshold(chance, "there are too few matches to learn from")
    return Threshold(chance, "its rows look no more alike than rows put together at random")


def _highest_of_the_best(gains: Sequence[tuple[float, float]]) -> float:
    """The highest threshold that gains nearly as much as the best one: a wrong match harms more than a missed one."""
    most = max((gain for gain, _ in gains), default=0.0)
    return max((threshold for gain, threshold in gains if most > 0 and gain >= _NEARLY * most), default=STRICT)


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
