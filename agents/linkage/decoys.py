"""Records that are nobody: recombined from the columns of different records. What they score against each other by
chance is what wrong matches score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import pandas

from agents.linkage.candidates import Positions, candidates
from agents.linkage.clusters import components
from agents.linkage.comparison import Column, Floats, Integers, Levels, compare
from agents.linkage.fields import Field
from agents.linkage.weights import Model, correlations, scores
from agents.table import Table

_MOST = 40_000
FEWEST = 20
"""Records that it takes to make decoys."""

_GROUPED = 0.4
_PARTED = 0.7


@dataclass(frozen=True)
class Decoys:
    """bits: the scores of decoy pairs; weight: how many pairs of the table each of them stands for."""

    bits: Floats
    weight: float

    def expected(self, threshold: float) -> float:
        """How many pairs of the table reach a score by chance; by the rule of three, seeing none means up to three."""
        return float(max((self.bits >= threshold).sum(), 3)) * self.weight


def decoys(
    values: Table,
    fields: Sequence[Field],
    columns: Sequence[Column],
    model: Model,
    far: Levels,
    label: Integers,
    sides: Positions | None,
    seed: int,
) -> Decoys | None:
    """The scores of decoys against each other, or None where the table's columns can't be parted.

    label: groups of records that look alike; only one of each lends its values, or decoys would look alike too.
    """
    groups = _groups(far)
    chosen = numpy.flatnonzero(label == numpy.arange(len(label)))
    chance = numpy.random.default_rng(seed + 1)
    if len(chosen) > _MOST:
        chosen = numpy.sort(chance.choice(chosen, _MOST, replace=False))
    if max(map(len, groups)) > _PARTED * len(fields) or len(chosen) < FEWEST:
        return None
    kept_sides = None if sides is None else sides[chosen]
    origin = numpy.empty((len(fields), len(chosen)), dtype=numpy.int64)
    for group in groups:
        origin[group] = chosen[_shuffled(len(chosen), kept_sides, chance)]
    mixed = _mixed(values, fields, groups, origin)
    recoded = [Column(each.field, each.codes[origin[n]], each.counts, each.values) for n, each in enumerate(columns)]
    pairs = candidates(mixed, fields, kept_sides, as_of=len(label))
    return Decoys(scores(model, compare(recoded, pairs)), (len(label) / len(chosen)) ** 2)


def equal_by_chance(columns: Sequence[Column], far: Levels, records: int) -> float:
    """The chance that two different things are equal in every column, were columns that say the same one column."""
    agreements = numpy.array([_chance_of_equality(column, records) for column in columns])
    return float(numpy.prod([agreements[group].min() for group in _groups(far)]))


def _chance_of_equality(column: Column, records: int) -> float:
    counts = numpy.append(column.counts, records - column.counts.sum()).astype(numpy.float64)
    return float((counts * (counts - 1)).sum() / max(records * (records - 1), 1))


def _groups(far: Levels) -> list[Integers]:
    """Columns that say the same stay together."""
    one, other = numpy.nonzero(numpy.triu(numpy.abs(correlations(far)) >= _GROUPED, 1))
    label = components(far.shape[1], (one.astype(numpy.int32), other.astype(numpy.int32)))
    return [numpy.flatnonzero(label == each) for each in numpy.unique(label)]


def _shuffled(size: int, sides: Positions | None, chance: numpy.random.Generator) -> Integers:
    """A random order that keeps every place's source."""
    order = chance.permutation(size)
    if sides is None:
        return order
    shuffled = numpy.empty(size, dtype=numpy.int64)
    shuffled[numpy.argsort(sides, kind="stable")] = order[numpy.argsort(sides[order], kind="stable")]
    return shuffled


def _mixed(values: Table, fields: Sequence[Field], groups: Sequence[Integers], origin: Integers) -> Table:
    """The decoys' comparable values, gathered group by group: one join at a time stays small."""
    places = numpy.arange(origin.shape[1], dtype=numpy.int32)
    mixed = values.replace(pandas.DataFrame({"p": places}))
    for group in groups:
        cells = ", ".join(fields[n].name for n in group)
        lent = values.replace(pandas.DataFrame({"p": places, "origin": origin[group[0]].astype(numpy.int32)}))
        lent = lent.sql(
            f"SELECT lent.p AS p, {cells} FROM {{values}} AS own JOIN {{self}} AS lent ON lent.origin = own.p",
            values=values,
        )
        mixed = mixed.sql("SELECT * FROM {self} JOIN {lent} USING (p)", lent=lent)
    return mixed.sql("SELECT * FROM {self} ORDER BY p")
