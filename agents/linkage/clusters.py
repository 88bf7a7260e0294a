"""From scored pairs to entities: average linkage on log odds, so that one pair never chains two things together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import numpy.typing

from agents.linkage.candidates import Pairs, Positions, unpacked
from agents.linkage.comparison import Floats, Integers

Score = Callable[[Pairs], Floats]

_MOST_TOGETHER = 300
_MOST_COMPLETED = 1_500_000
_STEP = 3.0
_STEPS = 12
_CLIP = 20.0


@dataclass(frozen=True)
class Constraints:
    """together, apart: pairs that must or must not be one entity, whatever they score. sides: each position's source
    where an entity holds one row of each source, else None."""

    together: Pairs
    apart: Pairs
    sides: Positions | None

    def forbidden(self, pairs: Pairs, rows: int) -> numpy.typing.NDArray[numpy.bool_]:
        """Which pairs may not be linked."""
        found = numpy.isin(packed(pairs, rows), packed(self.apart, rows))
        if self.sides is not None:
            found |= self.sides[pairs[0]] == self.sides[pairs[1]]
        return found & ~numpy.isin(packed(pairs, rows), packed(self.together, rows))


def packed(pairs: Pairs, rows: int) -> Integers:
    """Each pair as one number, a * rows + b."""
    return pairs[0].astype(numpy.int64) * rows + pairs[1]


def components(rows: int, pairs: Pairs) -> Integers:
    """The smallest position that each position is connected with."""
    label = numpy.arange(rows, dtype=numpy.int64)
    while True:
        one, other = label[pairs[0]], label[pairs[1]]
        if numpy.array_equal(one, other):
            return label
        numpy.minimum.at(label, numpy.maximum(one, other), numpy.minimum(one, other))
        label = _to_the_root(label)


def cluster(rows: int, pairs: Pairs, bits: Floats, threshold: float, score: Score, limits: Constraints) -> Integers:
    """The entity of each position, named by its smallest one: groups merge while their mean score is high enough.

    score: the bits of pairs that were not candidates, asked for inside a component only.
    """
    linked = (bits >= threshold) & ~limits.forbidden(pairs, rows)
    known = packed((pairs[0][linked], pairs[1][linked]), rows)
    edges = numpy.unique(numpy.concatenate([known, packed(limits.together, rows)]))
    edges = _without_giants(rows, edges, packed(pairs, rows), bits, threshold)
    label = components(rows, unpacked(edges, rows))
    groups = list(_groups(label))
    if not groups:
        return label
    inside = _inside(groups, rows)
    matrix = numpy.clip(score(unpacked(inside, rows)), threshold - _CLIP, threshold + _CLIP)
    matrix[limits.forbidden(unpacked(inside, rows), rows)] = -numpy.inf
    matrix[numpy.isin(inside, packed(limits.together, rows))] = numpy.inf
    start = 0
    for group in groups:
        size = len(group) * (len(group) - 1) // 2
        label[group] = group[_agglomerate(len(group), matrix[start : start + size], threshold)]
        start += size
    return label


def _to_the_root(label: Integers) -> Integers:
    while True:
        higher = label[label]
        if numpy.array_equal(higher, label):
            return label
        label = higher


def _without_giants(rows: int, edges: Integers, pairs: Integers, bits: Floats, threshold: float) -> Integers:
    """Fewer edges, the strongest, inside components too large to look at as a whole."""
    order = numpy.argsort(pairs)
    for _ in range(_STEPS):
        label = components(rows, unpacked(edges, rows))
        giant = numpy.bincount(label, minlength=rows)[label[edges // max(rows, 1)]] > _MOST_TOGETHER
        if not giant.any():
            return edges
        threshold += _STEP
        place = numpy.minimum(numpy.searchsorted(pairs, edges, sorter=order), len(pairs) - 1)
        edges = edges[~giant | (bits[order[place]] >= threshold)]
    return edges[~giant]


def _groups(label: Integers) -> Iterator[Integers]:
    """The members of every component of three or more, as long as their pairs are few enough; pairs are clear as is."""
    order = numpy.argsort(label, kind="stable")
    starts = numpy.flatnonzero(numpy.diff(label[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if end - start > 2:
            yield order[start:end]


def _inside(groups: list[Integers], rows: int) -> Integers:
    parts = []
    for group in groups:
        one, other = numpy.triu_indices(len(group), 1)
        parts.append(group[one] * rows + group[other])
    return numpy.concatenate(parts)


def _agglomerate(size: int, condensed: Floats, threshold: float) -> Integers:
    """The smallest member of each member's group."""
    matrix = numpy.full((size, size), -numpy.inf)
    matrix[numpy.triu_indices(size, 1)] = condensed
    matrix = numpy.maximum(matrix, matrix.T)
    weight = numpy.ones(size)
    label = numpy.arange(size)
    while True:
        one, other = sorted(divmod(int(matrix.argmax()), size))
        if matrix[one, other] < threshold or one == other:
            return label
        merged = _merged(matrix[one], matrix[other], weight[one], weight[other])
        weight[one] += weight[other]
        label[label == other] = one
        merged[[one, other]] = -numpy.inf
        matrix[one], matrix[:, one] = merged, merged
        matrix[other], matrix[:, other] = -numpy.inf, -numpy.inf


def _merged(one: Floats, other: Floats, first: float, second: float) -> Floats:
    """The mean score with a merged group; what may not come together stays apart, what must stays together."""
    never = numpy.isneginf(one) | numpy.isneginf(other)
    always = numpy.isposinf(one) | numpy.isposinf(other)
    with numpy.errstate(invalid="ignore"):
        mean = (one * first + other * second) / (first + second)
    return numpy.where(never, -numpy.inf, numpy.where(always, numpy.inf, mean))
