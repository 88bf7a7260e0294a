from datetime import UTC, datetime, timedelta

from db import gauges
from db.database import reading
from tests.rows import make_task, make_user


def test_the_queue_is_counted_on_both_databases():
    user = make_user()
    make_task(user, queued_at=datetime.now(UTC) - timedelta(minutes=5))
    make_task(user, queued_at=datetime.now(UTC), not_before=datetime.now(UTC) + timedelta(hours=1))
    with reading() as session:
        found = gauges.read(session)
    assert (found.depth, found.scheduled, found.by_status["QUEUED"]) == (1, 1, 2)
    assert 299 < found.oldest_seconds < 330
