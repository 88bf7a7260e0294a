"""Tables and contexts for agent tests."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas
import pytest

from agents.base import AgentContext
from agents.table import ROW, Database, Table

MakeTable = Callable[[Mapping[str, Sequence[str | None]]], Table]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


@pytest.fixture
def make_table(database: Database) -> MakeTable:
    """A factory of tables as reading gives them: every column text, `__row` counted from 0."""

    def make(columns: Mapping[str, Sequence[str | None]]) -> Table:
        rows = max((len(values) for values in columns.values()), default=0)
        frame = pandas.DataFrame({name: pandas.Series(list(values), dtype="str") for name, values in columns.items()})
        frame.insert(0, ROW, pandas.Series(range(rows), dtype="int64"))
        text = ", ".join(f"CAST({Table.q(name)} AS VARCHAR) AS {Table.q(name)}" for name in columns)
        return database.from_df(frame).sql(f"SELECT {Table.q(ROW)}, {text} FROM {{self}}")

    return make


@pytest.fixture
def context_of() -> Callable[[Table], AgentContext]:
    """The context of a run's first agent."""
    return lambda table: AgentContext(original=table, now=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
