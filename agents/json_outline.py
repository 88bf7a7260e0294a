"""The members of one large JSON object, found by streaming over its brackets."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from agents.read_base import BLOCK
from errors import UnreadableFile

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TO_TOKEN = re.compile(rb"[\s]*+(" + _STRING + rb"|[{}\[\],:]|[^\s\"{}\[\],:]++(?=[\s\"{}\[\],:]))", re.DOTALL)
_INSIDE = rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+'
_TO_BRACKET = re.compile(_INSIDE + rb"([{}\[\]])", re.DOTALL)
_PAST_TEXT = re.compile(_INSIDE, re.DOTALL)


@dataclass(frozen=True)
class Member:
    """One member of the object: its key, and where its value stands in the file."""

    key: str
    start: int
    end: int
    opens: str

    @property
    def is_list(self) -> bool:
        return self.opens == "["

    @property
    def is_object(self) -> bool:
        return self.opens == "{"


@dataclass(frozen=True)
class Outline:
    """The first object of a file, and whether anything comes after it."""

    members: tuple[Member, ...]
    end: int
    more: bool


class _Cursor:
    """A place in a file, with a bounded part of the file around it."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self._buffer = b""
        self._base = 0
        self._at = 0

    @property
    def place(self) -> int:
        return self._base + self._at

    def token(self) -> bytes:
        """The next string, bracket, comma, colon or bare word."""
        while True:
            found = _TO_TOKEN.match(self._buffer, self._at)
            if found:
                self._at = found.end()
                return found[1]
            self._grow()

    def bracket(self) -> bytes:
        """The next bracket that is not inside a string."""
        while True:
            found = _TO_BRACKET.match(self._buffer, self._at)
            if found:
                self._at = found.end()
                return found[1]
            passed = _PAST_TEXT.match(self._buffer, self._at)
            self._at = passed.end() if passed else self._at
            self._grow()

    def skip_value(self) -> bytes:
        """Go past a value; the answer is what it begins with."""
        first = self.token()
        depth = int(first in (b"{", b"["))
        while depth:
            depth += 1 if self.bracket() in (b"{", b"[") else -1
        return first[:1]

    def anything_left(self) -> bool:
        while not self._buffer[self._at :].strip():
            block = self._stream.read(BLOCK)
            if not block:
                return False
            self._base, self._at, self._buffer = self._base + len(self._buffer), 0, block
        return True

    def _grow(self) -> None:
        block = self._stream.read(BLOCK)
        if not block:
            raise UnreadableFile("The JSON ends in the middle of a value; the file may be cut off.")
        self._base, self._buffer, self._at = self.place, self._buffer[self._at :] + block, 0

    def close(self) -> None:
        self._stream.close()


def outline(path: Path) -> Outline:
    """The members of the object a file begins with."""
    cursor = _Cursor(path)
    try:
        members = []
        _expect(cursor, b"{")
        token = cursor.token()
        while token != b"}":
            members.append(_member(cursor, token))
            token = cursor.token()
            if token == b",":
                token = cursor.token()
            elif token != b"}":
                raise _malformed(cursor.place)
        end = cursor.place
        return Outline(tuple(members), end, cursor.anything_left())
    finally:
        cursor.close()


def _member(cursor: _Cursor, key: bytes) -> Member:
    _expect(cursor, b":")
    start = cursor.place
    opens = cursor.skip_value().decode("ascii", "replace")
    try:
        name = json.loads(key)
    except ValueError as error:
        raise _malformed(start) from error
    return Member(str(name), start, cursor.place, opens)


def _expect(cursor: _Cursor, wanted: bytes) -> None:
    if cursor.token() != wanted:
        raise _malformed(cursor.place)


def _malformed(place: int) -> UnreadableFile:
    return UnreadableFile(f"The JSON is malformed near byte {place:,}.")
