"""What every request body has in common: no unknown field, and nothing that a database can't keep."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from transformers.plain_json import unstorable

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Body(BaseModel):
    """A request's body: no unknown field, and nothing in it that a database can't keep."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if fault := unstorable(value):
            raise ValueError(" ".join(filter(None, fault)))
        return value


def example(body: dict[str, Any]) -> ConfigDict:
    """What documentation shows as a body of that kind."""
    return ConfigDict(json_schema_extra={"examples": [body]})
