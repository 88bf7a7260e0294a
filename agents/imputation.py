"""k-nearest-neighbour imputation over the other columns of a table."""

from __future__ import annotations

from collections.abc import Mapping

from agents.column_types import NUMERIC, ColumnType, Kind, measure_sql
from agents.edits import CELL_COLUMNS
from agents.table import ROW, Table

_MOST_FEATURES = 10
_PAIRS_AT_ONCE = 20_000_000
_MOST_DONORS = 5_000
_MOST_CATEGORIES = 50


def knn_cells(table: Table, target: str, types: Mapping[str, ColumnType], neighbors: int, seed: int) -> Table:
    """The empty cells of a column with the mean (numbers) or mode (texts) of the most similar rows that have one.

    Distance is Gower's: the scaled difference of numbers, 0 or 1 for categories, averaged over what both rows have.
    """
    features = _features(table, target, types)
    if not features or types[target].missing == 0:
        return table.beside(CELL_COLUMNS)
    value = f"nullif({Table.q(target)}, '') AS value"
    cells = table.sql(f"SELECT {Table.q(ROW)} AS row, {value}, {', '.join(features.values())} FROM {{self}}")
    donors = max(neighbors, min(_MOST_DONORS, _PAIRS_AT_ONCE // max(types[target].missing, 1)))
    known = cells.sql(f"SELECT * FROM {{self}} WHERE value IS NOT NULL ORDER BY hash(row + {seed}) LIMIT {donors}")
    distance = " + ".join(
        f"coalesce({_difference(f'f{number}', types[column])}, 1.0)" for number, column in enumerate(features)
    )
    nearest = cells.sql(
        f"SELECT a.row, b.value FROM {{self}} a CROSS JOIN {{known}} b WHERE a.value IS NULL"
        f" QUALIFY row_number() OVER (PARTITION BY a.row ORDER BY {distance}, b.row) <= {neighbors}",
        known=known,
    )
    typical = "format('{:.6g}', avg(TRY_CAST(value AS DOUBLE)))" if types[target].kind in NUMERIC else "mode(value)"
    return nearest.sql(
        f"SELECT row, {typical} AS new, 'knn_imputation' AS rule,"
        " 'from the ' || count(*) || ' most similar rows' AS evidence, 0.5::DOUBLE AS confidence, true AS applied"
        " FROM {self} GROUP BY row HAVING new IS NOT NULL ORDER BY row"
    )


def _features(table: Table, target: str, types: Mapping[str, ColumnType]) -> dict[str, str]:
    """SQL of the columns worth comparing: numbers scaled to 0..1, categories as they are."""
    found: dict[str, str] = {}
    for column, kind in types.items():
        if column == target or len(found) == _MOST_FEATURES or column not in table.columns or _is_id(kind, table.rows):
            continue
        name = f"f{len(found)}"
        if kind.kind in NUMERIC:
            number = measure_sql(Table.q(column), kind)
            low, high = f"min({number}) OVER ()", f"max({number}) OVER ()"
            found[column] = f"({number} - {low}) / nullif({high} - {low}, 0) AS {name}"
        elif 1 < kind.distinct <= _MOST_CATEGORIES:
            found[column] = f"{Table.q(column)} AS {name}"
    return found


def _is_id(found: ColumnType, rows: int) -> bool:
    return found.kind is Kind.INTEGER and found.distinct == rows > _MOST_CATEGORIES


def _difference(name: str, found: ColumnType) -> str:
    return f"abs(a.{name} - b.{name})" if found.kind in NUMERIC else f"(a.{name} <> b.{name})::DOUBLE"
