"""Personal data is found by values, by names and by what stands beside it, and what only looks like it is not."""

from collections.abc import Mapping, Sequence

import pytest

from agents.privacy.detect import Finding, survey
from tests.agents.conftest import MakeTable

PEOPLE = ["Maria Lopez", "John Smith", "Emma Wilson", "Peter Novak", "Laura Rossi", "Omar Hassan"]
COMPANIES = ["Miller Brewing Company", "Johnson & Johnson", "Ford Motors", "Smith Partners Ltd", "Acme Inc", "Berg AG"]
BORN = ["1985-03-12", "1990-11-30", "1972-01-05", "2001-07-19", "1966-06-06", "1999-12-24"]


def found(make_table: MakeTable, columns: Mapping[str, Sequence[str | None]]) -> dict[str, list[str]]:
    """The kinds found in each column."""
    kinds: dict[str, list[str]] = {}
    for each in survey(make_table(columns)).findings:
        kinds.setdefault(each.column, []).append(each.kind)
    return kinds


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["ann@example.com", "bob@example.org", "cy@example.net"], "email"),
        (["+1 202 555 0123", "+44 20 7946 0958", "+49 30 901820"], "phone"),
        (["4111111111111111", "5500000000000004", "340000000000009"], "card"),
        (["123-45-6789", "234-56-7890", "345-67-8901"], "national_id"),
        (["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"], "bank_account"),
        (["10.0.0.1", "192.168.1.77", "8.8.8.8"], "ip_address"),
        (PEOPLE, "person_name"),
        (["Smith, John", "Lopez, Maria", "Wilson, Emma", "Rossi, Laura"], "person_name"),
        (["Maria Lopez, John Smith", "Emma Wilson and Peter Novak", "Laura Rossi"], "person_name"),
        (["Smith, J., & Lopez, M. K.", "Wilson, Emma", "Rossi, L. M., and Novak, P."], "person_name"),
        (["12 Main Street", "99 Oak Ave, Springfield", "7 Elm Road", "Hauptstraße 5"], "address"),
        (["catholic", "muslim", "jewish", "catholic"], "religion"),
        (["AKIAABCDEFGHIJKLMNOP", "AKIAQRSTUVWXYZABCDEF"], "secret"),
    ],
)
def test_values_say_what_they_are_under_any_name(make_table: MakeTable, values: list[str], kind: str) -> None:
    assert found(make_table, {"c7": values}) == {"c7": [kind]}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("filename", ["john.txt", "maria.pdf", "emma.doc"]),
        ("file name", ["John Smith", "Maria Lopez", "Emma Wilson"]),
        ("company", COMPANIES),
        ("name", COMPANIES),
        ("product_name", ["Red Chair", "Blue Table", "Green Lamp"]),
        ("title", ["The Long Day", "Mary and Max", "Annie Hall", "Speed", "Heat"]),
        ("created", BORN),
        ("id", ["2025550123", "2025550124", "2025550125"]),
        ("order_no", ["4111111111111112", "5500000000000005", "340000000000008"]),
        ("provider_id", ["0123-456-7890", "0234-567-8901", "none", "n1", "n2", "n3", "n4"]),
        ("version", ["1.2.3.4", "1.2.3.5", "2.0.0.1"]),
        ("amount", ["12.50", "1999.99", "0.5"]),
        ("page", ["12", "34", "56"]),
        ("race_time", ["12.5", "13.1", "11.9"]),
        ("city", ["San Jose", "St. Paul", "Charlotte", "Austin"]),
        ("email_count", ["1", "2", "3"]),
    ],
)
def test_what_only_looks_like_it_is_not_reported(make_table: MakeTable, name: str, values: list[str]) -> None:
    assert found(make_table, {name: values}) == {}


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("ssn", ["123456789", "234567890", "345678901"], "national_id"),
        ("PhoneNumber", ["2025550123", "2125550188", "3105550177"], "phone"),
        ("Geburtsdatum", ["12.03.1985", "30.11.1990", "05.01.1972"], "birth_date"),
        ("date_of_birth", ["19850312", "19901130", "19720105"], "birth_date"),
        ("LAST NAME", ["Quibble", "Zorn", "Wexley"], "person_name"),
        ("diagnosis", ["E11.9", "I10", "J45"], "health"),
        ("annual_salary", ["52000", "61000.50", "$48,000"], "salary"),
        ("password", ["hunter22", "correct horse", "qwerty123"], "secret"),
        ("cvv", ["123", "456", "7890"], "card_security"),
        ("passport_no", ["C01X00T47", "P1234567", "X9876543"], "identity_document"),
        ("trade_union", ["IG Metall", "Unite", "none of them"], "union"),
        ("fingerprint", ["a9f3c1", "77bc02", "0f0f0f"], "biometrics"),
    ],
)
def test_a_telling_name_decides_what_values_leave_open(
    make_table: MakeTable, name: str, values: list[str], kind: str
) -> None:
    assert found(make_table, {name: values})[name][0] == kind


def test_quasi_identifiers_need_rows_that_are_people(make_table: MakeTable) -> None:
    places = {"city": ["Rome", "Oslo", "Bonn"] * 2, "zip": ["10115", "80331", "50667"] * 2}
    assert found(make_table, places) == {}
    assert found(make_table, places | {"birth_date": BORN}) == {
        "city": ["place"],
        "zip": ["postcode"],
        "birth_date": ["birth_date"],
    }


def test_a_phone_of_an_organisation_is_told_from_a_person_s(make_table: MakeTable) -> None:
    phones = {"phone": ["+1 202 555 0123", "+44 20 7946 0958", "+49 30 901820"]}
    (alone,) = survey(make_table(phones)).findings
    beside = survey(make_table(phones | {"gender": ["male", "female", "male"]})).findings[0]
    assert (alone.people, beside.people) == (False, True)


def test_what_stands_in_a_few_texts_is_found(make_table: MakeTable) -> None:
    notes = ["all well", "write to ann@example.com", "ssn 123-45-6789 on file", "paid with 4111 1111 1111 1111"]
    findings = {each.kind: each for each in survey(make_table({"note": notes * 5})).findings}
    assert set(findings) == {"email", "national_id", "card"}
    assert all(each.share == 0.25 for each in findings.values())


def test_a_large_table_is_sampled_and_says_so(make_table: MakeTable) -> None:
    table = make_table({"mail": [f"u{i}@example.com" for i in range(3000)]})
    whole, part = survey(table, sample_size=3000), survey(table, sample_size=100)
    assert whole.rows == 3000
    assert 50 < part.rows < 200
    assert [each.kind for each in part.findings] == ["email"]


def test_what_a_sample_misses_is_looked_for_in_every_row(make_table: MakeTable) -> None:
    notes = [f"parcel {number} came well" for number in range(5000)]
    notes[77], notes[4321] = "paid with 3782 822463 10005.", "ring (212) 555-0123"
    table = make_table({"note": notes, "n": [str(number) for number in range(5000)]})
    found = {each.kind: each for each in survey(table, sample_size=100).findings}
    assert set(found) == {"card", "phone"}
    assert all(each.share == pytest.approx(1 / 5000) for each in found.values())


@pytest.mark.parametrize("kind", ["phone", "ip_address"])
def test_a_column_of_little_else_than_nothing_is_found(make_table: MakeTable, kind: str) -> None:
    few = {"phone": ["(212) 555-0123", "030 1234567", "+44 20 7946 0958"], "ip_address": ["10.20.30.144", "8.8.144.8"]}
    assert found(make_table, {"c7": [*few[kind], *["n/a", "tbd", "-", "see file", "1234"] * 4]}) == {"c7": [kind]}


def test_headers_are_read_in_other_scripts(make_table: MakeTable) -> None:
    columns = {
        "氏名": ["山田太郎", "佐藤花子", "鈴木一郎"],
        "дата рождения": ["12.03.1985", "30.11.1990", "05.01.1972"],
    }
    assert found(make_table, columns) == {"氏名": ["person_name"], "дата рождения": ["birth_date"]}


def test_every_kind_has_a_test_for_its_names() -> None:
    from agents.privacy.checks import HINTED, NAMED
    from agents.privacy.kinds import KINDS

    assert NAMED.keys() == HINTED.keys() == KINDS.keys()


def test_a_finding_is_what_it_says(make_table: MakeTable) -> None:
    (each,) = survey(make_table({"e-mail": ["ann@example.com", "no mail", None]})).findings
    assert isinstance(each, Finding)
    assert (each.share, each.examples) == (0.5, ("ann@example.com",))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "to ann@example.com"),
        ("national_id", "no 219-09-1234"),
        ("card", "4111-1111-1111-1111"),
        ("card", "4111111111111111"),
        ("card", "3782 822463 10005"),
        ("bank_account", "DE89 3704 0044 0532 0130 00"),
        ("phone", "(212) 555-0123"),
        ("phone", "+44 20 7946 0958"),
        ("phone", "030 1234567"),
        ("ip_address", "10.20.30.144"),
        ("secret", "xoxb-1234567890"),
    ],
)
def test_what_is_looked_for_bears_its_mark(kind: str, text: str) -> None:
    from agents.privacy.checks import kinds_marked
    from agents.privacy.detect import _SCATTERED

    assert any(pattern.search(text) for name, pattern, _ in _SCATTERED if name == kind)
    assert kind in kinds_marked(f"nothing\n{text}")
    assert kind not in kinds_marked("nothing\nat all")
