"""How alike two values of a column are, as one of a few levels; -1 where either is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy
import numpy.typing
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from agents.linkage.candidates import Pairs, Positions, grams_sql
from agents.linkage.fields import Field
from agents.table import Table

Levels = numpy.typing.NDArray[numpy.int8]
Rarity = numpy.typing.NDArray[numpy.uint8]
Texts = numpy.typing.NDArray[numpy.object_]
Floats = numpy.typing.NDArray[numpy.float64]
Integers = numpy.typing.NDArray[numpy.int64]

Measure = Callable[[Integers, Integers], tuple[Floats, Floats]]
Scorer = Callable[..., float]

CUTS = (0.3, 0.45, 0.6, 0.72, 0.82, 0.9)
"""Similarities at which a level begins; below the first is level 0."""

EXACT = len(CUTS) + 1
LEVELS = EXACT + 1
_CHUNK = 8_000
_BLOCK = 400_000
_MOST_GRAMS = 1_500_000
# Neighbouring trigrams share two characters and neighbouring words a phrase: their bits can't be added up in full.
_GRAM_OVERLAP = 8.0
_WORD_OVERLAP = 4.0
_NEARLY_SAME = 0.8
_SCORERS: dict[str, Scorer] = {"name": JaroWinkler.normalized_similarity, "code": OSA.normalized_similarity}
_LONG = 60
_LONGEST = 300


@dataclass
class Column:
    """One field's distinct values and the code of each row's value (-1 where it is missing)."""

    field: Field
    codes: numpy.typing.NDArray[numpy.int32]
    counts: Integers
    values: Table

    @property
    def agreement(self) -> Floats:
        """The chance that another row has the value too, by code."""
        return numpy.maximum(self.counts, 2) / max(int(self.counts.sum()), 2)


def columns_of(values: Table, fields: Sequence[Field]) -> list[Column]:
    """The coded columns of a table of comparable values."""
    return [_column(values, field) for field in fields]


def _column(values: Table, field: Field) -> Column:
    distinct = values.sql(
        f"SELECT CAST(row_number() OVER (ORDER BY {field.name}) - 1 AS INTEGER) AS code, {field.name} AS value, n FROM"
        f" (SELECT {field.name}, count(*) AS n FROM {{self}} WHERE {field.name} IS NOT NULL GROUP BY 1) ORDER BY code"
    )
    codes = values.df(
        f"SELECT coalesce(code, -1) AS code FROM {{self}} LEFT JOIN {{distinct}} ON {field.name} = value ORDER BY p",
        distinct=distinct,
    )
    counts = distinct.df("SELECT n FROM {self} ORDER BY code")
    return Column(field, codes["code"].to_numpy(numpy.int32), counts["n"].to_numpy(numpy.int64), distinct)


@dataclass(frozen=True)
class Agreement:
    """levels[pair, field], -1 where a value is missing; rarity[pair, field]: how unlikely it is by chance that rows
    share what these two share, in quarters of a bit."""

    levels: Levels
    rarity: Rarity


def compare(columns: Sequence[Column], pairs: Pairs, *, fuzzy: bool = True) -> Agreement:
    """How the rows of each pair agree in each column; every two distinct values are compared once."""
    found = [_compare_column(column, pairs, fuzzy) for column in columns]
    return Agreement(numpy.stack([level for level, _ in found], 1), numpy.stack([rare for _, rare in found], 1))


def _compare_column(column: Column, pairs: Pairs, fuzzy: bool) -> tuple[Levels, Rarity]:
    measure = _measure(column) if fuzzy else None
    parts = [
        _compare_block(column, pairs[0][start : start + _BLOCK], pairs[1][start : start + _BLOCK], measure)
        for start in range(0, max(len(pairs[0]), 1), _BLOCK)
    ]
    return numpy.concatenate([level for level, _ in parts]), numpy.concatenate([rare for _, rare in parts])


def _compare_block(
    column: Column, first: Positions, second: Positions, measure: Measure | None
) -> tuple[Levels, Rarity]:
    one, other = column.codes[first], column.codes[second]
    level = numpy.where(one == other, EXACT, 0).astype(numpy.int8)
    level[(one < 0) | (other < 0)] = -1
    rarity = numpy.zeros(len(level), dtype=numpy.uint8)
    same = numpy.flatnonzero(level == EXACT)
    rarity[same] = _quarters(-numpy.log2(column.agreement))[one[same]]
    if measure is None:
        return level, rarity
    asked = numpy.flatnonzero(level == 0)
    if column.field.comparison == "text":
        asked = numpy.concatenate([asked, same])
    low = numpy.minimum(one[asked], other[asked]).astype(numpy.int64)
    high = numpy.maximum(one[asked], other[asked]).astype(numpy.int64)
    packed, back = numpy.unique(low * len(column.counts) + high, return_inverse=True)
    alike, bits = _chunked(measure, packed // len(column.counts), packed % len(column.counts))
    level[asked] = numpy.where(low == high, EXACT, numpy.digitize(alike, CUTS)[back])
    rarity[asked] = numpy.maximum(rarity[asked], _quarters(bits)[back])
    return level, rarity


def _quarters(bits: Floats) -> Rarity:
    return numpy.clip(bits * 4, 0, 255).astype(numpy.uint8)


def _measure(column: Column) -> Measure:
    """The similarity of two codes' values, and the bits of what two texts share; none for other columns."""
    if column.field.comparison == "text":
        return partial(_cosine, _vectors(column))
    texts = column.values.df("SELECT value FROM {self} ORDER BY code")["value"].to_numpy(dtype=object)
    if column.field.comparison == "number":
        return partial(_closeness, texts.astype(numpy.float64))
    return partial(_scored, texts, _SCORERS[column.field.comparison])


def _scored(texts: Texts, scorer: Scorer, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    alike = cpdist(texts[one], texts[other], scorer=scorer, workers=2)
    return alike.astype(numpy.float64), numpy.zeros(len(one))


def _chunked(measure: Measure, low: Integers, high: Integers) -> tuple[Floats, Floats]:
    parts = [measure(low[i : i + _CHUNK], high[i : i + _CHUNK]) for i in range(0, len(low), _CHUNK)]
    nothing = numpy.empty(0)
    return numpy.concatenate([nothing, *(a for a, _ in parts)]), numpy.concatenate([nothing, *(b for _, b in parts)])


def _closeness(numbers: Floats, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    first, second = numbers[one], numbers[other]
    largest = numpy.maximum(numpy.maximum(numpy.abs(first), numpy.abs(second)), 1e-9)
    return numpy.clip(1 - numpy.abs(first - second) / largest, 0, 1), numpy.zeros(len(one))


@dataclass(frozen=True)
class _Vectors:
    """Weighted tokens of each code: entries [starts[code], starts[code + 1]), as sorted code * width + token, and their
    weights. bits: what a weight of each code stands for."""

    starts: Integers
    entries: Integers
    weights: numpy.typing.NDArray[numpy.float32]
    bits: Floats
    width: int


def _vectors(column: Column) -> _Vectors:
    """Inverse document frequencies of trigrams, or of words where those are too many, each value of length 1."""
    length, texts = column.values.query("SELECT coalesce(avg(length(value)), 0), count(*) FROM {self}")[0]
    by_grams = length <= _LONG and length * texts <= _MOST_GRAMS
    tokens = grams_sql("value") if by_grams else f"string_split(value[:{_LONGEST}], ' ')"
    listed = column.values.sql(f"SELECT code, unnest(list_distinct({tokens})) AS token FROM {{self}}")
    width = max(int(listed.scalar("SELECT count(DISTINCT token) FROM {self}")), 1)
    found = listed.df(
        f"""
        SELECT CAST(code AS BIGINT) * {width} + id AS entry, weight::FLOAT AS weight FROM {{self}} JOIN (
            SELECT token, row_number() OVER (ORDER BY token) - 1 AS id, ln(1 + {texts} / count(*)) AS weight
            FROM {{self}} GROUP BY token
        ) USING (token) ORDER BY entry
        """
    )
    entries, weights = found["entry"].to_numpy(numpy.int64), found["weight"].to_numpy(numpy.float32)
    starts = numpy.searchsorted(entries, numpy.arange(texts + 1) * width)
    norms = numpy.sqrt(numpy.add.reduceat(numpy.append(weights**2, numpy.float32(0)), starts[:-1]))
    overlap = _GRAM_OVERLAP if by_grams else _WORD_OVERLAP
    weights = weights / numpy.repeat(norms, numpy.diff(starts))
    return _Vectors(starts, entries, weights, norms / numpy.log(2) / overlap, width)


def _cosine(vectors: _Vectors, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    sizes = vectors.starts[one + 1] - vectors.starts[one]
    owner = numpy.repeat(numpy.arange(len(one)), sizes)
    first = numpy.arange(len(owner)) - numpy.repeat(numpy.cumsum(sizes) - sizes, sizes)
    here = numpy.repeat(vectors.starts[one], sizes) + first
    wanted = other[owner] * vectors.width + vectors.entries[here] % vectors.width
    there = numpy.minimum(numpy.searchsorted(vectors.entries, wanted), len(vectors.entries) - 1)
    shared = vectors.weights[here] * (vectors.entries[there] == wanted)
    cosine = numpy.bincount(owner, shared * vectors.weights[there], minlength=len(one))
    bits = numpy.bincount(owner, shared, minlength=len(one)) * vectors.bits[one]
    return numpy.minimum(cosine, 0.999), numpy.where(cosine >= _NEARLY_SAME, bits, 0)
