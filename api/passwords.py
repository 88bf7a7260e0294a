"""Passwords are kept as argon2id hashes, with the cost that OWASP names."""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """What to keep of a password."""
    return _hasher.hash(password)


def password_fits(password: str, kept: str | None) -> bool:
    """Whether it is the password; without a kept hash (no such user) it takes as long and says no."""
    try:
        return _hasher.verify(kept or _NOBODYS, password) and bool(kept)
    except (Argon2Error, InvalidHashError):
        return False
