"""What the columns of a table mean: the one sort of value that most of a column's cells are, checked one by one.

A column's name decides nothing by itself. It only tells apart what the values leave open: nine bare digits are a social
security number, ten a phone number, five a postcode where the name says so, and a number or an id where it doesn't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from agents.column_types import is_null_sql
from agents.sampling import sample_of
from agents.semantics import phones, validators
from agents.table import Table

_FIRST_LOOK = 200
_GLANCE = 20
"""Where none of so many pass a test, no share that is worth anything of all does."""

_COLUMNS_AT_ONCE = 10
_LENIENT = 0.8
"""At the first look, so much of the share that is needed will do."""

Test = Callable[[str], bool]
Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


@dataclass(frozen=True)
class Semantic:
    """The verdict on one column.

    type: a name of `TYPES`. confidence: the share of the rows looked at that pass its validator. by: whether the
    values said it alone ("values") or together with the column's name. rows: how many non-missing rows were looked at;
    sampled: whether that is fewer than all. counter_examples: the most frequent values that don't pass, whole.
    """

    type: str
    confidence: float
    by: str
    rows: int
    sampled: bool = False
    counter_examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rule:
    """How a sort of value is told: by `test` alone from `alone` of the rows on, or by `named_test` from `named` on in a
    column with such a name. `few` is the number of distinct values below which values alone don't say it."""

    type: str
    test: Test | None
    alone: float = 0.6
    name: str = ""
    named_test: Test | None = None
    named: float = 0.5
    few: int = 1
    unless: str = ""

    def tests(self, words: str) -> Iterator[tuple[Test, float, str]]:
        """The tests that apply to a column of this name, with the share that they need, the surest first."""
        if self.unless and re.search(rf"\b(?:{self.unless})\b", words):
            return
        if self.test:
            yield self.test, self.alone, "values"
        named_test = self.named_test or self.test
        if named_test and self.name and re.search(rf"\b(?:{self.name})\b", words):
            yield named_test, self.named, "values and name"


def _code_rule(type: str, test: Test, name: str, few: int) -> _Rule:
    """Short codes are also short words: values alone say it where they are several, in capitals and all of them."""
    return _Rule(type, test, alone=0.98, name=name, named_test=validators.in_any_case(test), named=0.9, few=few)


_ID = "id|ids|key|code|index|row|serial|uuid|guid|hash|order|invoice"
_NUMBERED = "(?:account|acct|policy|ticket|contract|ref|reference|batch|lot)(?: (?:number|no|nr|num))?$"

# The first that fits wins, so those that leave least room stand first.
_RULES = (
    _Rule("email", validators.is_email, name="e ?mails?|mail"),
    _Rule("url", validators.is_url, name="url|uri|website|homepage|link"),
    _Rule("uuid", validators.is_uuid, 0.9),
    _Rule("mac_address", validators.is_mac_address, 0.9),
    _Rule(
        "ip_address",
        validators.is_no_version,
        name="ip|ips|ip ?v[46]|ip ?addr(?:ess)?",
        named_test=validators.is_ip,
        unless="version|release",
    ),
    _Rule("iban", validators.is_iban, name="iban"),
    _Rule("isbn", None, name="isbn(?: ?1[03])?", named_test=validators.is_isbn),
    _Rule("card", validators.is_card, name="card|credit ?card|cc|pan|card ?(?:number|no|num)"),
    _Rule(
        "ssn",
        validators.is_spelled_ssn,
        name="ssn|soc ?sec(?: id| no| num(?:ber)?)?|social ?security(?: ?(?:number|no|id))?|tax ?id|tin",
        named_test=validators.is_ssn,
    ),
    _Rule("coordinates", validators.is_coordinates, 0.9),
    _Rule("latitude", None, name="lat|latitude", named_test=validators.is_latitude, named=0.95),
    _Rule("longitude", None, name="lon|lng|long|longitude", named_test=validators.is_longitude, named=0.95),
    _Rule(
        "epoch_milliseconds",
        None,
        name="epoch(?: ?ms)?|ts|time|timestamp|date|at|on|ms|created|updated|modified|seen|login",
        named_test=validators.is_epoch_milliseconds,
        named=0.95,
    ),
    _Rule(
        "epoch_seconds",
        None,
        name="epoch|ts|time|timestamp|date|at|on|created|updated|modified|seen|login",
        named_test=validators.is_epoch_seconds,
        named=0.95,
    ),
    _Rule("compact_date", validators.is_compact_date, 0.98, few=10),
    _Rule(
        "phone",
        phones.is_phone,
        name=r"(?:tele)?phones?|phone ?(?:number|no|num)|mobile|cell|cellphone|tel|fax|msisdn|telefono?|telefoon"
        r"|telefonnummer|rufnummer|handy|mobilnummer|telemovel|celular|movil|телефон|電話番号|手机号?",
        named_test=phones.is_any_phone,
        unless=f"price|amount|model|imei|{_ID}|{_NUMBERED}",
    ),
    _Rule(
        "postcode",
        validators.is_postcode,
        0.9,
        "zip|zip ?code|post ?code|postal(?: ?code)?|code ?postal|codigo ?postal|plz|postleitzahl|cap|eircode",
        validators.is_any_postcode,
        0.7,
    ),
    _Rule("bic", None, name="bic|swift(?: ?code)?", named_test=validators.is_bic),
    _code_rule("us_state", validators.is_us_state, "state|st|province|region", few=12),
    _code_rule("currency_code", validators.is_currency_code, "currency|currencies|ccy|curr", few=3),
    _code_rule("country_code", validators.is_country_code, "country|nation(?:ality)?|ctry|iso ?[23]?", few=5),
)

TYPES = tuple(rule.type for rule in _RULES)
"""Every semantic type there is."""


def semantic_type(name: str, values: Sequence[tuple[str, int]], *, sampled: bool = False) -> Semantic | None:
    """What a column of this name means, from its non-missing values and how many rows have each."""
    return _judge(name, values[:_FIRST_LOOK], lambda: values, sampled)


def _judge(
    name: str, first: Sequence[tuple[str, int]], values: Callable[[], Sequence[tuple[Any, ...]]], sampled: bool
) -> Semantic | None:
    """The first rule that some of the values pass, and then all of them."""
    words = _words(name)
    glance = first[:: max(1, len(first) // _GLANCE)]
    for rule in _RULES:
        for test, needed, by in rule.tests(words):
            if by == "values" and len(first) < rule.few:
                continue
            if any(test(text) for text, _ in glance) and _share(test, first) >= _LENIENT * needed:
                found = _verdict(rule.type, test, by, values(), sampled)
                if found.confidence >= needed:
                    return found
    return None


def is_numbered(name: str) -> bool:
    """Whether a column's name says that it holds the numbers of accounts, policies, tickets or the like."""
    return re.search(rf"\b{_NUMBERED}", _words(name)) is not None


def _words(name: str) -> str:
    """A column's name as words without accents: `PhoneNumber`, `phone_number`, `PHONE-NUMBER` are "phone number"."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return re.sub(r"[\W_]+", " ", parted).strip().lower()


def _share(test: Test, values: Sequence[tuple[str, int]]) -> float:
    """The share of rows, and of distinct values where that is less, that pass: one frequent value decides nothing."""
    passed = [rows for text, rows in values if test(text)]
    return min(sum(passed) / sum(rows for _, rows in values), len(passed) / len(values))


def _verdict(type: str, test: Test, by: str, values: Sequence[tuple[str, int]], sampled: bool) -> Semantic:
    failed = [(rows, text) for text, rows in values if not test(text)]
    total = sum(rows for _, rows in values)
    return Semantic(
        type=type,
        confidence=1 - sum(rows for rows, _ in failed) / total,
        by=by,
        rows=total,
        sampled=sampled,
        counter_examples=tuple(text for _, text in sorted(failed, key=lambda each: (-each[0], each[1]))[:5]),
    )


_known: WeakKeyDictionary[Table, dict[str, Semantic | None]] = WeakKeyDictionary()
"""Verdicts on tables that still exist: a table never changes, so neither do they."""


def semantic_types(table: Table, *, seed: int = 0) -> Mapping[str, Semantic | None]:
    """What each column of a table means, or None; checked on all rows of a table of less than 200,000."""
    sample = sample_of(table, seed)
    unknown = [name for name in table.columns if name not in _known.get(table, {})]
    for start in range(0, len(unknown), _COLUMNS_AT_ONCE):
        names = unknown[start : start + _COLUMNS_AT_ONCE]
        held = texts_of(sample.rows, distinct_sql(names), len(names))
        know_semantics(table, semantics_of(held, names, sampled=sample.sampled))
    return _known.setdefault(table, {})


def know_semantics(table: Table, found: Mapping[str, Semantic | None]) -> None:
    """Remember the verdicts on columns of a table."""
    _known.setdefault(table, {}).update(found)


@dataclass(frozen=True)
class Texts:
    """The distinct non-missing texts of one column: `v`, `n` the rows of each, `h` a hash that puts them in no order.

    pattern: the character pattern of a text, where one that isn't plain ASCII needed it worked out already, else empty.
    """

    v: Array
    n: Array
    h: Array
    pattern: Array

    def first(self) -> list[tuple[str, int]]:
        """Some of them with their rows, chosen at random but always alike."""
        order = np.argsort(self.h, kind="stable")[:_FIRST_LOOK]
        return list(zip(self.v[order].tolist(), self.n[order].tolist(), strict=True))

    def every(self) -> list[tuple[str, int]]:
        """All of them with their rows."""
        return list(zip(self.v.tolist(), self.n.tolist(), strict=True))


def distinct_sql(names: Sequence[str]) -> str:
    """A query for the distinct non-missing texts of some columns: c the column's place, v the text, n its rows."""
    parts = " UNION ALL ".join(
        f"SELECT {place} AS c, {Table.q(name)} AS v, count(*) AS n FROM {{self}} GROUP BY ALL"
        for place, name in enumerate(names)
    )
    return f"SELECT c, v, n FROM ({parts}) WHERE NOT {is_null_sql('v')}"


def texts_of(rows: Table, query: str, columns: int, *, pattern: str = "''") -> list[Texts]:
    """What a query of (c, v, n) gives, by column; `pattern` is the SQL of a text's own."""
    found = rows.arrays(f"SELECT c, v, n, hash(v) AS h, {pattern} AS pattern FROM ({query})")
    order = np.argsort(found["c"], kind="stable")
    borders = np.searchsorted(found["c"], np.arange(columns + 1), sorter=order)
    cuts = [order[start:end] for start, end in pairwise(borders.tolist())]
    return [Texts(*(found[name][cut] for name in ("v", "n", "h", "pattern"))) for cut in cuts]


def semantics_of(held: Sequence[Texts], names: Sequence[str], *, sampled: bool) -> dict[str, Semantic | None]:
    """The verdicts on some columns from their texts."""
    return {name: _judge(name, texts.first(), texts.every, sampled) for name, texts in zip(names, held, strict=True)}
