"""The one place where personal data is masked: in the report's document, and in the files that list rows.

Agents hand over what they found; nothing of a protected table leaves here whole. A text of the document is masked
where it is, or holds, the value of a column that leads to a person, whichever agent put it there.
"""

from __future__ import annotations

import calendar
import itertools
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from agents import wide
from agents.column_types import trim_sql
from agents.privacy.kinds import Style
from agents.privacy.masks import (
    is_harmless_sql,
    loosely_masked_sql,
    masked_cell_sql,
    masked_list_sql,
    masked_numbers,
    masked_sql,
    masked_texts,
    surely_masked_sql,
)
from agents.semantics.validators import is_card
from agents.table import ROW, Table, literal

_OWN_WORDS = frozenset({"metadata", "downloads"})
"""Parts of the document that speak of the run and hold no cell."""

_WORD_KEYS = frozenset(
    {
        *("severity", "priority", "status", "category", "kind", "role", "unit", "level", "type", "issue_type", "agent"),
        *("agent_id", "classification", "suggested", "risk_level", "style", "basis", "framework", "masking", "method"),
        *("origin", "compared_as", "test", "match", "part", "dimension", "physical", "physical_type", "semantic"),
        *("column", "field_name", "affected_fields", "columns", "baseline_column", "tool_id", "id", "title"),
    }
)
"""Keys whose values are words of ours, or names of columns."""

_LEAST_NUMBER = 1_000_000
_SHORTEST_NUMBER = 4
_MOST_WORDS = 10
_COLUMNS_AT_ONCE = 10
_MAY_BE_PADDED = "NOT (v BETWEEN '!' AND '~' AND v[-1] BETWEEN '!' AND '~')"
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TOKEN = re.compile(r"\w+")
_OWN_WORD = re.compile(r"[a-z][a-z0-9_]*|[a-z]+(?:-[a-z]+)+")
_SEGMENT = re.compile(r"[“”\"`„«»\[\]{}<>=]|'(?!\w)|(?<!\w)'|[,;:|→–](?=\s|$)|\s/\s")
_OPENING, _CLOSING = "(+[#", ").]"
_MASKED = "__masked"
_ROWS_PER_COLUMN, _MOST_APART = 1_000, 20
_LONGEST_TEXT = 2_000
_TEXTS_AT_ONCE = 20_000
_SUSPICIOUS = r"@|\d[\d ().-]{7,}\d|[A-Z]{2}\d{2} ?[A-Z\d]{4}"

# Columns of ours that quote cells of the input: beside the name of their column, as they were read, in a sentence.
_QUOTING = ("value", "old", "new")
_WHOLE_LINE = "original"
_SENTENCES = ("message", "reason", "evidence", "description")


@dataclass(frozen=True)
class Shield:
    """What a protected table's results may not show.

    leading: columns whose values lead to a person, with what a mask leaves of them; hidden in the document.
    protected: columns that are confidential or restricted; hidden wherever rows are listed.
    keys: the columns whose cells make up a `key` in a list of rows. exempt: files that are masked already.
    tables: where the values of `leading` lie.
    """

    leading: Mapping[str, Style]
    protected: Mapping[str, Style]
    tables: Sequence[Table]
    keys: Collection[str] = ()
    exempt: Collection[str] = ()
    _masked: dict[Table, Table] = field(default_factory=dict, repr=False, compare=False)
    _guards: dict[Table, threading.Lock] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, table: Table) -> Table:
        """A list of rows with its cells of protected columns masked; the same list again gives the same table."""
        # The report and the files are made at the same time, and both want the same lists.
        with self._guards.setdefault(table, threading.Lock()):
            if table not in self._masked:
                self._masked[table] = self._hidden(table)
            return self._masked[table]

    def _hidden(self, table: Table) -> Table:
        touched = [name for name in table.columns if self._style_of(table, name) or self._shown(table, name)]
        if not touched:
            return table
        if ROW in table.types and len(table.columns) > wide.GROUP:
            # Otherwise each group of columns would make the masks of all columns ready.
            hidden = table
            for some in wide.groups(touched):
                cells, masked = self._masks(table, some)
                named = ", ".join(map(Table.q, dict.fromkeys([ROW, *some, *{"column"}.intersection(table.columns)])))
                hidden = hidden.replaced(cells, f"(SELECT {named}, {masked} AS {_MASKED} FROM {{given}})", given=table)
            return hidden
        cells, masked = self._masks(table, touched)
        shown = ", ".join(f"{sql} AS {Table.q(name)}" for name, sql in cells.items())
        origin = f"(SELECT *, {masked} AS {_MASKED} FROM {{self}})"
        return table.sql(f"SELECT * EXCLUDE ({_MASKED}) REPLACE ({shown}) FROM {origin}")

    def _masks(self, table: Table, columns: Iterable[str]) -> tuple[dict[str, str], str]:
        """SQL for what some columns show, by column; and for the list of masked cells, `__masked`, that it takes."""
        styles = {name: style for name in columns if (style := self._style_of(table, name))}
        # Apart, the patterns are made ready once for each column; in a list once for all columns, but again and again.
        listed = len(styles) > _MOST_APART or table.rows <= _ROWS_PER_COLUMN * len(styles)
        masked: list[tuple[str, str]] = []
        cells: dict[str, str] = {}
        for name in columns:
            if name not in styles:
                cells[name] = self._shown(table, name)
                continue
            cell, style = Table.q(name), styles[name]
            masked.append((cell, style))
            cells[name] = f"{_MASKED}[{len(masked)}]" if listed else masked_cell_sql(cell, style, self._styles(name))
            if name not in self.protected:
                cells[name] = f"CASE WHEN {style} IS NULL THEN {_loosely_sql(cell)} ELSE {cells[name]} END"
        used = sorted({each for name in styles for each in self._styles(name)})
        return cells, masked_list_sql(masked, used) if masked and listed else "NULL"

    def _styles(self, name: str) -> Collection[Style]:
        """The styles that a column's cells may have: of one that quotes others, theirs."""
        return [self.protected[name]] if name in self.protected else sorted(set(self.protected.values()))

    def _style_of(self, table: Table, name: str) -> str:
        """SQL for the style in which a column's cells are masked; nothing where they stay, or are hidden otherwise."""
        if table.types[name] != "VARCHAR":
            return ""
        if name in self.protected:
            return literal(self.protected[name])
        if not self.protected or not _is_quoting(table, name):
            return ""
        styles: dict[Style, list[str]] = {}
        for column, style in self.protected.items():
            styles.setdefault(style, []).append(literal(column))
        cases = " ".join(f'WHEN "column" IN ({", ".join(own)}) THEN {literal(style)}' for style, own in styles.items())
        return f"CASE {cases} END"

    def _shown(self, table: Table, name: str) -> str:
        """SQL for what a column of a list of rows shows instead of its cells, where these have no style; nothing where
        they may stay."""
        cell = Table.q(name)
        if table.types[name] != "VARCHAR":
            return "NULL" if name in self.protected else ""
        if name == _WHOLE_LINE and self.protected:
            return masked_sql(cell, "hidden")
        if name == "key" and not self.protected.keys().isdisjoint(self.keys):
            return masked_sql(cell, "hidden")
        return _loosely_sql(cell) if name in _SENTENCES or _is_quoting(table, name) else ""

    def document(self, report: dict[str, Any]) -> dict[str, Any]:
        """The report, plain JSON values, without a whole value of a column that leads to a person."""
        if not self.tables:
            return report
        names = frozenset(name for table in self.tables for name in table.columns)
        own = {key: value for key, value in report.items() if key not in _OWN_WORDS}
        found = _Leaves(names)
        found.collect(own)
        masks = _masks_of(found, self.leading, self.tables)
        return {key: masks.applied(value) if key in own else value for key, value in report.items()}


def _is_quoting(table: Table, name: str) -> bool:
    return name in _QUOTING and "column" in table.types


def _loosely_sql(cell: str) -> str:
    """SQL for a text of any column without the e-mail addresses, cards and accounts in it."""
    suspicious = f"regexp_matches({cell}, {literal(_SUSPICIOUS)})"
    return f"CASE WHEN {suspicious} THEN {loosely_masked_sql(cell)} ELSE {cell} END"


@dataclass
class _Leaves:
    """The different texts and large numbers of a document."""

    names: frozenset[str]
    texts: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)

    def collect(self, value: Any, key: str = "") -> None:
        """Gather all that is below a value."""
        if isinstance(value, dict):
            for name, each in value.items():
                if _may_quote(name, self.names):
                    self.texts.add(name)
                self.collect(each, name)
        elif isinstance(value, (list, tuple)):
            for each in value:
                self.collect(each, key)
        elif isinstance(value, str):
            if key not in _WORD_KEYS and value not in self.names:
                self.texts.add(value)
        elif _may_be_number_of(value):
            self.numbers.add(value)


def _may_quote(name: str, names: Collection[str]) -> bool:
    """Whether the key of a mapping can be a cell: it is none of our own words and no column."""
    return name not in names and not _is_own_word(name)


@lru_cache(10_000)  # a wide report says the same few words a hundred thousand times
def _is_own_word(name: str) -> bool:
    return _OWN_WORD.fullmatch(name) is not None


def _may_be_number_of(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) >= _LEAST_NUMBER
        and value == value // 1
    )


@dataclass(frozen=True)
class _Masks:
    """What stands for each text and number that has to be masked; `open` columns lead to nobody."""

    names: frozenset[str]
    open: frozenset[str]
    texts: Mapping[str, str]
    numbers: Collection[float]

    def applied(self, value: Any, key: str = "", column: str = "") -> Any:
        """The same value, of a column that may be known, with its texts masked."""
        if isinstance(value, dict):
            column = str(value.get("column") or value.get("field_name") or column)
            return {
                self.texts.get(name, name) if _may_quote(name, self.names) else name: self.applied(each, name, column)
                for name, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.applied(each, key, column) for each in value]
        if isinstance(value, str):
            # A town may be called like somebody in another column: one word says nothing of which is meant.
            kept = key in _WORD_KEYS or value in self.names or (column in self.open and value.strip().isalpha())
            return value if kept else self.texts.get(value, value)
        return _rounded(value) if _may_be_number_of(value) and value in self.numbers else value


def _rounded(number: float) -> float:
    """A number with as many of its digits as don't give it away: at most three."""
    return next((near for digits in "321" if (near := float(f"{number:.{digits}g}")) != number), 0.0)


def _masks_of(found: _Leaves, leading: Mapping[str, Style], tables: Sequence[Table]) -> _Masks:
    spans = {text: list(_spans(text)) for text in found.texts}
    wanted = {text[start:end].lower() for text, places in spans.items() for start, end in places}
    numbers = {f"{int(number)}": number for number in found.numbers}
    styles = _styles_of(wanted | numbers.keys(), leading, tables) if leading else {}
    hits = {text: hit for text, places in spans.items() if (hit := _longest(text, places, styles))}
    shown = masked_texts(tables[0], {(text[a:b], style) for text, hit in hits.items() for a, b, style in hit})
    masked = {text: _replaced(text, hit, shown) for text, hit in hits.items()}
    loose = _loosely({masked.get(text, text): None for text in found.texts}, tables[0])
    texts = {text: loose[masked.get(text, text)] for text in found.texts}
    return _Masks(
        found.names,
        found.names - leading.keys(),
        {text: after for text, after in texts.items() if after != text},
        {number for text, number in numbers.items() if text in styles or is_card(text)},
    )


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where a cell may stand in a text: all of it, between quotes and commas, and every run of a few words."""
    yield 0, len(text)
    stripped = text.strip()
    if stripped != text:
        start = text.find(stripped)
        yield start, start + len(stripped)
    start = 0
    for mark in [*_SEGMENT.finditer(text), None]:
        end = mark.start() if mark else len(text)
        inner = text[start:end].strip()
        if inner and inner != stripped:
            at = text.index(inner, start)
            yield at, at + len(inner)
        start = mark.end() if mark else end
    yield from _runs(text)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Runs of words; a single word only where it holds a digit, because a name may also be a word of a sentence."""
    tokens = [(token.start(), token.end()) for token in _TOKEN.finditer(text[:_LONGEST_TEXT])]
    for first in range(len(tokens)):
        for last in range(first, min(first + _MOST_WORDS, len(tokens))):
            start, end = tokens[first][0], tokens[last][1]
            if first == last and (end - start < 6 or text[start:end].isalpha()):
                continue
            yield from _with_brackets(text, start, end)


def _with_brackets(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    wider = start - (start > 0 and text[start - 1] in _OPENING)
    longer = end + (end < len(text) and text[end] in _CLOSING)
    yield from {(start, end), (wider, end), (start, longer), (wider, longer)}


def _styles_of(wanted: Collection[str], leading: Mapping[str, Style], tables: Sequence[Table]) -> dict[str, Style]:
    """Which of the texts are cells of a column that leads to a person, with the style of that column."""
    spelled = _dates_spelled(wanted)
    lent = tables[0].beside({"text": "VARCHAR"}, [(text,) for text in {*wanted, *spelled}])
    styles: dict[str, Style] = {}
    for table in tables:
        columns = [column for column in leading if column in table.columns]
        starts = range(0, len(columns), _COLUMNS_AT_ONCE)
        found = [each for start in starts for each in _cells_among(lent, table, columns, start)]
        held = table.beside({"c": "BIGINT", "t": "VARCHAR"}, found)
        telling = f"SELECT DISTINCT c, lower(t) AS v FROM {{self}} WHERE NOT CASE {_harmless(columns, leading)} END"
        for place, text in held.query(f"{telling} ORDER BY c DESC, v") if found else ():
            styles |= dict.fromkeys((text, spelled.get(text, text)), leading[columns[place]])
    return styles


def _cells_among(lent: Table, table: Table, columns: Sequence[str], start: int) -> list[tuple[Any, ...]]:
    """The different cells of a few columns, from place `start` on, that are one of the lent texts: `c`, `t`."""
    cells = " UNION ALL ".join(
        f"SELECT {place} AS c, {Table.q(column)} AS v FROM {{self}}"
        for place, column in enumerate(columns[start : start + _COLUMNS_AT_ONCE], start)
    )
    # Few cells have blank space around them; to trim them all takes longer than all the rest.
    padded = f"SELECT c, {trim_sql('v')} AS t FROM ({cells}) WHERE {_MAY_BE_PADDED}"
    return table.query(
        f"SELECT c, v AS t FROM ({cells}) WHERE lower(v) IN (SELECT text FROM {{wanted}})"
        f" UNION SELECT c, t FROM ({padded}) WHERE lower(t) IN (SELECT text FROM {{wanted}})",
        wanted=lent,
    )


def _harmless(columns: Sequence[str], leading: Mapping[str, Style]) -> str:
    """When a text `t` of the column numbered `c` holds no value: asked once for all columns of a style."""
    styles: dict[Style, list[str]] = {}
    for place, column in enumerate(columns):
        styles.setdefault(leading[column], []).append(str(place))
    return " ".join(
        f"WHEN c IN ({', '.join(own)}) THEN {is_harmless_sql('t', style, shortest=_SHORTEST_NUMBER)}"
        for style, own in styles.items()
    )


def _dates_spelled(texts: Iterable[str]) -> dict[str, str]:
    """The days among the texts in all ways in which a cell may spell them, because a report writes them as ISO does."""
    spelled: dict[str, str] = {}
    for text in texts:
        if _ISO_DATE.fullmatch(text):
            year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
            for one, two in itertools.product((f"{day:02d}", f"{day}"), (f"{month:02d}", f"{month}")):
                for mark in "./-":
                    spelled |= dict.fromkeys((f"{one}{mark}{two}{mark}{year}", f"{two}{mark}{one}{mark}{year}"), text)
                    spelled[f"{year}{mark}{two}{mark}{one}"] = text
            for name in {calendar.month_name[month].lower(), calendar.month_abbr[month].lower()} if month <= 12 else ():
                for number in (f"{day:02d}", f"{day}"):
                    ways = (f"{number} {name} {year}", f"{number}-{name}-{year}", f"{name} {number}, {year}")
                    spelled |= dict.fromkeys(ways, text)
            spelled[f"{year}{month:02d}{day:02d}"] = text
    return spelled


Hit = list[tuple[int, int, Style]]


def _longest(text: str, places: Iterable[tuple[int, int]], styles: Mapping[str, Style]) -> Hit:
    """The longest spans that are cells, none over another."""
    found = sorted({span for span in places if text[slice(*span)].lower() in styles}, key=lambda s: (s[0] - s[1], s))
    taken: Hit = []
    for start, end in found:
        if all(end <= a or start >= b for a, b, _ in taken):
            taken.append((start, end, styles[text[start:end].lower()]))
    return sorted(taken)


def _replaced(text: str, hit: Hit, shown: Mapping[tuple[str, Style], str]) -> str:
    parts, done = [], 0
    for start, end, style in hit:
        parts += [text[done:start], shown[text[start:end], style]]
        done = end
    return "".join([*parts, text[done:]])


def _loosely(texts: Iterable[str], lender: Table) -> dict[str, str]:
    """Each text without the e-mail addresses, cards and accounts that any column may hold."""
    every = list(texts)
    suspicious = [text for text in every if re.search(_SUSPICIOUS, text)]
    masked = dict(zip(every, every, strict=True))
    for start in range(0, len(suspicious), _TEXTS_AT_ONCE):
        part = lender.beside({"v": "VARCHAR"}, [(text,) for text in suspicious[start : start + _TEXTS_AT_ONCE]])
        found = part.query(f"SELECT v, {surely_masked_sql('v')} FROM {{self}}")
        masked |= {text: masked_numbers(shown) for text, shown in found}
    return masked
