"""Everything a run depends on: the one thing that the worker's slot hands to the lean child.

It stands alone, so that a slot need not import what only the child runs.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

FILENAME = "specification.json"
"""Its name in the attempt's folder."""

STORE, KEPT = "store", "kept"
"""Folders beside it: what the dataset holds, and what it is to hold after this run. Only in a run of a dataset."""


class InputSpec(BaseModel):
    """Where one input file lies in the folder."""

    model_config = ConfigDict(frozen=True)
    role: str
    filename: str
    path: str


class Specification(BaseModel):
    """Everything a run depends on, as the slot hands it to the child; `folder/specification.json`."""

    model_config = ConfigDict(frozen=True)
    task_id: str
    tool_id: str
    agents: tuple[str, ...]
    parameters: dict[str, dict[str, Any]]
    prices: dict[str, int]
    inputs: tuple[InputSpec, ...]
    created_at: datetime
    seed: int = 0
    salt: str = ""
    dataset: str | None = None
    duckdb_memory: str = "200MB"
    duckdb_threads: int = 2
    max_input_mb: int = 5000
    max_columns: int = 10_000
    max_field_mb: int = 16
    max_xlsx_cells: int = 5_000_000
    log_context: dict[str, str | int | None] = {}
