"""Idempotency-Key: a request that is sent again, because its answer never came, does its work once.

Only an answer to work that was done is kept, in the transaction that did it: after an error the same key may be tried
again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.dependencies import CurrentUser
from db import idempotency
from db.database import reading
from errors import ServiceError

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True)
class Repeatable:
    """A request that may come again. Without a key it is one of its own each time."""

    user_id: str
    key: str | None
    address: str

    def fingerprint(self, *content: str) -> str:
        """What tells this request from another under the same key."""
        return sha256("\n".join([self.address, *content]).encode()).hexdigest()


Keep = Callable[[Session, BaseModel], None]
"""Called in the transaction that does the work, with what will be answered."""


def get_repeatable(
    request: Request,
    user: CurrentUser,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[!-~]+$",
            description="Sent again within 24 hours, it gets the first answer again and does nothing more.",
        ),
    ] = None,
) -> Repeatable:
    """The request's key, if it has one."""
    return Repeatable(user.id, idempotency_key, f"{request.method} {request.url.path}")


MayRepeat = Annotated[Repeatable, Depends(get_repeatable)]


def once(request: Repeatable, fingerprint: str, answer: type[A], work: Callable[[Keep], A]) -> A:
    """The first answer to this request; `work` makes it, and hands it to the function that it is given."""
    key = request.key
    if key is None:
        return work(_keep_nothing)

    def earlier() -> A | None:
        with reading() as session:
            kept = idempotency.find(session, request.user_id, key, fingerprint)
        return None if kept is None else answer.model_validate(kept)

    def keep(session: Session, made: BaseModel) -> None:
        idempotency.keep(session, request.user_id, key, fingerprint, made.model_dump(mode="json"))

    return earlier() or _work_or(earlier, work, keep)


def _work_or(earlier: Callable[[], A | None], work: Callable[[Keep], A], keep: Keep) -> A:
    """Where two of the same come at once, the one that comes second finds the work done, whichever way it notices."""
    try:
        return work(keep)
    except (IntegrityError, ServiceError):
        if (answer := earlier()) is None:
            raise
        return answer


def _keep_nothing(*_: Any) -> None:
    return None
