"""The OpenAPI document against the running service on PostgreSQL: no 500, and no answer that it doesn't name.

`make fuzz` asks far more.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.celery_queue.service import Service, until

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
PHASES = "examples,coverage,fuzzing,stateful" if EXAMPLES else "examples,fuzzing"


@pytest.fixture
def url(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    service = Service({"DATABASE_URL": postgres_url, "DATA_DIR": str(tmp_path / "data")}, tmp_path)
    url = service.api()
    until(lambda: answers(f"{url}/health/ready"), 60)
    yield url
    service.end()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.mark.service
@pytest.mark.timeout(3600)
def test_every_answer_is_one_that_the_document_names(url: str, tmp_path: Path) -> None:
    token = (tmp_path / "data" / "admin-token").read_text()
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--continue-on-failure"]
    command += ["--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--phases", PHASES]
    command += ["--max-examples", EXAMPLES or "5", "--seed", "1", "--request-timeout", "60", "--warnings", "off"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout[-8000:]
