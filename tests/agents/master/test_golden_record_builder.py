"""golden-record-builder."""

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
