"""Every test of rows runs on both databases."""

from pathlib import Path

import pytest

from db.database import connect
from db.migrations import upgrade
from settings import Settings


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)], autouse=True)
def database(request: pytest.FixtureRequest, tmp_path: Path):
    """A migrated database that this process is connected to."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    engine = connect(Settings(data_dir=tmp_path, database_url=url))
    upgrade(engine)
    yield engine
    engine.dispose()
