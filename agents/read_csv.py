"""CSV and TSV: a strict reading by DuckDB, checked against a count of our own; mended only where that fails.

DuckDB's sniffer is not asked: it takes a file in which a third of the rows is short for a one-column table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from agents.encoding import Text
from agents.mend_csv import Grammar, Mender, too_long
from agents.read_base import BLOCK, MB, Content, ReadOptions, blocks, column_names, is_large, listed
from agents.table import FORMULA, ROW, Database, Table, literal
from errors import OutOfMemory, TooLarge, UnreadableFile

_DELIMITERS = (b",", b";", b"\t", b"|")
# Left to itself, DuckDB takes a line end inside the first quoted field for that of the file.
_LINE_ENDS = {b"\n": r"'\n'", b"\r\n": r"'\r\n'", b"\r": r"'\r'"}
_NO_DELIMITER = b"\x1f"
_SAMPLE_RECORDS = 500
_EXCEL_HINT = re.compile(rb"sep=([^\r\n])[^\r\n]*(?:\r\n|\n|\r)", re.IGNORECASE)
_ESCAPED_FORMULA = "^'" + FORMULA.removeprefix("^")
_SPACED, _ESCAPED = re.compile(rb' "'), re.compile(rb"'[=@\t\r+-]")
_COLUMNS_AT_ONCE = 10
_MOST_TITLES = 20
_TITLE_SHOWN = 60
_NO_NAME = re.compile(rb"\s*(?:[-+0-9.,:/ %]*)\s*")


@dataclass(frozen=True)
class Dialect:
    """How a file is written: its delimiter, the columns of its first record, and where the rows begin."""

    delimiter: bytes
    header: tuple[str, ...]
    width: int
    rows_start: int
    regular_header: bool
    line_end: bytes
    titles: tuple[str, ...] = ()

    @property
    def shown_delimiter(self) -> str | None:
        return None if self.delimiter == _NO_DELIMITER else self.delimiter.decode()


@dataclass
class Survey:
    """What one pass over the bytes tells: the count of records, and two spellings that need a closer look."""

    records: int = 0
    spaced_quotes: bool = False
    escaped_formulas: bool = False


def read_csv(text: Text, filename: str, folder: Path, database: Database, options: ReadOptions) -> Content:
    """A table from delimited text: the first record is the header."""
    dialect = find_dialect(text.path, filename, options)
    padded = [*dialect.header, *[""] * (dialect.width - len(dialect.header))]
    names, notes = column_names(padded, options.max_columns)
    if dialect.titles:
        lines = f"line{'s' * (len(dialect.titles) > 1)} of text"
        notes += (f"The table begins below {len(dialect.titles)} {lines} ({listed(dialect.titles)}).",)
    table, mended = None, None
    # DuckDB needs no Python while it reads, so both go over the file at once.
    with ThreadPoolExecutor(1) as beside:
        surveying = beside.submit(take_survey, blocks(text.path), dialect)
        if dialect.regular_header and not text.nuls:
            table = _strictly(text.path, database, dialect, names, options)
        survey = surveying.result()
    if table is None or survey.spaced_quotes or table.rows != survey.records - 1:
        table = None  # frees its memory for the one that is to come
        table, mended, remarks = _mended(text.path, folder, database, dialect, names, options)
        notes += remarks
    if survey.escaped_formulas:
        table, remarks = _without_escapes(table)
        notes += remarks
    kind = "tsv" if dialect.delimiter == b"\t" else "csv"
    return Content(table, kind, notes, dialect.shown_delimiter, mended)


def load(
    path: Path,
    database: Database,
    names: Iterable[str],
    options: ReadOptions,
    *,
    delimiter: bytes = b",",
    header: bool = False,
    line_end: bytes = b"\n",
) -> Table:
    """The rows of a CSV file that is known to be sound, every cell text, an empty one NULL."""
    # DuckDB fails on a line at the border of two buffers unless a buffer holds two of the longest lines.
    longest = options.max_field_mb * MB + MB
    held = list(names)
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(held)))
    source = (
        f"read_csv({literal(str(path))}, auto_detect = false, "
        f"compression = 'none', header = {header}, delim = {literal(delimiter.decode())}, quote = '\"', escape = '\"', "
        f"new_line = {_LINE_ENDS[line_end]}, columns = {{{columns}}}, strict_mode = true, null_padding = false, "
        f"max_line_size = {longest}, buffer_size = {2 * longest})"
    )
    cells = ", ".join(f"c{number} AS {Table.q(name)}" for number, name in enumerate(held))
    query = f"SELECT row_number() OVER () - 1 AS {ROW}, {cells} FROM {source}"
    return database.table(query, large=is_large(path))


def find_dialect(path: Path, filename: str, options: ReadOptions) -> Dialect:
    """The delimiter under which most records are as wide as the header."""
    head = _head(path, options)
    final = len(head) == path.stat().st_size
    if final and not head.endswith((b"\n", b"\r")):
        head += b"\n"
    hint = _EXCEL_HINT.match(head)
    start = hint.end() if hint else 0
    blank = Grammar(b",").blank.match(head, start)
    start = blank.end() if blank else start
    wanted = (hint[1],) if hint else _DELIMITERS
    found = [each for each in (_try(head, start, final, delimiter) for delimiter in wanted) if each]
    favourite = b"\t" if filename.lower().endswith((".tsv", ".tab", ".tsv.gz")) else b","
    best = max(found, key=lambda each: (*each.merit, each.delimiter == favourite), default=None)
    trial = best or _try(head, start, final, _NO_DELIMITER)
    if trial is None or trial.rows_start > options.max_field_mb * MB:
        raise TooLarge(f"The first record is longer than {options.max_field_mb} MB, or a quote in it is never closed.")
    line_end = next(end for end in (b"\r\n", b"\n", b"\r") if head[: trial.rows_start].endswith(end))
    regular = trial.regular and not start and not trial.titles
    return Dialect(trial.delimiter, trial.header, trial.width, trial.rows_start, regular, line_end, trial.titles)


def _head(path: Path, options: ReadOptions) -> bytes:
    """Enough of the file to see some records; as much as a field may have where none has ended yet."""
    head = b""
    for block in blocks(path):
        head += block
        if b"\n" in block or b"\r" in block or len(head) > options.max_field_mb * MB:
            break
    return head if head.strip() else _refuse_empty()


def _refuse_empty() -> bytes:
    raise UnreadableFile("The file is empty: not even a line of column names is in it.")


@dataclass(frozen=True)
class _Trial:
    """How a sample of the file looks under one delimiter."""

    delimiter: bytes
    header: tuple[str, ...]
    width: int
    share: float
    rows_start: int
    regular: bool
    titles: tuple[str, ...] = ()

    @property
    def merit(self) -> tuple[float, bool, int]:
        return round(self.share, 1), len(self.header) == self.width, self.width


def _try(head: bytes, start: int, final: bool, delimiter: bytes) -> _Trial | None:
    grammar = Grammar(delimiter)
    start, titles = _below_titles(grammar, head, start, final)
    first = grammar.record(head, start, len(head), final=final or len(head) > BLOCK)
    if first is None:
        return None
    header = tuple(name.decode("utf-8", "replace") for name in first.fields)
    widths = _widths(grammar, head, first.end, final)
    usual, times = widths.most_common(1)[0] if widths else (len(header), 0)
    rows = sum(widths.values())
    # A title above the table, or a header that lost a name: most rows agree on a wider table.
    wider = usual > max(2, len(header)) and times >= 0.8 * rows
    width = usual if wider else len(header)
    if width < 2 and delimiter != _NO_DELIMITER:
        return None
    regular = first.fault is None and width == len(header)
    return _Trial(delimiter, header, width, widths[width] / rows if rows else 1.0, first.end, regular, titles)


def _below_titles(grammar: Grammar, head: bytes, start: int, final: bool) -> tuple[int, tuple[str, ...]]:
    """Where the header is, and the lines above it: lines without a delimiter, then at least three names, then rows."""
    at, titles = start, list[str]()
    while len(titles) <= _MOST_TITLES:
        blank = grammar.blank.match(head, at)
        at = blank.end() if blank else at
        record = grammar.record(head, at, len(head), final=final)
        if record is None:
            break
        if record.width > 1:
            widths = _widths(grammar, head, record.end, final)
            same = widths[record.width] >= max(1, 0.8 * widths.total())
            return (at, tuple(titles)) if titles and same and _are_names(record.fields) else (start, ())
        titles.append(record.fields[0].decode("utf-8", "replace")[:_TITLE_SHOWN])
        at = record.end
    return start, ()


def _are_names(fields: list[bytes]) -> bool:
    return len(fields) > 2 and len(set(fields)) == len(fields) and not any(map(_NO_NAME.fullmatch, fields))


def _widths(grammar: Grammar, head: bytes, start: int, final: bool) -> Counter[int]:
    """How many records of the sample have how many fields; trailing empty ones don't count against them."""
    widths: Counter[int] = Counter()
    at = start
    while at < len(head) and widths.total() < _SAMPLE_RECORDS:
        blank = grammar.blank.match(head, at)
        if blank:
            at = blank.end()
            continue
        record = grammar.record(head, at, len(head), final=final)
        if record is None:
            break
        widths[record.width] += 1
        at = record.end
    return widths


def take_survey(pieces: Iterable[bytes], dialect: Dialect) -> Survey:
    """Count records: a line end is one's end where an even number of quotes stands before it."""
    survey = Survey()
    counter = _Counter(dialect.line_end[-1:], blank_counts=dialect.width == 1)
    spaced = re.compile(rb"[\r\n" + re.escape(dialect.delimiter) + rb"] +\"")
    for block in pieces:
        survey.records += counter.records(block)
        survey.spaced_quotes |= bool(_SPACED.search(block)) and bool(spaced.search(block))
        survey.escaped_formulas |= b"'" in block and bool(_ESCAPED.search(block))
    survey.records += bool(counter.rest)
    return survey


class _Counter:
    """Counts the records of a file block by block; `rest` is the beginning of the line that isn't at its end yet."""

    def __init__(self, newline: bytes, *, blank_counts: bool) -> None:
        self.rest = b""
        self._newline = newline
        self._blank_counts = blank_counts
        self._inside = False
        self._others = bytes(set(range(256)) - set(newline + b'"'))
        self._blank = re.compile(newline + rb"[\r\n]")

    def records(self, block: bytes) -> int:
        """How many records end in this block."""
        if not (self._blank_counts or self._without_blank(block)):
            return self._slowly(block)
        marks = block.translate(None, self._others)
        begins_inside, odd = self._inside, marks.count(b'"') % 2 == 1
        self._inside = begins_inside != odd
        self.rest = self._last_line(block)
        # Quotes side by side enclose no line end, nor do they part any from the quotes around them.
        marks = (b'"' + marks if begins_inside else marks).replace(b'""', b"")
        return b"".join(marks.split(b'"')[::2]).count(self._newline)

    def _last_line(self, block: bytes) -> bytes:
        """How the unfinished line begins, or what stands after a line end in its quotes: neither is blank."""
        end = block.rfind(b'"') + 1 if self._inside else len(block)
        start = block.rfind(self._newline, 0, end) + 1
        return (block[start:end] if start else self.rest + block[:end])[:2]

    def _without_blank(self, block: bytes) -> bool:
        begins_blank = self.rest in (b"", b"\r") and block[:1] in (b"\r", b"\n")
        return not begins_blank and self._blank.search(block) is None

    def _slowly(self, block: bytes) -> int:
        """By splitting at the quotes: what lies between an odd and an even one is inside a field."""
        parts = (b'"' + block if self._inside else block).split(b'"')
        self._inside = len(parts) % 2 == 0
        lines = (self.rest + b'"'.join(parts[::2])).split(self._newline)
        # Two bytes are enough to tell a blank line; a line without an end must not fill the memory.
        self.rest = lines.pop()[:2]
        return len(lines) - (0 if self._blank_counts else lines.count(b"") + lines.count(b"\r"))


def _strictly(
    path: Path, database: Database, dialect: Dialect, names: tuple[str, ...], options: ReadOptions
) -> Table | None:
    """The table, or None where DuckDB refuses the file."""
    try:
        return load(path, database, names, options, delimiter=dialect.delimiter, header=True, line_end=dialect.line_end)
    except OutOfMemory as error:
        raise too_wide(names) from error
    except duckdb.InvalidInputException:
        return None


def too_wide(names: Iterable[str]) -> TooLarge:
    """What to say when a row of the table alone fills the memory."""
    return TooLarge(f"The table needs more memory than there is: {len(list(names)):,} columns. Send fewer columns.")


def _mended(
    path: Path, folder: Path, database: Database, dialect: Dialect, names: tuple[str, ...], options: ReadOptions
) -> tuple[Table, Table, tuple[str, ...]]:
    sound, log = folder / "sound.csv", folder / "mended.csv"
    grammar = Grammar(dialect.delimiter, dialect.width, options.max_field_mb * MB)
    with sound.open("wb") as out, log.open("wb") as log_out:
        mender = Mender(grammar, out, log_out)
        mender.mend(blocks(path, dialect.rows_start))
    try:
        table = load(sound, database, names, options, delimiter=dialect.delimiter)
    except OutOfMemory as error:
        raise too_wide(names) from error
    except duckdb.InvalidInputException as error:
        raise _refused(error, options) from error
    if table.rows != mender.rows:
        raise UnreadableFile(f"The file's {mender.rows:,} records were read as {table.rows:,}; its quotes contradict.")
    return table, _mended_rows(log, table, database, options), tuple(_told(mender.mended))


def _refused(error: duckdb.Error, options: ReadOptions) -> UnreadableFile | TooLarge:
    if "maximum line size" in str(error).lower():
        return too_long(options.max_field_mb)
    return UnreadableFile("The file can't be read as CSV: its quotes and delimiters contradict each other.")


def _mended_rows(log: Path, table: Table, database: Database, options: ReadOptions) -> Table:
    if not log.stat().st_size:
        return no_mended_rows(table)
    held = load(log, database, ("row", "what", "original"), options)
    return held.sql("SELECT CAST(row AS BIGINT) AS row, what, original FROM {self} ORDER BY 1")


def no_mended_rows(table: Table) -> Table:
    """The empty list of mended rows."""
    return table.beside({"row": "BIGINT", "what": "VARCHAR", "original": "VARCHAR"})


def _told(mended: Counter[str]) -> Iterable[str]:
    for fault, rows in mended.most_common():
        yield f"{rows:,} row{'s' * (rows > 1)} had to be mended: {fault}."


def _without_escapes(table: Table) -> tuple[Table, tuple[str, ...]]:
    """Take off the apostrophe that stands before a formula in the CSV files written here."""
    escaped: dict[str, int] = {}
    for first in range(0, len(table.columns), _COLUMNS_AT_ONCE):
        some = table.columns[first : first + _COLUMNS_AT_ONCE]
        counts = ", ".join(f"count(*) FILTER ({_is_escaped(column)})" for column in some)
        found = table.query(f"SELECT {counts} FROM {{self}}")[0]
        escaped |= {column: count for column, count in zip(some, found, strict=True) if count}
    if not escaped:
        return table, ()
    undone = ", ".join(
        f"CASE WHEN {_is_escaped(column)} THEN {Table.q(column)}[2:] ELSE {Table.q(column)} END AS {Table.q(column)}"
        for column in escaped
    )
    note = f"{sum(escaped.values()):,} cells had an apostrophe before a formula; it was taken off."
    return table.sql(f"SELECT * REPLACE ({undone}) FROM {{self}}"), (note,)


def _is_escaped(column: str) -> str:
    return f"coalesce(regexp_matches({Table.q(column)}, {literal(_ESCAPED_FORMULA)}, 's'), false)"
