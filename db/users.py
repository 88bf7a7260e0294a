"""Every query on User and its API keys."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import ApiKey, User


def get(session: Session, user_id: str) -> User | None:
    """The user of that id."""
    return session.get(User, user_id)


def by_email(session: Session, email: str) -> User | None:
    """The user of that e-mail address, however it is capitalised."""
    return session.scalar(select(User).where(User.email == email.casefold()))


def add(session: Session, email: str, password_hash: str = "", *, is_admin: bool = False) -> User:
    """A new user; the database refuses a second one of the same address."""
    user = User(email=email.casefold(), password_hash=password_hash, is_admin=is_admin)
    session.add(user)
    session.flush()
    session.refresh(user)
    return user


def by_api_key(session: Session, digest: str) -> User | None:
    """The user whose API key has that digest."""
    return session.scalar(select(User).join(ApiKey, ApiKey.user_id == User.id).where(ApiKey.digest == digest))


def api_keys(session: Session, user_id: str) -> Sequence[ApiKey]:
    """The user's API keys, oldest first."""
    return session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at, ApiKey.id)).all()


def add_api_key(session: Session, user_id: str, name: str, start: str, digest: str) -> ApiKey:
    """A new API key of which only the digest and the first characters are kept."""
    key = ApiKey(user_id=user_id, name=name, start=start, digest=digest)
    session.add(key)
    session.flush()
    session.refresh(key)
    return key


def remove_api_key(session: Session, user_id: str, key_id: str) -> bool:
    """Forget the user's key; False where it has none of that id."""
    removed = session.execute(delete(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id).returning(ApiKey.id))
    return removed.one_or_none() is not None
