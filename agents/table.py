"""Table: an immutable handle on one table inside a private DuckDB connection.

Nothing else holds a connection. A Table never changes: `sql` answers a new one, and a table that nobody
holds any more is dropped before the next statement. One may lie in several of DuckDB's, some of which it shares with
the table that it was made of: see wide.py.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import errno
import itertools
import re
import shutil
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agents import wide
from agents.wide import ROW as ROW
from agents.wide import Part, groups, named_in, quote, source
from errors import ColumnNotFound, OutOfMemory

if TYPE_CHECKING:
    # Whoever only takes orders opens no table: what opens one imports the engine.
    import duckdb
    import numpy
    import pandas

# Quoted names and texts are matched first and kept: a user's column may be called "{self}".
_TOKENS = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'|\{(?P<name>\w+)\}""")

# What a spreadsheet would run: = and @ always, TAB and CR as their disguise, a sign unless it only begins a number.
FORMULA = r"^([=@\t\r]|[+-].*[\p{L}|!])"


_LARGE = "large"
_ROWS_AT_ONCE = 100_000
_MANY_ROWS = 2_000_000
_CELLS_AT_ONCE = 1_000_000
_ROWS_OF_LONG_TABLE = 20_480
_CELLS_OF_GROUP = 2_500_000
_VECTOR = 2_048
"""DuckDB takes so many rows together; less isn't written at once."""

_COLUMNS_OF_PARQUET = 500
"""More in one file don't fit in memory while they are written, however few their rows are."""

_ROWS_AS_LISTS = 200_000
_COLUMNS_AT_ONCE = 10
_COLUMNS_SHOWN = 10
# DuckDB keeps several vectors for each expression.
_TEXTS_AT_ONCE = 40


_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class Database:
    """One DuckDB with a memory limit, shut off from the machine except for one folder.

    folder: the only place that SQL may read or write; memory_limit: as DuckDB spells it ("200MB").

    Tables are kept in memory, and moved to a temporary file and back where there are too many; large ones that stay are
    kept in a file of their own, from which they are only ever read.
    """

    def __init__(self, folder: Path, *, memory_limit: str = "200MB", threads: int = 2) -> None:
        self.folder = folder.resolve()
        spill = self.folder / "spill"
        shutil.rmtree(spill, ignore_errors=True)
        spill.mkdir(parents=True)
        import duckdb

        self._connections = [duckdb.connect(":memory:")]
        self._own = threading.local()
        self._threads = int(threads)
        self._pool = ThreadPoolExecutor(self._threads)
        self._names = (f"t{number}" for number in itertools.count(1))
        self._holders: Counter[str] = Counter()
        self._holding = threading.RLock()
        self._dropped: deque[str] = deque()
        self._in_order: dict[str, bool] = {}
        # A clever column name or regex must not reach the machine, so the door is closed before any user data comes in.
        for statement in (
            f"SET memory_limit = {literal(memory_limit)}",
            f"SET threads = {int(threads)}",
            f"SET temp_directory = {literal(str(spill))}",
            f"ATTACH {literal(str(spill / 'large.duckdb'))} AS {_LARGE}",
            # The others take longer to write than they spare in reading a few times.
            "SET force_compression = 'dictionary'",
            f"SET allowed_directories = [{literal(str(self.folder))}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._connections[0].execute(statement)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """The thread's own: one connection runs one statement at a time."""
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connections[0].cursor()
            self._connections.append(self._own.connection)
        connection: duckdb.DuckDBPyConnection = self._own.connection
        return connection

    def each(self, work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
        """What `work` answers to each item, in order; as many at a time as the engine has threads.

        A statement on few rows keeps one thread busy, and Python between two statements none.
        """
        if hasattr(self._own, "answering"):
            # A question within a question: to wait for a thread that waits for this one would be for ever.
            yield from map(work, items)
            return
        waiting: deque[tuple[_Item, Future[_Answer]]] = deque()
        try:
            for item in items:
                waiting.append((item, self._pool.submit(self._answer, work, item)))
                if len(waiting) == self._threads:
                    yield self._first_of(waiting, work)
            while waiting:
                yield self._first_of(waiting, work)
        finally:
            for _, begun in waiting:
                begun.cancel()
            wait([begun for _, begun in waiting])

    def _first_of(self, waiting: deque[tuple[_Item, Future[_Answer]]], work: Callable[[_Item], _Answer]) -> _Answer:
        item, begun = waiting.popleft()
        try:
            return begun.result()
        except OutOfMemory:
            # Beside another it needed more memory than there is; alone it may not.
            wait([other for _, other in waiting])
            return work(item)

    def ahead(self, work: Callable[[], _Answer]) -> Callable[[], _Answer]:
        """Begin with what is needed later; whoever calls for the answer waits until it is there."""
        begun = self._pool.submit(self._answer, lambda _: work(), None)

        def answer() -> _Answer:
            try:
                return begun.result()
            except OutOfMemory:
                # Beside others it needed more memory than there is; alone it may not.
                return work()

        return answer

    def _answer(self, work: Callable[[_Item], _Answer], item: _Item) -> _Answer:
        self._own.answering = True
        return work(item)

    def table(
        self, query: str, values: dict[str, Any] | None = None, *, narrow: bool = False, large: bool = False
    ) -> Table:
        """The rows of `query` as a new table.

        narrow: it can't have too many columns for one statement; large: it needn't be kept in memory.
        """
        if not narrow and ("*" in query or query.count(",") >= wide.GROUP):
            columns = [row[0] for row in self.run(f"DESCRIBE {query}", values)]
            if len(columns) > wide.GROUP and ROW in columns:
                return self._wide(query, values, columns, large=large)
        part, types = self._create(query, values, large=large)
        return Table(self, (part,), types)

    def _create(
        self, query: str, values: dict[str, Any] | None = None, *, large: bool = False
    ) -> tuple[Part, dict[str, str]]:
        name = f"{_LARGE}.{next(self._names)}" if large else next(self._names)
        self.run(f"CREATE TABLE {name} AS {query}", values)
        types = {row[0]: row[1] for row in self.run(f"DESCRIBE {name}")}
        return Part(name, tuple(types), numbered="rowid" not in map(str.lower, types)), types

    def _wide(self, query: str, values: dict[str, Any] | None, columns: Sequence[str], *, large: bool) -> Table:
        """The same in groups of columns, each by a query of its own."""
        parts: list[Part] = []
        types: dict[str, str] = {}
        for group in groups(columns):
            chosen = ", ".join(map(quote, (ROW, *group)))
            part, own = self._create(f"SELECT {chosen} FROM ({query})", values, large=large)
            parts, types = [*parts, part], types | own
        return Table(self, tuple(self.side_by_side(parts)), types)

    def side_by_side(self, parts: Sequence[Part]) -> Sequence[Part]:
        """The parts with their rows in one order, that of `__row`: no two queries need agree about any other."""
        if self.in_order(parts[0].name) and all(self._aligned(parts[0], other) for other in parts[1:]):
            return parts
        ordered = self._sorted(parts)
        self._dropped += [part.name for part in parts]
        return ordered

    def aligned(self, parts: Sequence[Part]) -> Sequence[Part]:
        """The parts with their rows in the same order: all, or those apart, in that of `__row`."""
        apart = [part for part in parts[1:] if not self._aligned(parts[0], part)]
        if not apart:
            return parts
        if not self.in_order(parts[0].name):
            return self._sorted(parts)
        _, *ordered = self._sorted([parts[0], *apart])
        mended = dict(zip(apart, ordered, strict=True))
        return [mended.get(part, part) for part in parts]

    def _sorted(self, parts: Sequence[Part]) -> Sequence[Part]:
        ordered = [
            self._create(f"SELECT {', '.join(map(quote, part.columns))} FROM {part.name} ORDER BY {ROW}")[0]
            for part in parts
        ]
        if not all(self._aligned(ordered[0], other) for other in ordered[1:]):
            raise RuntimeError("tables of different rows can't lie side by side")
        return ordered

    def in_order(self, name: str) -> bool:
        """Whether the rows of a table lie in the order of their `__row`."""
        if name not in self._in_order:
            back = f"SELECT {ROW} < lag({ROW}) OVER () AS back FROM {name}"
            self._in_order[name] = not self.run(f"SELECT coalesce(bool_or(back), false) FROM ({back})")[0][0]
        return self._in_order[name]

    def merged(self, tables: Sequence[Table]) -> Part:
        """The columns of tables that hold the same rows in the same order, as one part."""
        parts = [part for table in tables for part in table._parts]
        if not all(self._aligned(parts[0], other) for other in parts[1:]):
            raise RuntimeError("tables of different rows can't lie side by side")
        return self._create(f"SELECT * FROM {source(parts, [name for part in parts for name in part.columns])}")[0]

    def _aligned(self, one: Part, other: Part) -> bool:
        both = f"SELECT a.{ROW} IS DISTINCT FROM b.{ROW} AS apart FROM {one.name} a POSITIONAL JOIN {other.name} b"
        return not self.run(f"SELECT coalesce(bool_or(apart), false) FROM ({both})")[0][0]

    def from_df(self, frame: pandas.DataFrame) -> Table:
        """A data frame as a new table, columns as they are named."""
        self._connection.register("incoming_frame", frame)
        try:
            return self.table("SELECT * FROM incoming_frame")
        finally:
            self._connection.unregister("incoming_frame")

    def run(self, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and fetch all its rows: a half-read result would keep the connection busy."""
        return self._execute(statement, values).fetchall()

    def df(self, query: str, values: dict[str, Any] | None = None) -> pandas.DataFrame:
        """The rows of `query` as a data frame."""
        return self._execute(query, values).df()

    def arrays(self, query: str, values: dict[str, Any] | None = None) -> dict[str, numpy.ndarray[Any, Any]]:
        """The columns of `query` as arrays."""
        import numpy

        found = self._execute(query, values).fetchnumpy()
        return {name: numpy.asarray(column) for name, column in found.items()}

    def hold(self, names: Iterable[str]) -> None:
        """Keep tables until they were forgotten as often as they were held."""
        with self._holding:
            self._holders.update(names)

    def forget(self, names: Sequence[str]) -> None:
        """Drop tables that nobody else holds before the next statement; a finalizer may call it, but run none."""
        with self._holding:
            self._holders.subtract(names)
            self._dropped += [name for name in names if not self._holders[name]]

    def _execute(self, statement: str, values: dict[str, Any] | None) -> duckdb.DuckDBPyConnection:
        import duckdb

        self._drop_forgotten()
        try:
            return self._connection.execute(statement, values or None)
        except duckdb.OutOfMemoryException as error:
            first_line = str(error).partition("\n")[0]
            raise OutOfMemory(engine=first_line) from error
        except (duckdb.IOException, duckdb.FatalException) as error:
            if "No space left" in str(error) or "not enough space" in str(error):
                raise OSError(errno.ENOSPC, "the disk is full") from error
            raise

    def _drop_forgotten(self) -> None:
        # Another thread may take the last.
        with contextlib.suppress(IndexError):
            while True:
                self._connection.execute(f"DROP TABLE IF EXISTS {self._dropped.popleft()}")

    def close(self) -> None:
        """Free the memory and the spill files."""
        self._pool.shutdown()
        for connection in reversed(self._connections):
            connection.close()


class Table:
    """Columns and rows that never change. `columns` are the user's, in order; hidden ones start with `__`."""

    def __init__(self, database: Database, parts: tuple[Part, ...], types: dict[str, str]) -> None:
        self._database = database
        self._parts = parts
        self.types = types
        self.columns = tuple(column for column in types if not column.startswith("__"))
        names = [part.name for part in parts]
        database.hold(names)
        weakref.finalize(self, database.forget, names)

    def __repr__(self) -> str:
        return f"<Table {self._parts[0].name}: {len(self.columns)} columns>"

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.scalar("SELECT count(*) FROM {self}"))

    @property
    def _is_long(self) -> bool:
        """Whether a statement on all rows keeps all threads busy, and takes as much memory as there is."""
        return self.rows > _MANY_ROWS

    def sql(self, query: str, **values: Any) -> Table:
        """A new table from a query in which `{self}` stands for this one.

        A Table among `values` takes the place of `{its name}`; any other value is bound to `$its_name`.
        """
        return self._database.table(*self._bind(query, values), narrow=self._stays_narrow(query, values))

    def _stays_narrow(self, query: str, values: dict[str, Any]) -> bool:
        """Whether a query's columns are few for certain; asking DuckDB takes as long as making the query ready."""
        sources = {"self": self} | {name: value for name, value in values.items() if isinstance(value, Table)}
        named = sum(query.count(f"{{{name}}}") * len(table.types) for name, table in sources.items())
        return wide.most_columns(query, named) < wide.GROUP

    def query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, as `sql` takes it, as tuples."""
        return self._database.run(*self._bind(query, values))

    def scalar(self, query: str, **values: Any) -> Any:
        """The first value of the first row of a query."""
        return self.query(query, **values)[0][0]

    def each(self, work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
        """What `work`, which asks this table, answers to each item, in order; some at a time unless it is long."""
        return map(work, items) if self._is_long else self._database.each(work, items)

    def ahead(self, work: Callable[[], _Answer]) -> Callable[[], _Answer]:
        """Begin with what is needed later; whoever calls for the answer waits until it is there."""
        if not self._is_long:
            return self._database.ahead(work)
        answer = work()
        return lambda: answer

    def df(self, query: str = "SELECT * FROM {self}", **values: Any) -> pandas.DataFrame:
        """The rows of a query, by default the whole table with its hidden columns, as a data frame."""
        return self._database.df(*self._bind(query, values))

    def arrays(self, query: str, **values: Any) -> dict[str, numpy.ndarray[Any, Any]]:
        """The columns of a query's rows as arrays, in the order of the rows; it must answer no NULL."""
        return self._database.arrays(*self._bind(query, values))

    def replace(self, frame: pandas.DataFrame) -> Table:
        """A new table beside this one with the rows and columns of a data frame."""
        return self._database.from_df(frame)

    def beside(self, columns: dict[str, str], rows: Iterable[Sequence[Any]] = ()) -> Table:
        """A new small table beside this one: `columns` maps names to DuckDB types, `rows` are its values."""
        held = list(rows)
        if not held:
            return self._empty(columns)
        if len(held) > _ROWS_AS_LISTS:
            return self._framed(columns, held)
        values = {f"c{place}": [row[place] for row in held] for place in range(len(columns))}
        listed = ", ".join(
            f"unnest(CAST(${place} AS {kind}[])) AS {self.q(name)}"
            for place, (name, kind) in zip(values, columns.items(), strict=True)
        )
        return self._database.table(f"SELECT {listed}", values)

    def growing(self, columns: dict[str, str]) -> Table:
        """A new empty table beside this one, for `extended` to fill: beside a long one it needn't be kept in memory."""
        return self._empty(columns, large=self._is_long)

    def _empty(self, columns: dict[str, str], *, large: bool = False) -> Table:
        cells = ", ".join(f"CAST(NULL AS {kind}) AS {self.q(name)}" for name, kind in columns.items())
        return self._database.table(f"SELECT {cells} WHERE false", large=large)

    def _framed(self, columns: dict[str, str], held: Sequence[Sequence[Any]]) -> Table:
        """The same through pandas: twice as fast, once it has been imported, which takes 0.3 s and 40 MB."""
        import pandas

        frame = pandas.DataFrame(
            {name: pandas.Series([row[place] for row in held], dtype=object) for place, name in enumerate(columns)}
        )
        cast = ", ".join(f"CAST({self.q(name)} AS {kind}) AS {self.q(name)}" for name, kind in columns.items())
        return self._database.from_df(frame).sql(f"SELECT {cast} FROM {{self}}")

    def widened(self, others: Iterable[Table]) -> Table:
        """This table with the columns of others after its own: all hold the same rows, in order, and none is wide.

        The others are taken as they are made: no more of them are held than make one group.
        """
        types, parts, held = dict(self.types), list[Part](), [self]
        for other in others:
            if sum(len(each.types) for each in held) + len(other.types) > wide.GROUP:
                parts.append(self._database.merged(held))
                held = []
            held.append(other)
            types |= other.types
        parts.append(self._database.merged(held))
        return Table(self._database, tuple(self._database.side_by_side(parts)), types)

    def joined(self, others: Sequence[Table]) -> Table:
        """This table with the columns of others, of the same rows, after its own; none is copied."""
        tables = [self, *others]
        types = {column: kind for table in tables for column, kind in table.types.items()}
        parts = [part for table in tables for part in table._parts]
        return Table(self._database, tuple(self._database.side_by_side(parts)), types) if others else self

    def replaced(self, cells: Mapping[str, str], origin: str = "{self}", **values: Any) -> Table:
        """This table with other cells in some columns, of which there are no more than make one group.

        cells: SQL by column, over `origin`, which has one row for each of this table's. No other column is copied.
        """
        named = ", ".join(f"{sql} AS {self.q(column)}" for column, sql in cells.items())
        query, bound = self._bind(f"SELECT {self.q(ROW)}, {named} FROM {origin}", values)
        part, types = self._database._create(query, bound, large=self._is_long)
        return self.overlaid(Table(self._database, (part,), types))

    def extended(self, query: str, **values: Any) -> Table:
        """This table and the rows of a query below its own. They are put into it, so nobody else may hold this one."""
        self.query(f"INSERT INTO {{self}} {query}", **values)
        return Table(self._database, self._parts, self.types)

    def overlaid(self, other: Table) -> Table:
        """This table with the columns of another, of the same rows, in place of its own of these names."""
        parts = [part.without(other.columns) for part in self._parts]
        parts = [part for part in parts if part.columns != (ROW,)]
        types = self.types | other.types
        laid = Table(self._database, tuple(self._database.aligned([*parts, *other._parts])), types)
        return laid if len(laid._parts) <= wide.MOST_PARTS + len(groups(list(types))) else laid._gathered()

    def _gathered(self) -> Table:
        """The same in as few parts as there are groups."""
        queries = (
            f"SELECT {', '.join(map(self.q, (ROW, *group)))} FROM {source(self._parts, group)}"
            for group in groups(list(self.types))
        )
        parts = [self._database._create(query, large=self._is_long)[0] for query in queries]
        return Table(self._database, tuple(parts), self.types)

    def only(self, columns: Iterable[str]) -> Table:
        """Some columns of this table, in this order, none of them copied; the hidden ones only where they are named."""
        types = {column: self.types[column] for column in columns}
        parts = [part.without(set(part.columns) - types.keys()) for part in self._parts]
        return Table(self._database, tuple(part for part in parts if part.columns) or self._parts[:1], types)

    def of_rows(self, rows: Table, *, among: bool = True) -> Table:
        """The rows of this table that are among those of another's column `row`, or those that aren't.

        Part by part: DuckDB takes tables that lie side by side for empty, and would gather them in memory for a join.
        """
        kind, listed = "SEMI" if among else "ANTI", rows._source("row")
        joined = f"{kind} JOIN {listed} r ON r.row = t.{ROW}"
        queries = (f"SELECT {', '.join(map(quote, part.columns))} FROM {part.name} t {joined}" for part in self._parts)
        parts = [self._database._create(query, large=self._is_long)[0] for query in queries]
        return Table(self._database, tuple(self._database.side_by_side(parts)), self.types)

    def by_part(self, columns: Iterable[str]) -> list[list[str]]:
        """The columns, those together that lie together: no query about them needs several parts."""
        wanted = set(columns)
        found = [[column for column in part.columns if column in wanted] for part in self._parts]
        return [group for group in found if group]

    def shared_with(self, other: Table) -> set[str]:
        """The columns that this table didn't copy from another, or the other from this one."""
        homes = [
            {column: replace(part, columns=(), whole=True) for part in table._parts for column in part.columns}
            for table in (self, other)
        ]
        return {column for column, home in homes[0].items() if column != ROW and homes[1].get(column) == home}

    def require(self, columns: Iterable[str], parameter: str) -> None:
        """Raise ColumnNotFound unless every column is there; `parameter` names who asked."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            named = ", ".join(repr(column) for column in missing)
            hint = _nearest(missing[0], self.columns)
            raise ColumnNotFound(f"{parameter} names {named}, which the table doesn't have; {hint}", columns=missing)

    def write_csv(self, path: Path) -> tuple[str, ...]:
        """Write the visible columns as UTF-8, comma, RFC 4180; answer those where a formula got a `'` before it."""
        cells = {column: self.q(column) for column in self.columns}
        escaped = self._with_formulas()
        for column in escaped:
            cells[column] = f"CASE WHEN {_is_formula(column)} THEN '''' || {self.q(column)} ELSE {self.q(column)} END"
        if len(cells) > wide.GROUP:
            self._write_csv_lines(path, list(cells.values()))
        else:
            self._copy_csv(path, [f"{cell} AS {self.q(name)}" for name, cell in cells.items()])
        return tuple(escaped)

    def _with_formulas(self) -> list[str]:
        texts = [column for column in self.columns if self.types[column] == "VARCHAR"]
        # Making the expression ready takes longer than looking at thousands of cells.
        likely = self.where_any(texts, _may_be_formula, at_once=_TEXTS_AT_ONCE)
        return self.where_any(likely, _is_formula)

    def where_any(
        self, columns: Sequence[str], condition: Callable[[str], str], *, at_once: int = _COLUMNS_AT_ONCE
    ) -> list[str]:
        """Those of the columns with a row of which `condition(column)`, in SQL, is true; so many are asked at once."""

        def ask(some: Sequence[str]) -> list[str]:
            any_of = ", ".join(f"bool_or({condition(column)})" for column in some)
            answers = self.query(f"SELECT {any_of} FROM {{self}}")[0]
            return [column for column, yes in zip(some, answers, strict=True) if yes]

        parts = [columns[at : at + at_once] for at in range(0, len(columns), at_once)]
        return [column for found in self.each(ask, parts) for column in found]

    def _write_csv_lines(self, path: Path, cells: Sequence[str]) -> None:
        with path.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerow(self.columns)
            out.writelines(f"{line}\n" for line in self.lines([_as_csv(cell) for cell in cells]))

    def lines(self, cells: Sequence[str]) -> Iterator[str]:
        """Each row as one text, in order: `cells` are SQL expressions of texts, and commas come between them."""
        batches = [cells[at : at + _TEXTS_AT_ONCE] for at in range(0, len(cells), _TEXTS_AT_ONCE)]
        joined = [f"concat_ws(',', {', '.join(batch)})" for batch in batches]
        return map(",".join, self.fetch(joined, max(1, _CELLS_AT_ONCE // len(cells)), at_once=1))

    def fetch(self, cells: Sequence[str], rows: int, *, at_once: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The values of SQL expressions, row after row in order; so many rows and expressions are asked for at once."""
        step = at_once or wide.GROUP
        batches = [", ".join(cells[at : at + step]) for at in range(0, len(cells), step)]
        for some, order in self._slices(rows):
            asked = [some.query(f"SELECT {batch} FROM {{self}}{order}") for batch in batches]
            yield from (tuple(itertools.chain.from_iterable(pieces)) for pieces in zip(*asked, strict=True))

    def write_parquet(self, path: Path, *, hidden: bool = False) -> None:
        """Write as Parquet; `hidden` takes the hidden columns along, so that reading it back gives this very table."""
        names = list(self.types if hidden else self.columns)
        parts = [names[at : at + wide.GROUP] for at in range(0, len(names), wide.GROUP)]
        queries = [f"SELECT {', '.join(map(self.q, part))} FROM {{self}}{self.in_order}" for part in parts]
        if len(parts) == 1:
            self._copy(queries[0], path, len(names))
            return
        # In memory each column that is read takes a block of its own; in a file it takes a page.
        pieces = [path.with_name(f"{path.name}.{number}") for number in range(len(parts))]
        for query, piece in zip(queries, pieces, strict=True):
            self._copy(query, piece, len(names))
        joined = " POSITIONAL JOIN ".join(f"read_parquet({literal(str(piece))})" for piece in pieces)
        self._copy(f"SELECT * FROM {joined}", path, len(names))
        for piece in pieces:
            piece.unlink()

    def _copy(self, query: str, path: Path, columns: int) -> None:
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {self._rows_of_group(columns)}"
        self.query(f"COPY ({query}) TO {literal(str(path))} ({options})")

    def _rows_of_group(self, columns: int) -> int:
        """How many rows of so many columns are written together: each thread holds those that it is writing."""
        # A long table's run holds much already.
        most = _ROWS_OF_LONG_TABLE if self.rows > _CELLS_AT_ONCE else _CELLS_OF_GROUP // max(columns, 1)
        return max(most // _VECTOR, 1) * _VECTOR

    @property
    def for_parquet(self) -> list[Table]:
        """The visible columns in as many tables as it takes to write each at once as Parquet, the rows in one order."""
        order = [ROW] * (ROW in self.types)
        starts = range(0, max(len(self.columns), 1), _COLUMNS_OF_PARQUET)
        return [self.only([*order, *self.columns[at : at + _COLUMNS_OF_PARQUET]]) for at in starts]

    def _copy_csv(self, path: Path, cells: Sequence[str]) -> None:
        """Write part by part: the text of a few hundred thousand wide rows at once doesn't fit in memory."""
        part = path.with_name(f"{path.name}.part")
        with path.open("wb") as whole:
            for number, (some, order) in enumerate(self._slices(_ROWS_AT_ONCE)):
                query = f"SELECT {', '.join(cells)} FROM {{self}}{order}"
                header = "true" if number == 0 else "false"
                some.query(f"COPY ({query}) TO {literal(str(part))} (FORMAT csv, HEADER {header})")
                with part.open("rb") as written:
                    shutil.copyfileobj(written, whole)
        part.unlink()

    def _slices(self, rows: int) -> Iterator[tuple[Table, str]]:
        """The rows in runs of bounded length, the runs in order, each with what brings a run's rows into it."""
        if not self.in_order:
            for start in range(0, max(self.rows, 1), rows):
                yield self.stretch(start, start + rows), ""
            return
        last = self.scalar(f"SELECT coalesce(max({self.q(ROW)}), 0) FROM {{self}}")
        for start in range(0, last + 1, rows):
            yield self, f" WHERE {self.q(ROW)} BETWEEN {start} AND {start + rows - 1}{self.in_order}"

    def stretch(self, start: int, end: int) -> Table:
        """The rows from one place up to before another, as they lie, none of them copied."""
        return Table(self._database, tuple(replace(part, rows=(start, end)) for part in self._parts), self.types)

    @cached_property
    def in_order(self) -> str:
        """The ORDER BY that a query needs to give the rows by their `__row`: none where they lie so already.

        Sorting a wide table takes more time and memory than writing it.
        """
        if ROW not in self.types:
            return ""
        return "" if self._database.in_order(self._parts[0].name) else f" ORDER BY {self.q(ROW)}"

    def _bind(self, query: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        tables = {"self": self} | {name: value for name, value in values.items() if isinstance(value, Table)}

        def physical(token: re.Match[str]) -> str:
            table = tables.get(token["name"] or "")
            return table._source(query) if table else token[0]

        bound = {name: value for name, value in values.items() if not isinstance(value, Table)}
        return _TOKENS.sub(physical, query), bound

    def _source(self, query: str) -> str:
        if len(self._parts) == 1 and wide.asks_for_rowid(query) and self._parts[0].rows is None:
            return self._parts[0].name
        return source(self._parts, named_in(query, self.types))

    @staticmethod
    def q(column: str) -> str:
        """Quote an identifier: the only way a column name enters SQL."""
        return quote(column)


def _nearest(name: str, columns: Sequence[str]) -> str:
    """What to say to somebody who named a column that isn't there."""
    folded = {column.strip().casefold(): column for column in columns}
    near = difflib.get_close_matches(name.strip().casefold(), folded, 1)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    shown = ", ".join(repr(column) for column in columns[:_COLUMNS_SHOWN])
    return f"it has {shown}" + (f" and {len(columns) - _COLUMNS_SHOWN:,} more" if len(columns) > _COLUMNS_SHOWN else "")


def literal(text: str) -> str:
    """Quote a text as an SQL literal, where a bound value can't stand (settings, COPY, regex constants)."""
    return "'" + text.replace("'", "''") + "'"


def _may_be_formula(column: str) -> str:
    """SQL that is true of a text that begins with one of a formula's marks or stands before all that is printed."""
    cell = quote(column)
    sign = f"({cell} >= '-' OR ({cell} < ',' AND {cell} >= '+') OR {cell} < ' ')"
    # Comparing takes a fifth of the time of looking at the first letter.
    return f"({cell} < 'A' AND ({cell} >= '@' OR ({cell} < '>' AND ({cell} >= '=' OR ({cell} < '.' AND {sign})))))"


def _is_formula(column: str) -> str:
    return f"regexp_matches({quote(column)}, {literal(FORMULA)}, 's')"


def _as_csv(cell: str) -> str:
    """A cell as DuckDB's own CSV has it: missing is nothing, empty is a pair of quotes."""
    text = f"CAST({cell} AS VARCHAR)"
    quoted = f"""'"' || replace({text}, '"', '""') || '"'"""
    marked = f"""{text} = '' OR regexp_matches({text}, '[",\\r\\n]')"""
    return f"CASE WHEN {cell} IS NULL THEN '' WHEN {marked} THEN {quoted} ELSE {text} END"


def regex_fault(pattern: str) -> str | None:
    """What keeps a text from being a regular expression (RE2's), or None where nothing does."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute("SELECT regexp_matches('', $pattern)", {"pattern": pattern})
        except duckdb.Error as error:
            return str(error).partition("\n")[0].removeprefix("Invalid Input Error: ")
    return None
