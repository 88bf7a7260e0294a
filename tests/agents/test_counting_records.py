"""The independent count of records: fast over whole blocks, and the same as going byte by byte."""

import random

import pytest

from agents.read_csv import Dialect, take_survey


def records_of(text: bytes, newline: bytes, *, blank_counts: bool) -> int:
    """Byte by byte: a line ends outside of quotes, and an empty one is no record where a record has two fields."""
    found, line, inside = 0, b"", False
    for byte in (text[at : at + 1] for at in range(len(text))):
        inside ^= byte == b'"'
        if byte == newline and not inside:
            found += blank_counts or line not in (b"", b"\r")
            line = b""
        else:
            line += byte
    return found + bool(line)


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_blocks_of_any_size_give_the_same_count(line_end: bytes, width: int) -> None:
    chance = random.Random(7)
    dialect = Dialect(b",", ("a",) * width, width, 0, True, line_end)
    for _ in range(1500):
        text = "".join(chance.choices('"\n\r, a', weights=(2, 2, 1, 3, 1, 6), k=chance.randrange(60))).encode()
        text += b'"' * (text.count(b'"') % 2)
        size = chance.randint(1, 30)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        counted = take_survey(pieces, dialect).records
        assert counted == records_of(text, line_end[-1:], blank_counts=width == 1), (text, size)
