"""What a table's columns have to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.profiling.correlations import correlations, is_number
from agents.profiling.dependencies import dependencies
from agents.profiling.grid import grid_of, most_informative
from agents.profiling.inclusion import inclusion
from agents.profiling.keys import keys
from agents.profiling.missingness import missingness
from agents.sampling import sample_of
from agents.table import Table


def relations(
    table: Table, columns: Sequence[Mapping[str, Any]], readings: Mapping[str, str], baseline: Table | None, seed: int
) -> dict[str, Any]:
    """Keys, dependencies, correlations, holes and the baseline's share, from the columns' profiles.

    readings: the SQL of a cell's number, of the columns that stand for numbers.
    """
    sample = sample_of(table, seed)
    chosen, left_out = most_informative(columns)
    paired = [column for column in columns if column["column"] in chosen]
    numbers = {each["column"]: readings[each["column"]] for each in paired if is_number(each)}
    grid = grid_of(sample, paired, numbers)
    found: dict[str, Callable[[], Any]] = {
        "keys": lambda: keys(table, grid, columns),
        "dependencies": lambda: dependencies(table, sample, grid, columns),
        "correlations": lambda: correlations(table, grid, columns, readings),
        "missingness": lambda: missingness(table, columns),
        "baseline_inclusion": lambda: inclusion(table, baseline) if baseline else None,
    }
    return dict(zip(found, table.each(lambda find: find(), found.values()), strict=True)) | {
        "pairwise": {"columns": chosen, "left_out": left_out},
        "sampled": {"rows": sample.size, "of": table.rows} if sample.sampled else None,
    }
