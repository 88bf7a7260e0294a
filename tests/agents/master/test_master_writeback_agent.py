"""master-writeback-agent."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.base import AgentContext, AgentResult, Source, registry
from agents.table import Table
from errors import VerificationFailed
from tests.agents.conftest import MakeTable
from tests.agents.master.conftest import RunAgents

CHAIN = ("record-linker", "survivorship-resolver", "golden-record-builder", "master-writeback-agent")
WRITEBACK = CHAIN[3]
FILES = {"golden.csv", "golden.parquet", "cross_reference.csv", "matches.csv", "review.csv", "survivorship.csv"}


def written(table: Table, results: dict[str, AgentResult], context: AgentContext | None = None) -> AgentResult:
    agent = registry()[WRITEBACK]
    context = context or AgentContext(original=table, now=datetime(2026, 1, 2, tzinfo=UTC))
    return agent.run(table, agent.params(), replace(context, earlier=results))


def test_every_row_is_found_again_in_the_cross_reference(twice: Table, run_agents: RunAgents) -> None:
    files = run_agents(twice, *CHAIN)[WRITEBACK].extras

    assert set(files) == FILES
    assert files["cross_reference.csv"].columns == ("row", "entity_id")
    assert files["cross_reference.csv"].rows == 130
    unknown = "SELECT count(*) FROM {self} WHERE entity_id NOT IN (SELECT entity_id FROM {golden})"
    assert files["cross_reference.csv"].scalar(unknown, golden=files["golden.csv"]) == 0


def test_rows_are_counted_within_their_own_file(twice: Table, run_agents: RunAgents) -> None:
    sources = (Source("source_a", 0, 100), Source("source_b", 100, 30))
    files = run_agents(twice, *CHAIN, sources=sources)[WRITEBACK].extras

    assert files["cross_reference.csv"].columns == ("source", "row", "entity_id")
    assert files["cross_reference.csv"].query("SELECT source, row FROM {self} LIMIT 1 OFFSET 105") == [("source_b", 5)]
    match = files["matches.csv"].query("SELECT source_a, row_a, source_b, row_b FROM {self} ORDER BY row_a LIMIT 1")
    assert match == [("source_a", 0, "source_b", 0)]


def test_the_review_list_shows_both_rows(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns = {"name": ["Ada Abara", "Ada Abara", "Hugo Gallo"] * 7, "no": [str(number) for number in range(21)]}
    asked = {"record-linker": {"match_threshold": 0.9}}
    review = run_agents(make_table(columns), *CHAIN[:1], WRITEBACK, parameters=asked)[WRITEBACK].extras["review.csv"]

    assert review.columns == ("row_a", "row_b", "score", "proposed_decision", "reasons", "record_a", "record_b")


def test_without_a_linker_every_row_is_an_entity_of_its_own(make_table: MakeTable, run_agents: RunAgents) -> None:
    table = make_table({"name": ["Ada", "Ada", None]})
    files = run_agents(table, WRITEBACK)[WRITEBACK].extras

    assert files["golden.csv"].query("SELECT name FROM {self} ORDER BY __row") == [("Ada",), ("Ada",), (None,)]
    assert len(set(files["cross_reference.csv"].query("SELECT entity_id FROM {self}"))) == 3
    assert files["review.csv"].rows == files["matches.csv"].rows == files["survivorship.csv"].rows == 0


def test_without_golden_records_the_first_row_stands_for_its_entity(twice: Table, run_agents: RunAgents) -> None:
    files = run_agents(twice, "record-linker", WRITEBACK)[WRITEBACK].extras

    assert files["golden.csv"].query("SELECT id FROM {self} ORDER BY __row LIMIT 2") == [("1000",), ("1001",)]
    assert files["golden.csv"].rows == 100


def test_survivorship_says_which_row_a_disputed_value_came_from(twice: Table, run_agents: RunAgents) -> None:
    disputed = run_agents(twice, *CHAIN)[WRITEBACK].extras["survivorship.csv"]

    assert disputed.columns == ("entity_id", "column", "row", "confidence")
    assert disputed.scalar("SELECT count(*) FROM {self} WHERE \"column\" = 'last_name'") == 30


def test_a_value_from_nowhere_is_found(twice: Table, run_agents: RunAgents) -> None:
    results = run_agents(twice, *CHAIN[:3])
    golden = results[CHAIN[2]].extras["golden"].sql("SELECT * REPLACE ('Nowhere' AS town) FROM {self}")

    with pytest.raises(VerificationFailed, match="town"):
        written(twice, results | {CHAIN[2]: AgentResult(extras={"golden": golden})})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM {self} WHERE __row <> 7", "not in exactly one entity"),
        ("SELECT * FROM {self} UNION ALL SELECT * FROM {self} WHERE __row = 7", "not in exactly one entity"),
        ("SELECT * REPLACE ('x' || __row AS entity_id) FROM {self}", "golden record"),
    ],
)
def test_wrong_entities_are_found(twice: Table, run_agents: RunAgents, query: str, message: str) -> None:
    results = run_agents(twice, *CHAIN[:3])
    linker = results["record-linker"]
    broken = replace(linker, extras={**linker.extras, "entities": linker.extras["entities"].sql(query)})

    with pytest.raises(VerificationFailed, match=message):
        written(twice, results | {"record-linker": broken})


def test_a_row_that_got_lost_on_the_way_is_found(twice: Table) -> None:
    fewer = twice.sql("SELECT * FROM {self} WHERE __row <> 3")
    context = AgentContext(original=twice, now=datetime(2026, 1, 2, tzinfo=UTC))
    removed = twice.beside({"row": "BIGINT", "reason": "VARCHAR"}, [(3, "no name")])

    with pytest.raises(VerificationFailed, match="no agent says"):
        written(fewer, {}, context)
    assert written(fewer, {}, replace(context, removed=removed)).metrics["golden_records"] == 129
