"""The agent loop: a folder in, a folder out, resumed after what is done."""

import csv
import dataclasses
import errno
import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from agents import base
from agents.base import AgentResult
from errors import AgentFailed, ColumnNotFound, NotApplicable, StorageUnavailable, Unforeseen
from transformers.pipeline import run, unforeseen_as
from transformers.specification import InputSpec, Specification
from transformers.tools import order

EXAMPLE = Path(__file__).parents[2] / "examples" / "customers_messy.csv"
PEOPLE = "name,age\nAda,7\nAda,7\n Bo,N/A\n"


@pytest.fixture
def specify(tmp_path: Path) -> Callable[..., Specification]:
    """A factory of specifications whose input files lie in the test's folder."""

    def make(tool_id: str = "clean-my-data", agents: list[str] | None = None, **files: str) -> Specification:
        inputs = []
        for role, content in (files or {"primary": PEOPLE}).items():
            path = tmp_path / "inputs" / role / f"{role}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            inputs.append(InputSpec(role=role, filename=path.name, path=path.relative_to(tmp_path).as_posix()))
        ordered = order(tool_id, agents)
        return Specification(
            task_id="t",
            tool_id=tool_id,
            agents=ordered.agents,
            parameters=dict(ordered.parameters),
            prices=dict(ordered.prices),
            inputs=tuple(inputs),
            created_at=datetime(2026, 1, 2, tzinfo=UTC),
        )

    return make


class Heard(list[Mapping[str, Any]]):
    """What a run told, event by event."""

    def __call__(self, event: Mapping[str, Any]) -> None:
        self.append(event)

    def steps(self) -> list[str]:
        return [event["agent_id"] for event in self if event["event"] == "step"]

    def progress(self) -> list[int]:
        return [event["progress"] for event in self if event["event"] == "progress"]


def replace_agent(monkeypatch: pytest.MonkeyPatch, agent_id: str, act: Callable[..., AgentResult]) -> None:
    real = base.registry()
    changed = {**real, agent_id: dataclasses.replace(real[agent_id], run=act)}
    monkeypatch.setattr("transformers.pipeline.agents_of", lambda _: changed)


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_a_run_leaves_outputs_and_a_manifest_that_describes_them(tmp_path, specify):
    manifest = run(tmp_path, specify(), Heard())
    there = {path.name for path in (tmp_path / "outputs").iterdir()}
    assert there == {each.filename for each in manifest.files} | {"manifest.json"}
    assert read(tmp_path / "outputs" / "cleaned.csv") == [["name", "age"], ["Ada", "7"], ["Bo", ""]]


def test_progress_only_rises_and_ends_before_uploading(tmp_path, specify):
    heard = Heard()
    run(tmp_path, specify(), heard)
    assert heard.progress() == sorted(heard.progress())
    assert heard.progress()[-1] == 90


def test_a_second_run_in_the_same_folder_resumes_after_every_agent(tmp_path, specify):
    first, second = Heard(), Heard()
    before = run(tmp_path, specify(), first)
    after = run(tmp_path, specify(), second)
    assert first.steps() == list(specify().agents)
    assert second.steps() == []
    digests = [
        {each.filename: each.sha256 for each in m.files if each.filename.endswith(".csv")} for m in (before, after)
    ]
    assert digests[0] == digests[1]


def test_another_input_is_not_resumed_from(tmp_path, specify):
    run(tmp_path, specify(), Heard())
    heard = Heard()
    run(tmp_path, specify(primary=PEOPLE + "Cy,9\n"), heard)
    assert heard.steps() == list(specify().agents)


def test_an_agent_that_refuses_is_skipped_with_its_reason_and_costs_nothing(tmp_path, specify, monkeypatch):
    def refuse(*_: object) -> AgentResult:
        raise NotApplicable("nothing to do here")

    replace_agent(monkeypatch, "null-handler", refuse)
    manifest = run(tmp_path, specify(), Heard())
    (step,) = [step for step in manifest.steps if step.agent_id == "null-handler"]
    assert (step.status, step.reason) == ("skipped", "nothing to do here")
    assert manifest.credits == sum(specify().prices.values()) - specify().prices["null-handler"]


def test_an_unexpected_error_names_the_agent_and_nothing_else(tmp_path, specify, monkeypatch):
    def burst(*_: object) -> AgentResult:
        raise ZeroDivisionError("secret cell 4711")

    replace_agent(monkeypatch, "null-handler", burst)
    with pytest.raises(AgentFailed) as caught:
        run(tmp_path, specify(), Heard())
    assert "null-handler" in caught.value.message
    assert "4711" not in caught.value.message
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("secret cell 4711"), Unforeseen),
        (OSError(errno.ENOSPC, "secret cell 4711"), StorageUnavailable),
        (PermissionError(), Unforeseen),
        (ColumnNotFound("a"), ColumnNotFound),
        (MemoryError(), MemoryError),
    ],
)
def test_whatever_ends_a_run_has_a_name(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, unforeseen_as(Unforeseen):
        raise error
    assert "4711" not in str(caught.value)


def test_errors_of_the_service_pass_through(tmp_path, specify):
    specification = specify()
    parameters = specification.parameters | {"null-handler": {"column_strategies": {"none": "median"}}}
    with pytest.raises(ColumnNotFound, match="null-handler: column_strategies names 'none'"):
        run(tmp_path, specification.model_copy(update={"parameters": parameters}), Heard())


def test_of_several_files_the_unreadable_one_is_named(tmp_path, specify):
    with pytest.raises(match=r"baseline \(baseline.csv\): The file is empty."):
        run(tmp_path, specify("profile-my-data", primary=PEOPLE, baseline=""), Heard())


def test_several_sources_are_stacked_and_told_apart(tmp_path, specify):
    specification = specify("master-my-data", primary=PEOPLE, source_b="age,name,city\n7,Ada,Oslo\n")
    run(tmp_path, specification, Heard())
    assert read(tmp_path / "outputs" / "cross_reference.csv")[0] == ["source", "row", "entity_id"]
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert report["metadata"]["input"]["rows"] == 4
    assert report["metadata"]["input"]["columns"] == 3


@pytest.mark.parametrize("tool_id", ["profile-my-data", "clean-my-data", "master-my-data"])
def test_a_table_in_groups_of_columns_comes_to_the_same_results(tool_id, tmp_path, specify, monkeypatch):
    table = EXAMPLE.read_text(encoding="utf-8")
    specification = specify(tool_id, primary=table)
    results = []
    for columns in (400, 3):
        monkeypatch.setattr("agents.wide.GROUP", columns)
        shutil.rmtree(tmp_path / "checkpoints", ignore_errors=True)
        run(tmp_path, specification, Heard())
        tables = {path.name: path.read_bytes() for path in (tmp_path / "outputs").glob("*.csv")}
        report = json.loads((tmp_path / "outputs" / "report.json").read_text(encoding="utf-8"))
        results.append((tables, report["alerts"], report["issues"], report["row_level_issues"]))
    assert results[0] == results[1]


def test_a_parquet_file_that_would_be_too_wide_comes_in_several(tmp_path, specify, monkeypatch):
    monkeypatch.setattr("agents.table._COLUMNS_OF_PARQUET", 2)
    manifest = run(tmp_path, specify(primary="a,b,c,d,e\n2,w, x,1.5,z\n1,w,y,2.5,z\n1,w,y,2.5,z\n"), Heard())
    outputs = tmp_path / "outputs"
    parts = sorted(path.name for path in outputs.glob("cleaned*.parquet"))
    assert parts == ["cleaned-1.parquet", "cleaned-2.parquet", "cleaned-3.parquet"]
    assert set(parts) <= {each.filename for each in manifest.files}
    joined = " POSITIONAL JOIN ".join(f"'{outputs / part}'" for part in parts)
    assert duckdb.sql(f"FROM {joined}").fetchall() == [(2, "w", "x", 1.5, "z"), (1, "w", "y", 2.5, "z")]
