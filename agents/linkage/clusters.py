"""From scored pairs to entities: average linkage on log odds, so that one pair never chains two things together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy
import numpy.typing

from agents.linkage.candidates import Pairs, Positions, unpacked
from agents.linkage.comparison import Floats, Integers

Score = Callable[[Pairs], Floats]
Flags = numpy.typing.NDArray[numpy.bool_]

_MOST_TOGETHER = 300
_MOST_COMPLETED = 1_500_000
_MOST_REMEMBERED = 4_000_000
_INSIDE_AT_ONCE = 300_000
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

    def forbidden(self, pairs: Pairs, rows: int) -> Flags:
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


class PairScores:
    """The scores of pairs in bits: of the candidates, and of others as they are asked for, each computed once."""

    def __init__(self, rows: int, pairs: Pairs, bits: Floats, score: Score) -> None:
        self.rows, self.pairs, self.bits = rows, pairs, bits
        self._score = score
        self._remember(packed(pairs, rows), bits)

    def of(self, numbers: Integers) -> Floats:
        """The scores of packed pairs."""
        found, known = self._look_up(numbers)
        if not known.all():
            asked = numbers[~known]
            found[~known] = self._score(unpacked(asked, self.rows))
            if len(self._numbers) + len(asked) <= _MOST_REMEMBERED:
                self._remember(
                    numpy.concatenate([self._numbers, asked]), numpy.concatenate([self._bits, found[~known]])
                )
        return found

    def known(self, numbers: Integers, otherwise: float) -> Floats:
        """The scores of packed pairs as far as they are known."""
        found, known = self._look_up(numbers)
        return numpy.where(known, found, otherwise)

    def _look_up(self, numbers: Integers) -> tuple[Floats, Flags]:
        if not len(self._numbers):
            return numpy.zeros(len(numbers)), numpy.zeros(len(numbers), dtype=bool)
        place = numpy.minimum(numpy.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return self._bits[place], self._numbers[place] == numbers

    def _remember(self, numbers: Integers, bits: Floats) -> None:
        order = numpy.argsort(numbers)
        self._numbers, self._bits = numbers[order], bits[order]


def cluster(scores: PairScores, threshold: float, limits: Constraints) -> Integers:
    """The entity of each position, named by its smallest one: groups merge while their mean score is high enough."""
    rows, pairs = scores.rows, scores.pairs
    linked = (scores.bits >= threshold) & ~limits.forbidden(pairs, rows)
    edges = packed((pairs[0][linked], pairs[1][linked]), rows)
    edges = numpy.unique(numpy.concatenate([edges, packed(limits.together, rows)]))
    label = components(rows, unpacked(_without_giants(edges, scores, threshold), rows))
    room = max(_MOST_COMPLETED, 5 * rows)
    for batch in _in_batches(_groups(label)):
        inside = _inside(batch, rows)
        room -= len(inside)
        # Where there are too many to compare them all, a pair that was no candidate speaks mildly against.
        bits = scores.of(inside) if room > 0 else scores.known(inside, threshold - _STEP)
        _settle(batch, _constrained(bits, inside, threshold, limits, rows), threshold, label)
    return label


def _settle(batch: Sequence[Integers], bits: Floats, threshold: float, label: Integers) -> None:
    start = 0
    for group in batch:
        size = len(group) * (len(group) - 1) // 2
        label[group] = group[_agglomerate(len(group), bits[start : start + size], threshold)]
        start += size


def _constrained(bits: Floats, inside: Integers, threshold: float, limits: Constraints, rows: int) -> Floats:
    bits = numpy.clip(bits, threshold - _CLIP, threshold + _CLIP)
    bits[limits.forbidden(unpacked(inside, rows), rows)] = -numpy.inf
    bits[numpy.isin(inside, packed(limits.together, rows))] = numpy.inf
    return bits


def _to_the_root(label: Integers) -> Integers:
    while True:
        higher = label[label]
        if numpy.array_equal(higher, label):
            return label
        label = higher


def _without_giants(edges: Integers, scores: PairScores, threshold: float) -> Integers:
    """Fewer edges, the strongest, inside components too large to look at as a whole."""
    for _ in range(_STEPS):
        label = components(scores.rows, unpacked(edges, scores.rows))
        giant = numpy.bincount(label, minlength=scores.rows)[label[edges // max(scores.rows, 1)]] > _MOST_TOGETHER
        if not giant.any():
            return edges
        threshold += _STEP
        edges = edges[~giant | (scores.known(edges, numpy.inf) >= threshold)]
    return edges[~giant]


def _groups(label: Integers) -> Iterator[Integers]:
    """The members of every component of three or more; two that are linked need no second look."""
    order = numpy.argsort(label, kind="stable")
    starts = numpy.flatnonzero(numpy.diff(label[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if end - start > 2:
            yield order[start:end]


def _in_batches(groups: Iterable[Integers]) -> Iterator[list[Integers]]:
    """Groups of about `_INSIDE_AT_ONCE` pairs together."""
    batch: list[Integers] = []
    pairs = 0
    for group in groups:
        batch.append(group)
        pairs += len(group) ** 2 // 2
        if pairs >= _INSIDE_AT_ONCE:
            yield batch
            batch, pairs = [], 0
    if batch:
        yield batch


def _inside(groups: Sequence[Integers], rows: int) -> Integers:
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
