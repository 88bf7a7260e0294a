"""Tables as files: in the order of `__row`, whole however large they are."""

from pathlib import Path

import pytest

from agents import table as module
from agents.table import Database


def _numbered(database: Database, order: str) -> module.Table:
    return database.table(f"SELECT range AS __row, 'v' || range AS v FROM range(25) ORDER BY {order}")


@pytest.mark.parametrize("order", ["range", "range DESC", "hash(range)"])
def test_csv_in_parts_is_one_file_in_row_order(
    database: Database, tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 10)

    _numbered(database, order).write_csv(tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_text().split() == ["v", *(f"v{number}" for number in range(25))]
    assert not list(tmp_path.glob("*.part"))


def test_csv_of_no_rows_has_its_header(database: Database, tmp_path: Path) -> None:
    database.table("SELECT 1 AS __row, 'x' AS v WHERE false").write_csv(tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_text().split() == ["v"]


def test_only_rows_out_of_order_are_sorted(database: Database) -> None:
    assert _numbered(database, "range").in_order == ""
    assert _numbered(database, "hash(range)").in_order == ' ORDER BY "__row"'
    assert database.table("SELECT 'no rows are counted here' AS v").in_order == ""
