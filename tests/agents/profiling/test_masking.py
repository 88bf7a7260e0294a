"""Personal data is recognised by its values, and never shown whole."""

import pytest

from agents.column_types import Kind
from agents.profiling.masking import masked_sql, passes_luhn, sensitive_kind
from tests.agents.conftest import MakeTable

CARDS = ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009"]


@pytest.mark.parametrize(
    ("name", "kind", "sample", "expected"),
    [
        ("mail", Kind.EMAIL, ["a@example.com"], "email"),
        ("contact", Kind.TEXT, ["a@example.com", "b@example.org", "none"], "email"),
        ("x", Kind.PHONE, ["+49 30 1234567"], "phone"),
        ("phone_number", Kind.INTEGER, ["2055550123", "2055550188"], "phone"),
        ("x", Kind.CODE, ["123-45-6789", "234-56-7890"], "ssn"),
        ("soc_sec_id", Kind.INTEGER, ["1234567", "7654321"], "ssn"),
        ("x", Kind.INTEGER, CARDS, "card"),
        ("created", Kind.INTEGER, ["1700000000000", "1700000000001", "1700000000002", "1700000000003"], ""),
        ("telescope", Kind.INTEGER, ["20555501"], ""),
        ("amount", Kind.DECIMAL, ["12.5", "7"], ""),
        ("nothing", Kind.TEXT, [], ""),
    ],
)
def test_a_column_of_personal_data_is_recognised(name: str, kind: Kind, sample: list[str], expected: str) -> None:
    assert sensitive_kind(name, kind, sample) == expected


@pytest.mark.parametrize(("number", "right"), [(CARDS[0], True), (CARDS[2], True), ("4111111111111112", False)])
def test_the_check_digit_of_a_card(number: str, right: bool) -> None:
    assert passes_luhn(number) is right


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann.lee@mail.example.com", "a•••@m•••.com"),
        ("ask ann@example.com or bob@example.org", "ask a•••@e•••.com or b•••@e•••.org"),
        ("ssn 123-45-6789", "ssn •••-••-••89"),
        ("4111 1111 1111 1111", "•••• 11"),
        ("4111111111111111", "•••• 11"),
        ("2024-01-02 10:20:30", "2024-01-02 10:20:30"),
        ("12345.678", "12345.678"),
        ("1700000000000", "1700000000000"),
    ],
)
def test_a_value_that_would_name_a_person_is_masked_wherever_it_stands(
    text: str, shown: str, make_table: MakeTable
) -> None:
    assert make_table({"v": [text]}).scalar(f"SELECT {masked_sql('v', '0', {})} FROM {{self}}") == shown


def test_everything_in_a_sensitive_column_is_masked(make_table: MakeTable) -> None:
    table = make_table({"v": ["(205) 555-0123", "call Ann", "ann@example.com"]})
    shown = [
        text for (text,) in table.query(f"SELECT {masked_sql('v', '3', {3: 'phone'})} FROM {{self}} ORDER BY __row")
    ]
    assert shown == ["(•••) •••-••23", "•••• •nn", "a•••@e•••.com"]
