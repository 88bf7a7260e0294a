"""What Celery is told, by default and by the environment: asked of the app itself, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import json, sys
from celery_queue.celery_app import app
print(json.dumps({name: app.conf[name] for name in sys.argv[1:]}, default=str))
"""
CHANGEABLE: dict[str, tuple[str, Any, str, Any]] = {
    "task_time_limit": ("TASK_TIME_LIMIT", 1800, "90", 90),
    "worker_concurrency": ("WORKER_CONCURRENCY", 4, "3", 3),
    "worker_max_memory_per_child": ("WORKER_MAX_MEMORY_PER_CHILD", 400_000, "1000", 1000),
    "worker_max_tasks_per_child": ("WORKER_MAX_TASKS_PER_CHILD", 100, "7", 7),
    "worker_prefetch_multiplier": ("WORKER_PREFETCH_MULTIPLIER", 1, "2", 2),
    "worker_soft_shutdown_timeout": ("WORKER_SOFT_SHUTDOWN_TIMEOUT", 20.0, "5", 5.0),
    "result_expires": ("RESULT_EXPIRES", 86_400, "60", 60),
    "broker_url": ("CELERY_BROKER_URL", "memory://localhost/", "amqp://guest@h//", "amqp://guest@h//"),
    "result_backend": ("CELERY_RESULT_BACKEND", "disabled://", "redis://h/5", "redis://h/5"),
    "task_default_queue": ("QUEUE_ANALYSIS", "analysis", "heavy", "heavy"),
}
"""By Celery's name: our setting, its default, another value, and what Celery makes of that."""
FIXED = {
    "enable_utc": True,
    "timezone": "UTC",
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_track_started": True,
    "result_extended": True,
    "worker_hijack_root_logger": False,
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
}


def asked(**environment: str) -> dict[str, Any]:
    command = [sys.executable, "-c", ASK, *CHANGEABLE, *FIXED, "broker_transport_options", "broker_use_ssl"]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout))


@pytest.fixture(scope="module")
def changed() -> dict[str, Any]:
    return asked(**{setting: value for setting, _, value, _ in CHANGEABLE.values()})


def test_the_defaults() -> None:
    told = asked()
    assert {name: told[name] for name in CHANGEABLE} == {
        name: default for name, (_, default, _, _) in CHANGEABLE.items()
    }
    assert {name: told[name] for name in FIXED} == FIXED


@pytest.mark.parametrize("name", CHANGEABLE)
def test_the_environment_changes_it(changed: dict[str, Any], name: str) -> None:
    assert changed[name] == CHANGEABLE[name][3]


def test_one_bare_redis_address_serves_for_both_and_is_verified(tmp_path: Path) -> None:
    (authority := tmp_path / "ca.pem").touch()
    told = asked(REDIS_URL="rediss://:pass%2Fword@host:6380", REDIS_CA_FILE=str(authority), VISIBILITY_TIMEOUT="70")
    assert told["broker_url"] == "rediss://:pass%2Fword@host:6380/0"
    assert told["result_backend"] == "rediss://:pass%2Fword@host:6380/1"
    assert told["broker_use_ssl"]["ssl_ca_certs"] == str(authority)
    assert told["broker_transport_options"]["visibility_timeout"] == 70
