"""Personal data is never whole in what a profile leaves behind, whichever agents ran."""

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from agents.base import AgentResult, registry
from agents.privacy.kinds import Style
from agents.table import ROW, Database, Table
from errors import InvalidParameters
from tests.agents.conftest import MakeTable
from tests.planted import as_csv, leaked, people
from transformers import pipeline
from transformers.manifest import Step
from transformers.pipeline import Run
from transformers.profile_my_data_transformer import shield
from transformers.report.assemble import build_report
from transformers.report.masking import Shield
from transformers.specification import InputSpec, Specification
from transformers.tools import order

PROFILERS = [agent for agent in registry().values() if agent.tool == "profile-my-data"]
NAMES = [agent.id for agent in PROFILERS]
PEOPLE, OTHERS = people(60), people(90)
Profile = Callable[..., tuple[str, Path]]


def specify(folder: Path, agents: list[str] | None = None, **parameters: Any) -> Specification:
    """An order for the planted table, with another one as its baseline, whose files lie in the folder."""
    inputs = []
    for role, columns in {"primary": PEOPLE, "baseline": OTHERS}.items():
        path = folder / "inputs" / role / f"{role}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_csv(columns), encoding="utf-8")
        inputs.append(InputSpec(role=role, filename=path.name, path=path.relative_to(folder).as_posix()))
    ordered = order("profile-my-data", agents, parameters)
    return Specification(
        task_id="t",
        tool_id="profile-my-data",
        agents=ordered.agents,
        parameters=dict(ordered.parameters),
        prices=dict(ordered.prices),
        inputs=tuple(inputs),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        duckdb_threads=1,
    )


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """Profile the planted table with some agents; what was told on the way, and the folder of results."""

    def made(*agents: str, **parameters: Any) -> tuple[str, Path]:
        told: list[Any] = []
        pipeline.run(tmp_path, specify(tmp_path, list(agents) or None, **parameters), told.append)
        return json.dumps(told), tmp_path / "outputs"

    return made


Kept = tuple[Run, dict[str, tuple[Step, AgentResult]]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """What was read, and what each agent found in it after all before it."""
    folder = tmp_path_factory.mktemp("run")
    database = Database(folder, threads=1)
    state = pipeline._read(folder, specify(folder), database)
    found = {}
    for agent in PROFILERS:
        found[agent.id] = pipeline._run_agent(state, agent, lambda share: None)
        pipeline._absorb(state, agent, *found[agent.id])
    yield state, found
    database.close()


def text_of(path: Path) -> str:
    """All that a file of results says."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return "\n".join(book.read(name).decode() for name in book.namelist())
    if path.suffix == ".parquet":
        return repr(duckdb.read_parquet(str(path)).fetchall())
    return path.read_text(encoding="utf-8")


def leaks(said: dict[str, str]) -> dict[str, list[str]]:
    """What stands in which of the texts and must not."""
    found = {name: leaked(text, PEOPLE) + leaked(text, OTHERS) for name, text in said.items()}
    return {name: cells for name, cells in found.items() if cells}


@pytest.mark.parametrize("agents", [*((name,) for name in NAMES), tuple(NAMES)], ids="+".join)
def test_no_file_and_no_event_of_a_run_lets_personal_data_out(profile: Profile, agents: tuple[str, ...]) -> None:
    told, outputs = profile(*agents)
    assert leaks({path.name: text_of(path) for path in outputs.iterdir()} | {"events": told}) == {}


def test_no_combination_of_agents_lets_personal_data_out(kept: Kept) -> None:
    state, found = kept
    for size in range(1, len(PROFILERS) + 1):
        for chosen in itertools.combinations(PROFILERS, size):
            part = replace(state, steps=[], results={}, gathered={})
            for agent in chosen:
                pipeline._absorb(part, agent, *found[agent.id])
            guard = shield(part)
            rows = {name: repr(table.query("SELECT * FROM {self}")) for name, table in _tables(part, guard)}
            said = rows | {"report": json.dumps(build_report(part, {}, guard), ensure_ascii=False)}
            assert leaks(said) == {}, [agent.id for agent in chosen]


def _tables(part: Run, guard: Shield) -> Iterator[tuple[str, Table]]:
    yield from pipeline._output_tables(part, guard).items()


def test_the_search_for_leaks_can_fail(kept: Kept) -> None:
    state, _ = kept
    report = build_report(state, {})
    assert len(leaks({"report": json.dumps(report, ensure_ascii=False)})["report"]) > 50


def test_unmasking_leaves_files_whole_and_the_report_masked(profile: Profile) -> None:
    restricted = {"classifications": {"amount": "restricted"}}
    _, outputs = profile("unified-profiler", "score-risk", **{"score-risk": restricted}, output={"unmask": True})
    assert "99999" in text_of(outputs / "row_level_issues.csv")
    assert leaks({path.name: text_of(path) for path in outputs.iterdir() if path.name.startswith("report")}) == {}
    assert json.loads((outputs / "manifest.json").read_text())["parameters"]["output"] == {"unmask": True}


def test_only_a_tool_that_masks_can_be_asked_not_to() -> None:
    assert order("profile-my-data", None, {"output": {"unmask": True}}).unmasked
    assert not order("profile-my-data").unmasked
    with pytest.raises(InvalidParameters, match="output"):
        order("clean-my-data", None, {"output": {"unmask": True}})


def test_a_classification_by_the_user_decides_about_files(profile: Profile) -> None:
    for chosen, whole in (("restricted", False), ("internal", True)):
        parameters = {"score-risk": {"classifications": {"amount": chosen}}}
        _, outputs = profile("unified-profiler", "score-risk", **parameters)
        assert ("99999" in text_of(outputs / "row_level_issues.csv")) is whole


@pytest.fixture(scope="module")
def make_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeTable]:
    """A factory of tables of texts."""
    database = Database(tmp_path_factory.mktemp("tables"))

    def make(columns: Mapping[str, Sequence[str | None]]) -> Table:
        lists = ", ".join(f"unnest($c{place}::VARCHAR[]) AS {Table.q(name)}" for place, name in enumerate(columns))
        cells = {f"c{place}": list(values) for place, values in enumerate(columns.values())}
        return database.table(f"SELECT row_number() OVER () - 1 AS {ROW}, * FROM (SELECT {lists})", cells)

    yield make
    database.close()


@pytest.fixture(scope="module")
def guard(make_table: MakeTable) -> Shield:
    people = make_table(
        {
            "who": ["Ann Lee", "Bo", " Cy Dee "],
            "tel": ["(205) 555-0123", "205 555 0188", None],
            "born": ["3/12/1985", "7/1/1990", "1 May 1977"],
        }
    )
    leading: dict[str, Style] = {"who": "name", "tel": "number", "born": "date"}
    return Shield(leading=leading, protected=leading, tables=[people], keys=["who"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ann Lee", "A••• L•••"),
        ("ann LEE", "a••• L•••"),
        ("“Ann Lee” stands here twice, “Bo” once", "“A••• L•••” stands here twice, “••” once"),
        ("one of Ann Lee, Cy Dee, Bo.", "one of A••• L•••, C••• D•••, Bo."),
        ("['Bo', 'Eve']", "['••', 'Eve']"),
        ("call (205) 555-0123 now", "call (•••) •••-••23 now"),
        ("205 555 0188", "••• ••• ••88"),
        ("Bonn and Ann", "Bonn and Ann"),
        ("ask me@example.com", "ask m•••@e•••.com"),
        ("who", "who"),
        ("born 1985-03-12 00:00:00", "born 1985-••-•• 00:00:00"),
    ],
)
def test_a_value_is_masked_in_any_text_that_holds_it(guard: Shield, text: str, shown: str) -> None:
    document = {"a": [{"message": text}], "b": {"severity": text}, "metadata": {"x": text}}
    assert guard.document(document) == {"a": [{"message": shown}], "b": {"severity": text}, "metadata": {"x": text}}


def test_words_that_hold_nothing_personal_stay(make_table: MakeTable) -> None:
    table = make_table({"tel": ["n/a", "call later", "(205) 555-0123"], "who": ["London", "unknown", "Ann Lee"]})
    guard = Shield(leading={"tel": "number", "who": "name"}, protected={"tel": "number"}, tables=[table])
    document = {
        "a": {"message": "n/a, call later and “unknown” say nothing", "value": "London"},
        "b": [{"column": "town", "top_values": [{"value": "London"}, {"value": "Ann Lee"}]}],
    }
    named = table.sql("SELECT __row, tel, who AS town, who FROM {self}")
    town = Shield(leading=guard.leading, protected=guard.protected, tables=[named])
    shown = town.document(document)
    assert shown["a"] == {"message": "n/a, call later and “unknown” say nothing", "value": "L•••"}
    assert shown["b"][0]["top_values"] == [{"value": "London"}, {"value": "A••• L•••"}]
    assert town.rows(named).query("SELECT tel FROM {self} LIMIT 2") == [("n/a",), ("call later",)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("paid with 4111 1111 1111 1111.", "paid with •••• 11."),
        ("order 4111 1111 1111 1112", "order 4111 1111 1111 1112"),
        ("from 10.20.30.144", "from •••.•••.•••.•••"),
        ("build 1.2.3.1144", "build 1.2.3.1144"),
        (4111111111111111, 4.11e15),
        (4111111111111112, 4111111111111112),
    ],
)
def test_numbers_are_masked_in_any_column_where_a_check_says_what_they_are(
    guard: Shield, value: object, shown: object
) -> None:
    assert guard.document({"a": {"max": value}}) == {"a": {"max": shown}}


def test_keys_and_large_numbers_are_values_too(make_table: MakeTable) -> None:
    table = make_table({"tel": ["2055550123", "Ann Lee"], "n": ["1", "2055550999"]})
    guard = Shield(leading={"tel": "number"}, protected={}, tables=[table])
    document = {"x": {"Ann Lee": 2055550123, "max": 2055550123.0, "other": 2055550999, "rows": 1.5}}
    assert guard.document(document) == {"x": {"••• •ee": 2.06e9, "max": 2.06e9, "other": 2055550999, "rows": 1.5}}


@pytest.mark.parametrize("listed", [True, False])
def test_rows_are_masked_by_column_by_the_column_they_name_and_by_their_key(
    guard: Shield, make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    monkeypatch.setattr("transformers.report.masking._ROWS_PER_COLUMN", 1_000 if listed else 0)
    rows = make_table({"who": ["Ann Lee", None], "n": ["1", "2"]})
    assert guard.rows(rows).query("SELECT who, n FROM {self} ORDER BY __row") == [("A••• L•••", "1"), (None, "2")]
    issues = make_table(
        {"column": ["tel", "n"], "value": ["205", "77"], "key": ["Bo", "Bo"], "reason": ["x", "a@b.com"]}
    )
    assert guard.rows(issues).query('SELECT "column", value, key, reason FROM {self} ORDER BY __row') == [
        ("tel", "•••", "••", "x"),
        ("n", "77", "••", "a•••@b•••.com"),
    ]
    mended = make_table({"what": ["too many cells"], "original": ["Ann Lee,205,x,y"]})
    assert guard.rows(mended).query("SELECT what, original FROM {self}") == [("too many cells", "••• •••,•••,•,•")]
