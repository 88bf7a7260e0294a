"""`python main.py audit`: add the ledger up."""

from __future__ import annotations

import typer

import logs
from billing import ledger
from db.database import connect, reading
from settings import get_settings


def audit() -> None:
    """Check the ledger's rules; name every task that breaks one, and end with 1 if there is any."""
    settings = get_settings()
    logs.configure(settings.log_level)
    connect(settings)
    with reading() as session:
        faults = ledger.audit(session)
    for fault in faults:
        print(fault)
    if faults:
        raise typer.Exit(1)
    print("The ledger is balanced.")
