"""Which columns hold personal data: by what their values are, how they are called, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np

from agents.column_types import is_null_sql, trim_sql
from agents.privacy import checks
from agents.privacy.checks import Values, share
from agents.privacy.headers import Hint, hints_of, is_vetoed
from agents.privacy.kinds import JUDGED_ROWS, KINDS, QUASI, SPECIAL
from agents.privacy.rare import suspects
from agents.sampling import sample_of
from agents.semantics import phones, validators
from agents.semantics.columns import Semantic, is_numbered, semantic_type
from agents.table import ROW, Table

_MOST_COLUMNS = 50
_CELLS_AT_ONCE = 100_000
_MOSTLY = 0.5
_OFTEN = 0.2
_FEWEST_NAMES = 3
_FIRST_LOOK = 200
_FIGURE = re.compile(r"[+-]?\d{1,6}(?:\.\d+)?")
_SOME = 0.05
_LOOKALIKES = ("phone", "ip_address")
"""What numbers of other sorts are written like too, so that a column's name may speak against it."""
_BY_NO_CHANCE, _BESIDE_OTHERS = 8, 0.3
_MANY_ROWS = 10
_REFERENCE = frozenset({"us_state", "country_code", "currency_code"})

_KIND_OF_SEMANTIC = {
    "email": "email",
    "phone": "phone",
    "card": "card",
    "ssn": "national_id",
    "iban": "bank_account",
    "ip_address": "ip_address",
    "mac_address": "device_id",
    "latitude": "precise_location",
    "longitude": "precise_location",
    "coordinates": "precise_location",
    "postcode": "postcode",
}
_PERSONS = frozenset(
    {
        "birth_date",
        "gender",
        "age",
        "national_id",
        "identity_document",
        "medical_id",
        "family",
        "email",
        "child",
        "card",
    }
)
"""A table with one of these beside other columns has people as its rows."""

_NEEDS_PERSONS = frozenset(QUASI) - {"birth_date"}
_ORGANISATIONS_TOO = frozenset({"phone", "address", "bank_account", "precise_location"})


@dataclass(frozen=True)
class Finding:
    """Personal data of one kind in one column.

    confidence: 0 to 1. share: of the filled cells looked at.
    basis: values, name, context. people: whether the rows seem to be people.
    examples: whole values, which have to be masked before anybody sees them. of_all: whether every row was looked at
    for it, and not a sample.
    """

    column: str
    kind: str
    confidence: float
    share: float
    basis: tuple[str, ...]
    people: bool = True
    examples: tuple[str, ...] = ()
    of_all: bool = False

    @property
    def leads_to_a_person(self) -> bool:
        """Whether values of this kind lead to a person, in one of twenty cells or more."""
        return KINDS[self.kind].identifying and self.share >= _SOME


@dataclass(frozen=True)
class Survey:
    """What a look at a table found.

    findings: in the table's order, the surest of a column first. people: whether the rows seem to be people.
    reference: the columns that hold codes of countries, states or currencies. rows: how many were looked at.
    """

    findings: tuple[Finding, ...]
    people: bool
    reference: frozenset[str]
    rows: int


@dataclass(frozen=True)
class _Sample:
    """The values looked at of every column, and how many rows that were."""

    values: Mapping[str, Values]
    rows: int

    def filled(self, column: str) -> float:
        """The share of the rows in which a column says something."""
        return sum(rows for _, rows in self.values[column]) / self.rows


_known: WeakKeyDictionary[Table, dict[tuple[int, int], Survey]] = WeakKeyDictionary()
"""Surveys of tables that still exist: several agents ask the same."""


def survey(table: Table, *, sample_size: int = JUDGED_ROWS, seed: int = 0) -> Survey:
    """Look for every kind of personal data in every column, on about `sample_size` rows."""
    surveys = _known.setdefault(table, {})
    if (sample_size, seed) not in surveys:
        surveys[sample_size, seed] = _survey(table, sample_size, seed)
    return surveys[sample_size, seed]


def personal_columns(table: Table, *, seed: int = 0) -> dict[str, str]:
    """The kind of each column that holds, in one of twenty cells or more, something that leads to a person."""
    found = survey(table, seed=seed).findings
    return {each.column: each.kind for each in reversed(found) if each.leads_to_a_person}


def _survey(table: Table, sample_size: int, seed: int) -> Survey:
    sample = _sample(table, sample_size, seed)
    semantic = {name: _meaning(name, values) for name, values in sample.values.items()}
    found = [each for name, values in sample.values.items() if values for each in judge(name, values, semantic[name])]
    if sample.rows < table.rows:
        rare = _rare(table, sample, found)
        told = {(each.column, each.kind) for each in rare}
        found = [*(each for each in found if (each.column, each.kind) not in told), *rare]
    people = any(_shows_people(each) and sample.filled(each.column) >= _OFTEN for each in found)
    kept = list(_in_context(found, people))
    reference = frozenset(name for name, each in semantic.items() if each and each.type in _REFERENCE)
    return Survey(tuple(kept), people, reference, sample.rows)


def _rare(table: Table, sample: _Sample, found: Sequence[Finding]) -> list[Finding]:
    """What all rows hold and the sampled ones hardly do, in columns whose meaning these didn't settle."""
    settled = {each.column for each in found if each.share >= _MOSTLY}
    unsettled = {name: list(values) for name, values in sample.values.items() if values and name not in settled}
    return [
        replace(each, column=name, share=each.share * suspected.share, of_all=True)
        for name, suspected in suspects(table, unsettled)
        for kind, each in _scattered(suspected.texts, name)
        if kind in suspected.kinds
    ]


def _sample(table: Table, wanted: int, seed: int) -> _Sample:
    drawn = sample_of(table, seed).rows
    one_in = max(1, drawn.rows // wanted)
    # Two numbers, because the sample that this is drawn from was chosen by the hash of their sum.
    chosen = f"hash({ROW}, {int(seed)}) % {one_in} = 0" if one_in > 1 else "true"
    values: dict[str, Values] = {}
    rows = 0
    at_once = max(1, min(_MOST_COLUMNS, _CELLS_AT_ONCE // min(table.rows or 1, wanted)))
    for start in range(0, len(table.columns), at_once):
        names = table.columns[start : start + at_once]
        cells = ", ".join(f"{Table.q(name)} AS c{place}" for place, name in enumerate(names))
        part = drawn.sql(f"SELECT {cells} FROM {{self}} WHERE {chosen}")
        rows = part.rows
        values |= dict(zip(names, _values_of(part, len(names)), strict=True))
    return _Sample(values, rows)


def _values_of(part: Table, columns: int) -> list[Values]:
    """The distinct filled texts of each column with their rows, the most frequent first."""
    cells = ", ".join(f"c{place}" for place in range(columns))
    texts = f"SELECT unnest(range({columns})) AS c, unnest([{cells}]) AS v FROM {{self}}"
    counted = f"SELECT c, {trim_sql('v')} AS v, count(*) AS n FROM ({texts}) GROUP BY ALL"
    found = part.arrays(f"SELECT c, v, n FROM ({counted}) WHERE NOT {is_null_sql('v')} ORDER BY c, n DESC, hash(v), v")
    borders = np.searchsorted(found["c"], np.arange(columns + 1)).tolist()
    return [
        list(zip(found["v"][start:end].tolist(), found["n"][start:end].tolist(), strict=True))
        for start, end in pairwise(borders)
    ]


# One column


def _meaning(name: str, values: Values) -> Semantic | None:
    """What a column means; figures under a name that hints at nothing are figures, without asking every validator."""
    figures = all(_FIGURE.fullmatch(text) for text, _ in values[:_FIRST_LOOK])
    return None if figures and not hints_of(name) else semantic_type(name, values)


def judge(name: str, values: Values, semantic: Semantic | None) -> list[Finding]:
    """What kinds of personal data a column of that name, with those values and that meaning, holds on its own."""
    by_values = list(_said_by_values(name, values, semantic))
    settled = {each.kind for each in by_values if each.share >= _MOSTLY}
    found = {each.kind: each for each in _said_by_name(name, values, settled)}
    for each in by_values:
        found[each.kind] = _joined(each, found.get(each.kind))
    return sorted(found.values(), key=lambda each: (-each.confidence, each.kind))


def _joined(by_values: Finding, by_name: Finding | None) -> Finding:
    if by_name is None:
        return by_values
    confidence = max(by_values.confidence, by_name.confidence, round(min(0.99, by_values.confidence + 0.1), 3))
    part = max(by_values.share, by_name.share)
    return replace(by_values, confidence=confidence, share=part, basis=("values", "name"))


def _said_by_values(name: str, values: Values, semantic: Semantic | None) -> Iterator[Finding]:
    kind = _KIND_OF_SEMANTIC.get(semantic.type) if semantic else None
    if semantic and kind:
        by_name = semantic.by != "values"
        yield Finding(
            name,
            kind,
            confidence=round((0.85 if by_name else 0.9) + 0.09 * semantic.confidence, 3),
            share=semantic.confidence,
            basis=("values", "name") if by_name else ("values",),
            examples=_passing(values, _TESTS.get(kind)),
        )
    if semantic is None and any(text[:1].isalpha() or " " in text for text, _ in values[:_FIRST_LOOK]):
        yield from _names(name, values)
        yield from _words(name, values)
        yield from _addresses(name, values)
    for _, found in _scattered(values, name, besides=kind):
        yield replace(found, column=name)


_TESTS: Mapping[str, checks.Test] = {
    "email": validators.is_email,
    "phone": phones.is_any_phone,
    "card": validators.is_card,
    "national_id": validators.is_ssn,
    "bank_account": validators.is_iban,
    "ip_address": validators.is_ip,
}


def _names(name: str, values: Values) -> Iterator[Finding]:
    if len(values) < _FEWEST_NAMES or is_vetoed("person_name", name):
        return
    hinted = any(hint.kind == "person_name" for hint in hints_of(name))
    if share(values[:_FIRST_LOOK], checks.is_name) < _MOSTLY:
        return
    if checks.names_without_a_name(values) or (hinted and checks.names_with_a_hint(values)):
        part = share(values, checks.is_name)
        yield Finding(
            name,
            "person_name",
            confidence=round(0.6 + 0.2 * part + 0.1 * hinted, 3),
            share=part,
            basis=("values", "name") if hinted else ("values",),
            examples=_passing(values, checks.is_name),
        )


def _addresses(name: str, values: Values) -> Iterator[Finding]:
    if share(values[:_FIRST_LOOK], checks.is_address) < _MOSTLY / 2:
        return
    part = share(values, checks.is_address)
    if part >= _MOSTLY:
        yield Finding(
            name,
            "address",
            confidence=round(0.7 + 0.2 * part, 3),
            share=part,
            basis=("values",),
            examples=_passing(values, checks.is_address),
        )


def _words(name: str, values: Values) -> Iterator[Finding]:
    """Columns whose cells are mostly words that only one kind uses."""
    if checks.EVERY_WORD.isdisjoint({text.lower() for text, _ in values}):
        return
    for kind, words in checks.LEXICONS.items():
        spoken = [(text, rows) for text, rows in values if text.lower() in words]
        part = sum(rows for _, rows in spoken) / sum(rows for _, rows in values)
        if len(spoken) >= 2 and part >= 0.6:
            yield Finding(name, kind, round(0.6 + 0.3 * part, 3), part, ("values",), examples=_passing(spoken, None))


# What a validator is asked about only where a quick look says that it may be there.
_SCATTERED: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("email", re.compile(r"[^\s@,;:<>()\"'\[\]]+@[^\s@,;:<>()\"'\[\]]+\.[A-Za-z]{2,24}"), validators.is_email),
    (
        "national_id",
        re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        validators.is_spelled_ssn,
    ),
    (
        "card",
        re.compile(r"(?<![\w.-])\d{4}(?:(?:[ -]?\d{4}){2}[ -]?\d{1,7}|[ -]\d{6}[ -]\d{4,5})(?![\w-]|\.\d)"),
        validators.is_card,
    ),
    (
        "bank_account",
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b"),
        validators.is_iban,
    ),
    (
        "phone",
        re.compile(
            r"(?<!\w)\+\d[\d ().-]{7,18}\d(?!\w)"
            r"|(?<![\w.-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-.]\d{4}(?![\w-])"
            r"|^(?:0[1-9]\d{0,3}[ /]\d{6,8}|0\d(?:[ .]\d\d){4}|0\d{2,4} \d{3,4} \d{3,4})$",
            re.MULTILINE,
        ),
        phones.is_phone,
    ),
    ("ip_address", re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"), validators.is_host),
    ("secret", checks.SECRET, checks.is_secret),
)


def _only_looks_so(kind: str, name: str) -> bool:
    """Whether a column's name says that what looks like this kind there is another number."""
    return kind in _LOOKALIKES and (is_vetoed(kind, name) or (kind == "phone" and is_numbered(name)))


def _scattered(values: Values, name: str, *, besides: str | None = None) -> Iterator[tuple[str, Finding]]:
    """Values that stand inside other texts, or in a few cells only, `besides` what the column is known to hold."""
    everything = "\n".join(text for text, _ in values)
    marked = checks.kinds_marked(everything) - {besides}
    total = sum(rows for _, rows in values)
    for kind, pattern, test in _SCATTERED:
        if kind not in marked or not pattern.search(everything) or _only_looks_so(kind, name):
            continue
        looked = [(rows, matches) for text, rows in values if (matches := pattern.findall(text))]
        shaped = sum(len(matches) for _, matches in looked)
        held = [(real[0], rows) for rows, matches in looked if (real := list(filter(test, matches)))]
        passed = sum(test(match) for _, matches in looked for match in matches)
        # Of numbers that only look like cards one in ten passes the check digit.
        if held and (passed >= _MOSTLY * shaped or (passed >= _BY_NO_CHANCE and passed >= _BESIDE_OTHERS * shaped)):
            part = sum(rows for _, rows in held) / total
            yield kind, Finding("", kind, 0.9, part, ("values",), examples=_passing(held, None))


def _said_by_name(name: str, values: Values, settled: Collection[str]) -> Iterator[Finding]:
    """What a name says; nothing new where the values have settled what the column is, special categories aside."""
    for hint in hints_of(name):
        if settled and hint.kind not in settled and hint.kind not in SPECIAL:
            continue
        if len(values) == 1 and values[0][1] >= _MANY_ROWS:
            continue
        test, needed = (checks.NAMED if hint.strong else checks.HINTED)[hint.kind]
        part = share(values, test)
        if part >= needed and (hint.strong or hint.kind != "person_name"):
            yield Finding(
                name,
                hint.kind,
                confidence=round((0.65 if hint.strong else 0.45) + 0.25 * part, 3),
                share=part,
                basis=("name", "values") if _tells(hint) else ("name",),
                examples=_passing(values, test),
            )


def _tells(hint: Hint) -> bool:
    """Whether the test of the values says more than that they don't contradict the name."""
    return hint.kind in _TESTS or hint.kind in ("birth_date", "gender", "postcode", "person_name", "card_security")


def _passing(values: Iterable[tuple[str, int]], test: checks.Test | None) -> tuple[str, ...]:
    found = (text for text, _ in values if test is None or test(text))
    return tuple(text for text, _ in zip(found, range(3), strict=False))


# The whole table


def _in_context(found: Sequence[Finding], persons: bool) -> Iterator[Finding]:
    """The findings that hold beside the others: quasi-identifiers and vague names need rows that are people."""
    for each in found:
        vague = each.confidence < 0.65 and "values" not in each.basis
        if not persons and (each.kind in _NEEDS_PERSONS or vague):
            continue
        if persons and each.kind not in _TESTS:
            each = replace(each, confidence=round(min(0.99, each.confidence + 0.05), 3), basis=(*each.basis, "context"))
        yield replace(each, people=persons or each.kind not in _ORGANISATIONS_TOO)


def _shows_people(each: Finding) -> bool:
    named = each.kind == "person_name" and Hint(each.kind, strong=True) in hints_of(each.column)
    return named or (each.kind in _PERSONS and each.share >= _MOSTLY)
