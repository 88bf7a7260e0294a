"""Credits: an append-only ledger. The balance is a query; nothing is ever updated or deleted.

balance   = GRANT + PURCHASE + REFUND ± ADJUSTMENT − SETTLE
held      = HOLDs whose run has neither SETTLE nor RELEASE
available = balance − held
"""

from dataclasses import dataclass

from sqlalchemy import Exists, case, func, select
from sqlalchemy.orm import Session, aliased

from db.models import LedgerEntry, LedgerKind, User
from errors import InsufficientCredits, UserNotFound

_ENDS = (LedgerKind.SETTLE, LedgerKind.RELEASE)
_SIGNS = {
    LedgerKind.GRANT: 1,
    LedgerKind.PURCHASE: 1,
    LedgerKind.REFUND: 1,
    LedgerKind.ADJUSTMENT: 1,
    LedgerKind.SETTLE: -1,
}


@dataclass(frozen=True)
class Wallet:
    """One account's credits."""

    balance: int
    held: int

    @property
    def available(self) -> int:
        """What a new order may cost."""
        return self.balance - self.held


def wallet(session: Session, user_id: str) -> Wallet:
    """The account's balance and what open runs hold of it."""
    signed = case(*[(LedgerEntry.kind == kind, LedgerEntry.amount * sign) for kind, sign in _SIGNS.items()], else_=0)
    balance = session.scalar(select(func.coalesce(func.sum(signed), 0)).where(LedgerEntry.user_id == user_id))
    held = session.scalar(
        select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
            LedgerEntry.user_id == user_id, LedgerEntry.kind == LedgerKind.HOLD, ~_ended()
        )
    )
    return Wallet(balance=int(balance or 0), held=int(held or 0))


def grant(session: Session, user_id: str, amount: int, note: str) -> None:
    """Give credits to an account."""
    session.add(LedgerEntry(user_id=user_id, kind=LedgerKind.GRANT, amount=amount, note=note))


def hold(session: Session, user_id: str, task_id: str, run_no: int, amount: int) -> None:
    """Reserve credits for one run, in the transaction that queues it; InsufficientCredits where they aren't there."""
    # Without this lock several holds at once each see the whole balance.
    if session.scalar(select(User.id).where(User.id == user_id).with_for_update()) is None:
        raise UserNotFound
    available = wallet(session, user_id).available
    if available < amount:
        raise InsufficientCredits(
            f"this run costs {amount} credits and {available} are available", required=amount, available=available
        )
    session.add(_entry(LedgerKind.HOLD, user_id, task_id, run_no, amount))


def held_amount(session: Session, task_id: str, run_no: int) -> int | None:
    """What this run holds, or None where it holds nothing (any more)."""
    return session.scalar(
        select(LedgerEntry.amount).where(
            LedgerEntry.task_id == task_id,
            LedgerEntry.run_no == run_no,
            LedgerEntry.kind == LedgerKind.HOLD,
            ~_ended(),
        )
    )


def settle(session: Session, user_id: str, task_id: str, run_no: int, amount: int) -> None:
    """Charge a completed run, in the transaction that completes it; what was held beyond it is free again."""
    session.add(_entry(LedgerKind.SETTLE, user_id, task_id, run_no, amount))


def release(session: Session, user_id: str, task_id: str, run_no: int) -> None:
    """Give back what a run holds, in the transaction that ends it; a run that holds nothing is left alone."""
    amount = held_amount(session, task_id, run_no)
    if amount is not None:
        session.add(_entry(LedgerKind.RELEASE, user_id, task_id, run_no, amount))


def charged(session: Session, task_id: str) -> int:
    """What all runs of a task have cost."""
    total = session.scalar(
        select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
            LedgerEntry.task_id == task_id, LedgerEntry.kind == LedgerKind.SETTLE
        )
    )
    return int(total or 0)


def _entry(kind: LedgerKind, user_id: str, task_id: str, run_no: int, amount: int) -> LedgerEntry:
    return LedgerEntry(user_id=user_id, task_id=task_id, run_no=run_no, kind=kind, amount=amount)


def _ended() -> Exists:
    end = aliased(LedgerEntry)
    return (
        select(end.id)
        .where(end.task_id == LedgerEntry.task_id, end.run_no == LedgerEntry.run_no, end.kind.in_(_ENDS))
        .exists()
    )
