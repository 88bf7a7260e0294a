"""Which source each row of a stacked table comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.base import Source
from agents.table import ROW, Table, literal

_SOURCE_NAME = re.compile(
    r"(data[ _-]?)?(source|src|origin)([ _-]?(system|name|file))?|system[ _-]?name", re.IGNORECASE
)
_MOST_SOURCES = 50


def source_column(table: Table, asked: str | None) -> str | None:
    """The column that says where a row comes from: the one asked for, or one named so with few enough values."""
    if asked is not None:
        table.require([asked], "source_column")
        return asked
    most = max(2, min(_MOST_SOURCES, table.rows // 4))
    for column in table.columns:
        if _SOURCE_NAME.fullmatch(column.strip()):
            values = table.scalar(f"SELECT count(DISTINCT {Table.q(column)}) FROM {{self}}")
            if 2 <= values <= most:
                return column
    return None


def role_sql(sources: Sequence[Source], row: str = ROW) -> str:
    """SQL for the role of the file that a row was read from."""
    cases = " ".join(f"WHEN {row} < {source.start + source.rows} THEN {literal(source.role)}" for source in sources)
    return f"CASE {cases} END" if cases else "'primary'"


def own_row_sql(sources: Sequence[Source], row: str = ROW) -> str:
    """SQL for a row's number inside its own file."""
    cases = " ".join(f"WHEN {row} < {source.start + source.rows} THEN {row} - {source.start}" for source in sources)
    return f"CASE {cases} END" if cases else row


def side_sql(sources: Sequence[Source], column: str | None) -> str | None:
    """SQL for what a row's source is called: its column's value, or its file; None where there is only one source."""
    if column is not None:
        return f"coalesce(trim({Table.q(column)}), '')"
    return role_sql(sources) if len(sources) > 1 else None


def stacked_row(sources: Sequence[Source], reference: int | tuple[str, int]) -> int | None:
    """The row of the stacked table that a person means by a row number, or by a source and a row number."""
    if isinstance(reference, int):
        return reference
    role, row = reference
    return next((source.start + row for source in sources if source.role == role and 0 <= row < source.rows), None)
