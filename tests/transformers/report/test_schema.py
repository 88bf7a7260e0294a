"""report.json is what schema.json says, by real runs of all three tools; a key that it doesn't name is a fault."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agents.drift.detector import FIGURES, RUNS
from tests.transformers.report.documents import everything
from transformers.pipeline import run
from transformers.report import write_json
from transformers.specification import InputSpec, Specification
from transformers.tools import order, tools

SCHEMA = Path(__file__).parents[3] / "transformers" / "report" / "schema.json"
MORE = {"profile-my-data": {"score-risk": {"masked_copy": True}}}
"""What brings further parts into the report."""
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator: jsonschema.Draft202012Validator, report: dict[str, Any]) -> list[str]:
    errors = [deepest(error) for error in validator.iter_errors(report)]
    return sorted({f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors})


def deepest(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Of what might have been instead, the one that came nearest."""
    return deepest(jsonschema.exceptions.best_match(error.context)) if error.context else error


def report_of(
    tool_id: str, folder: Path, agents: list[str] | None = None, *, dataset: str | None = None, baseline: bool = True
) -> dict[str, Any]:
    given = {"primary": EXAMPLES / "customers_messy.csv"}
    if tool_id == "profile-my-data" and baseline:
        given["baseline"] = EXAMPLES / "customers_last_year.csv"
    for role, path in given.items():
        (folder / role).mkdir(exist_ok=True)
        (folder / role / path.name).write_bytes(path.read_bytes())
    ordered = order(tool_id, agents, None if agents else MORE.get(tool_id))
    run(
        folder,
        Specification(
            task_id="t",
            tool_id=tool_id,
            agents=ordered.agents,
            parameters=dict(ordered.parameters),
            prices=dict(ordered.prices),
            inputs=tuple(InputSpec(role=r, filename=p.name, path=f"{r}/{p.name}") for r, p in given.items()),
            created_at=datetime(2026, 1, 2, tzinfo=UTC),
            dataset=dataset,
        ),
        lambda _: None,
    )
    report: dict[str, Any] = json.loads((folder / "outputs" / "report.json").read_text("utf-8"))
    return report


@pytest.mark.parametrize("tool_id", tools())
def test_a_report_is_as_described(tool_id: str, validator: jsonschema.Draft202012Validator, tmp_path: Path) -> None:
    report = report_of(tool_id, tmp_path)
    assert faults(validator, report) == []
    assert report["metadata"]["input"]["name"] == "customers_messy.csv"


def test_a_report_with_the_trend_of_a_dataset_is_as_described(
    validator: jsonschema.Draft202012Validator, tmp_path: Path
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    first = report_of("profile-my-data", before, ["drift-detector"], dataset="customers", baseline=False)
    after.mkdir()
    (before / "kept").rename(after / "store")
    figures = json.loads((after / "store" / FIGURES).read_text("utf-8"))
    runs = [{"run": 1, "task_id": "t", "at": "2026-01-01T00:00:00+00:00", **figures}]
    (after / "store" / RUNS).write_text(json.dumps(runs), encoding="utf-8")
    second = report_of("profile-my-data", after, ["drift-detector"], dataset="customers", baseline=False)
    assert faults(validator, first) == faults(validator, second) == []
    trend = second["agent_results"]["drift-detector"]["data"]["trend"]
    assert [each["run"] for each in trend] == [1, 2]
    assert "Over the runs of this dataset" in (after / "outputs" / "report.html").read_text("utf-8")


def test_a_report_that_is_not_as_described_is_told(validator: jsonschema.Draft202012Validator, tmp_path: Path) -> None:
    write_json(everything() | {"surprise": 1}, tmp_path / "report.json")
    told = faults(validator, json.loads((tmp_path / "report.json").read_text("utf-8")))
    assert any("'surprise' was unexpected" in fault for fault in told)
