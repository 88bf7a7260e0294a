"""Texts that are looked at once say the same as cells."""

import pytest

from agents import texts
from agents.column_types import infer_types
from agents.edits import Edits
from agents.table import Table
from agents.texts import few_texts, texts_sql
from tests.agents.conftest import MakeTable


@pytest.fixture
def table(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(texts, "_SHORT", 10)
    return make_table({"a": ["x", "Y", None, " x"] * 20, "b": [str(number) for number in range(80)]})


def test_few_texts_are_counted_once_each(table: Table) -> None:
    types = infer_types(table)
    assert [few_texts(table, types[column]) for column in table.columns] == [True, False]
    for found in (types["a"], None):
        counted = table.query(f"SELECT v, sum(n) FROM {texts_sql(table, 'a', found)} GROUP BY v ORDER BY v")
        assert counted == [(" x", 20), ("Y", 20), ("x", 20), (None, 20)]


def test_a_column_none_of_whose_texts_changes_is_left(table: Table) -> None:
    infer_types(table)
    edits = Edits(table)
    edits.rewrite("a", lambda value: f"coalesce({value}, 'none')", rule="fill", evidence="-")
    edits.rewrite("b", lambda value: value, rule="nothing", evidence="-")

    changed, changes = edits.apply()

    assert changed.shared_with(table) == {"b"}
    assert changes.query("SELECT min(row), max(row), count(*) FROM {self}") == [(2, 78, 20)]


def test_a_type_knows_padding_and_all_texts(table: Table) -> None:
    types = infer_types(table)
    assert [(types[name].padded, types[name].texts, types[name].tidy) for name in "ab"] == [
        (True, 4, False),
        (False, 80, True),
    ]
