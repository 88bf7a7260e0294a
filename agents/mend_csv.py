"""CSV records, one way for sound ones and another for broken ones.

Runs of sound records (as RFC 4180 has them, of the expected width) are found by one regular expression and passed on
as they are. Only a record that breaks such a run is opened, mended and written down.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from agents.read_base import MB
from errors import TooLarge

_QUOTED = rb'"[^"]*+(?:""[^"]*+)*+"'
_LINE_END = rb"(?:\r\n|\n|\r)"
_CLEANLY_QUOTED = re.compile(rb" *+" + _QUOTED + rb" *+")
_REACH = 1 << 20
NUL_SHOWN = "\u2400".encode()


@dataclass(frozen=True)
class Record:
    """The fields of one record as written, where it ends, and what is wrong with its quotes, if anything.

    plain: the fields are free of quotes already.
    """

    written: list[bytes]
    end: int
    fault: str | None = None
    plain: bool = False

    @property
    def width(self) -> int:
        return len(self.written)

    @property
    def fields(self) -> list[bytes]:
        return self.written if self.plain else [_unquoted(text) for text in self.written]


class Grammar:
    """How records are written: fields between `delimiter`s, `width` of them (None: any number)."""

    def __init__(self, delimiter: bytes, width: int | None = None, longest: int = 16 << 20) -> None:
        mark = re.escape(delimiter)
        plain = rb'[^"\r\n' + mark + rb"]*+"
        any_field = rb"(?: *+" + _QUOTED + rb" *+|" + plain + rb")"
        sound = any_field.replace(rb"[^", rb"[^\0")
        times = b"*+" if width is None else b"{%d}" % (width - 1)
        self.delimiter = delimiter
        self.width = width
        self.longest = longest
        self.run = re.compile(rb"(?:" + sound + rb"(?:" + mark + sound + rb")" + times + _LINE_END + rb")++")
        self.blank = re.compile(rb"(?: *+" + _LINE_END + rb")++")
        self._whole = re.compile(any_field + rb"(?:" + mark + any_field + rb")*+" + _LINE_END)
        self._split = re.compile(rb"(" + any_field + rb")(?:" + mark + rb"|" + _LINE_END + rb")")
        self._bare = re.compile(rb"[^\r\n" + mark + rb"]*+")
        self._line_end = re.compile(_LINE_END)
        self._loose = {across: self._loosely_quoted(mark, across) for across in (False, True)}

    @staticmethod
    def _loosely_quoted(mark: bytes, across_lines: bool) -> re.Pattern[bytes]:
        """A quote closes a field only where a delimiter or a line end follows; any other is part of the text."""
        text = rb'[^"\\]' if across_lines else rb'[^"\\\r\n]'
        escaped = rb"\\(?s:.)" if across_lines else rb"\\[^\r\n]"
        after = rb" *+(?:" + mark + rb"|[\r\n])"
        inner = rb"(?:" + text + rb"++|" + escaped + rb'|""|"(?!' + after + rb"))*+"
        return re.compile(rb' *+"(' + inner + rb')" *+(?=' + mark + rb"|[\r\n])")

    def record(self, buffer: bytes, start: int, end: int, *, final: bool) -> Record | None:
        """The record that begins at `start`; None if more of the file is needed to tell where it ends."""
        whole = self._whole.match(buffer, start, end)
        if whole is None and not final and end - start < self.longest:
            return None
        if whole is None:
            return self._broken(buffer, start, end)
        record = Record(self._split.findall(whole[0]), whole.end())
        if self.width not in (None, record.width) and self._line_end.search(whole[0][:-2]):
            # An opening quote that is closed by another row's quote has swallowed the lines between.
            line = self._read_loosely(buffer, start, end, across_lines=False)
            return line if line and line.width == self.width else record
        return record

    def _broken(self, buffer: bytes, start: int, end: int) -> Record | None:
        line = self._read_loosely(buffer, start, end, across_lines=False)
        if line is None or line.width == self.width or self.width is None:
            return line
        lines = self._read_loosely(buffer, start, min(end, start + _REACH), across_lines=True)
        return lines if lines and lines.width == self.width else line

    def _read_loosely(self, buffer: bytes, start: int, end: int, *, across_lines: bool) -> Record | None:
        fields, sound, at = [], True, start
        while True:
            quoted = self._loose[across_lines].match(buffer, at, end)
            after = quoted.end() if quoted else self._end_of_bare(buffer, at, end)
            raw = buffer[at:after]
            fields.append(_loosely_unquoted(quoted[1]) if quoted else _stripped_of_quotes(raw))
            sound &= not raw.lstrip(b" ").startswith(b'"') or bool(_CLEANLY_QUOTED.fullmatch(raw))
            at = after + 1
            if buffer[after : after + 1] != self.delimiter:
                break
        line_end = self._line_end.match(buffer, after, end)
        fault = None if sound else "broken quotes"
        return Record(fields, line_end.end(), fault, plain=True) if line_end else None

    def _end_of_bare(self, buffer: bytes, start: int, end: int) -> int:
        found = self._bare.match(buffer, start, end)
        return found.end() if found else start


def _unquoted(raw: bytes) -> bytes:
    return raw.strip(b" ")[1:-1].replace(b'""', b'"') if b'"' in raw else raw


def _loosely_unquoted(raw: bytes) -> bytes:
    return raw.replace(b'\\"', b'"').replace(b'""', b'"')


def _stripped_of_quotes(raw: bytes) -> bytes:
    enclosed = len(raw) > 1 and raw.startswith(b'"') and raw.endswith(b'"')
    return _unquoted(raw) if enclosed else raw


@dataclass
class Mender:
    """Writes sound records of `grammar.width` fields to `out` and a line for each mended one to `log`."""

    grammar: Grammar
    out: BinaryIO
    log: BinaryIO
    rows: int = 0
    mended: Counter[str] = field(default_factory=Counter)

    def mend(self, blocks: Iterable[bytes]) -> None:
        """Read all records of a file, in order."""
        buffer = b""
        for block, final in _with_last(blocks):
            buffer += block
            if final and not buffer.endswith((b"\n", b"\r")):
                buffer += b"\n"
            # A carriage return at the end may be half of a line end.
            end = len(buffer) - (not final and buffer.endswith(b"\r"))
            buffer = buffer[self._consume(buffer, end, final=final) :]

    def _consume(self, buffer: bytes, end: int, *, final: bool) -> int:
        at = 0
        while at < end:
            run = self.grammar.run.match(buffer, at, end)
            blank = None if self.grammar.width == 1 else self.grammar.blank.match(buffer, at, end)
            if blank:
                at = blank.end()
            elif run:
                self._pass_on(run[0])
                at = run.end()
            else:
                record = self.grammar.record(buffer, at, end, final=final)
                if (record.end if record else end) - at > self.grammar.longest:
                    raise too_long(self.grammar.longest // MB)
                if record is None:
                    break
                self._open(record, buffer[at : record.end])
                at = record.end
        return at

    def _pass_on(self, run: bytes) -> None:
        pieces = run.split(b'"')
        if b"\r" in run:
            pieces[::2] = [piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for piece in pieces[::2]]
        if b' "' in run or b'" ' in run:
            # Between two quoted fields there is at least a delimiter, so only spaces beside a quote are lost.
            pieces[2:-1:2] = [piece.strip(b" ") for piece in pieces[2:-1:2]]
            pieces[0], pieces[-1] = pieces[0].rstrip(b" "), pieces[-1].lstrip(b" ")
        run = b'"'.join(pieces)
        self.out.write(run)
        self.rows += b"".join(pieces[::2]).count(b"\n")

    def _open(self, record: Record, original: bytes) -> None:
        row = self.rows
        faults = [record.fault] if record.fault else []
        if b"\0" in original:
            faults.append("zero bytes left out")
        width = self.grammar.width or record.width
        missing = width - record.width
        if missing > 0 and not faults and not record.plain:
            self._pass_on(original.rstrip(b"\r\n") + self.grammar.delimiter * missing + b"\n")
        else:
            self._write(self._fitted([text.replace(b"\0", b"") for text in record.fields], width))
        if missing > 0:
            faults.append("too few fields: the missing ones are empty")
        elif missing < 0 and any(record.fields[width:]):
            faults.append("too many fields: the last one holds all that are over")
        if faults:
            self._log(row, faults, original)

    def _fitted(self, fields: list[bytes], width: int) -> list[bytes]:
        if any(fields[width:]):
            return [*fields[: width - 1], self.grammar.delimiter.join(fields[width - 1 :])]
        return fields[:width] + [b""] * (width - len(fields))

    def _write(self, cells: list[bytes]) -> None:
        self.out.write(self.grammar.delimiter.join(map(_quoted, cells)) + b"\n")
        self.rows += 1

    def _log(self, row: int, faults: list[str], original: bytes) -> None:
        for fault in faults:
            self.mended[fault] += 1
        shown = original.rstrip(b"\r\n").replace(b"\0", NUL_SHOWN)
        self.log.write(b",".join(map(_quoted, (b"%d" % row, "; ".join(faults).encode(), shown))) + b"\n")


def too_long(most_mb: int) -> TooLarge:
    """What to say of a record that is longer than a field may be."""
    return TooLarge(f"A record is longer than {most_mb} MB; a quote that is never closed may be why.")


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b'"', b'""') + b'"'


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last one; a last empty one where there is none."""
    held = b""
    for block in blocks:
        if held:
            yield held, False
        held = block
    yield held, True
