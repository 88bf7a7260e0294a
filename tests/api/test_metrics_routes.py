"""What Prometheus reads."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from db import counters
from db.counters import Count
from db.database import transaction


def read(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_empty_service_has_an_empty_queue(client):
    found = read(client)
    assert found["agensium_queue_depth",] == found["agensium_queue_oldest_seconds",] == 0
    assert found["agensium_tasks", "QUEUED"] == 0


def test_the_queue_and_what_is_wrong_is_told(client, signed_in, make_task, change_task):
    now = datetime.now(UTC)
    waiting, later, lost, poison = (make_task(queued=True) for _ in range(4))
    change_task(waiting, queued_at=now - timedelta(minutes=5))
    change_task(later, not_before=now + timedelta(hours=1))
    change_task(lost, status="PROCESSING", lease_expires_at=now - timedelta(minutes=1))
    change_task(poison, status="FAILED", error_code="POISON_TASK")
    found = read(client)
    assert (found["agensium_queue_depth",], found["agensium_queue_scheduled",]) == (1, 1)
    assert 299 < found["agensium_queue_oldest_seconds",] < 330
    assert (found["agensium_lease_expired",], found["agensium_dead_letters",]) == (1, 1)
    assert found["agensium_tasks", "PROCESSING"] == 1


def test_what_is_counted_is_told(client):
    with transaction() as session:
        counters.add(session, Count.CLAIMS_REFUSED, 2)
        counters.add(session, Count.FENCE_LOSSES)
    found = read(client)
    assert (found["agensium_claims_refused_total",], found["agensium_fence_losses_total",]) == (2, 1)
    assert found["agensium_leases_expired_total",] == found["agensium_claims_postponed_total",] == 0
