"""A column's kind follows from what all its rows say."""

import pytest

from agents.column_types import (
    Kind,
    date_sql,
    infer_types,
    is_null_sql,
    measure_sql,
    number_sql,
    shaped_values,
    trim_sql,
    without_sql,
)
from agents.table import Table
from tests.agents.conftest import MakeTable


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "30", None], Kind.INTEGER),
        (["7.0", "8.0", ""], Kind.INTEGER),
        (["1.5", "2", "3"], Kind.DECIMAL),
        (["1,234", "5,678", "12"], Kind.INTEGER),
        (["5%", "7 %", "0.4%"], Kind.PERCENT),
        (["12 oz", "8.4 oz.", "9 oz"], Kind.QUANTITY),
        (["$12.50", "$3", "$4"], Kind.QUANTITY),
        (["00123", "45678", "90210"], Kind.CODE),
        (["AB-1", "AB-2", "CD-77"], Kind.CODE),
        (["2024-01-02", "2024-02-03"], Kind.DATE),
        (["2 Mar 2024", "3rd April 2024"], Kind.DATE),
        (["2024-01-02T10:00:00Z", "2024-02-03 11:00"], Kind.DATETIME),
        (["7:10 a.m.", "12:00 PM", "23:59"], Kind.TIME),
        (["yes", "No", "yes"], Kind.BOOLEAN),
        (["ann@example.com", "bob@mail.example.org"], Kind.EMAIL),
        (["https://example.com/a?b=1", "www.example.org"], Kind.URL),
        (["+49 30 1234567", "(205) 325-8100", "205-325-8100"], Kind.PHONE),
        (["2053258100", "2563864556"], Kind.INTEGER),
        (["red", "green 2", "deep blue"], Kind.TEXT),
        ([None, "n/a", " "], Kind.EMPTY),
    ],
)
def test_kind_of_a_column(make_table: MakeTable, values: list[str | None], kind: Kind) -> None:
    assert infer_types(make_table({"a": values}))["a"].kind is kind


def test_counter_examples_and_confidence(make_table: MakeTable) -> None:
    found = infer_types(make_table({"a": [*map(str, range(9)), "twelve"]}))["a"]

    assert found.kind is Kind.INTEGER
    assert found.confidence == pytest.approx(0.9)
    assert found.counter_examples == ("twelve",)


def test_missing_and_distinct_leave_blank_space_aside(make_table: MakeTable) -> None:
    found = infer_types(make_table({"a": [" x", "x ", "y", "N/A", "", None]}))["a"]

    assert (found.missing, found.distinct, found.max_length) == (3, 2, 1)


@pytest.mark.parametrize(
    ("values", "order", "ambiguous"),
    [
        (["13/02/2024", "01/02/2024"], "dmy", 0),
        (["02/13/2024", "01/02/2024"], "mdy", 0),
        (["01/02/2024", "03/04/2024", "05/05/2024"], None, 2),
        (["2024-01-02"], "ymd", 0),
    ],
)
def test_date_order_is_the_columns(make_table: MakeTable, values: list[str], order: str | None, ambiguous: int) -> None:
    found = infer_types(make_table({"a": values}))["a"]

    assert (found.date_order, found.ambiguous_dates) == (order, ambiguous)


@pytest.mark.parametrize(
    ("text", "order", "stamp"),
    [
        ("2024-02-03", None, "2024-02-03 00:00:00"),
        ("03/04/2024", "dmy", "2024-04-03 00:00:00"),
        ("03/04/2024", "mdy", "2024-03-04 00:00:00"),
        ("3.4.2024", "dmy", "2024-04-03 00:00:00"),
        ("03/04/2024", None, None),
        ("13/04/2024", None, "2024-04-13 00:00:00"),
        ("31/02/2024", "dmy", None),
        ("1/2/71", "mdy", "1971-01-02 00:00:00"),
        ("5th March, 2024", None, "2024-03-05 00:00:00"),
        ("Mar 5, 2024 7:10 p.m.", None, "2024-03-05 19:10:00"),
        ("2024-02-03T04:05:06.5+02:00", None, "2024-02-03 04:05:06.5"),
        ("2024-02-03 04:05 Z", None, "2024-02-03 04:05:00"),
        ("nonsense", "dmy", None),
        ("1.2.10", "dmy", None),
    ],
)
def test_date_sql(make_table: MakeTable, text: str, order: str | None, stamp: str | None) -> None:
    table = make_table({"a": [text]})

    assert table.scalar(f"SELECT CAST({date_sql('a', order)} AS VARCHAR) FROM {{self}}") == stamp  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1,234.5", ".", 1234.5),
        (" 12 ", ".", 12.0),
        ("1.234,5", ",", 1234.5),
        ("0,5", ",", 0.5),
        ("0,5", ".", None),
        ("-.5", ".", -0.5),
        ("1e3", ".", 1000.0),
        ("12x", ".", None),
        ("1_000", ".", None),
        ("inf", ".", None),
    ],
)
def test_number_sql(make_table: MakeTable, text: str, decimal: str, number: float | None) -> None:
    table = make_table({"a": [text]})

    assert table.scalar(f"SELECT {number_sql('a', decimal)} FROM {{self}}") == number  # type: ignore[arg-type]


def test_measure_sql_leaves_units_out(make_table: MakeTable) -> None:
    table = make_table({"a": ["12 oz", "-$1,200.50", "$-3", "8.4 oz.", "many"]})
    kind = infer_types(make_table({"a": ["1 oz", "2 oz"]}))["a"]

    found = table.query(f"SELECT {measure_sql('a', kind)} FROM {{self}}")

    assert [value for (value,) in found] == [12.0, -1200.5, -3.0, 8.4, None]


def test_null_spellings(make_table: MakeTable) -> None:
    table = make_table({"a": ["N/A", " null ", "-", None, "0", "empty"]})

    found = table.query(f"SELECT {is_null_sql('a')} FROM {{self}}")

    assert [value for (value,) in found] == [True, True, True, True, False, False]


def test_odd_names_and_wide_tables(make_table: MakeTable) -> None:
    table = make_table({f'"{{self}}" {number} 🙂': ["1", "2"] for number in range(300)})

    found = infer_types(table)

    assert tuple(found) == table.columns
    assert {kind.kind for kind in found.values()} == {Kind.INTEGER}
    assert Table.q('a"b') == '"a""b"'


def test_an_empty_table_has_empty_columns(make_table: MakeTable) -> None:
    assert infer_types(make_table({"a": []}))["a"].kind is Kind.EMPTY


@pytest.mark.parametrize(
    "cell", ["x", " x", "x ", "\tx\n", "\u00a0é\u202f", "é x", "~", "~ ", "", " ", "x\u2007", "«x»", "ü "]
)
def test_a_name_is_trimmed_as_an_expression_is(make_table: MakeTable, cell: str) -> None:
    table, name = make_table({"a b": [cell]}), Table.q("a b")

    quick, plain = table.query(f"SELECT {trim_sql(name)}, {trim_sql(f'({name})')} FROM {{self}}")[0]

    assert quick == plain == cell.strip(" \t\r\n\u00a0\u2007\u202f")


def test_spellings_of_missing_are_emptied_wherever_blanks_stand(make_table: MakeTable) -> None:
    table = make_table({"v": [" N/A ", "\u00a0null", "?", "nano", "none", "-5", "", None]})

    found = table.query(f"SELECT {without_sql('v', {'n/a', 'null', '?', '-'})} FROM {{self}} ORDER BY __row")

    assert [value for (value,) in found] == [None, None, None, "nano", "none", "-5", "", None]


@pytest.mark.parametrize(
    ("values", "mark", "number"),
    [
        (["1.234.567,89 €", "12,50 €", "3.400,00 €"], ",", 1234567.89),
        (["€1,234.50", "€3.25", "€1,000,000.75"], ".", 1234.5),
        (["12,5 %", "7,25 %", "100 %"], ",", 12.5),
        (["1,234 kg", "2,500 kg", "7 kg"], ".", 1234.0),
    ],
)
def test_the_decimal_mark_is_told_beside_units_too(
    make_table: MakeTable, values: list[str], mark: str, number: float
) -> None:
    table = make_table({"a": values})
    found = infer_types(table)["a"]
    assert (found.decimal, table.scalar(f"SELECT {measure_sql('a', found)} FROM {{self}} LIMIT 1")) == (mark, number)


def test_a_column_of_many_texts_is_grouped_in_turns(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table({"a": [f"C{number % 700}" for number in range(2000)] + [None, " C1", None]})
    whole = sorted(shaped_values(table, ["a"]).query("SELECT * FROM {self}"), key=str)
    monkeypatch.setattr("agents.column_types._TEXTS_IN_DOUBT", 100)
    monkeypatch.setattr("agents.column_types._TEXT_BYTES_AT_ONCE", 10_000)
    assert sorted(shaped_values(table, ["a"]).query("SELECT * FROM {self}"), key=str) == whole
