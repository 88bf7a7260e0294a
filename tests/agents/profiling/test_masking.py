"""Personal data is never shown whole."""

import pytest

from agents.profiling.masking import masked, masked_sql
from tests.agents.conftest import MakeTable


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
    assert masked(text, personal=False) == shown


def test_everything_in_a_sensitive_column_is_masked(make_table: MakeTable) -> None:
    table = make_table({"v": ["(205) 555-0123", "call Ann", "ann@example.com"]})
    shown = [
        text for (text,) in table.query(f"SELECT {masked_sql('v', '3', {3: 'phone'})} FROM {{self}} ORDER BY __row")
    ]
    assert shown == ["(•••) •••-••23", "•••• •nn", "a•••@e•••.com"]
