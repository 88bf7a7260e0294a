"""Columns are what their values are; a name only settles what the values leave open."""

import pytest

from agents.semantics.columns import Semantic, semantic_type, semantic_types
from tests.agents.conftest import MakeTable

CARDS = ["4111111111111111", "5500000000000004", "340000000000009", "6011000000000004", "4012888888881881"]
NOT_PERSONAL = {
    "id": [str(2_125_550_100 + at * 7919) for at in range(40)],
    "phone_id": [str(2_125_550_100 + at) for at in range(40)],
    "order_number": [str(4_000_000_000_000_000 + at) for at in range(40)],
    "born": [f"19{at + 50}-03-{at % 28 + 1:02d}" for at in range(40)],
    "paid_on": [f"{at % 28 + 1:02d}.03.2024" for at in range(40)],
    "seen": [f"2024-03-{at % 28 + 1:02d} 10:11:{at:02d}" for at in range(40)],
    "price": [f"{at}.50" for at in range(40)],
    "remark": [f"call me at {at}" for at in range(40)],
    "account": [f"{123456780 + at}" for at in range(40)],
    "acct no": [f"{at + 212}-{at + 555}-01{at:02d}" for at in range(40)],
    "ticket": [f"T-{at:05d}" for at in range(40)],
    "version": [f"1.0.{at}.7" for at in range(40)],
    "language": ["de", "en", "fr", "es", "it", "no"] * 7,
}


def verdict(name: str, values: list[str]) -> Semantic | None:
    return semantic_type(name, [(value, 1) for value in dict.fromkeys(values)])


@pytest.mark.parametrize("name", sorted(NOT_PERSONAL))
def test_ids_dates_and_numbers_are_nothing_else(name: str) -> None:
    assert verdict(name, NOT_PERSONAL[name]) is None


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("email", ["ada@example.org", "bo@example.com"]),
        ("card", CARDS),
        ("iban", ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"]),
        ("ssn", ["123-45-6789", "234-56-7890"]),
        ("phone", ["+49 30 901820", "(212) 555-0123", "001-212-555-0123x12", "212.555.0199"]),
        ("ip_address", ["10.0.0.1", "2001:db8::1"]),
        ("url", ["https://example.org", "www.example.com/a"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"]),
        ("postcode", ["SW1A 1AA", "EC1A 1BB"]),
        ("coordinates", ["48.8566, 2.3522"]),
        ("us_state", ["AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "ID"]),
        ("country_code", ["DE", "FR", "GB", "JP", "BR"]),
        ("currency_code", ["EUR", "USD", "GBP"]),
    ],
)
def test_values_say_it_whatever_the_name(type: str, values: list[str]) -> None:
    found = verdict("column7", values)
    assert found is not None
    assert (found.type, found.confidence, found.by) == (type, 1.0, "values")


@pytest.mark.parametrize(
    ("type", "name", "value"),
    [
        ("phone", "PhoneNumber", "2053258100"),
        ("phone", "home_phone", "2053258100"),
        ("ssn", "soc_sec_id", "123456789"),
        ("postcode", "ZIP", "35233"),
        ("latitude", "lat", "48.85"),
        ("longitude", "GPS Longitude", "2.35"),
        ("epoch_milliseconds", "created_at", "1700000000123"),
        ("epoch_seconds", "ts", "1700000000"),
        ("isbn", "isbn13", "9783161484100"),
        ("bic", "swift_code", "DEUTDEFF"),
        ("ip_address", "client_ip", "1.2.3.4"),
        ("country_code", "country", "de"),
    ],
)
def test_a_name_settles_what_values_leave_open(type: str, name: str, value: str) -> None:
    found = verdict(name, [value])
    assert found is not None
    assert (found.type, found.by) == (type, "values and name")
    assert verdict("column7", [value]) is None


def test_what_does_not_pass_is_counted_and_shown() -> None:
    found = semantic_type("mail", [("ada@example.org", 7), ("bo@example.org", 1), ("none given", 2)])
    assert found == Semantic("email", 0.8, "values", 10, counter_examples=("none given",))


def test_one_frequent_value_decides_nothing() -> None:
    values = [("4111111111111111", 900), *((str(4_000_000_000_000_000 + at), 1) for at in range(20))]
    assert semantic_type("number", values) is None


def test_all_columns_of_a_table_are_judged_once(make_table: MakeTable) -> None:
    table = make_table({"a": ["ada@example.org", None, "n/a", " bo@example.org "], "b": ["x", "y", "z", None]})
    found = semantic_types(table)
    assert found["a"] == Semantic("email", 1.0, "values", 2)
    assert found["b"] is None
    assert semantic_types(table) is found


def test_a_large_table_is_sampled_and_says_so(make_table: MakeTable) -> None:
    table = make_table({"a": ["ada@example.org"]}).sql(
        "SELECT range AS __row, range || '@example.org' AS a FROM range(250_000)"
    )
    found = semantic_types(table)["a"]
    assert found is not None
    assert found.sampled
    assert 100_000 <= found.rows < 250_000
