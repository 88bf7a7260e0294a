"""The whole of linkage on a table's records: candidates, comparison, model, threshold, clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy

from agents.linkage.calibration import Threshold, between_sources, within
from agents.linkage.candidates import Pairs, Positions, candidates
from agents.linkage.clusters import Constraints, cluster
from agents.linkage.comparison import CUTS, Agreement, Column, Floats, Integers, columns_of, compare
from agents.linkage.fields import Field
from agents.linkage.records import Records
from agents.linkage.weights import Model, estimate, random_pairs, scores

REVIEW_BITS = 4.0
"""How far below the threshold a pair is still worth a person's look."""

_ALIKE = len(CUTS)
_OWN_DUPLICATES = 0.03


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
    of `pairs`, less the threshold, so that 0 is the line. sides: the sources that hold each thing once, else None."""

    label: Integers
    whole: Floats
    pairs: Pairs
    agreement: Agreement
    bits: Floats
    model: Model
    threshold: Threshold
    sides: Positions | None


def link(found: Records, fields: Sequence[Field], options: Options, report: Callable[[float], None]) -> Linkage:
    """Find which records are the same thing."""
    columns = columns_of(found.values, fields)
    report(0.2)
    sides = found.sides if options.one_to_one is not False else None
    pairs = candidates(found.values, fields, sides if options.one_to_one else None)
    agreement = compare(columns, pairs)
    report(0.5)
    if sides is not None and options.one_to_one is None:
        if _repeats_itself(found, pairs, agreement):
            sides = None
        else:
            pairs = candidates(found.values, fields, sides)
            agreement = compare(columns, pairs)
    rows = found.count
    far = compare(columns, random_pairs(rows, options.seed))
    model = estimate(agreement, far, rows, options.factors)
    report(0.7)
    limits = Constraints(options.together, options.apart, sides)
    return _decide(found, columns, pairs, agreement, model, limits, options)


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


def _decide(
    found: Records,
    columns: Sequence[Column],
    pairs: Pairs,
    agreement: Agreement,
    model: Model,
    limits: Constraints,
    options: Options,
) -> Linkage:
    rows = found.count
    bits = scores(model, agreement)

    def score(asked: Pairs) -> Floats:
        return scores(model, compare(columns, asked))

    def label_at(threshold: float) -> Integers:
        return cluster(rows, pairs, bits, threshold, score, limits)

    threshold = _threshold(rows, pairs, bits, label_at, limits.sides)
    if options.threshold is not None:
        asked = float(numpy.log2(options.threshold / (1 - options.threshold)))
        threshold = replace(threshold, bits=threshold.bits + asked)
    itself = numpy.arange(rows, dtype=numpy.int32)
    repeated = numpy.bincount(found.of_row, minlength=rows) > 1
    whole = numpy.full(rows, numpy.inf)
    whole[repeated] = score((itself[repeated], itself[repeated])) - threshold.bits
    if limits.sides is not None:
        whole[repeated] = numpy.minimum(whole[repeated], -0.01)
    return Linkage(
        label_at(threshold.bits), whole, pairs, agreement, bits - threshold.bits, model, threshold, limits.sides
    )


def _threshold(
    rows: int, pairs: Pairs, bits: Floats, label_at: Callable[[float], Integers], sides: Positions | None
) -> Threshold:
    if sides is not None:
        return between_sources(rows, pairs, bits, sides)
    return within(pairs, bits, label_at)
