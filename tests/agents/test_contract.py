"""What every agent promises, whoever wrote it, on tables of every shape."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

from agents.base import Agent, registry
from agents.table import ROW, Database, Table
from errors import NotApplicable
from tests.agents.chain import Chain, RanStep, facts, fingerprint, run_tool

ODD_NAMES = (
    'a"b',
    "{self}",
    "🙂",
    "two  words",
    "select",
    "row",
    "column",
    "value",
    "old",
    "new",
    "v",
    "n",
    "'",
    "unit",
    "ROWID",
    "T",
    "key",
    "entity_id",
)


def _rows(count: int) -> dict[str, list[str | None]]:
    """A table with a bit of every dirt."""
    cities = ("Berlin", "Paris", "St. Gallen", "St Gallen", "Oslo ")
    return {
        "id": [str(i) for i in range(count)],
        "zip": [f"{i * 7919 % 100_000:05d}" for i in range(count)],
        "name": [f"Person {i % (count // 2 + 1)}" for i in range(count)],
        "city": [cities[i * 31 % 97 % 5] for i in range(count)],
        "weight": [f"{i % 90}.0 kg" if i % 3 else f"{i % 90} kgs" for i in range(count)],
        "share": [f"{i % 100}%" if i % 2 else str(i % 100) for i in range(count)],
        "born": [f"19{i % 90 + 10}-0{i % 9 + 1}-1{i % 9}" if i % 10 else f"1{i % 9}/12/2001" for i in range(count)],
        "score": [None if i % 7 == 0 else "N/A" if i % 11 == 0 else str(i % 50) for i in range(count)],
        "e-mail": [f"user{i}@example.com" for i in range(count)],
    }


SHAPES: dict[str, Callable[[], dict[str, list[Any]]]] = {
    "empty": lambda: {"a": [], "b": []},
    "one_row": lambda: {column: values[:1] for column, values in _rows(2).items()},
    "all_null": lambda: {"a": [None] * 5, "b": ["", None, "N/A", " ", "-"]},
    "one_column": lambda: {"a": ["1", "2", "2", None, "x"]},
    "odd_names": lambda: {name: ["1", " b ", None, "N/A", "b"] for name in ODD_NAMES},
    "unicode": lambda: {"naïve": ["Zoë", "Zoe\u0301", "\u200bÅ", "日本", "𝒳"], "дата": ["1.2.2020"] * 4 + ["٣"]},
    "wide": lambda: {f"c{i}": ["1", "x", None] if i % 9 else ["2.5 kg", "3 kg", "4 kgs"] for i in range(300)},
    "long": lambda: _rows(20_000),
}

_LINKED_ROWS = 1_000
"""Linking compares pairs of rows, so its long table is shorter."""


def _table(columns: dict[str, list[Any]]) -> Table:
    database = Database(Path(tempfile.mkdtemp()))
    frame = pandas.DataFrame({name: pandas.Series(values, dtype="str") for name, values in columns.items()})
    frame.insert(0, ROW, pandas.Series(range(len(frame)), dtype="int64"))
    text = ", ".join(f"CAST({Table.q(column)} AS VARCHAR) AS {Table.q(column)}" for column in columns)
    return database.from_df(frame).sql(f"SELECT {Table.q(ROW)}, {text} FROM {{self}}")


@functools.cache
def _chain(tool: str, shape: str) -> Chain:
    columns = _rows(_LINKED_ROWS) if (tool, shape) == ("master-my-data", "long") else SHAPES[shape]()
    table = _table(columns)
    return Chain(table, table)


def _ran(tool: str, shape: str, until: str | None = None) -> Chain:
    """The tool's chain on a table, run as far as `until`: an agent answers for itself, not for those after it."""
    chain = _chain(tool, shape)
    done = {step.agent.id for step in chain.steps}
    for agent in registry().values():
        if agent.tool == tool and (agent.default or agent.always):
            if agent.id not in done:
                chain.run(agent)
            if agent.id == until:
                break
    return chain


def _steps() -> Iterator[Any]:
    for agent in registry().values():
        if agent.default or agent.always:
            for shape in SHAPES:
                yield pytest.param(agent, shape, id=f"{agent.id}-{shape}")


def _step(agent: Agent, shape: str) -> RanStep:
    return next(step for step in _ran(agent.tool, shape, agent.id).steps if step.agent.id == agent.id)


@pytest.mark.parametrize(("agent", "shape"), list(_steps()))
def test_every_agent_keeps_its_promises(agent: Agent, shape: str) -> None:
    step = _step(agent, shape)
    before = fingerprint(step.table)

    try:
        again = agent.run(step.table, agent.params(), step.context) if step.result else None
    except NotApplicable:
        again = None

    assert fingerprint(step.table) == before, "the input was touched"
    if step.result is None:
        assert again is None
        return
    assert again is not None
    assert facts(again) == facts(step.result), "two runs on one input differ"
    _check_rows(step)


def _check_rows(step: RanStep) -> None:
    """Rows keep their number; in clean-my-data each that is gone was removed with a reason."""
    result = step.result
    if result is None or result.table is None:
        return
    left, before = (set(table.query(f"SELECT {ROW} FROM {{self}}")) for table in (result.table, step.table))
    assert len(left) == result.table.rows, "two rows have one number"
    assert left <= before, "a row has a number that the file doesn't have"
    if step.agent.tool == "clean-my-data":
        removed = set(result.removed.query("SELECT row FROM {self}")) if result.removed else set()
        assert before - left == removed


@pytest.mark.parametrize("shape", SHAPES)
def test_cleaning_twice_is_cleaning_once(shape: str) -> None:
    cleaned = _ran("clean-my-data", shape).table

    again = run_tool("clean-my-data", cleaned)

    assert fingerprint(again.table) == fingerprint(cleaned)
    assert "changes" not in again.gathered
    assert "removed" not in again.gathered


@pytest.mark.parametrize("shape", SHAPES)
def test_the_log_of_a_cleaning_explains_its_result(shape: str) -> None:
    chain = _ran("clean-my-data", shape)

    assert chain.steps[-1].agent.id == "cleanse-writeback"
    assert chain.steps[-1].result is not None
    assert chain.steps[-1].result.metrics["verified"]
