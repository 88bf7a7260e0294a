"""What a checkpoint keeps, and what it leaves to the one before."""

from pathlib import Path

import duckdb
import pytest

from agents import wide
from agents.base import AgentResult
from agents.table import Database, Table
from transformers import checkpoints
from transformers.manifest import Step


def _step() -> Step:
    return Step(agent_id="any", status="done", parameters={}, seconds=0.0, rows_in=2, rows_out=2)


def _given(folder: Path) -> Table:
    return Database(folder).table("SELECT range AS __row, 'v' || range AS v FROM range(2)")


def test_a_table_that_stayed_as_it_was_is_not_written_again(tmp_path: Path) -> None:
    given = _given(tmp_path)
    result = AgentResult(table=given, extras={"cleaned.csv": given})

    checkpoints.save(tmp_path / "01-any", "print", given, _step(), result)
    loaded = checkpoints.load(tmp_path / "01-any", "print", given)

    assert loaded is not None
    assert loaded[1].table is given
    assert loaded[1].extras["cleaned.csv"] is given
    assert not list((tmp_path / "01-any").glob("*.parquet"))


def test_a_changed_table_comes_back_with_its_hidden_row(tmp_path: Path) -> None:
    given = _given(tmp_path)
    changed = given.sql("SELECT __row, upper(v) AS v FROM {self}")

    checkpoints.save(tmp_path / "01-any", "print", given, _step(), AgentResult(table=changed, changes=changed))
    loaded = checkpoints.load(tmp_path / "01-any", "print", given)

    assert loaded is not None
    assert loaded[1].table is not None
    assert loaded[1].table.query("SELECT * FROM {self}") == [(0, "V0"), (1, "V1")]
    assert len(list((tmp_path / "01-any").glob("*.parquet"))) == 1


def test_of_a_table_of_many_columns_those_that_changed_are_written(tmp_path: Path) -> None:
    given = _given(tmp_path).sql("SELECT *, 'w' AS w FROM {self}")
    changed = given.replaced({"v": "upper(v)"})

    checkpoints.save(tmp_path / "01-any", "print", given, _step(), AgentResult(table=changed))
    loaded = checkpoints.load(tmp_path / "01-any", "print", given)

    assert loaded is not None
    assert loaded[1].table is not None
    assert loaded[1].table.query("SELECT * FROM {self}") == [(0, "V0", "w"), (1, "V1", "w")]
    assert loaded[1].table.shared_with(given) == {"w"}
    assert duckdb.sql(f"FROM '{tmp_path}/01-any/0.parquet'").columns == ["__row", "v"]


def test_what_was_gathered_is_not_written_again(tmp_path: Path) -> None:
    given = _given(tmp_path)
    changes = given.sql("SELECT __row AS row, v AS old, 'agent' AS agent FROM {self}")
    result = AgentResult(extras={"changes.csv": changes.only(["agent", "row"])})

    checkpoints.save(tmp_path / "01-any", "print", given, _step(), result, {"changes": changes})
    loaded = checkpoints.load(tmp_path / "01-any", "print", given, {"changes": changes})

    assert loaded is not None
    assert loaded[1].extras["changes.csv"].query("SELECT * FROM {self}") == [("agent", 0), ("agent", 1)]
    assert not list((tmp_path / "01-any").glob("*.parquet"))


def test_a_checkpoint_of_another_run_is_none(tmp_path: Path) -> None:
    given = _given(tmp_path)
    checkpoints.save(tmp_path / "01-any", "print", given, _step(), AgentResult())

    assert checkpoints.load(tmp_path / "01-any", "another", given) is None


def test_documents_come_back(tmp_path: Path) -> None:
    given = _given(tmp_path)
    documents = {"rules.yml": "columns:\n- café\n"}

    checkpoints.save(tmp_path / "01-any", "print", given, _step(), AgentResult(documents=documents))
    loaded = checkpoints.load(tmp_path / "01-any", "print", given)

    assert loaded is not None
    assert loaded[1].documents == documents


def test_a_wide_table_comes_back_from_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "GROUP", 2)
    monkeypatch.setattr(wide, "MOST_PARTS", 2)
    given = _given(tmp_path)
    cells = ", ".join(f"'{name}' || range AS {name}" for name in "zyxwvut")
    changed = given.sql(f"SELECT range AS __row, {cells} FROM range(3)")
    laid = changed.replaced({"w": "upper(w)"})

    checkpoints.save(tmp_path / "01-any", "print", changed, _step(), AgentResult(table=laid, changes=given))
    checkpoints.save(tmp_path / "02-any", "print", given, _step(), AgentResult(table=laid))
    for place, before in (("01-any", changed), ("02-any", given)):
        loaded = checkpoints.load(tmp_path / place, "print", before)
        assert loaded is not None
        assert loaded[1].table is not None
        assert list(loaded[1].table.types) == ["__row", *"zyxwvut"]
        assert loaded[1].table.query("SELECT * FROM {self} ORDER BY __row") == [
            (row, f"z{row}", f"y{row}", f"x{row}", f"W{row}", f"v{row}", f"u{row}", f"t{row}") for row in range(3)
        ]
    assert len(list((tmp_path / "02-any").glob("*.parquet"))) == 4
