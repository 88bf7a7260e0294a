"""Both adapters, each over a real place: a folder, and an S3 server in this process."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from storage import LocalStorage, Storage
from storage.s3 import S3Storage

KEYS = {"access_key_id": "test", "secret_access_key": "test"}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_storage(s3_server: str) -> Iterator[S3Storage]:
    bucket = f"bucket-{uuid4().hex}"
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=bucket)
    yield S3Storage(bucket, endpoint_url=s3_server, **KEYS)
    client.close()


@pytest.fixture
def local_storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", "a secret of this test", "http://127.0.0.1:8000")


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return request.getfixturevalue(f"{request.param}_storage")


@pytest.fixture
def make_file(tmp_path: Path):
    def make(content: bytes = b"a,b\n1,2\n", name: str = "made.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make
