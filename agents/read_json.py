"""JSON and JSON Lines: one row per object, one column per key, numbers as they are spelt in the file.

DuckDB turns 1.10 into 1.1 as soon as it parses a value. So numbers are made strings before that, each behind a mark
that no text holds (U+FDD0 is no character), and made bare again afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from agents import wide
from agents.json_outline import Member, Outline, outline
from agents.read_base import MB, Content, ReadOptions, blocks, column_names, is_large, listed
from agents.table import ROW, Database, Table, literal
from errors import OutOfMemory, TooLarge, UnreadableFile

_MARK = "\ufdd0"
# Whatever is not a number (-Infinity is none), strings as a whole, and then a number: the text ends with one, so that
# no match begins late.
_NUMBER = r'((?:[^"0-9-]|-[^"0-9]|"(?:[^"\\]|\\.)*")*)(-?[0-9][0-9.eE+-]*)'
_MARKING = rf'\1"{_MARK}\2"'
_MARKED = rf'"{_MARK}([^"]*)"'
_RESPELT = "[0-9][.eE]|[0-9]{17}|-0"
_BEGINNING = re.compile(rb'\[\s*+(?:[\[{"\]\d-]|true|false|null|\Z)|\{\s*+(?:["}]|\Z)')
# DuckDB sets aside several buffers of twice this size.
_USUAL_OBJECT_MB = 2
_STEP_BYTES = 4 * MB
_MOST_DOUBLED = 20
_FAULTS = {"input length is 0": "an item is empty, there is a comma too many"}
SHAPES = "Send a list of objects, one object per line, or an object of columns."


def looks_like_json(head: bytes) -> bool:
    """Whether text begins as a JSON list or object does."""
    return bool(_BEGINNING.match(head))


def read_json(path: Path, filename: str, folder: Path, database: Database, options: ReadOptions) -> Content:
    """A table from a list of objects, an object of columns, an object around one list, or JSON Lines."""
    small = replace(options, max_field_mb=min(_USUAL_OBJECT_MB, options.max_field_mb))
    try:
        return _attempt(path, filename, folder, database, small)
    except _ObjectTooLong:
        return _attempt(path, filename, folder, database, options)


class _ObjectTooLong(TooLarge):
    """One object of the JSON is longer than was provided for."""


def _attempt(path: Path, filename: str, folder: Path, database: Database, options: ReadOptions) -> Content:
    try:
        return _read(path, filename, folder, database, options)
    except OutOfMemory as error:
        raise TooLarge("The JSON needs more memory than there is. Send it as JSON Lines, with fewer keys.") from error
    except duckdb.InvalidInputException as error:
        raise _refused(error, options) from error


def _read(path: Path, filename: str, folder: Path, database: Database, options: ReadOptions) -> Content:
    if _first_byte(path) == b"[":
        return _records(path, "array", "json", database, options)
    found = outline(path)
    if found.more or filename.lower().endswith((".jsonl", ".ndjson")):
        layout = "newline_delimited" if _on_one_line(path, found) else "unstructured"
        return _records(path, layout, "jsonl", database, options)
    return _single(path, found.members, folder, database, options)


def _single(path: Path, members: tuple[Member, ...], folder: Path, database: Database, options: ReadOptions) -> Content:
    lists = [member for member in members if member.is_list and _holds_objects(path, member)]
    if len(lists) > 1:
        names = listed(member.key for member in lists)
        raise UnreadableFile(f"The JSON holds several lists of objects ({names}); keep one. {SHAPES}")
    if lists:
        part = _slice(path, lists[0], folder / "list.json")
        content = _records(part, "array", "json", database, options)
        return Content(content.table, "json", (*_left_out(lists[0], members), *content.notes))
    if members and (all(each.is_list for each in members) or all(each.is_object for each in members)):
        return _columns(path, members, folder, database, options)
    return _records(path, "unstructured", "json", database, options)


def _left_out(taken: Member, members: tuple[Member, ...]) -> tuple[str, ...]:
    others = [member.key for member in members if member is not taken]
    if not others:
        return ()
    return (f"The rows are the list {taken.key!r}; the rest of the JSON object ({listed(others)}) was not read.",)


def _first_byte(path: Path) -> bytes:
    return next(blocks(path), b"").lstrip()[:1]


def _on_one_line(path: Path, found: Outline) -> bool:
    with path.open("rb") as stream:
        return b"\n" not in stream.read(min(found.end, 64 * MB)).lstrip()


def _holds_objects(path: Path, member: Member) -> bool:
    with path.open("rb") as stream:
        stream.seek(member.start)
        return bool(re.match(rb"\s*\[\s*\{", stream.read(min(1024, member.end - member.start))))


def _slice(path: Path, member: Member, target: Path) -> Path:
    left = member.end - member.start
    with target.open("wb") as out:
        for block in blocks(path, member.start):
            out.write(block[:left])
            left -= len(block)
            if left <= 0:
                break
    return target


def _objects(path: Path, layout: str, options: ReadOptions) -> str:
    return (
        f"read_json_objects({literal(str(path))}, format = '{layout}', compression = 'none', "
        f"maximum_object_size = {options.max_field_mb * MB})"
    )


def _records(path: Path, layout: str, kind: str, database: Database, options: ReadOptions) -> Content:
    source = _objects(path, layout, options)
    keys, twice = _keys(source, database, options)
    names, notes = column_names(keys, options.max_columns)
    numbered = f"SELECT row_number() OVER () - 1 AS {ROW}, json FROM {source}"
    first, *others = (
        _values(numbered, keys[at : at + wide.GROUP], names[at : at + wide.GROUP], database, large=is_large(path))
        for at in range(0, len(keys), wide.GROUP)
    )
    return Content(first.joined(others), kind, (*notes, *twice))


def _values(numbered: str, keys: Sequence[str], names: Sequence[str], database: Database, *, large: bool) -> Table:
    """What some keys stand for in each object, under these names."""
    paths = ", ".join(literal(_pointer(key)) for key in keys)
    cells = ", ".join([ROW, *(f"cells[{place}] AS {Table.q(name)}" for place, name in enumerate(names, 1))])
    values = f"list_transform(json_extract_string({_marked('json')}, [{paths}]), lambda cell: {_bare('cell')}) AS cells"
    try:
        return database.table(f"SELECT {cells} FROM (SELECT {ROW}, {values} FROM ({numbered}))", large=large)
    except OutOfMemory:
        raw = database.table(numbered)
        return _in_steps(raw, f"SELECT {cells} FROM (SELECT {ROW}, {values} FROM {{self}})")


def _in_steps(raw: Table, query: str) -> Table:
    """The rows of a query over long JSON texts, a few at a time: DuckDB takes 2048, with several copies of each."""
    length = raw.scalar("SELECT coalesce(max(strlen(CAST(json AS VARCHAR))), 0) FROM {self}")
    step = max(1, _STEP_BYTES // max(1, length))
    part = f"WHERE {ROW} >= $start AND {ROW} < $start + {step}"
    # The rows come in the order of __row, so rowid and __row stay the same.
    table = raw.sql(f"{query} {part}", start=0)
    for start in range(step, raw.rows, step):
        table.query(f"INSERT INTO {{self}} {query.replace('{self}', '{raw}')} {part}", raw=raw, start=start)
    return table


def _keys(source: str, database: Database, options: ReadOptions) -> tuple[list[str], tuple[str, ...]]:
    """The keys of all objects in the order in which they are first seen, and a note where an object has one twice."""
    # Grouped by a hash, with the first text of each group: groups of key lists take ten times the memory.
    shapes = database.table(
        "SELECT min(place) AS place, json_keys(arg_min(json, place)) AS keys, is_object, "
        "max(strlen(CAST(json AS VARCHAR))) AS longest FROM "
        f"(SELECT row_number() OVER () AS place, json, starts_with(json, '{{') AS is_object FROM {source}) "
        "GROUP BY hash(json_keys(json)), is_object"
    )
    other = shapes.scalar("SELECT min(place) FROM {self} WHERE NOT is_object")
    if other is not None:
        raise UnreadableFile(f"Item {other:,} of the JSON is not an object with named values. {SHAPES}")
    # DuckDB holds to its own limit only where an object crosses a buffer.
    if (shapes.scalar("SELECT max(longest) FROM {self}") or 0) > options.max_field_mb * MB:
        raise _too_long(options)
    keys = shapes.query(
        "SELECT key FROM (SELECT place, unnest(keys) AS key, generate_subscripts(keys, 1) AS nth FROM {self}) "
        f"GROUP BY key ORDER BY min(place), arg_min(nth, place) LIMIT {options.max_columns + 1}"
    )
    if not keys:
        raise UnreadableFile(f"The JSON holds no object with named values. {SHAPES}")
    return [key[0] for key in keys], _doubled(shapes)


def _doubled(shapes: Table) -> tuple[str, ...]:
    twice = shapes.query(
        "SELECT DISTINCT key FROM (SELECT place, unnest(keys) AS key FROM {self}) "
        f"GROUP BY place, key HAVING count(*) > 1 ORDER BY key LIMIT {_MOST_DOUBLED}"
    )
    return tuple(f"An object has the key {key!r} more than once; its first value was read." for (key,) in twice)


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _marked(text: str) -> str:
    """The JSON with every number as a marked string, where any number would change its spelling."""
    replaced = f"regexp_replace({text} || '0', {literal(_NUMBER)}, {literal(_MARKING)}, 'gs')"
    return f"CASE WHEN regexp_matches({text}, '{_RESPELT}') THEN left({replaced}, -4) ELSE {text} END"


def _bare(cell: str) -> str:
    """A cell without marks: nested numbers lose their quotes too. An empty text is missing, as in every format."""
    nested = f"regexp_replace({cell}, {literal(_MARKED)}, '\\1', 'g')"
    return f"nullif(CASE WHEN contains({cell}, '{_MARK}') THEN ltrim({nested}, '{_MARK}') ELSE {cell} END, '')"


def _columns(
    path: Path, members: tuple[Member, ...], folder: Path, database: Database, options: ReadOptions
) -> Content:
    names, notes = column_names([member.key for member in members], options.max_columns)
    read = _listed_column if members[0].is_list else _keyed_column
    columns = [read(_slice(path, member, folder / "column.json"), database, options) for member in members]
    if len({(column.rows, column.types.get("keys") and column.scalar("SELECT any_value(keys) FROM {self}"))
            for column in columns}) > 1:  # fmt: skip
        raise UnreadableFile(f"The lists in the JSON object are not of the same length. {SHAPES}")
    first, *others = columns
    cells = ", ".join(f"column_{place}.cell AS {Table.q(name)}" for place, name in enumerate(names))
    joined = "".join(f" POSITIONAL JOIN {{other_{place}}} column_{place}" for place in range(1, len(columns)))
    table = first.sql(
        f"SELECT row_number() OVER () - 1 AS {ROW}, {cells} FROM {{self}} column_0{joined}",
        **{f"other_{place}": column for place, column in enumerate(others, 1)},
    )
    return Content(table, "json", notes)


def _listed_column(path: Path, database: Database, options: ReadOptions) -> Table:
    text = "CASE json_type(json) WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN json ->> '$' ELSE CAST(json AS VARCHAR) END"
    return database.table(f"SELECT nullif({text}, '') AS cell FROM {_objects(path, 'array', options)}")


def _keyed_column(path: Path, database: Database, options: ReadOptions) -> Table:
    """A column as an object from row labels to values; `keys` is a hash of the labels."""
    source = _objects(path, "unstructured", options)
    return database.table(
        f"SELECT {_bare('cell')} AS cell, keys FROM (SELECT unnest(json_extract_string({_marked('json')}, '$.*')) "
        f"AS cell, md5(CAST(json_keys(json) AS VARCHAR)) AS keys FROM {source})"
    )


def _refused(error: duckdb.Error, options: ReadOptions) -> UnreadableFile | TooLarge:
    message = str(error)
    if "maximum_object_size" in message:
        return _too_long(options)
    found = re.search(r"in (line|record/value) ([\d,]+): ([^\n]*)", message)
    return UnreadableFile(f"The JSON is malformed{_place(*found.groups())}" if found else "The JSON is malformed.")


def _place(unit: str, number: str, fault: str) -> str:
    """Where a list or a line is malformed, and how; DuckDB counts a list's items from 2."""
    where = f"line {number}" if unit == "line" else f"item {int(number.replace(',', '')) - 1:,}"
    fault = fault.strip().rstrip(".")
    return f" in {where}: {_FAULTS.get(fault, fault)}."


def _too_long(options: ReadOptions) -> _ObjectTooLong:
    return _ObjectTooLong(f"One object in the JSON is over {options.max_field_mb} MB. Send one object per row.")
