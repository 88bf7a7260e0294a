"""The one place where personal data is masked: in the report's document, and in the files that list rows.

Agents hand over what they found; nothing of a protected table leaves here whole. A text of the document is masked
where it is, or holds, the value of a column that leads to a person, whichever agent put it there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.column_types import Kind, date_sql, infer_types, trim_sql
from agents.privacy.kinds import Style
from agents.privacy.masks import loosely_masked_sql, masked_sql, masked_texts
from agents.table import Table, literal

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
_MOST_WORDS = 10
_TOKEN = re.compile(r"\w+")
_SEGMENT = re.compile(r"[“”\"`„«»\[\]{}<>=]|'(?!\w)|(?<!\w)'|[,;:|→–](?=\s|$)|\s/\s")
_OPENING, _CLOSING = "(+[#", ").]"
_LONGEST_TEXT = 2_000
_TEXTS_AT_ONCE = 20_000
_SUSPICIOUS = r"@|\d[\d ().-]{7,}\d|[A-Z]{2}\d{2} ?[A-Z\d]{4}"

# Columns of ours in which cells of the input are quoted beside the name of their column, or within a sentence.
_QUOTING = ("value", "old", "new")
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

    def rows(self, table: Table) -> Table:
        """A list of rows with its cells of protected columns masked."""
        shown = {name: sql for name in table.columns if (sql := self._shown(table, name))}
        if not shown:
            return table
        replaced = ", ".join(f"{sql} AS {Table.q(name)}" for name, sql in shown.items())
        return table.sql(f"SELECT * REPLACE ({replaced}) FROM {{self}}")

    def _shown(self, table: Table, name: str) -> str:
        """SQL for what a column of a list of rows shows instead of its cells; nothing where it may stay."""
        cell = Table.q(name)
        if table.types[name] != "VARCHAR":
            return "NULL" if name in self.protected else ""
        if name in self.protected:
            return masked_sql(cell, self.protected[name])
        if name in _QUOTING and "column" in table.types and self.protected:
            return self._quoted(cell)
        if name == "key" and not self.protected.keys().isdisjoint(self.keys):
            return masked_sql(cell, "hidden")
        if name in _SENTENCES:
            suspicious = f"regexp_matches({cell}, {literal(_SUSPICIOUS)})"
            return f"CASE WHEN {suspicious} THEN {loosely_masked_sql(cell)} ELSE {cell} END"
        return ""

    def _quoted(self, cell: str) -> str:
        cases = " ".join(
            f"WHEN {literal(column)} THEN {masked_sql(cell, style)}" for column, style in self.protected.items()
        )
        return f'CASE "column" {cases} ELSE {cell} END'

    def document(self, report: dict[str, Any]) -> dict[str, Any]:
        """The report without a whole value of a column that leads to a person."""
        if not self.tables:
            return report
        names = frozenset(name for table in self.tables for name in table.columns)
        own = {key: value for key, value in report.items() if key not in _OWN_WORDS}
        found = _Leaves(names)
        found.collect(own)
        masks = _masks_of(found, self.leading, self.tables)
        return {key: masks.applied(value) if key in own else value for key, value in report.items()}


@dataclass
class _Leaves:
    """The different texts and large numbers of a document."""

    names: frozenset[str]
    texts: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)

    def collect(self, value: Any, key: str = "") -> None:
        """Gather all that is below a value."""
        if isinstance(value, Mapping):
            for name, each in value.items():
                if _may_quote(name, self.names):
                    self.texts.add(name)
                self.collect(each, name)
        elif isinstance(value, list | tuple):
            for each in value:
                self.collect(each, key)
        elif isinstance(value, str):
            if key not in _WORD_KEYS and value not in self.names:
                self.texts.add(value)
        elif _may_be_number_of(value):
            self.numbers.add(value)


def _may_quote(name: str, names: Collection[str]) -> bool:
    """Whether the key of a mapping can be a cell: it is none of our own words and no column."""
    return name not in names and not re.fullmatch(r"[a-z][a-z0-9_]*|[a-z]+(?:-[a-z]+)+", name)


def _may_be_number_of(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) >= _LEAST_NUMBER
        and value == value // 1
    )


@dataclass(frozen=True)
class _Masks:
    """What stands for each text and number that has to be masked."""

    names: frozenset[str]
    texts: Mapping[str, str]
    numbers: Collection[float]

    def applied(self, value: Any, key: str = "") -> Any:
        """The same value with its texts masked."""
        if isinstance(value, Mapping):
            return {
                self.texts.get(name, name) if _may_quote(name, self.names) else name: self.applied(each, name)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.applied(each, key) for each in value]
        if isinstance(value, str):
            return value if key in _WORD_KEYS or value in self.names else self.texts.get(value, value)
        return None if _may_be_number_of(value) and value in self.numbers else value


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
        {text: after for text, after in texts.items() if after != text},
        {number for text, number in numbers.items() if text in styles},
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
    lent = tables[0].beside({"text": "VARCHAR"}, [(text,) for text in wanted])
    styles: dict[str, Style] = {}
    for table in tables:
        for column, style in leading.items():
            if column in table.columns:
                for cells in _spellings(table, column, style):
                    found = table.query(
                        f"SELECT DISTINCT v FROM ({cells}) WHERE v IN (SELECT text FROM {{wanted}})", wanted=lent
                    )
                    styles |= {text: style for (text,) in found}
    return styles


def _spellings(table: Table, column: str, style: Style) -> Iterator[str]:
    """SQL for the cells of a column as a report may spell them: as they are, and dates as ISO writes them."""
    cell = Table.q(column)
    yield f"SELECT lower({trim_sql(cell)}) AS v FROM {{self}}"
    if style == "date":
        known = infer_types(table.sql(f"SELECT {cell} FROM {{self}} LIMIT 2000"))[column]
        if known.kind in (Kind.DATE, Kind.DATETIME):
            day = f"strftime({date_sql('v', known.date_order)}, '%Y-%m-%d')"
            yield f"SELECT {day} AS v FROM (SELECT DISTINCT {cell} AS v FROM {{self}})"


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
        masked |= dict(part.query(f"SELECT v, {loosely_masked_sql('v')} FROM {{self}}"))
    return masked
