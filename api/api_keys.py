"""API keys: bearer tokens that don't end by themselves. 256 random bits need no slow hash; only the digest is kept."""

import secrets
from hashlib import sha256

PREFIX = "agk_"
"""Tells a key from a signed token, and lets scanners of repositories find one that leaked."""
SHOWN = 10


def new_key() -> str:
    """A key that nobody had before."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode(errors="replace")).hexdigest()


def start_of(key: str) -> str:
    """What of a key is shown in lists."""
    return key[:SHOWN]
