"""How the numbers of a column are written, and the edits that bring them to one spelling."""

from __future__ import annotations

from collections.abc import Sequence

from agents.base import Issue
from agents.column_types import ColumnType, Kind, number_sql, trim_sql
from agents.edits import Edits, SqlFunction
from agents.table import Table, literal
from agents.texts import texts_sql

_NUMBER = r"[+-]?(?:\d+(?:[,' ]\d{3})*(?:\.\d+)?|\.\d+)"
_SEPARATORS = r"[,' \x{00a0}\x{202f}]"
_GROUPED_NUMBER = rf"[+-]?[1-9]\d{{0,2}}(?:{_SEPARATORS}\d{{3}})+(?:\.\d+)?"
_SYMBOL = "[$€£]"
_UNIT = r"\s?[A-Za-zÀ-ÿ°µμΩ$€£¥₹][^\s\d]{0,15}"
_QUANTITY = rf"{_NUMBER}{_UNIT}|[+-]?{_SYMBOL}\s?{_NUMBER}|{_NUMBER}"
_ONE_SPELLING = 0.95
"""Where this share of a column spells its unit one way, the rest are slips; below it there is no spelling to keep."""
_TYPO_SHARE = 0.01
"""A unit on fewer of the rows is a typing error of another one."""
_SHOWN = 5

_UNIT_NAMES = {
    "oz": "oz ounce ounces ozs",
    "lb": "lb lbs pound pounds",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes",
    "g": "g gr gram grams gramme grammes",
    "mg": "mg mgs milligram milligrams",
    "km": "km kms kilometer kilometers kilometre kilometres",
    "m": "m meter meters metre metres",
    "cm": "cm cms centimeter centimeters centimetre centimetres",
    "mm": "mm mms millimeter millimeters millimetre millimetres",
    "mi": "mi mile miles",
    "ft": "ft foot feet",
    "in": "in inch inches",
    "l": "l liter liters litre litres ltr",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "h": "h hr hrs hour hours",
    "min": "min mins minute minutes",
    "s": "s sec secs second seconds",
    "yr": "yr yrs year years",
    "usd": "$ usd",
    "eur": "€ eur",
    "gbp": "£ gbp",
}
_UNIT_OF = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
_PREFIXES = frozenset("$€£")


def mend_numbers(table: Table, column: str, found: ColumnType, edits: Edits) -> list[Issue]:
    """Add the edits that a numeric column needs; answer what has to be left to a person."""
    shapes, issues = found.shapes, []
    if shapes.get("quantity"):
        issues += _mend_units(table, column, found, edits)
    if shapes.get("percent") and found.decimal == ".":
        issues += _mend_percents(table, column, found, edits)
    if found.decimal == "." and (shapes.get("grouped") or shapes.get("grouped_once")):
        edits.rewrite(column, _joined, rule="thousands_separator", evidence="the column holds numbers")
    if found.decimal == "." and shapes.get("decimal"):
        evidence = "equal to 12 digits: the rest comes from binary arithmetic"
        edits.rewrite(column, _rounded, rule="float_artefact", evidence=evidence, confidence=0.99)
    if found.kind is Kind.INTEGER and shapes.get("integral"):
        evidence = "every number of the column is whole"
        edits.rewrite(column, _whole, rule="integer_written_as_decimal", evidence=evidence)
    return issues


def _joined(value: str) -> str:
    text = trim_sql(value)
    bare = f"regexp_replace({text}, {literal(_SEPARATORS)}, '', 'g')"
    return f"CASE WHEN regexp_full_match({text}, {literal(_GROUPED_NUMBER)}) THEN {bare} ELSE {value} END"


def _rounded(value: str) -> str:
    """0.052000000000000005 is 0.052 after a calculation in binary."""
    short = f"format('{{:.12g}}', TRY_CAST({value} AS DOUBLE))"
    long = rf"regexp_full_match({trim_sql(value)}, '[+-]?[0-9]*\.[0-9]{{12,}}')"
    much_shorter = f"length({short}) + 5 < length({trim_sql(value)}) AND NOT contains({short}, 'e')"
    return f"CASE WHEN {long} AND {much_shorter} THEN {short} ELSE {value} END"


def _whole(value: str) -> str:
    return rf"regexp_replace({value}, '^(\s*[+-]?[0-9]+)\.0(\s*)$', '\1\2')"


# Units


def _mend_units(table: Table, column: str, found: ColumnType, edits: Edits) -> list[Issue]:
    """One unit in several spellings: the dominant one where there is one, else none at all."""
    spellings = _unit_spellings(table, column, found)
    total = sum(rows for _, rows in spellings)
    spellings = [(spelling, rows) for spelling, rows in spellings if rows >= _TYPO_SHARE * total]
    units = sorted({_folded(spelling) for spelling, _ in spellings if spelling})
    if len(units) > 1:
        return [_mixed_units(column, units, sum(rows for spelling, rows in spellings if spelling))]
    if not units or len(spellings) == 1:
        return []
    shown = ", ".join(repr(spelling.strip()) for spelling, _ in spellings[:_SHOWN])
    evidence = f"{units[0]!r} is written in {len(spellings)} ways: {shown}"
    top, top_rows = spellings[0]
    if top and top_rows >= _ONE_SPELLING * total:
        slips = [spelling for spelling, _ in spellings[1:] if spelling]
        if slips:
            edits.rewrite(column, _respell(top, slips), rule="unit_spelling", evidence=evidence, confidence=0.95)
    else:
        edits.rewrite(column, _without_unit(units[0], found), rule="mixed_unit", evidence=evidence, confidence=0.95)
    return []


def _unit_spellings(table: Table, column: str, found: ColumnType) -> list[tuple[str, int]]:
    """How the unit is written beside the numbers, most frequent first; '' where a number has none."""
    units = table.query(
        f"SELECT {_unit_part('v')} AS unit, sum(n) FROM {texts_sql(table, column, found)}"
        f" WHERE regexp_full_match({trim_sql('v')}, {literal(_QUANTITY)})"
        " GROUP BY ALL ORDER BY sum(n) DESC, 1 LIMIT 100"
    )
    return [(unit, int(rows)) for unit, rows in units]


def _unit_part(value: str) -> str:
    """SQL for a quantity without its number, blank space included."""
    return f"regexp_replace({trim_sql(value)}, {literal(_NUMBER)}, '')"


def _folded(unit: str) -> str:
    bare = unit.strip().strip(".").lower()
    return _UNIT_OF.get(bare, bare)


def _mixed_units(column: str, units: Sequence[str], rows: int) -> Issue:
    message = f"{column!r} mixes units ({', '.join(units[:_SHOWN])}); its numbers can't be compared as they are"
    return Issue(field_name=column, issue_type="mixed_units", severity="medium", message=message, rows=rows)


def _respell(top: str, slips: Sequence[str]) -> SqlFunction:
    listed = ", ".join(literal(spelling) for spelling in sorted(slips))

    def respelled(value: str) -> str:
        number = f"regexp_extract({value}, {literal(_NUMBER)})"
        quantity = f"{literal(top)} || {number}" if top.strip() in _PREFIXES else f"{number} || {literal(top)}"
        is_slip = f"regexp_full_match({trim_sql(value)}, {literal(_QUANTITY)}) AND {_unit_part(value)} IN ({listed})"
        return f"CASE WHEN {is_slip} THEN {quantity} ELSE {value} END"

    return respelled


def _without_unit(unit: str, found: ColumnType) -> SqlFunction:
    names = sorted((name for name, folded in _UNIT_OF.items() if folded == unit), key=len, reverse=True) or [unit]
    suffixed = literal(rf"(?i)^({_NUMBER})\s?(?:{'|'.join(map(_escaped, names))})(?:\.?$|[.\s].*$)")
    prefixed = literal(rf"[+-]?{_SYMBOL}\s?{_NUMBER}")

    def bare(value: str) -> str:
        text = trim_sql(value)
        number = f"regexp_extract({text}, {suffixed}, 1)"
        # A ".0" came with the unit, unless the column writes its bare numbers so.
        plain = number if found.shapes.get("integral") else rf"regexp_replace({number}, '\.0$', '')"
        return (
            f"CASE WHEN regexp_matches({text}, {suffixed}) THEN {plain}"
            f" WHEN regexp_full_match({text}, {prefixed}) THEN regexp_replace({text}, {literal(_SYMBOL + ' *')}, '')"
            f" ELSE {value} END"
        )

    return bare


def _escaped(text: str) -> str:
    return "".join(f"\\{mark}" if mark.isascii() and not mark.isalnum() else mark for mark in text)


# Percent signs


def _mend_percents(table: Table, column: str, found: ColumnType, edits: Edits) -> list[Issue]:
    """Percent signs go only where other numbers of the column have none."""
    signed = found.shapes.get("percent", 0)
    bare = sum(rows for shape, rows in found.shapes.items() if shape in ("integer", "integral", "decimal"))
    if not bare:
        return []
    if signed >= _ONE_SPELLING * (signed + bare):
        message = f"{bare} numbers of {column!r} have no percent sign; the others do"
        return [Issue(field_name=column, issue_type="mixed_percent", severity="low", message=message, rows=bare)]
    divisor = _percent_divisor(table, column)
    pattern = literal(_NUMBER + r"\s?%")

    def unsigned(value: str) -> str:
        number = trim_sql(f"replace({value}, '%', '')")
        plain = number if divisor == 1 else f"format('{{:.12g}}', {number_sql(number)} / {divisor})"
        return f"CASE WHEN regexp_full_match({trim_sql(value)}, {pattern}) THEN {plain} ELSE {value} END"

    evidence = f"{signed} numbers have a percent sign and {bare} have none"
    edits.rewrite(column, unsigned, rule="mixed_percent", evidence=evidence, confidence=0.95)
    return []


def _percent_divisor(table: Table, column: str) -> int:
    """100 where the bare numbers are the fractions that the signed ones spell as percents, else 1."""
    cell = Table.q(column)
    number, unsigned = number_sql(cell), number_sql(f"replace({cell}, '%', '')")
    signed, bare, highest = table.query(
        f"SELECT avg(abs({unsigned})) FILTER (contains({cell}, '%')), avg(abs({number})), max(abs({number}))"
        " FROM {self}"
    )[0]
    return 100 if bare and signed and highest <= 1 and signed > 20 * bare else 1
