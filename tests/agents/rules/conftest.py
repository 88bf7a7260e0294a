"""Rules of every kind, suggested from a table with exceptions and odd names."""

import string
from collections.abc import Callable

import pandas
import pytest

from agents.base import AgentContext, AgentResult
from agents.profile.test_coverage_agent import TestCoverageAgent as Parameters
from agents.profile.test_coverage_agent import run
from agents.table import Table
from tests.agents.conftest import MakeTable

ROWS = 400
COLUMNS: dict[str, list[str | None]] = {
    "id": [str(i) for i in range(ROWS)],
    'odd "name" {{ 1 }}': [f"AB-{i % 90 + 10}" for i in range(ROWS)],
    "city": [["Rome", "Oslo", "it's"][i // 2 % 3] for i in range(ROWS - 1)] + [None],
    "country": [["IT", "NO", "FR"][i // 2 % 3] for i in range(ROWS)],
    "price": [f"{i % 50}.5" for i in range(ROWS - 1)] + ["100000.5"],
    "stars": [str(i % 7) for i in range(ROWS)],
    "day": [f"2025-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(ROWS)],
    "mail": [f"p{i}@example.com" for i in range(ROWS)],
    "word": [string.ascii_lowercase[: i % 25 + 2] for i in range(ROWS)],
}


@pytest.fixture
def suggestions(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> AgentResult:
    table = make_table(COLUMNS)
    return run(table, Parameters(), context_of(table))


@pytest.fixture
def frame() -> pandas.DataFrame:
    """The same table as a user of pandas would read it."""
    table = pandas.DataFrame({name: pandas.Series(values, dtype="str") for name, values in COLUMNS.items()})
    return table.astype({"id": "int64", "price": "float64", "stars": "int64", "day": "datetime64[ns]"})
