"""The bodies of accounts, tokens and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, EmailStr, Field

from api.body import Body, Name, example
from db.models import ApiKey, User


class Credentials(Body):
    """Who signs in."""

    model_config = example({"email": "ada@example.com", "password": "a long password"})

    email: str = Field(max_length=320)
    password: str = Field(max_length=200)


class Registration(Body):
    """Who wants an account."""

    model_config = example({"email": "ada@example.com", "password": "a long password"})

    email: EmailStr = Field(max_length=320)
    password: str = Field(min_length=8, max_length=200)


class UserAnswer(BaseModel):
    """An account."""

    id: str
    email: str
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserAnswer:
        """From its row."""
        return cls(id=user.id, email=user.email, is_admin=user.is_admin, created_at=user.created_at)


class TokenAnswer(BaseModel):
    """A bearer token: send it as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_at: datetime
    user: UserAnswer


class ApiKeyOrder(Body):
    """What the key is for."""

    model_config = example({"name": "nightly import"})

    name: Name


class ApiKeyAnswer(BaseModel):
    """An API key: what it is for and how it begins."""

    id: str
    name: str
    start: str
    created_at: datetime

    @classmethod
    def of(cls, key: ApiKey) -> ApiKeyAnswer:
        """From its row."""
        return cls(id=key.id, name=key.name, start=key.start, created_at=key.created_at)


class NewApiKey(ApiKeyAnswer):
    """A new key, with the only copy of itself."""

    key: str
