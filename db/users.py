"""Every query on User."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import User


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
