"""Every validator takes what is real and refuses what only looks so."""

import ipaddress
import uuid
from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.semantics import validators as v
from agents.semantics.iso import IBAN_LENGTHS
from agents.semantics.phones import is_any_phone, is_phone

REAL = {
    v.is_email: ["ada@example.org", "a.b+c@mail.example.co.uk", " eve@example.com ", "jo@münchen.example"],
    v.is_url: ["https://example.org/a?b=c", "www.example.org", "ftp://10.0.0.1/x", "http://localhost:8000"],
    v.is_ip: ["10.0.0.1", "2001:db8::1", "192.168.0.0/16", "::1"],
    v.is_host: ["10.0.0.144", "192.168.1.7"],
    v.is_no_version: ["10.0.0.1", "1.1.1.12", "2001:db8::1"],
    v.is_uuid: ["123e4567-e89b-12d3-a456-426614174000", "{123E4567-E89B-12D3-A456-426614174000}"],
    v.is_mac_address: ["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"],
    v.is_card: ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "6011000000000004"],
    v.is_iban: ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "NO9386011117947"],
    v.is_ssn: ["123-45-6789", "123 45 6789", "123456789"],
    v.is_spelled_ssn: ["123-45-6789"],
    v.is_isbn: ["978-3-16-148410-0", "0-306-40615-2", "080442957X"],
    v.is_bic: ["DEUTDEFF", "NEDSZAJJXXX"],
    v.is_country_code: ["DE", "DEU", "GB"],
    v.is_currency_code: ["EUR", "USD"],
    v.is_us_state: ["AL", "NY"],
    v.is_postcode: ["SW1A 1AA", "K1A 0B6", "1012 AB", "12345-6789"],
    v.is_any_postcode: ["35233", "2000", "D-10115", "00-950", "113 51"],
    v.is_latitude: ["48.85", "-90", "0"],
    v.is_longitude: ["-179.99", "180"],
    v.is_coordinates: ["48.8566, 2.3522", "(40.71, -74.00)", "40° 26′ 46″ N"],
    v.is_epoch_seconds: ["1700000000"],
    v.is_compact_date: ["20240229", "19991231"],
    v.is_epoch_milliseconds: ["1700000000123"],
    is_phone: [
        *("+49 30 901820", "(212) 555-0123", "212-555-0123", "001-212-555-0123x123", "020 7946 0018"),
        *("07700 900123", "030/9018200", "06-12345678", "0049 30 901820", "98765 43210"),
    ],
    is_any_phone: ["2125550123", "213/849-4567", "(815)\n544-6560"],
}
FALSE = {
    v.is_email: ["ada@example", "@example.org", "a..b@example.org", "a b@example.org", "ada@-example.org", "ada"],
    v.is_url: ["example", "http://", "mailto:ada@example.org", "http://a b", "note: www", "12:30", "http://["],
    v.is_ip: ["256.0.0.1", "1.2.3", "12:30", "10", "1.5", "00:1b:44:11:3a:b7"],
    v.is_host: ["1.2.3.4", "10.0.0.1444"],
    v.is_no_version: ["1.2.3.4", "1.2.3.4/24", "1.2.30", "10"],
    v.is_uuid: ["123e4567", "d41d8cd98f00b204e9800998ecf8427e"],
    v.is_mac_address: ["00:1b:44:11:3a", "00:1b-44:11:3a:b7"],
    v.is_card: ["4111 1111 1111 1112", "1234567812345678", "0000000000000000", "4111-1111 1111 1111", "12.50"],
    v.is_iban: ["DE89 3704 0044 0532 0130 01", "DE8937040044053201300", "XX00AAAA1111222233334444"],
    v.is_ssn: ["000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "078-05-1120", "123-456789"],
    v.is_spelled_ssn: ["123456789"],
    v.is_isbn: ["978-3-16-148410-1", "2125550124", "12345"],
    v.is_bic: ["CUSTXXFF", "deutdeff", "DEUTDE"],
    v.is_country_code: ["XX", "de", "Germany"],
    v.is_currency_code: ["ABC", "eur"],
    v.is_us_state: ["XX", "ny"],
    v.is_postcode: ["35233", "hello", "12-34", "12-345", "2024-01-05"],
    v.is_any_postcode: ["123", "1234567", "12.5"],
    v.is_latitude: ["90.5", "north", "48,85"],
    v.is_longitude: ["180.1", "2.5.1"],
    v.is_coordinates: ["3.5, 4", "99.12, 10.34", "12:30"],
    v.is_compact_date: ["20230229", "20241301", "2024-01-01", "12345678"],
    v.is_epoch_seconds: ["17", "1700000000123", "-1700000000"],
    v.is_epoch_milliseconds: ["1700000000", "9780306406157"],
    is_phone: [
        "2024-01-05",
        "05.01.2024",
        "10.0.0.1",
        "123-45-6789",
        "2125550123",
        "123456789012",
        "978-3-16-148410-0",
        "123-456-7890",
        "212-155-0123",
        "00123456",
        "12345 67890",
        "0123-4567-8901-234",
    ],
    is_any_phone: ["2024-01-05", "12345", "note 12", "12345678901234567", "555"],
}


@pytest.mark.parametrize(("test", "text"), [(test, text) for test, texts in REAL.items() for text in texts])
def test_what_is_real_is_taken(test: Callable[[str], bool], text: str) -> None:
    assert test(text)


@pytest.mark.parametrize(("test", "text"), [(test, text) for test, texts in FALSE.items() for text in texts])
def test_what_only_looks_so_is_refused(test: Callable[[str], bool], text: str) -> None:
    assert not test(text)


@given(st.text(max_size=40))
def test_any_text_gets_an_answer(text: str) -> None:
    assert all(test(text) in (True, False) for test in REAL)


@given(st.sampled_from(sorted(IBAN_LENGTHS.items())), st.data())
def test_an_iban_is_refused_with_any_digit_changed(country: tuple[str, int], data: st.DataObject) -> None:
    code, length = country
    account = data.draw(st.text("0123456789", min_size=length - 4, max_size=length - 4))
    remainder = int("".join(str(int(letter, 36)) for letter in f"{account}{code}00")) % 97
    iban = f"{code}{98 - remainder:02d}{account}"
    assert v.is_iban(iban)
    at = data.draw(st.integers(4, length - 1))
    assert not v.is_iban(iban[:at] + str((int(iban[at]) + 1) % 10) + iban[at + 1 :])


@given(st.text("0123456789", min_size=12, max_size=18), st.data())
def test_luhn_notices_every_single_wrong_digit(digits: str, data: st.DataObject) -> None:
    right = next(digits + check for check in "0123456789" if v.passes_luhn(digits + check))
    at = data.draw(st.integers(0, len(right) - 1))
    wrong = right[:at] + str((int(right[at]) + data.draw(st.integers(1, 9))) % 10) + right[at + 1 :]
    assert not v.passes_luhn(wrong)


@given(st.integers(0, 999), st.integers(0, 99), st.integers(0, 9999))
def test_social_security_numbers_are_of_assigned_ranges(area: int, group: int, serial: int) -> None:
    assigned = area not in (0, 666) and area < 900 and group and serial
    if (area, group, serial) not in ((78, 5, 1120), (219, 9, 9999), (457, 55, 5462)):
        assert v.is_ssn(f"{area:03d}-{group:02d}-{serial:04d}") == bool(assigned)


@given(st.ip_addresses(), st.uuids())
def test_addresses_and_uuids_are_taken_as_python_writes_them(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, identifier: uuid.UUID
) -> None:
    assert v.is_ip(str(address))
    assert v.is_uuid(str(identifier))


@given(st.dates())
def test_no_date_is_a_phone_number(date: object) -> None:
    assert not is_any_phone(str(date))


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_countrys_example_is_a_phone_number(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert is_phone(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
