"""What the limit of a rule may be: a number, a date, a regular expression."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")


def is_date(limit: Any) -> bool:
    """Whether a bound is a date or a moment as ISO 8601 writes it, without a time zone."""
    if not isinstance(limit, str) or not _ISO.fullmatch(limit):
        return False
    try:
        datetime.fromisoformat(limit)
    except ValueError:
        return False
    return True


def is_finite(limit: Any) -> bool:
    """Whether a bound is a number."""
    return isinstance(limit, int | float) and not isinstance(limit, bool) and math.isfinite(limit)


def whole(pattern: str) -> str:
    """A regular expression that has to fit the whole text."""
    return f"^(?:{pattern})$"
