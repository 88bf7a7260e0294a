"""report.json holds what was found, in JSON's own types."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest

from transformers.manifest import jsonable
from transformers.report import write_json
from transformers.report.document import by_severity


def test_numbers_that_json_cannot_hold_are_null(report: dict[str, Any], tmp_path: Path) -> None:
    write_json(report, tmp_path / "report.json")
    held = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    column = held["agent_results"]["unified-profiler"]["data"]["columns"][0]
    assert column["numeric"] == {"min": -1.5, "max": None, "mean": 3.25}


def test_text_stays_readable_and_any_text_can_be_written(tmp_path: Path) -> None:
    write_json({"name": "Zoë 北京", "half": "a\ud800b"}, tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == '{\n  "name": "Zoë 北京",\n  "half": "a?b"\n}\n'.encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, {2}), [1, [2]]),
        ({3: numpy.int64(4)}, {"3": 4}),
        (numpy.float64("nan"), None),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Path("a"), "a"),
        (True, True),
    ],
)
def test_everything_becomes_a_plain_value(value: Any, expected: Any) -> None:
    assert jsonable(value) == expected


def test_the_worst_come_first_and_equals_keep_their_order() -> None:
    found = [{"severity": "low", "n": 1}, {"severity": "high", "n": 2}, {"severity": "low", "n": 3}, {"n": 4}]
    assert [each["n"] for each in by_severity(found)] == [2, 1, 3, 4]
