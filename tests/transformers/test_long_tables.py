"""A long table is kept, asked and written otherwise than a short one; what comes out is the same to the byte."""

import csv
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from tests.planted import people
from transformers.pipeline import run
from transformers.specification import InputSpec, Specification
from transformers.tools import order

ROWS = 400
LONG_IS_SHORT = {
    "agents.read_base._LARGE": 1,
    "agents.table._MANY_ROWS": 50,
    "agents.table._ROWS_AT_ONCE": 70,
    "agents.table._CELLS_AT_ONCE": 900,
    "agents.edits._CELLS_AT_ONCE": 7,
    "agents.turns.GROUPS_AT_ONCE": 40,
}


def _tables(folder: Path, tool: str) -> dict[str, bytes]:
    """The CSV files of a run of a tool on people whose cells need repair."""
    path = folder / "inputs" / "primary" / "people.csv"
    path.parent.mkdir(parents=True)
    columns = people(ROWS)
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([columns.keys(), *zip(*columns.values(), strict=True)])
    ordered = order(tool, None)
    specification = Specification(
        task_id="t",
        tool_id=tool,
        agents=ordered.agents,
        parameters=dict(ordered.parameters),
        prices=dict(ordered.prices),
        inputs=(InputSpec(role="primary", filename=path.name, path=path.relative_to(folder).as_posix()),),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    run(folder, specification, lambda _: None)
    return {each.name: each.read_bytes() for each in (folder / "outputs").glob("*.csv")}


@pytest.mark.parametrize("tool", ["profile-my-data", "clean-my-data", "master-my-data"])
def test_a_long_table_gives_what_a_short_one_gives(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = _tables(tmp_path / "short", tool)
    assert any(table.count(b"\n") > ROWS // 2 for table in short.values())
    for place, value in LONG_IS_SHORT.items():
        module, _, name = place.rpartition(".")
        assert hasattr(import_module(module), name)
        monkeypatch.setattr(place, value)
    assert _tables(tmp_path / "long", tool) == short
