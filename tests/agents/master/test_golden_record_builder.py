"""golden-record-builder."""

import pytest

from agents.linkage.golden import golden_names
from agents.table import Table
from tests.agents.conftest import MakeTable
from tests.agents.master.conftest import RunAgents

CHAIN = ("record-linker", "survivorship-resolver", "golden-record-builder")
BUILDER = CHAIN[2]


def test_one_golden_record_per_entity(twice: Table, run_agents: RunAgents) -> None:
    golden = run_agents(twice, *CHAIN)[BUILDER].extras["golden"]

    assert golden.rows == 100
    assert golden.columns == ("entity_id", *twice.columns, "trust_score", "member_count")
    assert golden.scalar("SELECT sum(member_count) FROM {self}") == 130


def test_a_record_of_one_row_is_that_row(twice: Table, run_agents: RunAgents) -> None:
    golden = run_agents(twice, *CHAIN)[BUILDER].extras["golden"]
    cells = ", ".join(map(Table.q, twice.columns))

    differing = golden.scalar(
        f"SELECT count(*) FROM (SELECT __row, {cells} FROM {{self}} WHERE member_count = 1"
        f" EXCEPT SELECT __row, {cells} FROM {{source}})",
        source=twice,
    )
    assert differing == 0


def test_gaps_and_doubt_cost_trust(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns = {"no": ["1", "1", "2", "3"], "name": ["Ada", "Eva", "Ines", None], "town": ["Graz", "Graz", "Oslo", None]}
    keys = {"record-linker": {"match_key_columns": ["no"], "enable_fuzzy_matching": False}}
    golden = run_agents(make_table(columns), *CHAIN, parameters=keys)[BUILDER].extras["golden"]
    trust = dict(golden.query("SELECT no, trust_score FROM {self}"))

    assert trust["2"] == 1
    assert 0 < trust["1"] < 1
    assert 0 < trust["3"] < 1


def test_records_under_the_trust_threshold_are_reported(twice: Table, run_agents: RunAgents) -> None:
    lenient = run_agents(twice, *CHAIN, parameters={BUILDER: {"min_trust_score": 0}})[BUILDER]
    strict = run_agents(twice, *CHAIN, parameters={BUILDER: {"min_trust_score": 1}})[BUILDER]

    assert lenient.metrics["low_trust_records"] == 0
    assert not lenient.issues
    assert strict.metrics["low_trust_records"] == 30
    assert strict.row_issues is not None
    assert strict.row_issues.rows == 30


def test_the_users_columns_keep_their_names() -> None:
    names = golden_names(["Entity_ID", "entity_id_2", "name"])

    assert (names.entity_id, names.trust_score) == ("entity_id_3", "trust_score")


def test_a_table_of_many_columns_gets_its_golden_records(make_table: MakeTable, run_agents: RunAgents) -> None:
    copies, things, width = 5, 4, 450
    columns = {f"c{number}": [f"{thing}-{number % 7}" for thing in range(things)] * copies for number in range(width)}
    columns["c420"][:2] = [None, "elsewhere"]
    keys = {CHAIN[0]: {"match_key_columns": ["c0"], "enable_fuzzy_matching": False}}
    ids = (*CHAIN, "master-writeback-agent")
    golden = run_agents(make_table(columns), *ids, parameters=keys)[ids[-1]].extras["golden.csv"]

    assert golden.rows == things
    assert golden.columns == ("entity_id", *columns, "trust_score", "member_count")
    assert golden.query("SELECT __row, c0, c399, c420, c449, member_count FROM {self} ORDER BY __row") == [
        (thing, f"{thing}-0", f"{thing}-{399 % 7}", f"{thing}-{420 % 7}", f"{thing}-{449 % 7}", copies)
        for thing in range(things)
    ]


def test_columns_are_built_alike_one_by_one_and_together(
    twice: Table, run_agents: RunAgents, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"town": "completeness", "last_name": "richness"}
    asked = {CHAIN[1]: {"default_rule": "quality_score", "survivorship_rules": rules, "field_groups": [["born", "id"]]}}
    together = run_agents(twice, *CHAIN, parameters=asked)[BUILDER].extras["golden"].df()
    for module in ("agents.linkage.golden", "agents.master.survivorship_resolver"):
        monkeypatch.setattr(f"{module}._CELLS_AT_ONCE", 1)
    one_by_one = run_agents(twice, *CHAIN, parameters=asked)[BUILDER].extras["golden"].df()

    assert one_by_one.equals(together)


def test_a_users_columns_may_be_called_like_ours(make_table: MakeTable, run_agents: RunAgents) -> None:
    ours = ["row", "entity", "unit", "value", "cell", "members", "trust", "confidence", "complete", "quality", "own"]
    table = make_table({"no": ["1", "1", "2"]} | {name: [f"{name} 1"] * 2 + [f"{name} 2"] for name in ours})
    keys = {CHAIN[0]: {"match_key_columns": ["no"], "enable_fuzzy_matching": False}}
    asked = keys | {CHAIN[1]: {"default_rule": "quality_score"}}
    golden = run_agents(table, *CHAIN, "master-writeback-agent", parameters=asked)[BUILDER].extras["golden"]
    cells = ", ".join(map(Table.q, ours))

    assert golden.query(f"SELECT {cells} FROM {{self}} ORDER BY __row") == [
        tuple(f"{name} {thing}" for name in ours) for thing in (1, 2)
    ]
