"""Credits."""

from fastapi import APIRouter

from api.dependencies import CurrentUser, Database
from api.schemas import WalletAnswer
from billing import ledger

router = APIRouter(prefix="/billing", tags=["billing"])


@router.get("/wallet")
def wallet(user: CurrentUser, session: Database) -> WalletAnswer:
    """Balance, what open runs hold of it, and what is left."""
    found = ledger.wallet(session, user.id)
    return WalletAnswer(balance=found.balance, held=found.held, available=found.available)
