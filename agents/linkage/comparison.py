"""How alike two values of a column are, as one of a few levels; -1 where either is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from weakref import WeakKeyDictionary

import numpy
import numpy.typing
import pandas
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from agents.linkage.candidates import Pairs, Positions, grams_sql
from agents.linkage.fields import Field
from agents.table import Table

Levels = numpy.typing.NDArray[numpy.int8]
Rarity = numpy.typing.NDArray[numpy.uint8]
Floats = numpy.typing.NDArray[numpy.float64]
Integers = numpy.typing.NDArray[numpy.int64]

Measure = Callable[[Integers, Integers], tuple[Floats, Floats]]
Scorer = Callable[..., float]

CUTS = (0.3, 0.45, 0.6, 0.72, 0.82, 0.9)
"""Similarities at which a level begins; below the first is level 0."""

EXACT = len(CUTS) + 1
LEVELS = EXACT + 1
_CHUNK = 8_000
_BLOCK = 100_000
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
    counts: numpy.typing.NDArray[numpy.int32]
    values: Table

    @cached_property
    def filled(self) -> int:
        """How many rows have a value."""
        return int(self.counts.sum())

    def agreement(self, codes: Positions) -> Floats:
        """The chance that another row has the value too, for each code asked for."""
        return numpy.maximum(self.counts[codes], 2) / max(self.filled, 2)


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
    return Column(field, codes["code"].to_numpy(numpy.int32), counts["n"].to_numpy(numpy.int32), distinct)


@dataclass(frozen=True)
class Agreement:
    """levels[pair, field], -1 where a value is missing; rarity[pair, field]: how unlikely it is by chance that rows
    share what these two share, in quarters of a bit."""

    levels: Levels
    rarity: Rarity


def compare(columns: Sequence[Column], pairs: Pairs, *, fuzzy: bool = True) -> Agreement:
    """How the rows of each pair agree in each column; every two distinct values are compared once."""
    shape = (len(pairs[0]), len(columns))
    levels, rarity = numpy.empty(shape, dtype=numpy.int8), numpy.empty(shape, dtype=numpy.uint8)
    for number, column in enumerate(columns):
        measure = _measure(column) if fuzzy else None
        for start in range(0, shape[0], _BLOCK):
            block = slice(start, start + _BLOCK)
            levels[block, number], rarity[block, number] = _compare_block(
                column, pairs[0][block], pairs[1][block], measure
            )
    return Agreement(levels, rarity)


def _compare_block(
    column: Column, first: Positions, second: Positions, measure: Measure | None
) -> tuple[Levels, Rarity]:
    one, other = column.codes[first], column.codes[second]
    level = numpy.where(one == other, EXACT, 0).astype(numpy.int8)
    level[(one < 0) | (other < 0)] = -1
    rarity = numpy.zeros(len(level), dtype=numpy.uint8)
    same = numpy.flatnonzero(level == EXACT)
    rarity[same] = _quarters(-numpy.log2(column.agreement(one[same])))
    if measure is None:
        return level, rarity
    asked = numpy.flatnonzero(level == 0)
    if column.field.comparison == "text":
        asked = numpy.concatenate([asked, same])
    low = numpy.minimum(one[asked], other[asked]).astype(numpy.int64)
    high = numpy.maximum(one[asked], other[asked]).astype(numpy.int64)
    packed, back = numpy.unique(low * len(column.counts) + high, return_inverse=True)
    alike, bits = measure(packed // len(column.counts), packed % len(column.counts))
    level[asked] = numpy.where(low == high, EXACT, numpy.digitize(alike, CUTS)[back])
    rarity[asked] = numpy.maximum(rarity[asked], _quarters(bits)[back])
    return level, rarity


def _quarters(bits: Floats) -> Rarity:
    return numpy.clip(bits * 4, 0, 255).astype(numpy.uint8)


def _measure(column: Column) -> Measure:
    """The similarity of two codes' values, and the bits of what two texts share; none for other columns."""
    if column.field.comparison == "text":
        return partial(_cosines, _tokens(column.values))
    if column.field.comparison == "number":
        numbers = column.values.df("SELECT value FROM {self} ORDER BY code")["value"].to_numpy(numpy.float64)
        return partial(_closeness, numbers)
    return partial(_scored, column.values, _SCORERS[column.field.comparison])


def _scored(values: Table, scorer: Scorer, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    codes, places = _places(one, other)
    texts = _of_codes(values, codes, "value", "code")["value"].to_numpy(dtype=object)
    parts = [
        cpdist(texts[first], texts[second], scorer=scorer, workers=2).astype(numpy.float64)
        for first, second in _chunks(*places)
    ]
    return _joined(parts), numpy.zeros(len(one))


def _places(one: Integers, other: Integers) -> tuple[Integers, tuple[Integers, Integers]]:
    """The codes that occur, in order, and the places of both sides among them."""
    codes, places = numpy.unique(numpy.concatenate([one, other]), return_inverse=True)
    return codes, (places[: len(one)], places[len(one) :])


def _of_codes(table: Table, codes: Integers, columns: str, order: str) -> pandas.DataFrame:
    """The rows of some codes: those of a whole large column would not fit in memory."""
    wanted = table.replace(pandas.DataFrame({"code": codes.astype(numpy.int32)}))
    return table.df(f"SELECT {columns} FROM {{self}} JOIN {{wanted}} USING (code) ORDER BY {order}", wanted=wanted)


def _chunks(one: Integers, other: Integers) -> Iterator[tuple[Integers, Integers]]:
    for start in range(0, len(one), _CHUNK):
        yield one[start : start + _CHUNK], other[start : start + _CHUNK]


def _joined(parts: Sequence[Floats]) -> Floats:
    return numpy.concatenate([numpy.empty(0), *parts])


def _closeness(numbers: Floats, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    first, second = numbers[one], numbers[other]
    largest = numpy.maximum(numpy.maximum(numpy.abs(first), numpy.abs(second)), 1e-9)
    return numpy.clip(1 - numpy.abs(first - second) / largest, 0, 1), numpy.zeros(len(one))


@dataclass(frozen=True)
class _Tokens:
    """entries: code, id and weight of each token of each distinct text, a token's weight being its inverse document
    frequency. overlap: how far neighbouring tokens say the same."""

    entries: Table
    width: int
    overlap: float


_known: WeakKeyDictionary[Table, _Tokens] = WeakKeyDictionary()
"""The tokens of distinct texts that still exist."""


def _tokens(values: Table) -> _Tokens:
    if values not in _known:
        _known[values] = _tokenized(values)
    return _known[values]


def _tokenized(values: Table) -> _Tokens:
    """Trigrams, or words where those are too many."""
    length, texts = values.query("SELECT coalesce(avg(length(value)), 0), count(*) FROM {self}")[0]
    by_grams = length <= _LONG and length * texts <= _MOST_GRAMS
    tokens = grams_sql("value") if by_grams else f"string_split(value[:{_LONGEST}], ' ')"
    listed = values.sql(f"SELECT code, unnest(list_distinct({tokens})) AS token FROM {{self}}")
    known = listed.sql(
        f"SELECT token, CAST(row_number() OVER (ORDER BY token) - 1 AS INTEGER) AS id,"
        f" ln(1 + {texts} / count(*))::FLOAT AS weight FROM {{self}} GROUP BY token"
    )
    entries = listed.sql("SELECT code, id, weight FROM {self} JOIN {known} USING (token)", known=known)
    return _Tokens(entries, max(known.rows, 1), _GRAM_OVERLAP if by_grams else _WORD_OVERLAP)


@dataclass(frozen=True)
class _Vectors:
    """Weighted tokens of some texts, each of length 1: entries [starts[text], starts[text + 1]), as sorted
    text * width + token, and their weights. bits: what a weight of each text stands for."""

    starts: Integers
    entries: Integers
    weights: numpy.typing.NDArray[numpy.float32]
    bits: Floats
    width: int


def _vectors(tokens: _Tokens, codes: Integers) -> _Vectors:
    found = _of_codes(tokens.entries, codes, "code, id, weight", "code, id")
    texts = numpy.searchsorted(codes, found["code"].to_numpy(numpy.int64))
    weights = found["weight"].to_numpy(numpy.float32)
    starts = numpy.searchsorted(texts, numpy.arange(len(codes) + 1))
    norms = numpy.sqrt(numpy.add.reduceat(numpy.append(weights**2, numpy.float32(0)), starts[:-1]))
    entries = texts * tokens.width + found["id"].to_numpy(numpy.int64)
    bits = norms / numpy.log(2) / tokens.overlap
    return _Vectors(starts, entries, weights / numpy.repeat(norms, numpy.diff(starts)), bits, tokens.width)


def _cosines(tokens: _Tokens, one: Integers, other: Integers) -> tuple[Floats, Floats]:
    codes, places = _places(one, other)
    if not len(codes):
        return numpy.empty(0), numpy.empty(0)
    vectors = _vectors(tokens, codes)
    found = [_cosine(vectors, first, second) for first, second in _chunks(*places)]
    return _joined([alike for alike, _ in found]), _joined([bits for _, bits in found])


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
