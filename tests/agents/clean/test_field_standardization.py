"""field-standardization writes fields the way their column does."""

import pytest
from pydantic import ValidationError

from agents.base import registry
from errors import ColumnNotFound
from tests.agents.clean.running import column, rules, run_agent
from tests.agents.conftest import MakeTable

AGENT = "field-standardization"


def test_blank_space_around_and_invisible_characters_go(make_table: MakeTable) -> None:
    table = make_table({"a": [" x ", "\u200by\u00a0", "z\t"]})

    assert column(run_agent(AGENT, table), "a") == ["x", "y", "z"]
    assert column(run_agent(AGENT, table, trim_whitespace=False), "a") == [" x ", "\u200by\u00a0", "z\t"]


def test_double_blanks_inside_are_slips(make_table: MakeTable) -> None:
    table = make_table({"a": ["Ann  Lee", "Bob Ray", "tag  - text", "eng     por"]})

    assert column(run_agent(AGENT, table), "a") == ["Ann Lee", "Bob Ray", "tag  - text", "eng     por"]
    assert column(run_agent(AGENT, table, normalize_internal_spacing=False), "a")[0] == "Ann  Lee"


def test_double_blanks_of_habit_stay(make_table: MakeTable) -> None:
    values = ["the  right kind"] * 6 + ["other"]

    assert column(run_agent(AGENT, make_table({"a": values})), "a") == values


@pytest.mark.parametrize(
    ("strategy", "written"),
    [("none", "ann LEE"), ("lowercase", "ann lee"), ("uppercase", "ANN LEE"), ("titlecase", "Ann Lee")],
)
def test_case_strategy(make_table: MakeTable, strategy: str, written: str) -> None:
    table = make_table({"a": ["ann LEE", "bob"], "code": ["ab-1", "cd-2"]})

    result = run_agent(AGENT, table, case_strategy=strategy)

    assert column(result, "a")[0] == written
    assert column(result, "code") == ["ab-1", "cd-2"]


def test_synonyms(make_table: MakeTable) -> None:
    table = make_table({"a": ["NYC", "nyc", "Rome"], "b": ["nyc", "x", "y"]})

    result = run_agent(AGENT, table, synonym_mappings={"a": {"nyc": "New York"}, "*": {"x": "X"}})

    assert column(result, "a") == ["New York", "New York", "Rome"]
    assert column(result, "b") == ["nyc", "X", "y"]


def test_units_are_converted(make_table: MakeTable) -> None:
    table = make_table({"a": ["10 lb", "2.5 kg", "1 lbs"]})

    result = run_agent(AGENT, table, unit_mappings={"a": {"lb": "kg"}})

    assert column(result, "a") == ["4.53592 kg", "2.5 kg", "0.453592 kg"]


def test_an_unknown_conversion_is_refused() -> None:
    with pytest.raises(ValidationError, match="can't convert 'kg' to 'km'"):
        registry()[AGENT].params.model_validate({"unit_mappings": {"a": {"kg": "km"}}})


def test_dates_keep_their_format_unless_asked(make_table: MakeTable) -> None:
    table = make_table({"a": ["13/02/2024", "01/02/2024"]})

    assert rules(run_agent(AGENT, table)) == {}
    assert column(run_agent(AGENT, table, date_standardization=True), "a") == ["2024-02-13", "2024-02-01"]
    written = run_agent(AGENT, table, date_standardization=True, target_date_format="%d %b %Y")
    assert column(written, "a") == ["13 Feb 2024", "01 Feb 2024"]


def test_target_and_preserved_columns(make_table: MakeTable) -> None:
    table = make_table({"a": [" x"], "b": [" x"], "c": [" x"]})

    result = run_agent(AGENT, table, target_columns=["a", "b"], preserve_columns=["b"])

    assert [column(result, name) for name in "abc"] == [["x"], [" x"], [" x"]]
    with pytest.raises(ColumnNotFound, match="preserve_columns"):
        run_agent(AGENT, table, preserve_columns=["nope"])


def test_a_time_is_taken_out_of_the_text_around_it(make_table: MakeTable) -> None:
    clean = ["7:10 a.m.", "12:05 p.m.", "8:30 p.m.", "9:00 a.m.", "10:15 a.m.", "1:45 p.m.", "2:00 p.m."] * 2
    odd = ["12/02/2011 6:55 a.m.", "7:16 p.m. (Estimated)", "6:00aDec 1"]

    result = run_agent(AGENT, make_table({"a": clean + odd}))

    assert column(result, "a") == [*clean, "6:55 a.m.", "7:16 p.m.", "6:00 a.m."]


def test_a_shifted_value_goes_back_to_its_column(make_table: MakeTable) -> None:
    cities = ["Bend", "Gary", "Reno", "Hilo"] * 5
    states = ["OR", "IN", "NV", "HI"] * 5
    table = make_table({"city": [*cities, "Salem OR", "Elko NV"], "state": [*states, None, ""]})

    result = run_agent(AGENT, table)

    assert column(result, "city")[20:] == ["Salem", "Elko"]
    assert column(result, "state")[20:] == ["OR", "NV"]


def test_punctuation_variants_merge_at_three_to_one(make_table: MakeTable) -> None:
    table = make_table({"a": ["St. Paul"] * 3 + ["St Paul"] + ["A-B"] * 2 + ["A B"] + ["eng"] * 9 + ["ENG"]})

    assert column(run_agent(AGENT, table), "a") == ["St. Paul"] * 4 + ["A-B"] * 2 + ["A B"] + ["eng"] * 9 + ["ENG"]
