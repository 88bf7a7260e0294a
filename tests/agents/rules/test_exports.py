"""What is exported is loaded by the library that it is written for, holds on its table and fails on a worse one."""

import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pandas
import pytest
import yaml

from agents.base import AgentResult
from agents.rules.contracts import read_contract
from agents.rules.exports import FILES

DBT = Path(__file__).parents[3] / ".venv-dbt" / "bin" / "dbt"


def document(result: AgentResult, name: str) -> str:
    return result.documents[FILES[name]]


def worse(frame: pandas.DataFrame) -> pandas.DataFrame:
    late = frame["day"] + pandas.Timedelta(days=900)
    return frame.assign(price=frame["price"] * 1e9, country=frame["country"].str.lower(), id=1, day=late)


def test_every_kind_of_rule_is_suggested(suggestions: AgentResult) -> None:
    kinds = {each["kind"] for each in suggestions.data["rules"]}
    assert kinds == {
        *("required", "unique", "range", "format", "allowed_values", "length", "type", "dependency", "row_count"),
    }


def test_the_contract_keeps_the_standard(suggestions: AgentResult) -> None:
    from open_data_contract_standard.model import OpenDataContractStandard

    text = document(suggestions, "odcs")
    standard = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(text), standard)
    loaded = OpenDataContractStandard.from_string(text)
    assert [each.name for each in loaded.schema_[0].properties] == list(suggestions.data["coverage"]["uncovered"])


def test_the_contract_is_read_back_as_the_same_rules(suggestions: AgentResult) -> None:
    """But for dependencies and tolerated ranges and lengths, for which the standard has no words."""
    read = {(each.kind, each.columns) for each in read_contract(document(suggestions, "odcs")).rules}
    written = {
        (each["kind"], tuple(each["columns"])) for each in suggestions.data["rules"] if each["kind"] != "dependency"
    }
    assert written - read == {("range", ("price",))}
    assert read <= written


@pytest.mark.filterwarnings("ignore")
def test_the_expectations_hold_and_can_fail(suggestions: AgentResult, frame: pandas.DataFrame) -> None:
    import great_expectations as gx

    suite = gx.ExpectationSuite(**json.loads(document(suggestions, "great_expectations")))
    source = gx.get_context(mode="ephemeral").data_sources.add_pandas("memory")
    batch = source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("all")
    found = batch.get_batch({"dataframe": frame}).validate(suite)
    assert found.success, [each.expectation_config for each in found.results if not each.success]
    broken = batch.get_batch({"dataframe": worse(frame)}).validate(suite)
    assert {each.expectation_config.kwargs.get("column") for each in broken.results if not each.success} == {
        *("price", "country", "id", "day"),
    }


@pytest.mark.filterwarnings("ignore")
def test_the_schema_of_pandera_holds_and_can_fail(suggestions: AgentResult, frame: pandas.DataFrame) -> None:
    import pandera.errors

    names: dict[str, Any] = {}
    exec(compile(document(suggestions, "pandera"), "pandera_schema.py", "exec"), names)
    schema = names["schema"]
    assert len(schema.validate(frame)) == len(frame)
    with pytest.raises(pandera.errors.SchemaErrors) as failure:
        schema.validate(worse(frame), lazy=True)
    assert {"price", "country", "id", "day"} <= set(failure.value.failure_cases["column"].dropna())


def test_the_tests_of_dbt_are_well_formed(suggestions: AgentResult) -> None:
    (model,) = yaml.safe_load(document(suggestions, "dbt"))["models"]
    named = {next(iter(test)) if isinstance(test, dict) else test for test in _tests(model)}
    defined = document(suggestions, "dbt_tests")
    assert named >= {"not_null", "unique", "accepted_values", "keeps_range", "keeps_format", "determines"}
    own = named - {"not_null", "unique", "accepted_values"}
    assert all(f"{{% test {name}(" in defined for name in own)


def _tests(model: Any) -> list[Any]:
    return [*model["data_tests"], *(test for column in model["columns"] for test in column.get("data_tests", []))]


@pytest.mark.skipif(not DBT.exists(), reason="dbt lives in an environment of its own: make dbt")
def test_dbt_builds_the_table_and_its_tests(suggestions: AgentResult, frame: pandas.DataFrame, tmp_path: Path) -> None:
    project = _project(suggestions, frame, tmp_path)
    command = [str(DBT), "build", "--project-dir", str(project), "--profiles-dir", str(project), "--no-use-colors"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert "ERROR=0" in done.stdout
    assert "WARN=" in done.stdout


def _project(suggestions: AgentResult, frame: pandas.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "table.csv", index=False)
    files = {
        "dbt_project.yml": "name: suggested\nprofile: here\nmodel-paths: [models]\ntest-paths: [tests]\n",
        "profiles.yml": f"here: {{target: dev, outputs: {{dev: {{type: duckdb, path: '{folder / 'd.duckdb'}'}}}}}}\n",
        "models/table.sql": f"select * from read_csv('{folder / 'table.csv'}')\n",
        "models/schema.yml": document(suggestions, "dbt"),
        "tests/generic/suggested.sql": document(suggestions, "dbt_tests"),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
