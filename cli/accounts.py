"""`python main.py make-admin EMAIL`: who may grant credits and see what operators see."""

from __future__ import annotations

import typer

from db import users
from db.database import connect, transaction
from settings import get_settings


def make_admin(email: str) -> None:
    """Make a registered account an administrator."""
    connect(get_settings())
    with transaction() as session:
        user = users.by_email(session, email)
        if user is None:
            print(f"There is no account of {email}; it registers first, over POST /auth/register.")
            raise typer.Exit(1)
        user.is_admin = True
    print(f"{email} is an administrator now.")
