"""Every query on IdempotencyKey: the first answer to a request, kept for a day per user."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.clock import moment
from db.models import IdempotencyKey
from errors import IdempotencyConflict

LIFE_SECONDS = 24 * 3600


def find(session: Session, user_id: str, key: str, fingerprint: str) -> dict[str, Any] | None:
    """The first answer to this request; IdempotencyConflict where the key was used for another one."""
    kept = session.scalar(
        select(IdempotencyKey).where(
            IdempotencyKey.user_id == user_id,
            IdempotencyKey.key == key,
            IdempotencyKey.created_at > moment(-LIFE_SECONDS),
        )
    )
    if kept is None:
        return None
    if kept.fingerprint != fingerprint:
        raise IdempotencyConflict(key=key)
    return kept.answer


def keep(session: Session, user_id: str, key: str, fingerprint: str, answer: dict[str, Any]) -> None:
    """Remember the answer in the transaction that did the work; the database refuses a second one for the key."""
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.user_id == user_id, IdempotencyKey.created_at <= moment(-LIFE_SECONDS)
        )
    )
    session.add(IdempotencyKey(user_id=user_id, key=key, fingerprint=fingerprint, answer=answer))
    session.flush()
