"""`python main.py maintenance`: what Beat has done regularly, once and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

import logs
from billing import ledger
from celery_queue import reconciler, removal, retention
from db.database import connect, reading
from db.retention import Stage
from settings import Settings, get_settings
from storage import open_storage

_WORDS = {
    Stage.INPUTS: "had their inputs removed",
    Stage.OUTPUTS: "had their results removed",
    Stage.ROWS: "were archived",
}


def maintenance(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Expire what waited too long, remove old files, archive old rows, add the ledger up; 1 where something failed."""
    settings = get_settings()
    logs.configure(settings.log_level)
    connect(settings)
    failed = 0 if dry_run else _do(settings)
    if dry_run:
        _foresee(settings)
    with reading() as session:
        faults = ledger.audit(session)
    print(*faults or ["The ledger is balanced."], sep="\n")
    if failed or faults:
        raise typer.Exit(1)


def _foresee(settings: Settings) -> None:
    print("Nothing is changed; this would be done:")
    with reading() as session:
        expired, unwanted = reconciler.count_overdue(session, settings), removal.count_unwanted(session, settings)
        due = retention.due(session, settings)
    _say(expired, unwanted, due)


def _do(settings: Settings) -> int:
    """Do it and say so; how many tasks' files could not be removed."""
    storage = open_storage(settings, settings.secret)
    expired = reconciler.expire_all(settings)
    unwanted = removal.remove_all_files(settings, storage)
    found = retention.apply(settings, storage)
    _say(expired, unwanted, {stage: removed.done for stage, removed in found.items()})
    failed = sum(removed.failed for removed in found.values())
    if failed:
        print(f"{failed} tasks were left because of an error, which the log names.")
    return failed


def _say(expired: int, unwanted: int, retained: Mapping[Stage, int]) -> None:
    print(f"{expired} tasks that waited too long expired.")
    print(f"{unwanted} deleted or expired tasks had their files removed.")
    for stage, number in retained.items():
        print(f"{number} ended tasks {_WORDS[stage]}.")
