"""What a column of texts really holds: one vote per column over all kinds, on every distinct value.

A value is given a shape by its spelling alone ("padded", "iso_date", "percent"); the column's kind follows from the
shapes of all its rows. Nothing is cast to find out, because casts round, trim and guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

from agents.table import Table, literal
from agents.turns import parted

DateOrder = Literal["dmy", "mdy", "ymd"]
DecimalMark = Literal[".", ","]


class Kind(StrEnum):
    """What the values of a column are."""

    EMPTY = "empty"
    INTEGER = "integer"
    DECIMAL = "decimal"
    PERCENT = "percent"
    QUANTITY = "quantity"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    BOOLEAN = "boolean"
    EMAIL = "email"
    URL = "url"
    PHONE = "phone"
    CODE = "code"
    TEXT = "text"


NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.PERCENT, Kind.QUANTITY})
TEMPORAL = frozenset({Kind.DATE, Kind.DATETIME})

NULL_SPELLINGS = frozenset(
    {"", "n/a", "na", "n.a.", "#n/a", "<na>", "null", "(null)", "nil", "none", "nan", "-", "--", "---", "?"}
)
"""How people and programs write that a value is missing; casefolded, blank space around it aside."""

TRUE_SPELLINGS = frozenset({"true", "yes", "y", "t"})
FALSE_SPELLINGS = frozenset({"false", "no", "n", "f"})


@dataclass(frozen=True)
class ColumnType:
    """The verdict on one column.

    confidence: the share of non-missing rows that are of the kind. distinct: non-missing values, blank space around
    them aside. counter_examples: the most frequent values that are not of the kind. date_order: None where no value
    tells day from month; ambiguous_dates then counts the rows that can be read both ways. decimal: the decimal mark.
    unit: the most frequent unit of a quantity. shapes: rows per spelling; members: the spellings that are of the kind.
    usual: whether everything is written in one of the ways that programs write, such as 2024-12-31 23:59:59.
    padded: whether any cell, also one that says nothing, has blank space around it. texts: how many different cells
    there are, one that is empty among them.
    """

    kind: Kind
    confidence: float
    missing: int
    distinct: int
    counter_examples: tuple[str, ...] = ()
    date_order: DateOrder | None = None
    ambiguous_dates: int = 0
    decimal: DecimalMark = "."
    unit: str = ""
    max_length: int = 0
    shapes: Mapping[str, int] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    usual: bool = False
    padded: bool = False
    texts: int = 0

    @property
    def tidy(self) -> bool:
        """Whether it's certain that all cells are ASCII without blank space around them or two blanks inside."""
        return not self.padded and (self.usual or _BLANKLESS.issuperset(self.shapes))


_SPACE = " \t\r\n\u00a0\u2007\u202f"
_VISIBLE = "BETWEEN '!' AND '~'"
"""True of a text that begins with a visible character of ASCII, and of some that begin with another."""

_NAME = re.compile(r'(?:\w+\.)?(?:\w+|"(?:[^"]|"")*")')
_LONGEST_NULL = max(map(len, NULL_SPELLINGS)) + 2
_NULL_BEGINNINGS = "".join(
    sorted({case(text[0]) for text in NULL_SPELLINGS if text for case in (str.lower, str.upper)})
)
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:\s?[ap]\.?m\.?)?"
_CLOCK = rf"(?i:[T ]\s*{_TIME}(?:\s?(?:Z|UTC|[+-]\d\d:?\d\d))?)"
_CLOCK_TIME = rf"(?i)[T ]\s*({_TIME})"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_ISO_DATE = rf"[12]\d{{3}}[-/.](?:0?[1-9]|1[0-2])[-/.]{_DAY}"
_NUMERIC_DATE = rf"{_DAY}(?:[-/]{_DAY}[-/](?:[12]\d{{3}}|\d\d)|\.{_DAY}\.[12]\d{{3}}|\.\d\d\.\d\d)"
_NAMED_DMY = rf"(?i:{_DAY}(?:st|nd|rd|th)?[-/. ]+{_MONTH}[-/., ]+(?:[12]\d{{3}}|\d\d))"
_NAMED_MDY = rf"(?i:{_MONTH}[-/. ]+{_DAY}(?:st|nd|rd|th)?[-/, ]+[12]\d{{3}})"
_DATE_SPELLINGS = {
    "iso": _ISO_DATE,
    "numeric": _NUMERIC_DATE,
    "named_dmy": _NAMED_DMY,
    "named_mdy": _NAMED_MDY,
}

_POINT_NUMBER = (
    r"[+-]?(?:(?:\d{1,3}(?:[,' \x{00a0}\x{202f}]\d{3})+|\d+)(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
)
_COMMA_NUMBER = r"[+-]?(?:\d{1,3}(?:[.' \x{00a0}\x{202f}]\d{3})+|\d+)(?:,\d+)?"
_LOOSE_NUMBER = r"[+-]?(?:\d+(?:[.,' ]\d+)*|\.\d+)"
_GROUPING = "' \u00a0\u202f"
_CURRENCY = "[$€£¥₹]"
_UNIT = r"(?:\s[A-Za-zÀ-ÿ°µμΩ][A-Za-zÀ-ÿ\d°µμ²³/.^]{0,14}|[A-Za-zÀ-ÿ°µμΩ]{2,15}\.?|\s?[$€£¥₹°])"

# Three groups or a sign of intent, because two groups of digits are pages, a range or a number of another kind.
_PHONE = (
    r"\+\d[\d ().-]{5,20}\d"
    r"|\(\d{2,5}\)[ .-]?\d{3,5}[ .-]?\d{3,5}"
    r"|\d{3,5}[ .-]\d{3}[ .-]\d{4}"
    r"|0\d{1,4}(?:[ .-]\d{2,4}){2,4}"
)

_SHAPES: dict[str, str] = {
    "integer": r"[+-]?(?:0|[1-9]\d{0,17})",
    "padded": r"[+-]?\d+",
    "integral": r"[+-]?(?:0|[1-9]\d*)\.0",
    "decimal": r"[+-]?(?:0|[1-9]\d*)?\.\d+(?:[eE][+-]?\d+)?|[+-]?[1-9]\d*[eE][+-]\d+",
    "grouped_once": r"[+-]?[1-9]\d{0,2},\d{3}",
    "grouped": r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,}|(?:[' \x{00a0}\x{202f}]\d{3})+(?:\.\d+)?)",
    "decimal_comma": r"[+-]?(?:0|[1-9]\d*),\d+|[+-]?[1-9]\d{0,2}(?:[.' ]\d{3})+,\d+|[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}",
    "time": f"(?i:{_TIME})",
    **{f"{name}_date": spelling for name, spelling in _DATE_SPELLINGS.items()},
    **{f"{name}_datetime": spelling + _CLOCK for name, spelling in _DATE_SPELLINGS.items()},
    "percent": rf"{_LOOSE_NUMBER}\s?%",
    "phone": _PHONE,
    "quantity": rf"{_LOOSE_NUMBER}{_UNIT}|[+-]?{_CURRENCY}\s?{_LOOSE_NUMBER}",
    "code": r"[A-Za-z\d]+(?:[-_./:#+][A-Za-z\d]+)*",
}
_LONGEST_SHAPE = 60
_BLANKLESS = frozenset({"integer", "padded", "integral", "decimal", "code", "iso_date"})
"""Shapes without a blank in them."""

_KIND_SHAPES: dict[Kind, tuple[str, ...]] = {
    Kind.BOOLEAN: ("boolean",),
    Kind.EMAIL: ("email",),
    Kind.URL: ("url",),
    Kind.TIME: ("time",),
    Kind.PHONE: ("phone",),
}
_DATE_SHAPES = tuple(f"{name}_date" for name in _DATE_SPELLINGS)
_DATETIME_SHAPES = tuple(f"{name}_datetime" for name in _DATE_SPELLINGS)
DATE_SHAPES = frozenset((*_DATE_SHAPES, *_DATETIME_SHAPES))
_VOTE = 0.75
"""A column is of a kind when this share of its rows is: below it, it is text."""

_SPELLING_SHARE = 0.05
"""Units or percent signs on fewer of the numbers than this are slips, not what the column is."""

_FIRST_LOOK = 200
_WIDEST_CHUNK = 25
_CELLS_AT_ONCE = 1_000_000
_TEXTS_IN_DOUBT = 1_000_000
_TEXT_BYTES_AT_ONCE = 80_000_000
_TEXT_OVERHEAD = 60
"""Bytes that a hash table of texts takes for each beside the text."""


def trim_sql(expression: str) -> str:
    """SQL for a text without blank space of any sort around it."""
    trimmed = f"trim({expression}, {literal(_SPACE)})"
    if not _NAME.fullmatch(expression):
        return trimmed
    # Most texts begin and end with something visible; looking at those two characters first is four times faster.
    visible = f"{expression} {_VISIBLE} AND {expression}[-1] {_VISIBLE}"
    return f"CASE WHEN {visible} THEN {expression} ELSE {trimmed} END"


def is_null_sql(expression: str) -> str:
    """SQL that is true where a text is NULL, blank, or a spelling of "missing"."""
    # The first letter and the length cost nothing and spare most values the rest; only CASE spares it for certain.
    likely = f"strlen({expression}) <= {_LONGEST_NULL} AND contains({literal(_NULL_BEGINNINGS)}, {expression}[1])"
    spelled = one_of_sql(f"lower(trim({expression}, {literal(_SPACE)}))", NULL_SPELLINGS)
    return (
        f"(CASE WHEN {expression} {_VISIBLE} AND NOT ({likely}) THEN false ELSE {expression} IS NULL OR {spelled} END)"
    )


def one_of_sql(expression: str, texts: Iterable[str]) -> str:
    """SQL that is true where a text is one of a few.

    IN with so many constants becomes a join, which looks at every row, also at those that a CASE around it spares.
    """
    return f"regexp_full_match({expression}, {literal('|'.join(map(re.escape, sorted(texts))))})"


def without_sql(expression: str, spellings: Iterable[str]) -> str:
    """SQL for a text, or NULL where it is one of those spellings of "missing"."""
    spelled = one_of_sql(f"lower({trim_sql(expression)})", spellings)
    return f"CASE WHEN {is_null_sql(expression)} AND {spelled} THEN NULL ELSE {expression} END"


def empty_spellings(table: Table, column: str, found: ColumnType) -> frozenset[str]:
    """The spellings of "missing" that can mean nothing else in this column; casefolded.

    "none" is a word where a column holds words, and "NA" a code where it holds codes of two letters.
    """
    lexicon = NULL_SPELLINGS - {""}
    if found.kind not in (Kind.TEXT, Kind.CODE):
        return lexicon
    two_letters = 0
    if "text" in found.shapes or "boolean" in found.shapes:
        cell = trim_sql(Table.q(column))
        two_letters = table.scalar(
            f"SELECT count(*) FILTER (strlen({cell}) = 2 AND regexp_full_match({cell}, '[A-Za-z]{{2}}'))"
            f" FROM {{self}} WHERE NOT {is_null_sql(cell)}"
        )
    return lexicon - ({"none", "na"} if 2 * two_letters > sum(found.shapes.values()) else {"none"})


def number_sql(expression: str, decimal: DecimalMark = ".") -> str:
    """SQL giving the DOUBLE that a text spells, thousands separators included, or NULL."""
    text = trim_sql(expression)
    mark, pattern = (",", _POINT_NUMBER) if decimal == "." else (".", _COMMA_NUMBER)
    bare = f"translate({text}, {literal(mark + _GROUPING)}, '')"
    plain = bare if decimal == "." else f"replace({bare}, ',', '.')"
    return f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN TRY_CAST({plain} AS DOUBLE) END"


def conforms_sql(expression: str, column: ColumnType) -> str:
    """SQL that is true where a text is missing or of the column's kind."""
    members = ", ".join(literal(shape) for shape in (*column.members, "missing"))
    return f"({shape_sql(trim_sql(expression))} IN ({members}))"


def measure_sql(expression: str, column: ColumnType) -> str:
    """SQL giving the DOUBLE of a cell of any numeric kind, its unit or percent sign left out, or NULL."""
    if column.kind in (Kind.PERCENT, Kind.QUANTITY):
        sign, number = f"regexp_extract({expression}, '^\\s*-')", literal(rf"(?:{_LOOSE_NUMBER}|\.\d+)")
        bare = f"regexp_extract({expression}, {number})"
        expression = f"CASE WHEN {bare} LIKE '-%' THEN {bare} ELSE trim({sign}) || {bare} END"
    return number_sql(expression, column.decimal)


def date_sql(expression: str, order: DateOrder | None, shapes: Iterable[str] | None = None) -> str:
    """SQL giving the TIMESTAMP that a text spells, or NULL.

    `order` reads 03/04/2025; without one, only dates that can be read in a single way are read. A time zone is left
    out: the result is the time on the wall. Where every text has one of a few `shapes`, no other is thought of, which
    makes a query ready ten times sooner.
    """
    known = None if shapes is None else set(shapes)
    text = trim_sql(expression)
    timed = known is None or not known.isdisjoint(_DATETIME_SHAPES)
    day = f"regexp_replace({text}, {literal(_CLOCK + '$')}, '')" if timed else text
    slashed = f"translate({day}, '-.', '//')"
    words = rf"regexp_replace(regexp_replace({day}, '(?i)(\d)(st|nd|rd|th)\b', '\1'), '[-/., ]+', ' ', 'g')"
    readings = {
        "iso": f"try_strptime({slashed}, '%Y/%m/%d')",
        "numeric": _numeric_date_sql(slashed, order),
        "named_dmy": f"try_strptime({words}, ['%d %b %Y', '%d %B %Y', '%d %b %y', '%d %B %y'])",
        "named_mdy": f"try_strptime({words}, ['%b %d %Y', '%B %d %Y'])",
    }
    cases = " ".join(
        f"WHEN regexp_full_match({day}, {literal(_DATE_SPELLINGS[name])}) THEN {reading}"
        for name, reading in readings.items()
        if known is None or not known.isdisjoint((f"{name}_date", f"{name}_datetime"))
    )
    return f"(CAST(CASE {cases} END AS DATE) + {_clock_sql(text) if timed else _MIDNIGHT})"


_MIDNIGHT = "TIME '00:00'"


def _clock_sql(text: str) -> str:
    clock = f"regexp_extract({text}, {literal(_CLOCK_TIME)}, 1)"
    return f"CASE WHEN {clock} = '' THEN {_MIDNIGHT} ELSE {time_sql(clock)} END"


def time_sql(expression: str) -> str:
    """SQL giving the TIME that a text spells, on a 12- or a 24-hour clock, or NULL."""
    bare = f"lower(regexp_replace({expression}, '[. ]+', '', 'g'))"
    spaced = rf"regexp_replace({bare}, '([ap]m)$', ' \1')"
    twelve = f"CAST(try_strptime({spaced}, ['%I:%M %p', '%I:%M:%S %p']) AS TIME)"
    return f"CASE WHEN {bare} LIKE '%m' THEN {twelve} ELSE TRY_CAST({trim_sql(expression)} AS TIME) END"


def _numeric_date_sql(slashed: str, order: DateOrder | None) -> str:
    def read(form: str) -> str:
        short, long = (f"try_strptime({slashed}, '{form}{year}')" for year in ("%y", "%Y"))
        return f"CASE WHEN regexp_matches({slashed}, '[0-9]{{4}}$') THEN {long} ELSE {short} END"

    if order == "ymd":
        return f"try_strptime({slashed}, '%y/%m/%d')"
    if order is not None:
        return read("%d/%m/" if order == "dmy" else "%m/%d/")
    dmy, mdy = read("%d/%m/"), read("%m/%d/")
    return f"CASE WHEN {dmy} IS NULL OR {mdy} IS NULL OR {dmy} = {mdy} THEN coalesce({dmy}, {mdy}) END"


_known: WeakKeyDictionary[Table, dict[str, ColumnType]] = WeakKeyDictionary()
"""Verdicts on tables that still exist: a table never changes, so neither do they."""


def infer_types(table: Table, columns: Sequence[str] | None = None) -> dict[str, ColumnType]:
    """What each column holds, by one vote over all its rows."""
    names = list(table.columns if columns is None else columns)
    known = _known.setdefault(table, {})
    unknown = [name for name in names if name not in known]
    # Grouping ten long columns at once would hold ten large hash tables.
    chunk = max(1, min(_WIDEST_CHUNK, _CELLS_AT_ONCE // max(table.rows, 1)))
    chunks = [unknown[start : start + chunk] for start in range(0, len(unknown), chunk)]
    for found in table.each(lambda some: _infer_chunk(table, some), chunks):
        known |= found
    return {name: known[name] for name in names}


def known_types(table: Table) -> Mapping[str, ColumnType]:
    """What is known of a table's columns already."""
    return _known.get(table, {})


def keep_types(before: Table, after: Table, columns: Iterable[str]) -> None:
    """Carry over what is known of columns that are the same in both tables."""
    known = _known.get(before, {})
    _known[after] = {column: known[column] for column in columns if column in known}


def know_types(table: Table, found: Mapping[str, ColumnType]) -> None:
    """Remember verdicts that were reached by `types_of` on all rows of a table's columns."""
    _known.setdefault(table, {}).update(found)


def _infer_chunk(table: Table, names: Sequence[str]) -> dict[str, ColumnType]:
    return types_of(shaped_values(table, names), names)


def types_of(values: Table, names: Sequence[str], spelled: Iterable[Spelled] | None = None) -> dict[str, ColumnType]:
    """The verdicts on some columns, from their `shaped_values`, and from their `spellings` where these are known."""
    counted = _shape_counts(values, spellings(values) if spelled is None else spelled)
    return {name: _verdict(values, number, counted.get(number, {})) for number, name in enumerate(names)}


class Spelled(NamedTuple):
    """How many rows and distinct texts of a column have one shape and one length, and blank space around them or not.

    A text that is NULL has no length.
    """

    place: int
    shape: str
    length: int | None
    padded: bool
    usual: bool
    rows: int
    texts: int


def spellings(values: Table) -> list[Spelled]:
    """The texts of `shaped_values`, counted by shape and length."""
    found = values.query(
        "SELECT c, shape, length(v), coalesce(padded, false), usual, CAST(sum(n) AS BIGINT), count(*) FROM {self}"
        " GROUP BY ALL ORDER BY ALL"
    )
    return [Spelled(*counted) for counted in found]


def _shape_counts(values: Table, spelled: Iterable[Spelled]) -> dict[int, dict[str, _ShapeCount]]:
    counted: dict[int, dict[str, _ShapeCount]] = {}
    for each in spelled:
        count = counted.setdefault(each.place, {}).setdefault(each.shape, _ShapeCount(each.shape))
        count.rows += each.rows
        count.values += each.texts
        count.padded |= each.padded
        count.usual &= each.usual
        count.longest = max(count.longest, 0 if each.padded else each.length or 0)
    every = [count for shapes in counted.values() for count in shapes.values()]
    if any(count.padded for count in every):
        for place, shape, longest in values.query(_LONGEST_PADDED):
            counted[place][shape].longest = max(counted[place][shape].longest, longest)
    if any(count.shape.startswith("numeric_") for count in every):
        for place, shape, *parts in values.query(_COUNT_DAYS):
            count = counted[place][shape]
            count.first_day, count.second_day, count.first_year, count.either_day = map(int, parts)
    return counted


def shaped_values(table: Table, names: Sequence[str]) -> Table:
    """One row per column and distinct text as it stands in the cells.

    c: the column's place among `names`; v: the text; n: its rows; padded: whether blank space is around it; shape: how
    it is spelled, that aside ("missing" where it says nothing); usual: whether in one of the usual ways.
    """
    grouped = [
        f"SELECT {number} AS c, {Table.q(name)} AS v, count(*) AS n FROM {{self}} GROUP BY ALL"
        for number, name in enumerate(names)
    ]
    if len(grouped) == 1:
        return _shaped_in_parts(table, names[0])
    # Two steps, because one would push the shapes into every branch and compile their patterns once for each.
    return table.sql(" UNION ALL ".join(grouped)).sql(_shaped_sql("{self}", _USUAL))


def _shaped_sql(values: str, usual: Sequence[_Usual]) -> str:
    """What is spelled in a usual way has no blank space around it, and nothing else is asked about it."""
    # Named one by one: a star would make a wide table bring all its columns.
    quick = f"SELECT c, v, n, {_usual_sql('v', usual)} AS usual FROM {values}"
    trimmed = f"SELECT c, v, n, usual, CASE WHEN usual IS NULL THEN {trim_sql('v')} END AS t FROM ({quick})"
    return (
        f"SELECT c, v, n, usual IS NULL AND t <> v AS padded, coalesce(usual, {_other_shape_sql('t')}) AS shape,"
        f" usual IS NOT NULL AS usual FROM ({trimmed})"
    )


def _usual_in(table: Table, column: str) -> list[_Usual]:
    """The usual spellings that a first look at a column meets, the most frequent first."""
    cell = Table.q(column)
    look = table.query(f"SELECT {cell} FROM {{self}} WHERE {cell} IS NOT NULL LIMIT {_FIRST_LOOK}")
    hits = [(sum(bool(re.fullmatch(usual[2], text, re.ASCII)) for (text,) in look), usual) for usual in _USUAL]
    return [usual for count, usual in sorted(hits, key=lambda each: -each[0]) if count]


def _shaped_in_parts(table: Table, column: str) -> Table:
    """The shaped values of one column, its texts grouped in as many turns as keep their hash table in memory.

    DuckDB moves a hash table that is too large to disk, but now and then too late.
    """
    cell = Table.q(column)
    count = 1
    if table.rows > _TEXTS_IN_DOUBT:
        size = f"approx_count_distinct({cell}) * ({_TEXT_OVERHEAD} + coalesce(avg(strlen({cell})), 0))"
        count = 1 + int(table.scalar(f"SELECT {size} FROM {{self}}") / _TEXT_BYTES_AT_ONCE)
    usual = _usual_in(table, column)
    first, *others = (
        _shaped_sql(f"(SELECT 0 AS c, {cell} AS v, count(*) AS n FROM {{self}} WHERE {some} GROUP BY ALL)", usual)
        for some in parted(count, cell)
    )
    values = table.sql(first)
    for query in others:
        table.query(f"INSERT INTO {{values}} {query}", values=values)
    return values


def shape_sql(value: str) -> str:
    """SQL naming the spelling of a trimmed text."""
    return f"coalesce({_usual_sql(value, _USUAL)}, {_other_shape_sql(value)})"


def _usual_sql(value: str, usual: Sequence[_Usual]) -> str:
    """SQL naming the spelling of a text that is written in one of the usual ways, else NULL."""
    cases = [_spelled_sql(value, name, pattern, first.format(v=value)) for first, name, pattern in usual]
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _other_shape_sql(value: str) -> str:
    booleans = TRUE_SPELLINGS | FALSE_SPELLINGS
    is_boolean = f"strlen({value}) <= {max(map(len, booleans))} AND {one_of_sql(f'lower({value})', booleans)}"
    # Most texts begin with a letter, and most shapes can't: asking first spares a dozen patterns.
    spelled = {name: _spelled_sql(value, name, pattern) for name, pattern in _SHAPES.items()}
    lettered = " ".join(spelled[name] for name in ("named_mdy_date", "named_mdy_datetime", "code"))
    cases = [
        f"WHEN contains({value}, '@') AND regexp_full_match({value}, {literal(_EMAIL)}) THEN 'email'",
        f"WHEN {is_null_sql(value)} THEN 'missing'",
        f"WHEN regexp_matches({value}, {literal(_URL)}) THEN 'url'",
        f"WHEN {is_boolean} THEN 'boolean'",
        f"WHEN length({value}) > {_LONGEST_SHAPE} OR NOT regexp_matches({value}, '[0-9]') THEN 'text'",
        f"WHEN lower({value}[1]) BETWEEN 'a' AND 'z' THEN CASE {lettered} ELSE 'text' END",
        *spelled.values(),
    ]
    return f"CASE {' '.join(cases)} ELSE 'text' END"


def _spelled_sql(value: str, name: str, pattern: str, first: str = "true") -> str:
    return f"WHEN {first} AND regexp_full_match({value}, {literal(pattern)}) THEN {literal(name)}"


_Usual = tuple[str, str, str]
"""A condition that costs little, a shape, and a pattern."""


# The commonest spellings of a few shapes, asked for before anything else, each behind a look that costs nothing.
# Whatever fits one of these fits no other shape that stands before its own, so it is of that shape; a column of dates
# is told five times faster.
_DAY_IN_FULL = r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_USUAL: tuple[_Usual, ...] = (
    ("{v} >= '-' AND {v} < ':'", "integer", r"-?[1-9]\d{0,17}|0"),
    ("contains({v}, '.')", "decimal", r"-?(?:0|[1-9]\d{0,17})\.(?:\d{2,30}|[1-9])"),
    ("strlen({v}) = 10", "iso_date", _DAY_IN_FULL),
    ("strlen({v}) = 19", "iso_datetime", _DAY_IN_FULL + r"[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"),
    ("{v} >= 'A'", "code", r"[A-Za-z]{1,20}[-_]?\d{1,30}"),
    ("contains({v}, '@')", "email", r"[\w.%+-]{1,64}@[\w.-]{1,200}\.[A-Za-z]{2,24}"),
    ("{v} < ':'", "phone", r"\(\d{3}\) \d{3}-\d{4}|\d{3}-\d{3}-\d{4}|\+\d{1,3}[ -]\d{2,4}[ -]\d{4,10}"),
    ("strlen({v}) = 11", "code", r"[1-9]\d{2}-\d\d-\d{4}"),
    ("strlen({v}) = 11", "phone", r"0\d{2}-\d\d-\d{4}"),
    (
        "strlen({v}) BETWEEN 7 AND 15 AND {v} < ':'",
        "code",
        r"[1-9]\d{0,2}(?:\.\d{1,2}(?:\.\d{1,3}){2}|\.\d{1,3}\.\d{1,2}\.\d{1,3}|(?:\.\d{1,3}){2}\.\d{1,2})",
    ),
    ("strlen({v}) BETWEEN 9 AND 15 AND {v} < ':'", "decimal_comma", r"[1-9]\d{0,2}(?:\.\d{3}){2,3}"),
)

_EMAIL = r"[^\s@,;:<>()]+@[^\s@,;:<>()]+\.[A-Za-z]{2,24}"
_URL = r"^(?:[a-z][a-z0-9+.-]{1,11}://|www\.)[^\s]+$"


@dataclass
class _ShapeCount:
    """Rows and values of one shape in one column; `first_day` and `second_day` count numbers in 13..31."""

    shape: str
    rows: int = 0
    values: int = 0
    longest: int = 0
    padded: bool = False
    usual: bool = True
    first_day: int = 0
    second_day: int = 0
    first_year: int = 0
    either_day: int = 0


def _part(number: int) -> str:
    return rf"TRY_CAST(regexp_extract({trim_sql('v')}, '^(\d+)[-/.](\d+)', {number}) AS INTEGER)"


_LONGEST_PADDED = f"SELECT c, shape, max(length({trim_sql('v')})) FROM {{self}} WHERE padded GROUP BY c, shape"
_COUNT_DAYS = f"""
    SELECT c, shape,
        coalesce(sum(n) FILTER (a BETWEEN 13 AND 31 AND b <= 12), 0),
        coalesce(sum(n) FILTER (b BETWEEN 13 AND 31 AND a <= 12), 0),
        coalesce(sum(n) FILTER (a > 31), 0),
        coalesce(sum(n) FILTER (a <= 12 AND b <= 12 AND a <> b), 0)
    FROM (SELECT c, shape, n, {_part(1)} AS a, {_part(2)} AS b FROM {{self}} WHERE shape LIKE 'numeric_%')
    GROUP BY c, shape
"""


def _verdict(values: Table, number: int, counted: Mapping[str, _ShapeCount]) -> ColumnType:
    shapes = {shape: int(count.rows) for shape, count in counted.items() if shape != "missing"}
    missing = int(counted["missing"].rows) if "missing" in counted else 0
    total = sum(shapes.values())
    padded, texts = any(count.padded for count in counted.values()), sum(count.values for count in counted.values())
    if not total:
        return ColumnType(Kind.EMPTY, 1.0, missing, 0, padded=padded, texts=texts)
    kind, members, decimal = _vote(shapes, total)
    if kind in (Kind.QUANTITY, Kind.PERCENT) and not _has_bare_fractions(shapes):
        decimal = _mark_beside_units(values, number)
    order, ambiguous = _date_order(counted) if kind in TEMPORAL else (None, 0)
    strangers = [shape for shape in shapes if shape not in members]
    return ColumnType(
        kind=kind,
        confidence=sum(shapes[shape] for shape in members if shape in shapes) / total,
        missing=missing,
        distinct=_distinct(values, number, counted),
        counter_examples=_examples(values, number, strangers) if kind is not Kind.TEXT else (),
        date_order=order,
        ambiguous_dates=ambiguous,
        decimal=decimal,
        unit=_top_unit(values, number) if kind is Kind.QUANTITY else "",
        max_length=max(count.longest for shape, count in counted.items() if shape != "missing"),
        shapes=shapes,
        members=members,
        usual=all(count.usual for shape, count in counted.items() if shape != "missing"),
        padded=padded,
        texts=texts,
    )


def _distinct(values: Table, number: int, counted: Mapping[str, _ShapeCount]) -> int:
    """Non-missing values, those that differ in the blank space around them taken for one."""
    said = [count for shape, count in counted.items() if shape != "missing"]
    if not any(count.padded for count in said):
        return sum(count.values for count in said)
    return int(
        values.scalar(f"SELECT count(DISTINCT {trim_sql('v')}) FROM {{self}} WHERE c = {number} AND shape <> 'missing'")
    )


def _vote(shapes: Mapping[str, int], total: int) -> tuple[Kind, tuple[str, ...], DecimalMark]:
    """The kind, the shapes that belong to it, and the decimal mark."""

    def share(members: Sequence[str]) -> float:
        return sum(shapes.get(shape, 0) for shape in members) / total

    decimal = _decimal_mark(shapes)
    plain = _plain_numbers(decimal)
    numeric = (*plain, "percent", "quantity")
    if "padded" in shapes and share(("integer", "padded", "code")) >= _VOTE:
        return Kind.CODE, ("integer", "padded", "code"), decimal
    if share(numeric) >= _VOTE:
        return _numeric_kind(shapes, plain, numeric, decimal)
    dates = (*_DATE_SHAPES, *_DATETIME_SHAPES)
    if share(dates) >= _VOTE:
        return (Kind.DATETIME if share(_DATETIME_SHAPES) >= share(_DATE_SHAPES) else Kind.DATE), dates, decimal
    for kind, members in _KIND_SHAPES.items():
        if share(members) >= _VOTE:
            return kind, members, decimal
    codes = ("code", "integer", "padded")
    if share(codes) >= _VOTE:
        return Kind.CODE, codes, decimal
    return Kind.TEXT, tuple(shapes), decimal


def _plain_numbers(decimal: DecimalMark) -> tuple[str, ...]:
    marked = ("decimal", "grouped", "integral") if decimal == "." else ("decimal_comma",)
    return ("integer", "grouped_once", *marked)


def _decimal_mark(shapes: Mapping[str, int]) -> DecimalMark:
    point = shapes.get("decimal", 0) + shapes.get("grouped", 0) + shapes.get("integral", 0)
    return "," if shapes.get("decimal_comma", 0) > point else "."


def _has_bare_fractions(shapes: Mapping[str, int]) -> bool:
    return any(shapes.get(shape) for shape in ("decimal", "integral", "decimal_comma"))


def _mark_beside_units(values: Table, number: int) -> DecimalMark:
    """The decimal mark of numbers that all have a unit: what their last digits follow, unless these may be a group."""
    bare = f"regexp_extract(v, {literal(_LOOSE_NUMBER)})"
    ends, grouped = r"{mark}\d+$", r"[+-]?\d{{1,3}}(?:{mark}\d{{3}})+"
    told = [
        f"regexp_matches({bare}, '{ends.format(mark=mark)}')"
        f" AND NOT regexp_full_match({bare}, '{grouped.format(mark=mark)}')"
        for mark in ("[.]", ",")
    ]
    points, commas = values.query(
        f"SELECT count(*) FILTER ({told[0]}), count(*) FILTER ({told[1]}) FROM {{self}}"
        f" WHERE c = {number} AND shape IN ('quantity', 'percent')"
    )[0]
    return "," if commas > points else "."


def _numeric_kind(
    shapes: Mapping[str, int], plain: tuple[str, ...], numeric: tuple[str, ...], decimal: DecimalMark
) -> tuple[Kind, tuple[str, ...], DecimalMark]:
    percent, quantity = shapes.get("percent", 0), shapes.get("quantity", 0)
    bare = sum(shapes.get(shape, 0) for shape in plain)
    if max(percent, quantity) >= _SPELLING_SHARE * (bare + percent + quantity):
        return (Kind.QUANTITY if quantity >= percent else Kind.PERCENT), numeric, decimal
    whole = shapes.get("integer", 0) + shapes.get("integral", 0)
    whole += shapes.get("grouped_once", 0) if decimal == "." else 0
    return (Kind.INTEGER if whole == bare else Kind.DECIMAL), plain, decimal


def _date_order(counted: Mapping[str, _ShapeCount]) -> tuple[DateOrder | None, int]:
    """Day before month, or month before day, as the values that leave no choice say."""
    numeric = [count for shape, count in counted.items() if shape.startswith("numeric_")]
    if not numeric:
        return _named_order(counted), 0
    day_first = sum(count.first_day for count in numeric)
    month_first = sum(count.second_day for count in numeric)
    year_first = sum(count.first_year for count in numeric)
    if year_first > day_first + month_first:
        return "ymd", 0
    if day_first != month_first:
        return ("dmy" if day_first > month_first else "mdy"), 0
    return None, int(sum(count.either_day for count in numeric))


def _named_order(counted: Mapping[str, _ShapeCount]) -> DateOrder | None:
    orders: dict[str, DateOrder] = {"iso": "ymd", "named_dmy": "dmy", "named_mdy": "mdy"}
    rows = {
        order: sum(count.rows for shape, count in counted.items() if shape.startswith(name))
        for name, order in orders.items()
    }
    best = max(rows, key=lambda order: rows[order])
    return best if rows[best] else None


def _examples(values: Table, number: int, shapes: Sequence[str]) -> tuple[str, ...]:
    if not shapes:
        return ()
    listed = ", ".join(literal(shape) for shape in shapes)
    found = values.query(
        f"SELECT {trim_sql('v')} AS t FROM {{self}} WHERE c = {number} AND shape IN ({listed})"
        " GROUP BY t ORDER BY sum(n) DESC, t LIMIT 5"
    )
    return tuple(value for (value,) in found)


def _top_unit(values: Table, number: int) -> str:
    unit = unit_sql("v")
    found = values.query(
        f"SELECT {unit} AS unit FROM {{self}} WHERE c = {number} AND shape = 'quantity'"
        " GROUP BY unit ORDER BY sum(n) DESC, unit LIMIT 1"
    )
    return str(found[0][0])


def unit_sql(expression: str) -> str:
    """SQL giving the unit of a quantity: what is left of its text without the number."""
    return trim_sql(f"regexp_replace({expression}, {literal(_LOOSE_NUMBER)}, '')")
