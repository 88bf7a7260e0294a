"""What JSON can say and neither a database nor a file can keep."""

from __future__ import annotations

import math
from typing import Any

DEEPEST = 30


def unstorable(value: Any, path: str = "", depth: int = 0) -> tuple[str, str] | None:
    """Where and why a value can't be kept: a NUL, half a surrogate pair, NaN, too deep; None where it can."""
    if depth > DEEPEST:
        return path, f"is nested more than {DEEPEST} levels deep"
    if isinstance(value, str) and ("\0" in value or not _encodable(value)):
        return path, "holds a character that is not text"
    if isinstance(value, float) and not math.isfinite(value):
        return path, "holds a number that is not finite"
    if isinstance(value, dict):
        inside = [(path, key) for key in value] + [(f"{path}.{key}" if path else key, value[key]) for key in value]
    else:
        inside = [(f"{path}.{at}", each) for at, each in enumerate(value)] if isinstance(value, list) else []
    return next(filter(None, (unstorable(each, place, depth + 1) for place, each in inside)), None)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
