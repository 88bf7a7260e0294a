"""record-linker."""

import random

import pytest
from pydantic import ValidationError

from agents.base import Source
from agents.master.record_linker import RecordLinker
from agents.table import Table
from errors import ColumnNotFound, InvalidParameters, NotApplicable
from tests.agents.conftest import MakeTable
from tests.agents.master.conftest import RunAgents, entity_of, people, with_copies

LINKER = "record-linker"
TWICE = {**{row: row for row in range(100)}, **{100 + row: row for row in range(30)}}


def test_finds_people_written_down_twice_under_new_ids(twice: Table, run_agents: RunAgents) -> None:
    result = run_agents(twice, LINKER)[LINKER]

    assert entity_of(result) == TWICE
    assert result.metrics["entities"] == 100
    assert result.metrics["duplicates"] == 30


def test_enough_matches_show_where_they_end(make_table: MakeTable, run_agents: RunAgents) -> None:
    result = run_agents(make_table(with_copies(people(200), 100)), LINKER)[LINKER]

    assert result.metrics["calibrated"]
    assert result.metrics["duplicates"] == 100


def test_a_table_without_duplicates_keeps_every_row_apart(make_table: MakeTable, run_agents: RunAgents) -> None:
    result = run_agents(make_table(people(300)), LINKER)[LINKER]

    assert result.metrics["duplicates"] == 0
    assert any("doesn't show where matches end" in alert.message for alert in result.alerts)


def test_few_details_in_common_are_no_match(make_table: MakeTable, run_agents: RunAgents) -> None:
    chance = random.Random(3)
    answers = {
        "sex": [chance.choice("fm") for _ in range(2000)],
        "age": [str(chance.randint(20, 59)) for _ in range(2000)],
        "mark": [chance.choice("12345") for _ in range(2000)],
    }

    assert run_agents(make_table(answers), LINKER)[LINKER].metrics["duplicates"] == 0


def test_the_same_input_gives_the_same_ids(twice: Table, run_agents: RunAgents) -> None:
    ids = [
        run_agents(twice, LINKER)[LINKER].extras["entities"].query("SELECT __row, entity_id FROM {self} ORDER BY __row")
        for _ in range(2)
    ]

    assert ids[0] == ids[1]
    assert len({entity_id for _, entity_id in ids[0]}) == 100


def test_every_match_says_what_each_column_added(twice: Table, run_agents: RunAgents) -> None:
    pairs = run_agents(twice, LINKER)[LINKER].extras["pairs"]
    score, explanation = pairs.query("SELECT score, explanation FROM {self} WHERE row_a = 3 AND row_b = 103")[0]

    assert score > 0.5
    assert "phone +" in explanation
    assert "before any comparison" in explanation


def test_match_key_columns_are_the_only_ones_compared(twice: Table, run_agents: RunAgents) -> None:
    asked = {LINKER: {"match_key_columns": ["town"], "enable_fuzzy_matching": False}}
    result = run_agents(twice, LINKER, parameters=asked)[LINKER]

    assert result.metrics["entities"] == 4
    assert [each["column"] for each in result.data["compared_columns"]] == ["town"]


def test_without_fuzzy_matching_a_typo_keeps_rows_apart(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns = with_copies(people(100), 30)
    columns["last_name"][100] = columns["last_name"][0].upper() + "!"
    off = {LINKER: {"enable_fuzzy_matching": False}}

    assert run_agents(make_table(columns), LINKER, parameters=off)[LINKER].metrics["duplicates"] == 1


def test_a_weight_of_nothing_takes_a_column_out(twice: Table, run_agents: RunAgents) -> None:
    asked = {"match_key_columns": ["last_name", "phone"], "match_key_weights": {"phone": 0}}
    pairs = run_agents(twice, LINKER, parameters={LINKER: asked})[LINKER].extras["pairs"]

    assert not pairs.scalar("SELECT count(*) FROM {self} WHERE explanation LIKE '%phone%'")


def test_weights_are_for_compared_columns() -> None:
    with pytest.raises(ValidationError, match="match_key_weights"):
        RecordLinker(match_key_columns=("a",), match_key_weights={"b": 2})


def test_a_higher_threshold_links_less(twice: Table, run_agents: RunAgents) -> None:
    strict = run_agents(twice, LINKER, parameters={LINKER: {"match_threshold": 0.9999999999}})[LINKER]

    assert strict.metrics["duplicates"] < 30
    assert strict.metrics["threshold_bits"] > run_agents(twice, LINKER)[LINKER].metrics["threshold_bits"]


def test_must_link_and_cannot_link_are_obeyed(twice: Table, run_agents: RunAgents) -> None:
    asked = {LINKER: {"must_link": [[50, 60]], "cannot_link": [[4, 104]]}}
    entity = entity_of(run_agents(twice, LINKER, parameters=asked)[LINKER])

    assert entity[60] == entity[50]
    assert entity[104] != entity[4]


def test_links_without_fuzzy_matching_are_obeyed_too(twice: Table, run_agents: RunAgents) -> None:
    asked = {"match_key_columns": ["phone"], "enable_fuzzy_matching": False, "must_link": [[50, 60]]}
    entity = entity_of(run_agents(twice, LINKER, parameters={LINKER: asked | {"cannot_link": [[4, 104]]}})[LINKER])

    assert entity[60] == entity[50]
    assert entity[104] != entity[4]
    assert entity[105] == entity[5]


@pytest.mark.parametrize(
    "asked",
    [{"must_link": [[0, 5000]]}, {"must_link": [[1, 2], [2, 3]], "cannot_link": [[1, 3]]}, {"cannot_link": [[7, 7]]}],
)
def test_impossible_links_are_refused(twice: Table, run_agents: RunAgents, asked: dict[str, list[list[int]]]) -> None:
    with pytest.raises(InvalidParameters):
        run_agents(twice, LINKER, parameters={LINKER: asked})


def test_rows_of_several_files_are_named_by_source(twice: Table, run_agents: RunAgents) -> None:
    sources = (Source("source_a", 0, 100), Source("source_b", 100, 30))
    asked = {LINKER: {"must_link": [[["source_a", 50], ["source_b", 2]]], "one_to_one": False}}
    entity = entity_of(run_agents(twice, LINKER, parameters=asked, sources=sources)[LINKER])

    assert entity[50] == entity[102]


def test_sources_without_duplicates_of_their_own_are_linked_one_to_one(
    make_table: MakeTable, run_agents: RunAgents
) -> None:
    columns = with_copies(people(100), 60)
    sources = (Source("source_a", 0, 100), Source("source_b", 100, 60))
    result = run_agents(make_table(columns), LINKER, sources=sources)[LINKER]

    assert result.metrics["one_row_per_source"]
    assert entity_of(result) == {**{row: row for row in range(100)}, **{100 + row: row for row in range(60)}}


def test_one_to_one_keeps_rows_of_a_source_apart(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns = with_copies(people(100), 60)
    columns["register"] = ["crm"] * 80 + ["erp"] * 80
    always = {LINKER: {"source_column": "register", "one_to_one": True}}
    never = {LINKER: {"source_column": "register", "one_to_one": False}}
    table = make_table(columns)

    assert entity_of(run_agents(table, LINKER, parameters=always)[LINKER])[110] == 10
    assert not entity_of(run_agents(table, LINKER, parameters=always)[LINKER]).keys() - set(range(160))
    apart = make_table(columns | {"register": ["crm"] * 160})
    assert run_agents(apart, LINKER, parameters=always)[LINKER].metrics["duplicates"] == 0
    assert run_agents(apart, LINKER, parameters=never)[LINKER].metrics["duplicates"] == 60


def test_an_unknown_column_is_refused(twice: Table, run_agents: RunAgents) -> None:
    with pytest.raises(ColumnNotFound):
        run_agents(twice, LINKER, parameters={LINKER: {"match_key_columns": ["surname"]}})


@pytest.mark.parametrize("columns", [{"a": ["x"]}, {"a": [None, None]}, {"id": ["1", "2", "3"]}])
def test_nothing_to_compare_is_not_applicable(
    make_table: MakeTable, run_agents: RunAgents, columns: dict[str, list[str | None]]
) -> None:
    with pytest.raises(NotApplicable):
        run_agents(make_table(columns), LINKER)


def test_a_handful_of_rows_is_linked_with_a_warning(make_table: MakeTable, run_agents: RunAgents) -> None:
    names = ["Ada Abara", "Hugo Gallo", "Ada Abara", "Ines Costa", "Levi Dahl", "Ines Costaa"]
    mails = ["ada@a.example", "hugo@b.example", "ada@a.example", "ines@c.example", "levi@d.example", "ines@c.example"]
    result = run_agents(make_table({"name": names, "mail": mails, "no": list("123456")}), LINKER)[LINKER]

    assert entity_of(result) == {0: 0, 1: 1, 2: 0, 3: 3, 4: 4, 5: 3}
    assert not result.metrics["calibrated"]


def test_many_equal_rows_are_one_entity(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns = people(200)
    repeated = {name: [*values, *[values[7]] * 900] for name, values in columns.items() if name != "id"}
    result = run_agents(make_table(repeated), LINKER)[LINKER]

    assert result.metrics["largest_cluster"] == 901
    assert result.metrics["entities"] == 200
