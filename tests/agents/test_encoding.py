"""Text of any usual encoding."""

import pytest

from agents.table import Database
from tests.agents.reading import cells, read

TEXT = "naïve,größe\nŠtěpán,1\n" + "Łódź,2\n" * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_with_and_without_a_mark(database: Database, encoding: str) -> None:
    result = read(database, TEXT.encode(encoding))
    assert result.table.columns == ("naïve", "größe")
    assert cells(result.table)[:2] == [("Štěpán", "1"), ("Łódź", "2")]


def test_utf16_without_a_mark_in_a_script_far_from_latin(database: Database) -> None:
    result = read(database, ("имя,город\n" + "Анна,Омск\n" * 50).encode("utf-16-be"))
    assert (result.encoding, cells(result.table)[49]) == ("utf-16-be", ("Анна", "Омск"))


def test_cp1252_and_latin1_where_that_has_no_character(database: Database) -> None:
    result = read(database, b"name;price\nJos\xe9;5 \x80\n\x81;\x93ok\x94\n")
    assert (result.encoding, result.delimiter) == ("cp1252", ";")
    assert cells(result.table) == [("José", "5 €"), ("\x81", "“ok”")]
    assert "cp1252" in result.notes[0]


def test_a_few_foreign_bytes_do_not_spoil_the_rest(database: Database) -> None:
    result = read(database, ("ä,b\n" + "é,ü\n" * 20).encode() + b"Jos\xe9,x\n")
    assert cells(result.table)[-2:] == [("é", "ü"), ("José", "x")]
    assert "a place in it is not" in result.notes[0]


def test_a_character_across_two_blocks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.read_base.BLOCK", 7)
    assert cells(read(database, TEXT).table)[1] == ("Łódź", "2")
    assert cells(read(database, TEXT.encode("utf-16")).table)[1] == ("Łódź", "2")


def test_a_file_that_ends_inside_a_character_is_still_utf8(database: Database) -> None:
    result = read(database, "name,city\nZoë,Köln\nAda,Genè".encode()[:-1])
    assert cells(result.table)[0] == ("Zoë", "Köln")
    assert result.notes == ("The file is UTF-8, but a place in it is not; it was read as cp1252.",)
