"""Every setting of Celery, each overridable by the environment through settings.py."""

import ssl
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from kombu import Queue

from settings import Settings

ANALYSIS_TASK = "queue.tasks.process_analysis"
HEALTH_TASK = "queue.tasks.health_check"
AUDIT_TASK = "queue.maintenance.audit_ledger"
EXPIRE_TASK = "queue.maintenance.expire_idle"
RETENTION_TASK = "queue.maintenance.apply_retention"
METRICS_TASK = "queue.monitoring.collect_metrics"

_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's configuration for a worker, Beat, Flower and whoever publishes."""
    return {
        **_addresses(settings),
        **_queues(settings),
        **_worker(settings),
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "timezone": "UTC",
        "enable_utc": True,
        "result_expires": settings.result_expires,
        "result_extended": True,
        "beat_schedule": _schedule(settings),
    }


def _addresses(settings: Settings) -> dict[str, Any]:
    broker, results = _broker_and_results(settings)
    transport = _transport_options(settings, broker)
    return {
        "broker_url": broker,
        "result_backend": results,
        "broker_transport_options": transport,
        "result_backend_transport_options": {"retry_policy": _RETRY_POLICY, **_prefix(settings, "results")},
        "broker_use_ssl": _verified(settings, broker),
        "redis_backend_use_ssl": _verified(settings, results),
        "redis_socket_timeout": 10.0,
        "redis_socket_connect_timeout": 3.0,
        "redis_retry_on_timeout": True,
        "redis_socket_keepalive": True,
        "redis_backend_health_check_interval": 25,
        "broker_connection_retry_on_startup": True,
        # Celery would give up after a hundred tries, and a long outage would leave no worker.
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 3,
    }


def _broker_and_results(settings: Settings) -> tuple[str, str]:
    """Broker and results in different databases of one Redis, unless prefixes keep them apart in its only one."""
    broker, results = settings.broker, settings.result_backend
    shared = broker == results == settings.redis_url and not settings.redis_key_prefix
    address = urlsplit(broker)
    if shared and address.path in {"", "/"}:
        return address._replace(path="/0").geturl(), address._replace(path="/1").geturl()
    return broker, results


def _transport_options(settings: Settings, broker: str) -> dict[str, Any]:
    if settings.embedded:
        return {"polling_interval": settings.polling_interval}
    if not broker.startswith(("redis", "rediss")):
        return {}
    return {
        "visibility_timeout": settings.visibility_timeout,
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "retry_on_timeout": True,
        "health_check_interval": 25,
        "unacked_restore_interval": 10,
        **_prefix(settings, "broker"),
    }


def _prefix(settings: Settings, use: str) -> dict[str, str]:
    return {"global_keyprefix": f"{settings.redis_key_prefix}{use}:"} if settings.redis_key_prefix else {}


def _verified(settings: Settings, url: str) -> dict[str, Any] | None:
    """How a rediss:// address is checked; the result backend takes none without being told."""
    if not url.startswith("rediss"):
        return None
    authorities = {"ssl_ca_certs": str(settings.redis_ca_file)} if settings.redis_ca_file else {}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **authorities}


def _queues(settings: Settings) -> dict[str, Any]:
    names = (settings.queue_analysis, settings.queue_maintenance, settings.queue_monitoring)
    return {
        "task_default_queue": settings.queue_analysis,
        "task_queues": [Queue(name, queue_arguments=_patience(settings)) for name in names],
        "task_routes": {
            ANALYSIS_TASK: {"queue": settings.queue_analysis},
            HEALTH_TASK: {"queue": settings.queue_monitoring},
            "queue.monitoring.*": {"queue": settings.queue_monitoring},
            "queue.maintenance.*": {"queue": settings.queue_maintenance},
        },
    }


def _patience(settings: Settings) -> dict[str, Any]:
    """RabbitMQ's own limit for a message that is being worked on is 30 minutes, as is that of our longest run."""
    return {"x-consumer-timeout": settings.visibility_timeout * 1000} if settings.broker.startswith("amqp") else {}


def _worker(settings: Settings) -> dict[str, Any]:
    return {
        "worker_concurrency": settings.worker_concurrency,
        "worker_prefetch_multiplier": settings.worker_prefetch_multiplier,
        "worker_max_memory_per_child": settings.worker_max_memory_per_child,
        "worker_max_tasks_per_child": settings.worker_max_tasks_per_child,
        "worker_soft_shutdown_timeout": settings.worker_soft_shutdown_timeout,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Without these three Flower is blind.
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "task_track_started": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # The slot's own deadline ends a run; Celery's limit is for a slot that is stuck itself.
        "task_time_limit": settings.task_time_limit,
        "task_soft_time_limit": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def _schedule(settings: Settings) -> dict[str, Any]:
    daily = crontab(hour=str(settings.retention_hour), minute="0")
    return {
        "health-check": _entry(HEALTH_TASK, settings.beat_health_seconds, settings.beat_health_seconds),
        "collect-metrics": _entry(METRICS_TASK, settings.beat_health_seconds, settings.beat_health_seconds),
        "expire-idle": _entry(EXPIRE_TASK, crontab(minute="*/10"), 600),
        "audit-ledger": _entry(AUDIT_TASK, crontab(minute="7"), 3600),
        "apply-retention": _entry(RETENTION_TASK, daily, 24 * 3600),
    }


def _entry(task: str, schedule: float | crontab, lasts_seconds: float) -> dict[str, Any]:
    # While no worker is there, one message of each is enough.
    return {"task": task, "schedule": schedule, "options": {"expires": lasts_seconds}}
