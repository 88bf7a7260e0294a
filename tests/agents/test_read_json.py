"""JSON in its usual shapes: nothing is respelt, no key is missed."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.table import Database
from errors import TooLarge, UnreadableFile
from tests.agents.reading import cells, read

SPELT = (
    '{"n": 1.10, "e": 1e5, "big": 123456789012345678901, "z": -0, '
    '"t": "a 1.10, \\"b\\": 2.50", "l": {"x": [1.10, null]}}'
)
AS_TEXT = ("1.10", "1e5", "123456789012345678901", "-0", 'a 1.10, "b": 2.50', '{"x":[1.10,null]}')


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"[{SPELT}]", "json"),
        (f"{SPELT}\n{SPELT}\n", "jsonl"),
        (f'{{"count": 1, "data": [{SPELT}], "next": null}}', "json"),
        (SPELT, "json"),
    ],
)
def test_numbers_keep_their_spelling(database: Database, text: str, kind: str) -> None:
    result = read(database, text, "people.json")
    assert (result.format, cells(result.table)[0]) == (kind, AS_TEXT)


def test_scalars_and_what_is_missing(database: Database) -> None:
    result = read(database, '[{"a": true, "b": null, "c": ""}, {"a": "007", "c": "null"}]')
    assert cells(result.table) == [("true", None, None), ("007", None, "null")]


def test_keys_in_the_order_they_are_first_seen_also_late_ones(database: Database) -> None:
    lines = ['{"b": 1, "a": 2}'] * 5000 + ['{"a": 3, "late": 4.0}']
    table = read(database, "\n".join(lines), "people.jsonl").table
    assert table.columns == ("b", "a", "late")
    assert cells(table)[-1] == (None, "3", "4.0")


def test_keys_that_would_clash_in_a_table(database: Database) -> None:
    table = read(database, '[{"A": 1, "a": 2, "": 3, "x.y": 4, "$z": 5, "/q~": 6, "q\\"u": 7, "__row": 8}]').table
    assert table.columns == ("A", "a_2", "column_3", "x.y", "$z", "/q~", 'q"u', "_row")
    assert cells(table) == [tuple("12345678")]


@pytest.mark.parametrize(
    "text",
    [
        '{"n": [1.10, 2], "s": ["x", null]}',
        '{"n": {"0": 1.10, "1": 2}, "s": {"0": "x", "1": null}}',
        '{\n "n": 1.10,\n "s": "x"\n}\n{\n "n": 2\n}',
    ],
)
def test_columns_and_objects_over_several_lines(database: Database, text: str) -> None:
    table = read(database, text, "people.json").table
    assert (table.columns, cells(table)) == (("n", "s"), [("1.10", "x"), ("2", None)])


def test_what_lies_beside_the_list_is_named(database: Database) -> None:
    result = read(database, '{"count": 1, "data": [{"a": 1}]}', "people.json")
    assert result.notes == ("The rows are the list 'data'; the rest of the JSON object ('count') was not read.",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "Item 1 .* not an object"),
        ('[{"a": 1}, null]', "Item 2 .* not an object"),
        ("[]", "no object"),
        ('[{"a": 1}, {"a": ', "malformed"),
        ('{"a": {"b": "', "middle of a value"),
        ('{"a": [1, 2], "b": [1]}', "same length"),
        ('{"x": [{"a": 1}], "y": [{"a": 1}]}', "several lists"),
        ('{"a": 1}\n{"a": 2\n', "malformed"),
    ],
)
def test_other_shapes_are_refused(database: Database, text: str, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        read(database, text, "people.json")


def test_limits(database: Database) -> None:
    with pytest.raises(TooLarge, match="1 MB"):
        read(database, json.dumps([{"a": "x" * (3 << 20)}]), max_field_mb=1)
    with pytest.raises(TooLarge, match="columns"):
        read(database, json.dumps([{f"k{n}": 1} for n in range(30)]), max_columns=20)


def test_wide_objects_are_read_in_steps(database: Database) -> None:
    record = {f"key_{number}": number / 7 for number in range(300)}
    lines = (json.dumps({"id": number} | record) for number in range(2500))
    table = read(database, "\n".join(lines)).table
    assert len(table.columns) == 301
    assert table.query("SELECT id, key_299 FROM {self} WHERE __row = 2499") == [("2499", json.dumps(299 / 7))]
    assert table.scalar("SELECT count(*) FROM {self} WHERE CAST(id AS BIGINT) <> __row OR rowid <> __row") == 0


def test_outline_across_small_blocks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.json_outline.BLOCK", 5)
    text = json.dumps({"meta": {"deep": [[{"x": "}]"}]]}, "rows": [{"a": 'q"]'}, {"a": "\\"}]})
    assert cells(read(database, text, "people.json").table) == [('q"]',), ("\\",)]


def test_an_infinity_leaves_the_texts_beside_it_as_they_are(database: Database) -> None:
    rows = [{"a": "n 12.50", "b": float("-inf"), "c": "\x9e", "d": 1.10}]
    assert cells(read(database, json.dumps(rows), "people.json").table) == [("n 12.50", "-Infinity", "\x9e", "1.1")]


VALUES = st.text(max_size=8) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES}), min_size=1, max_size=6))
def test_what_was_dumped_is_read_back(database: Database, rows: list[dict[str, object]]) -> None:
    def text(value: object) -> str | None:
        return (value or None) if isinstance(value, str) else None if value is None else json.dumps(value)

    wanted = [tuple(text(row[key]) for key in rows[0]) for row in rows]
    for layout in (json.dumps(rows), "\n".join(map(json.dumps, rows)), json.dumps({"items": rows}, indent=1)):
        assert cells(read(database, layout, "people.json").table) == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"a": 1},]', "in item 2: an item is empty, there is a comma too many."),
        ("[{'a': 1}]", "in item 1: unexpected character."),
        ('[{"a": 1}, {"a": ', "in item 2: unexpected end of data."),
        ('{"a": 1}\n\nnot json\n', "in line 3: invalid literal."),
    ],
)
def test_the_place_of_a_fault_is_counted_as_people_do(database: Database, text: str, says: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(database, text, "people.json")
    assert str(refused.value) == f"The JSON is malformed {says}"


def test_a_key_that_an_object_has_twice_is_told(database: Database) -> None:
    result = read(database, '[{"a": 1, "a": 2, "b": 3}, {"a": 4, "b": 5}]', "people.json")
    assert cells(result.table) == [("1", "3"), ("4", "5")]
    assert result.notes == ("An object has the key 'a' more than once; its first value was read.",)
