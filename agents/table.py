"""Table: an immutable handle on one table inside a private DuckDB connection.

Nothing else holds a connection. A Table never changes: `sql` answers a new one, and a table that nobody
holds any more is dropped before the next statement.
"""

from __future__ import annotations

import errno
import itertools
import re
import shutil
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from errors import ColumnNotFound, OutOfMemory

if TYPE_CHECKING:
    import numpy
    import pandas

ROW = "__row"
"""The hidden column: the 0-based data row of the user's own file, given at reading and never changed."""


# Quoted names and texts are matched first and kept: a user's column may be called "{self}".
_TOKENS = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'|\{(?P<name>\w+)\}""")

# What a spreadsheet would run: = and @ always, TAB and CR as their disguise, a sign unless it only begins a number.
FORMULA = r"^([=@\t\r]|[+-].*[\p{L}|!])"


_ROWS_AT_ONCE = 100_000


class Database:
    """One in-memory DuckDB with a memory limit, shut off from the machine except for one folder.

    folder: the only place that SQL may read or write; memory_limit: as DuckDB spells it ("200MB").
    """

    def __init__(self, folder: Path, *, memory_limit: str = "200MB", threads: int = 2) -> None:
        self.folder = folder.resolve()
        spill = self.folder / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(":memory:")
        self._names = (f"t{number}" for number in itertools.count(1))
        self._dropped: list[str] = []
        # A clever column name or regex must not reach the machine, so the door is closed before any user data comes in.
        for statement in (
            f"SET memory_limit = {literal(memory_limit)}",
            f"SET threads = {int(threads)}",
            f"SET temp_directory = {literal(str(spill))}",
            f"SET allowed_directories = [{literal(str(self.folder))}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._connection.execute(statement)

    def table(self, query: str, values: dict[str, Any] | None = None) -> Table:
        """The rows of `query` as a new table."""
        name = next(self._names)
        self.run(f"CREATE TEMP TABLE {name} AS {query}", values)
        described = self.run(f"DESCRIBE {name}")
        return Table(self, name, {row[0]: row[1] for row in described})

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

    def forget(self, name: str) -> None:
        """Drop a table before the next statement; callable from a finalizer, where no statement may run."""
        self._dropped.append(name)

    def _execute(self, statement: str, values: dict[str, Any] | None) -> duckdb.DuckDBPyConnection:
        self._drop_forgotten()
        try:
            return self._connection.execute(statement, values or None)
        except duckdb.OutOfMemoryException as error:
            first_line = str(error).partition("\n")[0]
            raise OutOfMemory(engine=first_line) from error
        except duckdb.IOException as error:
            if "No space left" in str(error) or "not enough space" in str(error):
                raise OSError(errno.ENOSPC, "the disk is full") from error
            raise

    def _drop_forgotten(self) -> None:
        while self._dropped:
            self._connection.execute(f"DROP TABLE IF EXISTS {self._dropped.pop()}")

    def close(self) -> None:
        """Free the memory and the spill files."""
        self._connection.close()


class Table:
    """Columns and rows that never change. `columns` are the user's, in order; hidden ones start with `__`."""

    def __init__(self, database: Database, name: str, types: dict[str, str]) -> None:
        self._database = database
        self._name = name
        self.types = types
        self.columns = tuple(column for column in types if not column.startswith("__"))
        weakref.finalize(self, database.forget, name)

    def __repr__(self) -> str:
        return f"<Table {self._name}: {len(self.columns)} columns>"

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.scalar("SELECT count(*) FROM {self}"))

    def sql(self, query: str, **values: Any) -> Table:
        """A new table from a query in which `{self}` stands for this one.

        A Table among `values` takes the place of `{its name}`; any other value is bound to `$its_name`.
        """
        return self._database.table(*self._bind(query, values))

    def query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, as `sql` takes it, as tuples."""
        return self._database.run(*self._bind(query, values))

    def scalar(self, query: str, **values: Any) -> Any:
        """The first value of the first row of a query."""
        return self.query(query, **values)[0][0]

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
        names = list(columns)
        empty = ", ".join(f"CAST(NULL AS {kind}) AS {self.q(name)}" for name, kind in columns.items())
        held = list(rows)
        if not held:
            return self._database.table(f"SELECT {empty} WHERE false")
        import pandas

        frame = pandas.DataFrame(
            {name: pandas.Series([row[i] for row in held], dtype=object) for i, name in enumerate(names)}
        )
        cast = ", ".join(f"CAST({self.q(name)} AS {kind}) AS {self.q(name)}" for name, kind in columns.items())
        return self._database.from_df(frame).sql(f"SELECT {cast} FROM {{self}}")

    def require(self, columns: Iterable[str], parameter: str) -> None:
        """Raise ColumnNotFound unless every column is there; `parameter` names who asked."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            named = ", ".join(repr(column) for column in missing)
            raise ColumnNotFound(f"{parameter} names {named}, which the table doesn't have", columns=missing)

    def write_csv(self, path: Path) -> tuple[str, ...]:
        """Write the visible columns as UTF-8, comma, RFC 4180; answer those where a formula got a `'` before it."""
        cells = {column: self.q(column) for column in self.columns}
        escaped = []
        for column in self.columns:
            if self.types[column] == "VARCHAR":
                risky = f"regexp_matches({self.q(column)}, {literal(FORMULA)}, 's')"
                if self.scalar(f"SELECT coalesce(bool_or({risky}), false) FROM {{self}}"):
                    cells[column] = f"CASE WHEN {risky} THEN '''' || {self.q(column)} ELSE {self.q(column)} END"
                    escaped.append(column)
        self._copy_csv(path, [f"{cell} AS {self.q(name)}" for name, cell in cells.items()])
        return tuple(escaped)

    def write_parquet(self, path: Path, *, hidden: bool = False) -> None:
        """Write as Parquet; `hidden` takes the hidden columns along, so that reading it back gives this very table."""
        names = self.types if hidden else self.columns
        self._copy(path, "FORMAT parquet, COMPRESSION zstd", [self.q(name) for name in names])

    def _copy(self, path: Path, options: str, cells: Sequence[str]) -> None:
        self.query(f"COPY (SELECT {', '.join(cells)} FROM {{self}}{self.in_order}) TO {literal(str(path))} ({options})")

    def _copy_csv(self, path: Path, cells: Sequence[str]) -> None:
        """Write part by part: the text of a few hundred thousand wide rows at once doesn't fit in memory."""
        part = path.with_name(f"{path.name}.part")
        with path.open("wb") as whole:
            for number, rows in enumerate(self._slices()):
                query = f"SELECT {', '.join(cells)} FROM {{self}} WHERE {rows}{self.in_order}"
                header = "true" if number == 0 else "false"
                self.query(f"COPY ({query}) TO {literal(str(part))} (FORMAT csv, HEADER {header})")
                with part.open("rb") as written:
                    shutil.copyfileobj(written, whole)
        part.unlink()

    def _slices(self) -> Iterator[str]:
        """Conditions that part the rows, in order, into runs of bounded length."""
        key = self.q(ROW) if ROW in self.types else "rowid"
        last = self.scalar(f"SELECT coalesce(max({key}), 0) FROM {{self}}")
        for start in range(0, last + 1, _ROWS_AT_ONCE):
            yield f"{key} BETWEEN {start} AND {start + _ROWS_AT_ONCE - 1}"

    @cached_property
    def in_order(self) -> str:
        """The ORDER BY that a query needs to give the rows by their `__row`: none where they lie so already.

        Sorting a wide table takes more time and memory than writing it.
        """
        if ROW not in self.types:
            return ""
        back = f"SELECT {self.q(ROW)} < lag({self.q(ROW)}) OVER () AS back FROM {{self}}"
        lies_so = not self.scalar(f"SELECT coalesce(bool_or(back), false) FROM ({back})")
        return "" if lies_so else f" ORDER BY {self.q(ROW)}"

    def _bind(self, query: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        tables = {"self": self} | {name: value for name, value in values.items() if isinstance(value, Table)}

        def physical(token: re.Match[str]) -> str:
            table = tables.get(token["name"] or "")
            return table._name if table else token[0]

        bound = {name: value for name, value in values.items() if not isinstance(value, Table)}
        return _TOKENS.sub(physical, query), bound

    @staticmethod
    def q(column: str) -> str:
        """Quote an identifier: the only way a column name enters SQL."""
        return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text as an SQL literal, where a bound value can't stand (settings, COPY, regex constants)."""
    return "'" + text.replace("'", "''") + "'"
