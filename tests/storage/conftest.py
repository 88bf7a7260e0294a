"""Both adapters, each over a real place: a folder, and two S3 servers, of which the second checks signatures."""

import copy
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from storage import LocalStorage, Storage
from storage.s3 import S3Storage
from tests.services import S3Server


def storage_of(server: S3Server, bucket: str = "", **options: str) -> S3Storage:
    """The adapter on a server, in a bucket of its own."""
    return S3Storage(
        bucket or server.create_bucket(),
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
        **options,
    )


def in_new_bucket(adapter: S3Storage) -> S3Storage:
    """The same clients, which take long to make, on another bucket."""
    fresh = copy.copy(adapter)
    fresh.bucket = f"bucket-{uuid4().hex}"
    fresh._client.create_bucket(Bucket=fresh.bucket)
    return fresh


@pytest.fixture(scope="session")
def s3_adapter(s3_server) -> S3Storage:
    return storage_of(s3_server)


@pytest.fixture(scope="session")
def strict_adapter(rclone_s3) -> S3Storage:
    return storage_of(rclone_s3)


@pytest.fixture
def s3_storage(s3_adapter) -> S3Storage:
    return in_new_bucket(s3_adapter)


@pytest.fixture
def strict_storage(strict_adapter) -> S3Storage:
    return in_new_bucket(strict_adapter)


@pytest.fixture
def local_storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", "a secret of this test", "http://127.0.0.1:8000")


@pytest.fixture(params=["local", "s3", "strict"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return request.getfixturevalue(f"{request.param}_storage")


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    def make(content: bytes = b"a,b\n1,2\n", name: str = "made.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make
