"""What is counted over all processes and for ever: in the database, where no restart loses it."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Counter


class Count(enum.StrEnum):
    """Everything that is counted."""

    CLAIMS_REFUSED = "claims_refused"
    CLAIMS_POSTPONED = "claims_postponed"
    FENCE_LOSSES = "fence_losses"
    LEASES_EXPIRED = "leases_expired"


def add(session: Session, count: Count, number: int = 1) -> None:
    """Count in this transaction."""
    statement = _insert(session)(Counter).values(name=count, value=number)
    total = Counter.value + statement.excluded.value
    session.execute(statement.on_conflict_do_update(index_elements=[Counter.name], set_={"value": total}))


def _insert(session: Session) -> Any:
    """The INSERT of this database, whose dialect alone is imported."""
    name = session.get_bind().dialect.name
    return importlib.import_module(f"sqlalchemy.dialects.{name}").insert


def read(session: Session) -> Mapping[Count, int]:
    """Everything, with 0 for what has never happened."""
    found = {row[0]: int(row[1]) for row in session.execute(select(Counter.name, Counter.value))}
    return {count: found.get(count, 0) for count in Count}
