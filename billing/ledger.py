"""Credits: an append-only ledger. The balance is a query; nothing is ever updated or deleted.

balance   = GRANT + PURCHASE + REFUND ± ADJUSTMENT − SETTLE
held      = HOLDs whose run has neither SETTLE nor RELEASE
available = balance − held
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Exists, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from db.models import TERMINAL, LedgerEntry, LedgerKind, Task, TaskStatus, User
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


def entries(session: Session, user_id: str, *, limit: int, before: int | None = None) -> Sequence[LedgerEntry]:
    """The account's movements, newest first; `before` is the id of the last one of the page before."""
    query = select(LedgerEntry).where(LedgerEntry.user_id == user_id)
    if before is not None:
        query = query.where(LedgerEntry.id < before)
    return session.scalars(query.order_by(LedgerEntry.id.desc()).limit(limit)).all()


def hold(session: Session, user_id: str, task_id: str, run_no: int, amount: int) -> None:
    """Reserve credits for one run, in the transaction that queues it; InsufficientCredits where they aren't there."""
    # Without this lock several holds at once each see the whole balance. key_share: rows that refer to the account may
    # be written meanwhile, else two transactions that have each written one wait for each other.
    if session.scalar(select(User.id).where(User.id == user_id).with_for_update(key_share=True)) is None:
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


@dataclass(frozen=True)
class TaskCredits:
    """What a task's open run holds, and what all its runs have cost."""

    held: int = 0
    charged: int = 0


def of_tasks(session: Session, task_ids: Collection[str]) -> Mapping[str, TaskCredits]:
    """The credits of many tasks in one query; a task that never held any is left out."""
    holds = and_(LedgerEntry.kind == LedgerKind.HOLD, ~_ended())
    query = (
        select(
            LedgerEntry.task_id,
            func.sum(case((holds, LedgerEntry.amount), else_=0)),
            func.sum(case((LedgerEntry.kind == LedgerKind.SETTLE, LedgerEntry.amount), else_=0)),
        )
        .where(LedgerEntry.task_id.in_(task_ids))
        .group_by(LedgerEntry.task_id)
    )
    return {str(row[0]): TaskCredits(int(row[1]), int(row[2])) for row in session.execute(query)}


def _entry(kind: LedgerKind, user_id: str, task_id: str, run_no: int, amount: int) -> LedgerEntry:
    return LedgerEntry(user_id=user_id, task_id=task_id, run_no=run_no, kind=kind, amount=amount)


def _ended() -> Exists:
    end = aliased(LedgerEntry)
    return (
        select(end.id)
        .where(end.task_id == LedgerEntry.task_id, end.run_no == LedgerEntry.run_no, end.kind.in_(_ENDS))
        .exists()
    )


def audit(session: Session) -> list[str]:
    """Every task that a rule of the ledger doesn't hold for, in words; an empty list is what one wants."""
    ends = aliased(LedgerEntry)
    over = session.execute(
        select(LedgerEntry.task_id, LedgerEntry.run_no, ends.amount, LedgerEntry.amount)
        .join(ends, (ends.task_id == LedgerEntry.task_id) & (ends.run_no == LedgerEntry.run_no))
        .where(LedgerEntry.kind == LedgerKind.HOLD, ends.kind.in_(_ENDS), ends.amount > LedgerEntry.amount)
    )
    faults = [f"task {task} run {run}: {end} credits ended a hold of {held}" for task, run, end, held in over]
    open_holds = session.execute(
        select(LedgerEntry.task_id, Task.status)
        .join(Task, Task.id == LedgerEntry.task_id)
        .where(LedgerEntry.kind == LedgerKind.HOLD, LedgerEntry.run_no == Task.run_no, ~_ended())
        .where(Task.status.in_(TERMINAL))
    )
    faults += [f"task {task} is {status} and still holds credits" for task, status in open_holds]
    unpaid = session.scalars(
        select(Task.id).where(
            Task.status == TaskStatus.COMPLETED,
            ~select(ends.id).where(ends.task_id == Task.id, ends.kind == LedgerKind.SETTLE).exists(),
        )
    )
    return faults + [f"task {task} is COMPLETED and was not settled" for task in unpaid]
