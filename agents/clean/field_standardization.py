"""field-standardization: one way to write a field."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from agents.base import AgentContext, AgentResult, Chart, Params, agent
from agents.column_types import TEMPORAL, ColumnType, Kind, infer_types, is_null_sql, time_sql, trim_sql
from agents.date_formats import DateFormat, reformat_sql
from agents.edits import FEW_ROWS, Edits, Replacement, concat
from agents.table import ROW, Table, literal
from errors import NotApplicable

_BLANK = r"[ \x{00a0}\x{202f}]"
# Longer runs, and blanks beside a sign, are layout: a list, a field tag.
_SLIP = rf"([\p{{L}}\p{{N}}.,;:)]){_BLANK}{{2,3}}([\p{{L}}\p{{N}}(])"
_INVISIBLE = r"[\x{200b}\x{200c}\x{200d}\x{2060}\x{feff}]"
_HABIT_ROWS = 5
"""A value written this often with repeated blanks is written so on purpose."""
_MERGE_RATIO = 3
_MOST_CATEGORIES = 5_000
_EVERY_COLUMN = "*"

_FACTORS = {
    "mass": {"mg": 1e-6, "g": 1e-3, "kg": 1.0, "t": 1e3, "oz": 0.028349523125, "lb": 0.45359237},
    "length": {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344},
    "volume": {"ml": 1e-3, "cl": 1e-2, "l": 1.0, "gal": 3.785411784, "pt": 0.473176473},
    "time": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0},
}


class FieldStandardization(Params):
    """How fields are written."""

    case_strategy: Literal["none", "lowercase", "uppercase", "titlecase"] = Field(
        "none", description="The case of text columns; none leaves it as it is."
    )
    trim_whitespace: bool = Field(True, description="Take blank space and invisible characters from both ends.")
    normalize_internal_spacing: bool = Field(
        True, description="Put one blank between words where two or three stand, unless that is the column's habit."
    )
    synonym_mappings: dict[str, dict[str, str]] = Field(
        {}, description='Per column, or "*" for all: {variant: standard}; the variant\'s case does not matter.'
    )
    unit_mappings: dict[str, dict[str, str]] = Field(
        {}, description='Per column: {unit: unit to convert to}, as {"weight": {"lb": "kg"}}.'
    )
    date_standardization: bool = Field(
        False, description="Write all dates in target_date_format; else each column keeps its own format."
    )
    target_date_format: str = Field(
        "%Y-%m-%d",
        description="The format for date_standardization, as strftime takes it.",
        pattern=r"^(?:%-?[YymdBb]|[^%])+$",
        max_length=40,
    )
    target_columns: tuple[str, ...] = Field((), description="Only these columns; empty means all.")
    preserve_columns: tuple[str, ...] = Field((), description="Never these columns.")

    @field_validator("unit_mappings")
    @classmethod
    def _convertible(cls, mappings: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for source, target in (pair for mapping in mappings.values() for pair in mapping.items()):
            _factor(source, target)
        return mappings


def _factor(source: str, target: str) -> float:
    for factors in _FACTORS.values():
        if source in factors and target in factors:
            return factors[source] / factors[target]
    known = "; ".join(f"{measure}: {', '.join(factors)}" for measure, factors in _FACTORS.items())
    raise ValueError(f"can't convert {source!r} to {target!r} (known: {known})")


@agent(credits=40, after=("type-fixer",))
def run(table: Table, params: FieldStandardization, ctx: AgentContext) -> AgentResult:
    """Write each field the way the rest of its column is written.

    Blank space around values goes, a time or a value that stands in the wrong place is taken out of the text around
    it, spellings that differ only in punctuation are united where one is three times as frequent as the other. Case
    is never changed unless asked for.
    """
    _check_columns(table, params)
    columns = [
        column
        for column in (params.target_columns or table.columns)
        if column not in params.preserve_columns and column in table.columns
    ]
    if not table.rows or not columns:
        raise NotApplicable("there is no value to standardize")
    edits = Edits(table)
    untidy = [column for column, found in infer_types(table, columns).items() if not found.tidy]
    blanks = set(table.where_any(untidy, lambda column: f"contains({Table.q(column)}, '  ')"))
    for column in untidy:
        _tidy(column, params, edits, _blanks_are_a_habit(table, column) if column in blanks else False)
    tidied, first = edits.apply()
    ctx.report_progress(0.4)
    edits = Edits(tidied)
    types = infer_types(tidied, columns)
    variable = _with_punctuation(tidied, types)
    for column, found in types.items():
        _standardize(tidied, column, found, params, edits, column in variable)
    for left, right in itertools.pairwise(table.columns):
        if left in types and right in types:
            _unshift(tidied, left, right, types, edits)
    changed, second = edits.apply()
    changes = concat([first, second])
    return AgentResult(
        table=changed,
        changes=changes,
        charts=_rules_chart(changes),
        metrics={"columns": len(columns), "cells_changed": changes.rows},
    )


def _check_columns(table: Table, params: FieldStandardization) -> None:
    table.require(params.target_columns, "target_columns")
    table.require(params.preserve_columns, "preserve_columns")
    table.require(params.unit_mappings, "unit_mappings")
    table.require((column for column in params.synonym_mappings if column != _EVERY_COLUMN), "synonym_mappings")


# Blank space


def _tidy(column: str, params: FieldStandardization, edits: Edits, blanks_are_a_habit: bool) -> None:
    if params.trim_whitespace:
        evidence = "blank space and invisible characters carry no meaning"
        edits.rewrite(column, _trimmed, rule="blank_space_around", evidence=evidence)
    if params.normalize_internal_spacing and not blanks_are_a_habit:
        edits.rewrite(column, _single_spaced, rule="blank_space_inside", evidence="one blank parts two words")


def _trimmed(value: str) -> str:
    visible = f"regexp_replace({value}, {literal(_INVISIBLE)}, '', 'g')"
    # Invisible characters are none of ASCII, and plain texts are as long in bytes as in characters.
    return f"CASE WHEN strlen({value}) = length({value}) THEN {trim_sql(value)} ELSE {trim_sql(visible)} END"


def _single_spaced(value: str) -> str:
    spaced = rf"regexp_replace({value}, {literal(_SLIP)}, '\1 \2', 'g')"
    return f"CASE WHEN contains({value}, '  ') OR strlen({value}) <> length({value}) THEN {spaced} ELSE {value} END"


def _blanks_are_a_habit(table: Table, column: str) -> bool:
    """Whether most values with repeated blanks inside come again and again, letter for letter."""
    cell = trim_sql(Table.q(column))
    rows, frequent = table.query(
        f"SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (n >= {_HABIT_ROWS}), 0) FROM"
        f" (SELECT count(*) AS n FROM {{self}} WHERE contains({cell}, '  ') GROUP BY {cell})"
    )[0]
    return bool(rows) and 2 * frequent >= rows


# What was asked for, and what a column itself says


def _standardize(
    table: Table, column: str, found: ColumnType, params: FieldStandardization, edits: Edits, punctuated: bool
) -> None:
    if found.kind is Kind.TIME:
        _extract_times(table, column, edits)
    if params.date_standardization and found.kind in TEMPORAL:
        _standardize_dates(column, found, params.target_date_format, edits)
    if punctuated:
        _merge_punctuation(table, column, edits)
    _map_synonyms(table, column, params, edits)
    for source, target in params.unit_mappings.get(column, {}).items():
        _convert_units(column, source, target, edits)
    if params.case_strategy != "none" and (found.kind is Kind.TEXT or column in params.target_columns):
        case = _CASES[params.case_strategy]
        edits.rewrite(column, lambda value: case.format(value), rule=params.case_strategy, evidence="asked for")


_CASES = {
    "lowercase": "lower({0})",
    "uppercase": "upper({0})",
    "titlecase": "array_to_string(list_transform(string_split(lower({0}), ' '),"
    " lambda word: upper(word[1]) || word[2:]), ' ')",
}


def _standardize_dates(column: str, found: ColumnType, form: str, edits: Edits) -> None:
    target = DateFormat(form, "", 0, 0.0)
    edits.rewrite(
        column,
        lambda value: reformat_sql(value, target, found.date_order, date_only=found.kind is Kind.DATE),
        rule="target_date_format",
        evidence=f"asked for {form}",
    )


def _map_synonyms(table: Table, column: str, params: FieldStandardization, edits: Edits) -> None:
    asked = params.synonym_mappings.get(_EVERY_COLUMN, {}) | params.synonym_mappings.get(column, {})
    if asked:
        standard = {variant.strip().lower(): value for variant, value in asked.items()}
        cell, listed = Table.q(column), ", ".join(literal(variant) for variant in sorted(standard))
        values = table.query(f"SELECT DISTINCT {cell} AS v FROM {{self}} WHERE lower({cell}) IN ({listed}) ORDER BY 1")
        edits.replace_values(
            column, [Replacement(value, standard[value.lower()], "synonym", "asked for") for (value,) in values]
        )


def _convert_units(column: str, source: str, target: str, edits: Edits) -> None:
    factor = _factor(source, target)
    pattern = rf"(?i)^([+-]?\d+(?:\.\d+)?)\s*{re.escape(source)}s?\.?$"

    def converted(value: str) -> str:
        number = f"TRY_CAST(regexp_extract({value}, {literal(pattern)}, 1) AS DOUBLE)"
        quantity = f"format('{{:.6g}}', {number} * {factor!r}) || ' ' || {literal(target)}"
        return f"CASE WHEN regexp_matches({value}, {literal(pattern)}) THEN {quantity} ELSE {value} END"

    edits.rewrite(column, converted, rule="unit_conversion", evidence=f"1 {source} = {factor:.9g} {target}")


# Times in the text around them


@dataclass(frozen=True)
class _TimeStyle:
    """How a column writes its times: `suffix` is its spelling of a.m., '' on a 24-hour clock."""

    suffix: str
    padded: bool
    share: float


_AM = r"\s?[ap]\.?m\.?"


def _extract_times(table: Table, column: str, edits: Edits) -> None:
    style = _time_style(table, column)
    if style is None or style.share == 1:
        return
    evidence = f"{style.share:.0%} of the column are times and nothing else, written alike"
    edits.rewrite(
        column, lambda value: _time_in_style(value, style), rule="dominant_pattern", evidence=evidence, confidence=0.9
    )


def _time_style(table: Table, column: str) -> _TimeStyle | None:
    """The style of most times, seconds left alone; None where none dominates."""
    cell = Table.q(column)
    suffix = f"replace(replace(regexp_extract({cell}, {literal(f'(?i){_AM}$')}), 'p', 'a'), 'P', 'A')"
    styles = table.query(
        f"SELECT {suffix} AS suffix, count(*), bool_and({cell}[2] <> ':') FROM {{self}}"
        f" WHERE regexp_full_match({cell}, {literal(f'(?i)[0-9]{{1,2}}:[0-9]{{2}}(?:{_AM})?')})"
        " GROUP BY ALL ORDER BY count(*) DESC, 1"
    )
    present = int(table.scalar(f"SELECT count(*) FROM {{self}} WHERE NOT {is_null_sql(cell)}"))
    if not styles or styles[0][1] < 0.7 * present:
        return None
    spelled, rows, padded = styles[0]
    return _TimeStyle(str(spelled), bool(padded), int(rows) / present)


def _time_in_style(value: str, style: _TimeStyle) -> str:
    """SQL for the one time that a text holds, in the given style; a text with none or several stays."""
    time = r"(?i)\b([0-9]{1,2}:[0-9]{2})\s?((?:[ap](?:\.?m\b\.?|\b|[A-Z]))?)"
    found = f"regexp_extract_all({value}, {literal(time)})"
    clock = f"regexp_extract({value}, {literal(time)}, 1)"
    half = f"lower(regexp_extract({value}, {literal(time)}, 2)[1])"
    read = time_sql(f"{clock} || CASE {half} WHEN 'a' THEN 'am' WHEN 'p' THEN 'pm' ELSE '' END")
    hour = "%I" if style.padded else "%-I"
    stamp = f"(DATE '2000-01-01' + {read})"
    if style.suffix:
        afternoon = style.suffix.replace("a", "p", 1).replace("A", "P", 1)
        half_day = f"CASE WHEN hour({stamp}) < 12 THEN {literal(style.suffix)} ELSE {literal(afternoon)} END"
        written = f"strftime({stamp}, '{hour}:%M') || {half_day}"
        readable = f"{half} IN ('a', 'p')"
    else:
        written = f"strftime({stamp}, '{'%H' if style.padded else '%-H'}:%M')"
        readable = "true"
    kept = literal(rf"[0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}.*|[0-9]{{1,2}}:[0-9]{{2}}{_as_pattern(style.suffix)}")
    return (
        f"CASE WHEN {value} IS NULL OR regexp_full_match({value}, {kept}) OR len({found}) <> 1 OR NOT {readable}"
        f" THEN {value} ELSE coalesce({written}, {value}) END"
    )


def _as_pattern(suffix: str) -> str:
    return re.escape(suffix).replace("a", "[ap]", 1).replace("A", "[AP]", 1)


# Spellings that differ in punctuation only


def _with_punctuation(table: Table, types: Mapping[str, ColumnType]) -> set[str]:
    """The columns of texts that come again, of which any has a mark or an odd blank; of a long table all such."""
    most = min(_MOST_CATEGORIES, table.rows // 2)
    columns = [column for column, found in types.items() if found.kind is Kind.TEXT and found.distinct <= most]
    if table.rows > FEW_ROWS:
        return set(columns)
    return set(table.where_any(columns, lambda column: f"{_fingerprint_sql(Table.q(column))} <> {Table.q(column)}"))


def _fingerprint_sql(value: str) -> str:
    return rf"trim(regexp_replace({value}, '[^\p{{L}}\p{{N}}]+', ' ', 'g'))"


def _merge_punctuation(table: Table, column: str, edits: Edits) -> None:
    """Unite values that are equal but for punctuation and blanks, at three to one or more."""
    cell = Table.q(column)
    mapping = table.sql(
        f"WITH counted AS (SELECT old, n, {_fingerprint_sql('old')} AS fingerprint FROM"
        f"  (SELECT {cell} AS old, count(*) AS n FROM {{self}} GROUP BY ALL)"
        f"  WHERE NOT regexp_matches(old, '[0-9]') AND NOT {is_null_sql('old')}),"
        " ranked AS (SELECT old, n, fingerprint, first(old) OVER same AS new, first(n) OVER same AS top FROM counted"
        "  WHERE fingerprint <> '' WINDOW same AS (PARTITION BY fingerprint ORDER BY n DESC, old))"
        " SELECT old, new, 'punctuation_variant' AS rule,"
        " 'written ' || new || ' in ' || top || ' rows and ' || old || ' in ' || n AS evidence,"
        " CAST(top AS DOUBLE) / (top + n) AS confidence, true AS applied"
        f" FROM ranked WHERE old <> new AND top >= {_MERGE_RATIO} * n ORDER BY old"
    )
    if mapping.rows:
        edits.join_values(column, mapping)


# Values shifted into the neighbouring column


def _unshift(table: Table, left: str, right: str, types: Mapping[str, ColumnType], edits: Edits) -> None:
    """Where the right column is empty and the left ends with one of the right's values, give it back."""
    worth = {Kind.TEXT, Kind.CODE, Kind.BOOLEAN}
    if types[left].kind is not Kind.TEXT or types[right].kind not in worth or not types[right].missing:
        return
    if types[right].distinct > min(_MOST_CATEGORIES, table.rows // 4):
        return
    cell, beside = Table.q(left), Table.q(right)
    tail = literal(r"^(.*[^\s,;/-])[\s,;/-]+([^\s,;/-]+)$")
    shifted = table.sql(
        f"WITH known AS (SELECT {beside} AS value FROM {{self}} WHERE NOT {is_null_sql(beside)}"
        f"  GROUP BY ALL HAVING count(*) > 1)"
        f" SELECT t.{Table.q(ROW)} AS row, regexp_extract(t.{cell}, {tail}, 1) AS head, known.value AS tail,"
        f" {is_null_sql(f't.{beside}')} AS empty"
        f" FROM {{self}} t JOIN known ON known.value = regexp_extract(t.{cell}, {tail}, 2)"
    )
    moved, contrary = shifted.query("SELECT count(*) FILTER (empty), count(*) FILTER (NOT empty) FROM {self}")[0]
    if moved < 2 or 2 * moved < types[right].missing or contrary * 10 > moved:
        return
    evidence = f"{right} is empty and {left} ends with one of its values in {moved} of {types[right].missing} rows"
    for column, part in ((left, "head"), (right, "tail")):
        cells = shifted.sql(
            f"SELECT row, {part} AS new, 'shifted_value' AS rule, $evidence AS evidence,"
            " 0.95::DOUBLE AS confidence, true AS applied FROM {self} WHERE empty",
            evidence=evidence,
        )
        edits.set_cells(column, cells)


def _rules_chart(changes: Table) -> tuple[Chart, ...]:
    counted = changes.query("SELECT rule, count(*) FROM {self} GROUP BY rule ORDER BY count(*) DESC, rule")
    if not counted:
        return ()
    labels, values = zip(*counted, strict=True)
    return (Chart(title="Cells standardized, by rule", labels=labels, values=tuple(map(float, values)), unit="cells"),)
