"""type-fixer gives values of one kind one spelling."""

import pytest

from tests.agents.clean.running import column, rules, run_agent
from tests.agents.conftest import MakeTable

AGENT = "type-fixer"


@pytest.mark.parametrize(
    ("values", "fixed"),
    [
        (["12.0 oz", "8.4 oz.", "16 ounces"], ["12", "8.4", "16"]),
        (["12 kg", "13 kg", "14 kg"], ["12 kg", "13 kg", "14 kg"]),
        (["12 kg", "13 lb", "14 kg"], ["12 kg", "13 lb", "14 kg"]),
        (["$5.00", "6.50", "$ 7"], ["5.00", "6.50", "7"]),
        (["5%", "7%", "6"], ["5", "7", "6"]),
        (["5%", "7%", "6%"], ["5%", "7%", "6%"]),
        (["50%", "30%", "0.4", "0.2"], ["0.5", "0.3", "0.4", "0.2"]),
        (["1,234", "12", "1,234,567.5"], ["1234", "12", "1234567.5"]),
        (["0.052000000000000005", "0.07", "1.5"], ["0.052", "0.07", "1.5"]),
        (["0.3333333333333333", "0.25", "0.5"], ["0.3333333333333333", "0.25", "0.5"]),
        (["7.0", "8.0", None], ["7", "8", None]),
        (["7.0", "8.5", "9"], ["7.0", "8.5", "9"]),
        (["00123", "00456.0", "7.0"], ["00123", "00456.0", "7.0"]),
        (["007", "8", "9"], ["007", "8", "9"]),
    ],
)
def test_numbers(make_table: MakeTable, values: list[str | None], fixed: list[str | None]) -> None:
    assert column(run_agent(AGENT, make_table({"a": values})), "a") == fixed


@pytest.mark.parametrize(
    ("values", "fixed"),
    [
        (
            ["2024-01-02", "2024-03-04", "2024-05-06", "13/02/2024"],
            ["2024-01-02", "2024-03-04", "2024-05-06", "2024-02-13"],
        ),
        (["13/02/2024", "1/2/2024", "3/4/2024", "2024-05-06"], ["13/02/2024", "1/2/2024", "3/4/2024", "6/5/2024"]),
        (["2024-01-02", "2024-03-04", "5 May 2024"], ["2024-01-02", "2024-03-04", "2024-05-05"]),
        (["2024-01-02", "2024-01-03", "2024-03-04 00:00:00"], ["2024-01-02", "2024-01-03", "2024-03-04"]),
        (
            ["2024-01-02 10:00", "2024-01-03 11:00", "5/14/2024 12:30"],
            ["2024-01-02 10:00", "2024-01-03 11:00", "2024-05-14 12:30"],
        ),
    ],
)
def test_dates_take_the_format_of_their_column(make_table: MakeTable, values: list[str], fixed: list[str]) -> None:
    assert column(run_agent(AGENT, make_table({"a": values})), "a") == fixed


def test_an_ambiguous_date_is_reported_not_guessed(make_table: MakeTable) -> None:
    values = ["2024-01-02", "2024-03-04", "2024-05-06", "03/04/2024"]

    result = run_agent(AGENT, make_table({"a": values}))

    assert column(result, "a") == values
    assert [(issue.issue_type, issue.rows) for issue in result.issues] == [("ambiguous_date", 1)]
    assert result.quarantine is not None
    assert result.quarantine.query("SELECT row, value, rule FROM {self}") == [(3, "03/04/2024", "ambiguous_date")]


def test_date_order_settles_ambiguous_dates(make_table: MakeTable) -> None:
    table = make_table({"a": ["2024-01-02", "2024-03-04", "2024-05-06", "03/04/2024"]})

    assert column(run_agent(AGENT, table, date_order="dmy"), "a")[3] == "2024-04-03"
    assert column(run_agent(AGENT, table, date_order="mdy"), "a")[3] == "2024-03-04"


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("auto_convert_numeric", ["7.0", "8.0"]),
        ("auto_convert_datetime", ["2024-01-02", "2024-03-04", "13/02/2024"]),
    ],
)
def test_a_conversion_can_be_turned_off(make_table: MakeTable, parameter: str, values: list[str]) -> None:
    table = make_table({"a": values})

    assert column(run_agent(AGENT, table, **{parameter: False}), "a") == values
    assert column(run_agent(AGENT, table), "a") != values


def test_categories_are_united_when_asked_for(make_table: MakeTable) -> None:
    table = make_table({"a": ["Red", "Red", "Red", "RED", " red", "Blue", "Blue", "Blue"]})

    assert rules(run_agent(AGENT, table)) == {}
    assert column(run_agent(AGENT, table, auto_convert_category=True), "a")[:5] == ["Red"] * 5


def test_mixed_columns_can_be_left_alone(make_table: MakeTable) -> None:
    values = ["7.0", "8.0", "9.0", "10.0", "many"]
    table = make_table({"a": values})

    assert column(run_agent(AGENT, table), "a") == ["7", "8", "9", "10", "many"]
    assert column(run_agent(AGENT, table, preserve_mixed_types=True), "a") == values


def test_every_change_has_its_reasons(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table({"a": ["12 oz", "8 oz.", "9"]}))

    assert result.changes is not None
    (rule, evidence, confidence), *_ = result.changes.query("SELECT rule, evidence, confidence FROM {self}")
    assert (rule, confidence) == ("mixed_unit", 0.95)
    assert "'oz' is written in 3 ways" in evidence


def test_what_is_no_number_and_stays_is_named(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table({"price": [*(f"{number}.5" for number in range(18)), "1,200.5", "soon"]}))
    assert result.data["types"]["price"]["of_another_kind_and_left"] == ["soon"]
