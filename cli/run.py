"""`python main.py run FILE`: a client like any other, with a worker in this process where the data folder has none."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from celery_queue.slot import Children
from settings import get_settings


def run(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON, JSON Lines, Parquet or XLSX; also gzip or zip of one.")],
    tool: Annotated[str, typer.Option(help="The tool; several, with commas between, one after the other.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    agents: Annotated[str | None, typer.Option(help="Agents to run, with commas between.")] = None,
    parameters: Annotated[Path | None, typer.Option(help="JSON file: {agent: {parameter: value}}.")] = None,
    input: Annotated[list[str] | None, typer.Option(help="Another file, as ROLE=FILE; may be repeated.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset that this run belongs to.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one JSON object.")] = False,
) -> None:
    """Run a tool, or several in a row, on a file."""
    # To look for garbage among a thousand modules takes 0.4 s, half of it at the end.
    gc.set_threshold(100_000, 50, 50)
    children = Children(get_settings())
    if get_settings().embedded:
        children.warm(tool.partition(",")[0].strip())
    try:
        # Only now, so that both processes import at the same time.
        from cli.client import Asked, run_all

        asked = Asked(file, tool, out, agents, parameters, tuple(input or ()), dataset)
        raise typer.Exit(run_all(asked, children, quiet=quiet, as_json=as_json))
    finally:
        children.close()
        gc.freeze()
