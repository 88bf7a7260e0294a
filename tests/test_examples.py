"""The example files are what their generator writes, and hold what the demo shows."""

import csv
import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_example_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    runpy.run_path(str(EXAMPLES / "make_examples.py"))["write_all"](tmp_path)
    for written in tmp_path.iterdir():
        assert (EXAMPLES / written.name).read_bytes() == written.read_bytes(), f"run make examples: {written.name}"


def test_the_messy_example_is_messy() -> None:
    with (EXAMPLES / "customers_messy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({tuple(row.values()) for row in rows}) < len(rows)
    assert sum(row["postcode"].startswith("0") for row in rows) > 100
    assert any("@" in row["phone"] for row in rows)
    assert {"12 oz", "12oz", "12.0 oz.", "12 OZ", "12 ounce"} <= {row["bag"] for row in rows}
