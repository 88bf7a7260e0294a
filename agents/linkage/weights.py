"""What each level of agreement is worth: a Fellegi-Sunter model, its parameters estimated without labels.

u, the chance of a level among rows that don't match, comes from random pairs and from the candidates that look
unmatched; m, its chance among those that do, by expectation maximisation over the candidates. Weights are in bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import cast

import numpy

from agents.linkage.candidates import Pairs
from agents.linkage.comparison import EXACT, LEVELS, Agreement, Floats, Levels

ROUNDS = 15
_SAMPLE = 300_000
_BLOCK = 100_000
_SMOOTHING = 0.5
_DIFFERENT = 3
_PRICE = -3.0
_MOST_BITS = 20.0
_LEAST_BITS = -6.0


@dataclass(frozen=True)
class Model:
    """agree[field, level]: log2 m; chance[field, level]: log2 u; `prior` in bits; `shares[field]`: how much of the
    field's evidence other fields don't already give, times its weight."""

    agree: Floats
    chance: Floats
    shares: Floats
    prior: float


def random_pairs(rows: int, seed: int, most: int = 100_000) -> Pairs:
    """Pairs drawn at random, which as good as never match."""
    chance = numpy.random.default_rng(seed)
    one, other = chance.integers(0, rows, size=(2, min(most, rows * 50)), dtype=numpy.int32)
    apart = one != other
    return numpy.minimum(one, other)[apart], numpy.maximum(one, other)[apart]


def estimate(near: Agreement, far: Agreement, rows: int, factors: Floats) -> Model:
    """The model of a table. near, far: the candidates and random pairs."""
    step = max(1, len(near.levels) // _SAMPLE)
    sample = Agreement(near.levels[::step], near.rarity[::step])
    everything = max(rows * (rows - 1) / 2, 1.0)
    unmatched = _shares_of_levels(far.levels, numpy.ones(len(far.levels)))
    model = Model(
        _surprise(unmatched) + numpy.log2(unmatched),
        numpy.log2(unmatched),
        _independent_shares(far.levels) * factors,
        float(numpy.log2(0.1 * rows / everything)),
    )
    for _ in range(ROUNDS):
        likely = 1 / (1 + numpy.exp2(-numpy.clip(scores(model, sample), -60, 60)))
        matched = _shares_of_levels(sample.levels, likely)
        expected = min(max(likely.sum() * step, 1.0), rows * 10.0)
        agree = _monotone(matched, unmatched) + model.chance
        model = replace(model, agree=agree, prior=float(numpy.log2(expected / everything)))
    return model


def scores(model: Model, found: Agreement) -> Floats:
    """Log odds, in bits, that each pair is the same thing."""
    bits = numpy.full(len(found.levels), model.prior)
    for start in range(0, len(bits), _BLOCK):
        block = Agreement(found.levels[start : start + _BLOCK], found.rarity[start : start + _BLOCK])
        for field in range(found.levels.shape[1]):
            bits[start : start + _BLOCK] += contribution(model, field, block)
    return bits


def contribution(model: Model, field: int, found: Agreement) -> Floats:
    """What one field adds to each pair's score, in bits: agreement on a rare value counts more."""
    level = found.levels[:, field]
    rarity = found.rarity[:, field] / 4
    surprise = -model.chance[field][level]
    exact = level == EXACT
    surprise = numpy.where(exact, 0.3 * surprise + 0.7 * rarity, numpy.maximum(surprise, rarity))
    bits = model.agree[field][level] + surprise
    bits[level < 0] = 0
    return cast(Floats, numpy.clip(bits, _LEAST_BITS, _MOST_BITS) * model.shares[field])


def _shares_of_levels(found: Levels, weight: Floats) -> Floats:
    counted = [
        numpy.bincount(found[:, field][found[:, field] >= 0], weight[found[:, field] >= 0], minlength=LEVELS)
        for field in range(found.shape[1])
    ]
    smooth = numpy.array(counted) + _SMOOTHING
    return cast(Floats, smooth / smooth.sum(axis=1, keepdims=True))


def _surprise(unmatched: Floats) -> Floats:
    """Weights to begin with: how unlikely agreement of at least this level is by chance, differences at a price."""
    weights = -numpy.log2(numpy.cumsum(unmatched[:, ::-1], axis=1)[:, ::-1])
    weights[:, :_DIFFERENT] = _PRICE
    return weights


def _monotone(matched: Floats, unmatched: Floats) -> Floats:
    """log2(m / u) by level, never falling as the level rises: neighbouring levels that would fall are pooled."""
    return numpy.array([_pooled(m, u) for m, u in zip(matched, unmatched, strict=True)])


def _pooled(matched: Floats, unmatched: Floats) -> Floats:
    blocks: list[tuple[float, float, int]] = []
    for m, u in zip(matched, unmatched, strict=True):
        block = (float(m), float(u), 1)
        while blocks and blocks[-1][0] / blocks[-1][1] >= block[0] / block[1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    return numpy.concatenate([numpy.full(size, numpy.log2(m / u)) for m, u, size in blocks])


def correlations(far: Levels) -> Floats:
    """How much the agreement of two fields goes together among random pairs, for every two fields."""
    alike = numpy.where(far < 0, numpy.nan, far).astype(numpy.float64)
    found = numpy.eye(far.shape[1])
    for one, other in combinations(range(far.shape[1]), 2):
        found[one, other] = found[other, one] = _correlation(alike[:, one], alike[:, other])
    return found


def _independent_shares(far: Levels) -> Floats:
    """1 over the number of fields that say the same: correlated agreement among unmatched rows counts once."""
    return cast(Floats, 1 / (correlations(far) ** 2).sum(axis=1))


def _correlation(one: Floats, other: Floats) -> float:
    both = ~numpy.isnan(one) & ~numpy.isnan(other)
    if both.sum() < 50 or not one[both].std() or not other[both].std():
        return 0.0
    return float(numpy.corrcoef(one[both], other[both])[0, 1])
