"""Credits: what there is, what was moved, what a run costs, and what an administrator gives."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from api.billing_schemas import (
    AgentCost,
    CostEstimate,
    CostQuestion,
    GrantAnswer,
    GrantOrder,
    Transaction,
    TransactionPage,
    WalletAnswer,
)
from api.dependencies import AdminUser, CurrentUser, Database
from api.idempotency import Keep, MayRepeat, once
from api.refusals import refuses
from billing import ledger
from db import users
from db.database import transaction
from db.models import User
from errors import IdempotencyConflict, InvalidParameters, NotPermitted, UnknownAgent, UnknownTool, UserNotFound
from transformers.tools import order, tools

router = APIRouter(prefix="/billing", tags=["billing"])


@router.get("/wallet")
def wallet(user: CurrentUser, session: Database) -> WalletAnswer:
    """Balance, what open runs hold of it, and what is left."""
    return _wallet(session, user.id)


@router.get("/transactions")
def list_transactions(
    user: CurrentUser,
    session: Database,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")] = None,
) -> TransactionPage:
    """Every movement of one's credits, newest first."""
    found = ledger.entries(session, user.id, limit=limit + 1, before=int(cursor) if cursor else None)
    items = [Transaction.of(each) for each in found[:limit]]
    return TransactionPage(items=items, next_cursor=str(items[-1].id) if len(found) > limit else None)


@router.get("/agent-costs")
def list_agent_costs(_: CurrentUser) -> list[AgentCost]:
    """The price of every agent's run; one that finds nothing to do costs nothing."""
    return [
        AgentCost(tool_id=tool.id, agent_id=each.id, credits=each.credits, default=each.default, always=each.always)
        for tool in tools().values()
        for each in tool.agents
    ]


@router.post("/estimate-cost", responses=refuses(UnknownTool, UnknownAgent, InvalidParameters))
def estimate_cost(body: CostQuestion, user: CurrentUser, session: Database) -> CostEstimate:
    """What an order would be quoted, agent by agent, without placing it."""
    ordered = order(body.tool_id, body.agents, body.parameters)
    available = ledger.wallet(session, user.id).available
    return CostEstimate(
        tool_id=body.tool_id,
        agents=dict(ordered.prices),
        credits=ordered.credits,
        available=available,
        sufficient=ordered.credits <= available,
    )


@router.post("/admin/grant", status_code=201, responses=refuses(NotPermitted, UserNotFound, IdempotencyConflict))
def grant(body: GrantOrder, admin: AdminUser, repeatable: MayRepeat) -> GrantAnswer:
    """Give credits to an account. With an Idempotency-Key a grant that is sent twice is given once."""

    def work(keep: Keep) -> GrantAnswer:
        with transaction() as session:
            receiver = _receiver(session, body)
            ledger.grant(session, receiver.id, body.credits, f"{body.note} (by user {admin.id})")
            session.flush()
            answer = GrantAnswer(user_id=receiver.id, granted=body.credits, wallet=_wallet(session, receiver.id))
            keep(session, answer)
        return answer

    return once(repeatable, repeatable.fingerprint(body.model_dump_json()), GrantAnswer, work)


def _receiver(session: Session, body: GrantOrder) -> User:
    found = users.get(session, body.user_id) if body.user_id else users.by_email(session, body.email or "")
    if found is None:
        raise UserNotFound
    return found


def _wallet(session: Session, user_id: str) -> WalletAnswer:
    found = ledger.wallet(session, user_id)
    return WalletAnswer(balance=found.balance, held=found.held, available=found.available)
