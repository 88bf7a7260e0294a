"""The independent count of records: fast over whole blocks, and the same as going byte by byte."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

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


@settings(max_examples=300, deadline=None)
@given(
    st.text('"\n\r, a', max_size=60),
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.integers(1, 2),
)
@example('a,a\n"\na",a\n', [5], b"\n", 2)
def test_blocks_of_any_size_give_the_same_count(written: str, sizes: list[int], line_end: bytes, width: int) -> None:
    text = written.encode() + b'"' * (written.count('"') % 2)
    pieces, at = [], 0
    while at < len(text):
        pieces.append(text[at : (at := at + sizes[len(pieces) % len(sizes)])])
    dialect = Dialect(b",", ("a",) * width, width, 0, True, line_end)
    counted = take_survey(pieces, dialect).records
    assert counted == records_of(text, line_end[-1:], blank_counts=width == 1)
