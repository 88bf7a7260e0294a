"""The whole of linkage on a table's records: candidates, comparison, model, threshold, clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy

from agents.linkage.calibration import Threshold, between_sources, confirmed, within
from agents.linkage.candidates import Pairs, Positions, candidates
from agents.linkage.clusters import Constraints, PairScores, cluster
from agents.linkage.comparison import CUTS, Agreement, Column, Floats, Integers, Levels, columns_of, compare
from agents.linkage.decoys import decoys, equal_by_chance
from agents.linkage.fields import Field
from agents.linkage.records import Records
from agents.linkage.weights import Model, estimate, random_pairs, scores

REVIEW_BITS = 4.0
"""How far below the threshold a pair is still worth a person's look."""

_ALIKE = len(CUTS)
_OWN_DUPLICATES = 0.03
_JUST_BELOW = -0.01
_CHANCE = 0.15


@dataclass(frozen=True)
class Options:
    """one_to_one: whether an entity holds one row of each source; None finds out. threshold: the least probability of
    a match; None finds out. factors: a weight for each field. together, apart: pairs of records."""

    one_to_one: bool | None
    threshold: float | None
    factors: Floats
    together: Pairs
    apart: Pairs
    seed: int


@dataclass(frozen=True)
class Linkage:
    """label: each record's entity, by its first record. whole: whether a record's rows are one thing. bits: the scores
    of `pairs`, less the threshold, so that 0 is the line. agreement: how the rows of some pairs agree. sides: the
    sources that hold each thing once, else None."""

    label: Integers
    whole: Floats
    pairs: Pairs
    agreement: Callable[[Pairs], Agreement]
    bits: Floats
    model: Model
    threshold: Threshold
    sides: Positions | None


def link(found: Records, fields: Sequence[Field], options: Options, report: Callable[[float], None]) -> Linkage:
    """Find which records are the same thing."""
    columns = columns_of(found.values, fields)
    report(0.2)
    sides = _sides(found, fields, columns, options)
    pairs = candidates(found.values, fields, sides)
    far = compare(columns, random_pairs(found.count, options.seed))
    trusted = sides is None and _equality_counts(found, columns, far)
    if trusted:
        pairs = _with_repeated(pairs, _repeated(found))
    model, bits = _modelled(columns, pairs, far, found.count, options.factors)
    report(0.7)
    limits = Constraints(options.together, options.apart, sides)
    known = PairScores(found.count, pairs, bits, lambda asked: scores(model, compare(columns, asked)))
    scored = _Scored(found, fields, columns, far.levels, model, limits, known, trusted)
    return _decided(scored, options)


def _modelled(
    columns: Sequence[Column], pairs: Pairs, far: Agreement, records: int, factors: Floats
) -> tuple[Model, Floats]:
    """The model and the pairs' scores; how they agree takes too much room to be kept."""
    agreement = compare(columns, pairs)
    model = estimate(agreement, far, records, factors)
    return model, scores(model, agreement)


def _sides(found: Records, fields: Sequence[Field], columns: Sequence[Column], options: Options) -> Positions | None:
    """The records' sources, if an entity holds one row of each."""
    if found.sides is None or options.one_to_one is False:
        return None
    if options.one_to_one:
        return found.sides
    pairs = candidates(found.values, fields, None)
    return None if _repeats_itself(found, pairs, compare(columns, pairs)) else found.sides


def _equality_counts(found: Records, columns: Sequence[Column], far: Agreement) -> bool:
    """Whether rows that are equal in every column are far more than chance makes: else it says nothing."""
    sizes = numpy.bincount(found.of_row).astype(numpy.float64)
    equal = (sizes * (sizes - 1) / 2).sum()
    rows = float(len(found.rows))
    return bool(equal_by_chance(columns, far.levels, found.count) * rows * rows / 2 <= _CHANCE * equal)


def _repeated(found: Records) -> Positions:
    return numpy.flatnonzero(numpy.bincount(found.of_row, minlength=found.count) > 1).astype(numpy.int32)


def _repeats_itself(found: Records, pairs: Pairs, agreement: Agreement) -> bool:
    """Whether sources hold rows that are nearly equal to others of their own: then they have duplicates themselves."""
    assert found.sides is not None
    levels = agreement.levels
    nearly = numpy.where(levels < 0, _ALIKE, levels).min(axis=1) >= _ALIKE
    nearly &= ((levels >= 0).sum(axis=1) > 1) & (found.sides[pairs[0]] == found.sides[pairs[1]])
    alike = numpy.bincount(found.of_row) > 1
    alike[pairs[0][nearly]] = True
    alike[pairs[1][nearly]] = True
    return bool(alike[found.of_row].mean() >= _OWN_DUPLICATES)


def _with_repeated(pairs: Pairs, repeated: Positions) -> Pairs:
    """The pairs, and each record of several rows paired with itself: those rows are matches to learn from too."""
    return numpy.concatenate([pairs[0], repeated]), numpy.concatenate([pairs[1], repeated])


@dataclass(frozen=True)
class _Scored:
    found: Records
    fields: Sequence[Field]
    columns: Sequence[Column]
    far: Levels
    model: Model
    limits: Constraints
    scores: PairScores
    trusted: bool

    def label_at(self, threshold: float) -> Integers:
        return cluster(self.scores, threshold, self.limits)

    def threshold(self, seed: int) -> Threshold:
        sides, pairs, bits = self.limits.sides, self.scores.pairs, self.scores.bits
        if sides is not None:
            drawn = between_sources(self.found.count, pairs, bits, sides)
        else:
            drawn = within(pairs, bits, self.label_at)
        label = self.label_at(drawn)
        nobody = decoys(self.found.values, self.fields, self.columns, self.model, self.far, label, sides, seed)
        return confirmed(drawn, bits, nobody, self.found.count)


def _decided(scored: _Scored, options: Options) -> Linkage:
    threshold = scored.threshold(options.seed)
    if options.threshold is not None:
        asked = float(numpy.log2(options.threshold / (1 - options.threshold)))
        threshold = replace(threshold, bits=threshold.bits + asked)
    return Linkage(
        label=scored.label_at(threshold.bits),
        whole=_wholeness(scored, threshold.bits),
        pairs=scored.scores.pairs,
        agreement=partial(compare, scored.columns),
        bits=scored.scores.bits - threshold.bits,
        model=scored.model,
        threshold=threshold,
        sides=scored.limits.sides,
    )


def _wholeness(scored: _Scored, threshold: float) -> Floats:
    """For records of several rows: what equality in every column is worth, above the threshold."""
    repeated = _repeated(scored.found)
    whole = numpy.full(scored.found.count, numpy.inf)
    whole[repeated] = scores(scored.model, compare(scored.columns, (repeated, repeated))) - threshold
    if not scored.trusted:
        whole[repeated] = numpy.minimum(whole[repeated], _JUST_BELOW)
    return whole
