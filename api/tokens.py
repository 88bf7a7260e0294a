"""Signed tokens: the bearer token of a user, and the one-minute ticket that opens one task's event stream."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt

from errors import NotAuthenticated

BEARER = "api"
TICKET_SECONDS = 60


def issue_token(secret: str, user_id: str, minutes: float) -> tuple[str, datetime]:
    """A bearer token for a user, and when it ends."""
    return _issue(secret, user_id, BEARER, timedelta(minutes=minutes))


def issue_ticket(secret: str, user_id: str, task_id: str) -> tuple[str, datetime]:
    """A ticket for one task's events, because a browser's EventSource can't send a bearer token."""
    return _issue(secret, user_id, _events_of(task_id), timedelta(seconds=TICKET_SECONDS))


def user_of_token(secret: str, token: str) -> str:
    """Whose bearer token this is; NotAuthenticated where it isn't ours or has ended."""
    return _subject(secret, token, BEARER)


def user_of_ticket(secret: str, token: str, task_id: str) -> str:
    """Whose ticket for this task's events this is."""
    return _subject(secret, token, _events_of(task_id))


def _events_of(task_id: str) -> str:
    return f"events:{task_id}"


def _issue(secret: str, user_id: str, audience: str, life: timedelta) -> tuple[str, datetime]:
    now = datetime.now(UTC)
    claims = {"sub": user_id, "aud": audience, "iat": now, "exp": now + life}
    return jwt.encode(claims, _key(secret), "HS256"), now + life


def _subject(secret: str, token: str, audience: str) -> str:
    try:
        claims = jwt.decode(
            token, _key(secret), ["HS256"], audience=audience, options={"require": ["sub", "aud", "exp"]}
        )
    except (jwt.InvalidTokenError, UnicodeError) as error:
        raise NotAuthenticated("The token is not valid here or has ended.") from error
    return str(claims["sub"])


def _key(secret: str) -> bytes:
    return sha256(b"tokens:" + secret.encode()).digest()
