"""Money is tested on both databases, as the rows are."""

from tests.db.conftest import database

__all__ = ["database"]
