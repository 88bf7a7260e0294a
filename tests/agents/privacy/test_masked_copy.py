"""A masked copy hides what it says it hides, keeps equal what was equal, and is as anonymous as was asked."""

from collections.abc import Sequence

import pandas
import pytest

from agents.privacy.masked_copy import ANYTHING, REDACTED, ColumnMask, masked_copy, usual_mask
from agents.table import Table
from tests.agents.conftest import MakeTable

ROWS = 200
PEOPLE = {
    "name": [f"Person {chr(65 + i % 26)}{chr(97 + i % 20)}" for i in range(ROWS)],
    "mail": [None if i % 50 == 0 else f"p{i % 150}@example.com" for i in range(ROWS)],
    "born": [f"{1950 + i * 7 % 50}-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(ROWS)],
    "zip": [f"{10_000 + i * 379 % 400}" for i in range(ROWS)],
    "age": [f"{20 + i * 13 % 60}" for i in range(ROWS)],
    "town": [f"town {i * i % 23}" for i in range(ROWS)],
    "note": ["ask p1@example.com" if i % 10 == 0 else "fine" for i in range(ROWS)],
    "amount": [f"{i}.5" for i in range(ROWS)],
}
QUASI = ("born", "zip", "age", "town")
KINDS = {"name": "person_name", "mail": "email", "born": "birth_date", "zip": "postcode", "age": "age", "town": "place"}
MASKS = [usual_mask(name, KINDS.get(name, ""), 1.0) for name in PEOPLE if name not in ("note", "amount")]


def cells(table: Table, column: str) -> list[str | None]:
    return [cell for (cell,) in table.query(f"SELECT {Table.q(column)} FROM {{self}} ORDER BY __row")]


def one(make_table: MakeTable, values: Sequence[str | None], mask: ColumnMask, salt: str = "s") -> list[str | None]:
    return cells(masked_copy(make_table({mask.column: values}), [mask], (), k=2, salt=salt).table, mask.column)


@pytest.mark.parametrize("method", ["hash", "pseudonym"])
def test_what_is_equal_stays_equal_under_one_key_only(make_table: MakeTable, method: str) -> None:
    mask = ColumnMask("c", method, "email")
    values = ["a@example.com", "b@example.com", " a@example.com", None, "n/a"]
    first, again, other = (
        one(make_table, values, mask),
        one(make_table, values, mask),
        one(make_table, values, mask, "t"),
    )
    assert first == again
    assert first[0] == first[2] != first[1]
    assert set(first[:3]).isdisjoint(other[:3])
    assert first[3:] == [None, "n/a"]


def test_a_pseudonym_shows_what_it_stands_for(make_table: MakeTable) -> None:
    (person,) = one(make_table, ["Ann Lee"], ColumnMask("c", "pseudonym", "person_name"))
    (mail,) = one(make_table, ["ann@example.com"], ColumnMask("c", "pseudonym", "email"))
    assert person is not None
    assert mail is not None
    assert person.startswith("person-")
    assert mail.endswith("@example.invalid")


def test_what_is_redacted_is_gone_and_what_is_kept_stays(make_table: MakeTable) -> None:
    assert one(make_table, ["x", None], ColumnMask("c", "redact")) == [REDACTED, None]
    assert one(make_table, [" x", None], ColumnMask("c", "keep")) == [" x", None]
    assert one(make_table, ["ask p1@example.com", "fine"], usual_mask("c", "email", 0.1)) == [
        "ask p•••@e•••.com",
        "fine",
    ]


@pytest.mark.parametrize("k", [2, 5, 20])
def test_every_row_shares_its_quasi_identifiers_with_enough_others(make_table: MakeTable, k: int) -> None:
    copy = masked_copy(make_table(PEOPLE), [*MASKS, usual_mask("amount", "", 0)], QUASI, k=k, salt="s")
    frame = pandas.DataFrame({name: cells(copy.table, name) for name in QUASI})
    assert frame.groupby(list(QUASI)).size().min() >= k
    suppressed = (frame == ANYTHING).all(axis=1).sum()
    assert suppressed >= copy.suppressed_rows
    assert cells(copy.table, "amount") == PEOPLE["amount"]
    assert set(cells(copy.table, "name")).isdisjoint(PEOPLE["name"])


def test_no_more_is_generalised_than_has_to_be(make_table: MakeTable) -> None:
    loose, strict = (masked_copy(make_table(PEOPLE), MASKS, QUASI, k=k, salt="s") for k in (1, 20))
    level = {name: {m.column: m.level for m in copy.masks}[name] for copy in (loose,) for name in QUASI}
    assert set(level.values()) == {1}
    assert sum(mask.level for mask in strict.masks) > sum(mask.level for mask in loose.masks)


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("birth_date", ["1985-03-12", "not known", None], ["1985-03", ANYTHING, None]),
        ("postcode", ["80331", "SW1A 1AA", None], ["803**", "SW1*****", None]),
        ("age", ["20", "43", "80"], ["20 – 22", "42 – 44", "80 – 82"]),
        ("precise_location", ["48.13743", "-0.12776"], ["48.14", "-0.13"]),
        ("place", ["Rome", "Rome", "Oslo"], ["Rome", "Rome", "other"]),
    ],
)
def test_the_first_level_of_each_kind(
    make_table: MakeTable, kind: str, values: list[str | None], shown: list[str | None]
) -> None:
    assert one(make_table, values, ColumnMask("c", "generalise", kind)) == shown
