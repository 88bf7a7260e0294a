"""Who becomes an administrator."""

import subprocess

from db import users
from db.database import connect, transaction
from db.migrations import upgrade
from settings import get_settings


def test_a_registered_account_is_made_an_administrator(main):
    engine = connect(get_settings())
    upgrade(engine)
    with transaction() as session:
        users.add(session, "ada@example.com")
    assert "administrator now" in main("make-admin", "Ada@example.com").stdout
    with transaction() as session:
        assert users.by_email(session, "ada@example.com").is_admin
    engine.dispose()


def test_nobody_is_made_up(main):
    engine = connect(get_settings())
    upgrade(engine)
    engine.dispose()
    shown = main("make-admin", "nobody@example.com")
    assert isinstance(shown, subprocess.CompletedProcess)
    assert shown.returncode == 1
    assert "registers first" in shown.stdout
