"""What every request body has in common: no unknown field, and nothing that a database can't keep."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

DEEPEST = 30

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Body(BaseModel):
    """A request's body: no unknown field, and nothing in it that a database can't keep."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        check_storable(value)
        return value


def check_storable(value: Any, depth: int = 0) -> None:
    """Raise ValueError for what JSON can say and PostgreSQL can't keep: a NUL, half a surrogate pair, NaN."""
    if depth > DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} levels deep")
    if isinstance(value, str) and ("\0" in value or not _encodable(value)):
        raise ValueError("holds a character that is not text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number that is not finite")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for each in value:
            check_storable(each, depth + 1)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def example(body: dict[str, Any]) -> ConfigDict:
    """What documentation shows as a body of that kind."""
    return ConfigDict(json_schema_extra={"examples": [body]})
