"""A column as its distinct values and how often each occurs: every other figure is counted on these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.column_types import (
    NULL_SPELLINGS,
    NUMERIC,
    TEMPORAL,
    ColumnType,
    Kind,
    date_sql,
    is_null_sql,
    measure_sql,
    shape_sql,
    trim_sql,
)
from agents.profiling.masking import masked_sql
from agents.table import ROW, Table, literal

_INFINITIES = "('inf', '+inf', '-inf', 'infinity', '+infinity', '-infinity')"
_ISO_MOMENT = r"[12]\d{3}-\d\d-\d\d([ T]\d\d:\d\d:\d\d)?"
_TWO_WAYS = r"^(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.]"
_NUMERIC_FORMATS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
_NO_YEAR = "TIMESTAMP '1000-01-01'"
_SHAPED = frozenset({Kind.EMAIL, Kind.URL, Kind.PHONE, Kind.BOOLEAN, Kind.TIME})

SUSPECT_WORDS = ("unknown", "empty", "missing", "not available", "not applicable", "unspecified", "tbd", "xxx", "#ref!")
"""Words that often stand where a value is missing; suspects only, because they can also be meant."""


@dataclass(frozen=True)
class Counts:
    """How the cells of one column divide. `missing` = NULL + blank + a spelling of "missing" (`disguised`).

    strangers: cells that are not of the column's kind. infinite: spelled as an infinity. padded: with blank space
    around them. suspects: with a word that may stand for "missing". lengths count characters of non-missing cells.
    """

    rows: int
    missing: int
    blank: int
    disguised: int
    distinct: int
    once: int
    strangers: int
    infinite: int
    padded: int
    suspects: int
    min_length: int
    max_length: int
    total_length: int

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.missing


def distinct_values(table: Table, types: Mapping[str, ColumnType]) -> Table:
    """One row per column of `types` and distinct text.

    c: the column's place in `types`; v: the text; n: its rows; missing: whether it says nothing; x: its finite number,
    or a date's seconds since 1970; padded: with blank space around it; suspect: a word that may stand for "missing";
    infinite; stranger: not of the column's kind.
    """
    parts = [
        f"SELECT {place} AS c, v, n, missing, CASE WHEN isfinite(x) THEN x END AS x, t <> v AS padded, "
        f"{_suspect_sql(column)} AS suspect, {_infinite_sql(column)} AS infinite, {_stranger_sql(column)} AS stranger"
        f" FROM (SELECT *, CASE WHEN NOT missing THEN {value_sql('v', column)} END AS x"
        f" FROM (SELECT *, {_missing_sql()} AS missing"
        f" FROM (SELECT *, {trim_sql('v')} AS t"
        f" FROM (SELECT {Table.q(name)} AS v, count(*) AS n FROM {{self}} GROUP BY ALL))))"
        for place, (name, column) in enumerate(types.items())
    ]
    return table.sql(" UNION ALL ".join(parts))


def _missing_sql() -> str:
    # Most texts are too long to say "missing"; looking at their length first spares folding them.
    return f"CASE WHEN length(t) > {max(map(len, NULL_SPELLINGS))} THEN false ELSE {is_null_sql('t')} END"


def value_sql(cell: str, column: ColumnType) -> str:
    """SQL giving the DOUBLE of a cell: its number, or a date's seconds since 1970; NULL where it has none.

    The usual spellings are read by a plain cast, ten times faster than by the general rules.
    """
    if column.kind in NUMERIC:
        general = measure_sql(cell, column)
        # A cast reads 1_000, and 1.234 as a fraction whatever the column's mark is; else it agrees with the rules.
        plain = f"CASE WHEN NOT contains({cell}, '_') THEN TRY_CAST({cell} AS DOUBLE) END"
        return f"coalesce({plain}, {general})" if column.decimal == "." else general
    if column.kind in TEMPORAL:
        return f"epoch(coalesce({_usual_date_sql(cell, column)}, {date_sql(cell, column.date_order)}))"
    return "CAST(NULL AS DOUBLE)"


def _usual_date_sql(cell: str, column: ColumnType) -> str:
    """SQL giving the TIMESTAMP of a cell that is spelled as most of its column are, or NULL."""
    usual = max(column.shapes, key=lambda shape: column.shapes[shape])
    if not usual.startswith("numeric") or column.date_order not in _NUMERIC_FORMATS:
        return f"CASE WHEN regexp_full_match({cell}, '{_ISO_MOMENT}') THEN TRY_CAST({cell} AS TIMESTAMP) END"
    clock = " %H:%M:%S" if usual.endswith("datetime") else ""
    formats = ", ".join(literal(_NUMERIC_FORMATS[column.date_order].replace("/", mark) + clock) for mark in "/.-")
    # %Y takes two digits for a year of the first century.
    return f"nullif(greatest(try_strptime({cell}, [{formats}]), {_NO_YEAR}), {_NO_YEAR})"


def _suspect_sql(column: ColumnType) -> str:
    if column.kind not in (Kind.TEXT, Kind.CODE):
        return "false"
    words = ", ".join(literal(word) for word in SUSPECT_WORDS)
    return f"NOT missing AND length(t) <= {max(map(len, SUSPECT_WORDS))} AND lower(t) IN ({words})"


def _infinite_sql(column: ColumnType) -> str:
    if column.kind not in NUMERIC:
        return "false"
    return f"NOT missing AND (coalesce(isinf(x), false) OR (x IS NULL AND lower(t) IN {_INFINITIES}))"


def _stranger_sql(column: ColumnType) -> str:
    if column.kind in NUMERIC:
        return f"NOT missing AND x IS NULL AND lower(t) NOT IN {_INFINITIES}"
    if column.kind in TEMPORAL:
        # A date that can be read two ways is of the kind; only its day is unknown.
        readable = "false" if column.date_order else f"regexp_matches(t, '{_TWO_WAYS}')"
        return f"NOT missing AND x IS NULL AND NOT {readable}"
    if column.kind in _SHAPED and column.confidence < 1:
        return f"NOT missing AND {shape_sql('t')} <> {literal(column.kind)}"
    return "false"


def count_cells(values: Table, columns: int) -> list[Counts]:
    """How the cells of each column divide, by its place."""
    blank = f"CASE WHEN missing THEN {trim_sql('v')} = '' END"
    found = values.query(
        f"""
        SELECT c, sum(n), sum(n) FILTER (missing), sum(n) FILTER (missing AND v IS NOT NULL AND {blank}),
            sum(n) FILTER (missing AND v IS NOT NULL AND NOT {blank}), count(*) FILTER (NOT missing),
            count(*) FILTER (NOT missing AND n = 1), sum(n) FILTER (stranger), sum(n) FILTER (infinite),
            sum(n) FILTER (NOT missing AND padded), sum(n) FILTER (suspect),
            min(length(v)) FILTER (NOT missing), max(length(v)) FILTER (NOT missing),
            sum(length(v) * n) FILTER (NOT missing)
        FROM {{self}} GROUP BY c
        """
    )
    counted = {place: Counts(*(int(figure or 0) for figure in figures)) for place, *figures in found}
    return [counted.get(place, Counts(*[0] * 13)) for place in range(columns)]


def top_values(values: Table, wanted: int, sensitive: Mapping[int, str]) -> dict[int, list[tuple[str, int]]]:
    """The most frequent texts of each column and their rows, personal data masked."""
    found = values.query(
        f"""
        SELECT c, {masked_sql("each[2]", "c", sensitive)}, -each[1] FROM (
            SELECT c, unnest(min(row(-n, v), {int(wanted)})) AS each FROM {{self}} WHERE NOT missing GROUP BY c
        ) ORDER BY c, each
        """
    )
    top: dict[int, list[tuple[str, int]]] = {}
    for place, text, rows in found:
        top.setdefault(place, []).append((text, int(rows)))
    return top


def spelling_variants(values: Table, places: Sequence[int]) -> dict[int, int]:
    """Rows whose text differs from a more frequent one only in case or blank space, by column."""
    if not places:
        return {}
    fingerprint = f"lower(regexp_replace({trim_sql('v')}, '\\s+', ' ', 'g'))"
    found = values.query(
        f"""
        SELECT c, sum(n - most) FROM (
            SELECT c, sum(n) AS n, max(n) AS most FROM {{self}}
            WHERE NOT missing AND c IN ({", ".join(map(str, places))})
            GROUP BY c, {fingerprint}
        ) GROUP BY c
        """
    )
    return {place: int(rows) for place, rows in found}


Patterns = dict[int, tuple[int, list[tuple[str, int]]]]
"""Per column: how many cells were looked at, and its most frequent character patterns with their cells."""


def patterns(values: Table) -> Patterns:
    """The character patterns of a table of `distinct_values`.

    A run of capitals reads `A`, of small letters `a`, each digit `9`; only the first 40 characters count.
    """
    shape = "left(v, 40)"
    for pattern, letter in ((r"\p{Lu}+", "A"), (r"\p{Ll}+", "a"), (r"\d", "9")):
        shape = f"regexp_replace({shape}, {literal(pattern)}, '{letter}', 'g')"
    found = values.query(
        f"""
        SELECT c, sum(n), min(row(-n, pattern), 5) FROM (
            SELECT c, {shape} AS pattern, sum(n) AS n FROM {{self}} WHERE NOT missing GROUP BY c, pattern
        ) GROUP BY c
        """
    )
    return {place: (int(cells), [(pattern, -int(rows)) for rows, pattern in top]) for place, cells, top in found}


def sampled_values(table: Table, names: Sequence[str], one_in: int, seed: int) -> Table:
    """The distinct texts of one row in `one_in`, chosen by hash, as far as `patterns` needs them."""
    parts = " UNION ALL ".join(
        f"SELECT {place} AS c, {Table.q(name)} AS v, count(*) AS n FROM {{self}}"
        f" WHERE hash({ROW} + {int(seed)}) % {one_in} = 0 GROUP BY ALL"
        for place, name in enumerate(names)
    )
    return table.sql(f"SELECT *, {is_null_sql('v')} AS missing FROM ({parts})")
