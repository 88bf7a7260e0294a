"""What is counted over all processes."""

from concurrent.futures import ThreadPoolExecutor

from db import counters
from db.counters import Count
from db.database import reading, transaction


def test_counts_of_many_at_once_add_up():
    def count(_):
        with transaction() as session:
            counters.add(session, Count.FENCE_LOSSES, 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(8)))
    with reading() as session:
        found = counters.read(session)
    assert (found[Count.FENCE_LOSSES], found[Count.CLAIMS_REFUSED]) == (16, 0)
