"""What Prometheus reads, counted in the database: it stays right whatever became of workers and messages."""

from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.dependencies import Database
from db import counters, gauges
from db.counters import Count
from db.gauges import Gauges

router = APIRouter(tags=["health"])

_TOLD = {
    "queue_depth": ("depth", "Queued tasks that are due."),
    "queue_scheduled": ("scheduled", "Queued tasks that are not due yet."),
    "queue_oldest_seconds": ("oldest_seconds", "How long the first of the due tasks has waited."),
    "lease_expired": ("lease_expired", "Running tasks whose lease has ended and that nobody took over yet."),
    "dead_letters": ("dead_letters", "Tasks that were given up after their last attempt."),
}


_COUNTED = {
    Count.CLAIMS_REFUSED: "Messages that were duplicates, or whose task was not to be had any more.",
    Count.CLAIMS_POSTPONED: "Messages whose task had to wait for others of its user.",
    Count.FENCE_LOSSES: "Attempts that found their task owned by another, or ended, and changed nothing.",
    Count.LEASES_EXPIRED: "Attempts whose lease ran out and whose task was taken from them.",
}


class _Reading(Collector):
    """One reading of the gauges and counters, for one answer."""

    def __init__(self, found: Gauges, counted: Mapping[Count, int]) -> None:
        self._found = found
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        tasks = GaugeMetricFamily("agensium_tasks", "Tasks by status.", labels=["status"])
        for status, number in self._found.by_status.items():
            tasks.add_metric([status], number)
        yield tasks
        for name, (field, told) in _TOLD.items():
            yield GaugeMetricFamily(f"agensium_{name}", told, value=getattr(self._found, field))
        for count, told in _COUNTED.items():
            yield CounterMetricFamily(f"agensium_{count}", told, value=self._counted[count])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
)
def metrics(session: Database) -> Response:
    """Queue depth and age, lost leases, dead letters, refused duplicates, fence losses and tasks by status, in
    Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Reading(gauges.read(session), counters.read(session)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
