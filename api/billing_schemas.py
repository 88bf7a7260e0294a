"""The bodies of credits: wallet, movements, prices, grants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, model_validator

from api.body import Body, Name, example
from db.models import LedgerEntry, LedgerKind


class WalletAnswer(BaseModel):
    """An account's credits: `available` is what a new order may cost."""

    balance: int
    held: int
    available: int


class Transaction(BaseModel):
    """One movement. HOLD and RELEASE reserve and free; SETTLE charges; the others change the balance by `amount`."""

    id: int
    kind: LedgerKind
    amount: int
    task_id: str | None
    run_no: int | None
    note: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LedgerEntry) -> Transaction:
        """From its row."""
        return cls.model_validate({name: getattr(entry, name) for name in cls.model_fields})


class TransactionPage(BaseModel):
    """Movements, newest first; `next_cursor` continues after the last one."""

    items: list[Transaction]
    next_cursor: str | None


class AgentCost(BaseModel):
    """The price of one agent's run."""

    tool_id: str
    agent_id: str
    credits: int
    default: bool = Field(description="Runs where no agents are named.")
    always: bool = Field(description="Runs whatever is named.")


class CostQuestion(Body):
    """An order that is not placed."""

    model_config = example({"tool_id": "clean-my-data", "agents": ["type-fixer", "null-handler"]})

    tool_id: Name
    agents: list[Name] | None = Field(None, max_length=100, description="Agents to run; empty = the tool's defaults.")
    parameters: dict[str, Any] | None = Field(None, description="Parameters by agent.")


class CostEstimate(BaseModel):
    """What an order would be quoted; `agents` are those that would run, in order, with their prices."""

    tool_id: str
    agents: dict[str, int]
    credits: int
    available: int
    sufficient: bool


class GrantOrder(Body):
    """Credits for an account, which is named by its id or its e-mail address."""

    model_config = example({"email": "ada@example.com", "credits": 500, "note": "for a workshop"})

    user_id: str | None = Field(None, max_length=36)
    email: str | None = Field(None, max_length=320)
    credits: int = Field(ge=1, le=1_000_000_000)
    note: str = Field("granted", min_length=1, max_length=500)

    @model_validator(mode="after")
    def _one_account(self) -> GrantOrder:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("names one account, by user_id or by email")
        return self


class GrantAnswer(BaseModel):
    """The account's credits after the grant."""

    user_id: str
    granted: int
    wallet: WalletAnswer
