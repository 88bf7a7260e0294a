"""Every error of the systems below, provoked for real, and what it means for a task."""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import boto3
import duckdb
import pytest
import redis
import sqlalchemy
from botocore.config import Config
from kombu import Connection
from sqlalchemy.pool import QueuePool

import errors
from agents.table import Database
from celery_queue.error_handlers import ENDINGS, Consequence, Recovery, classify_error
from storage.s3 import S3Storage
from tests.services import S3Server, free_port

AUTOMATIC, BY_USER, FINAL = Recovery.AUTOMATIC, Recovery.BY_USER, Recovery.FINAL


@contextmanager
def silent_server() -> Iterator[int]:
    """A port of one who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@contextmanager
def s3_that_answers(status: int, code: str) -> Iterator[int]:
    """The port of an S3 server that has but one answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def read_from(port: int) -> None:
    config = Config(read_timeout=0.2, connect_timeout=0.5, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config, **keys)
    try:
        client.get_object(Bucket="b", Key="k")
    finally:
        client.close()


def s3_read_timeout() -> None:
    with silent_server() as port:
        read_from(port)


def s3_unreachable() -> None:
    read_from(free_port())


def s3_refusal(status: int, code: str) -> Callable[[], None]:
    def provoke() -> None:
        with s3_that_answers(status, code) as port:
            read_from(port)

    return provoke


def database_away() -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    sqlalchemy.create_engine(url, connect_args={"connect_timeout": 2}).connect()


def database_locked(folder: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'one.db'}", connect_args={"timeout": 0})
    with engine.connect() as first, engine.connect() as second:
        try:
            first.exec_driver_sql("BEGIN IMMEDIATE")
            second.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            engine.dispose()


def pool_exhausted() -> None:
    engine = sqlalchemy.create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with engine.connect():
        try:
            engine.connect()
        finally:
            engine.dispose()


def redis_away() -> None:
    redis.Redis(port=free_port(), retry=None).ping()


def redis_silent() -> None:
    with silent_server() as port, redis.Redis(port=port, socket_timeout=0.2, retry=None) as client:
        client.ping()


def broker_away() -> None:
    with Connection(f"redis://127.0.0.1:{free_port()}") as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)


def no_permission(folder: Path) -> None:
    folder.chmod(0o500)
    (folder / "new").touch()
    os.unlink("/proc/self/status")  # root may do the former, not this


def disk_full() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a disk that is always full")
    with open("/dev/full", "wb", buffering=0) as stream:
        stream.write(b"a")


def memory_full() -> None:
    bytearray(1 << 60)


def table_too_large(folder: Path) -> None:
    database = Database(folder, memory_limit="20MB")
    try:
        database.df("SELECT list(range) FROM range(10_000_000)")
    finally:
        database.close()


def table_on_full_disk(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a disk that is always full")
    database = Database(folder)
    database._own.connection = duckdb.connect()  # one that may write elsewhere
    try:
        database.df("COPY (SELECT * FROM range(9)) TO '/dev/full' (FORMAT csv)")
    finally:
        database.close()


FOREIGN = {
    "S3 answers too late": (s3_read_timeout, "STORAGE_UNAVAILABLE", AUTOMATIC),
    "S3 is away": (s3_unreachable, "STORAGE_UNAVAILABLE", AUTOMATIC),
    "S3 fails": (s3_refusal(500, "InternalError"), "STORAGE_UNAVAILABLE", AUTOMATIC),
    "S3 is overloaded": (s3_refusal(503, "SlowDown"), "STORAGE_UNAVAILABLE", AUTOMATIC),
    "S3 throttles": (s3_refusal(400, "ThrottlingException"), "STORAGE_UNAVAILABLE", AUTOMATIC),
    "S3 denies access": (s3_refusal(403, "AccessDenied"), "STORAGE_UNAVAILABLE", BY_USER),
    "S3 misses a bucket": (s3_refusal(404, "NoSuchBucket"), "STORAGE_UNAVAILABLE", BY_USER),
    "S3 misses a file": (s3_refusal(404, "NoSuchKey"), "NOT_FOUND", FINAL),
    "the database is away": (database_away, "DATABASE_UNAVAILABLE", AUTOMATIC),
    "the database is locked": (database_locked, "DATABASE_UNAVAILABLE", AUTOMATIC),
    "every connection is taken": (pool_exhausted, "DATABASE_UNAVAILABLE", AUTOMATIC),
    "Redis is away": (redis_away, "BROKER_UNAVAILABLE", AUTOMATIC),
    "Redis answers too late": (redis_silent, "BROKER_UNAVAILABLE", AUTOMATIC),
    "the broker is away": (broker_away, "BROKER_UNAVAILABLE", AUTOMATIC),
    "the disk is closed to us": (no_permission, "STORAGE_UNAVAILABLE", BY_USER),
    "the disk is full": (disk_full, "STORAGE_UNAVAILABLE", AUTOMATIC),
    "memory is full": (memory_full, "OUT_OF_MEMORY", BY_USER),
    "a table is too large for its memory": (table_too_large, "OUT_OF_MEMORY", BY_USER),
    "a table's disk is full": (table_on_full_disk, "STORAGE_UNAVAILABLE", AUTOMATIC),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_librarys_error_has_a_code_and_a_class(name: str, tmp_path: Path) -> None:
    provoke, code, recovery = FOREIGN[name]
    with pytest.raises((Exception, MemoryError)) as raised:
        provoke(tmp_path) if "folder" in provoke.__annotations__ else provoke()
    verdict = classify_error(raised.value)
    assert (verdict.code, verdict.recovery) == (code, recovery), repr(raised.value)
    assert str(tmp_path) not in verdict.error.message


OURS = {
    "TASK_NOT_FOUND": FINAL,
    "USER_NOT_FOUND": FINAL,
    "UNKNOWN_TOOL": FINAL,
    "FILES_NOT_FOUND": FINAL,
    "UNREADABLE_FILE": FINAL,
    "TOO_LARGE": FINAL,
    "COLUMN_NOT_FOUND": FINAL,
    "INVALID_PARAMETERS": FINAL,
    "CONTRACT_VIOLATED": FINAL,
    "INPUT_GONE": FINAL,
    "INSUFFICIENT_CREDITS": BY_USER,
    "AGENT_ERROR": BY_USER,
    "VERIFICATION_FAILED": BY_USER,
    "OUT_OF_MEMORY": BY_USER,
    "TIMEOUT": BY_USER,
    "STORAGE_UNAVAILABLE": AUTOMATIC,
    "HARD_TIMEOUT": BY_USER,
    "TRANSIENT_ERROR": BY_USER,
    "POISON_TASK": BY_USER,
    "INTERNAL_ERROR": BY_USER,
}


def kinds(parent: type[errors.ServiceError] = errors.ServiceError) -> list[type[errors.ServiceError]]:
    return [parent, *(each for child in parent.__subclasses__() for each in kinds(child))]


@pytest.mark.parametrize("code", OURS)
def test_every_code_of_a_task_has_a_class(code: str) -> None:
    kind = next((each for each in kinds() if each.code == code), None)
    made = errors.named(kind.__name__, "", {}) if kind else None
    assert (classify_error(made).recovery if made else ENDINGS[code]) == OURS[code]


def test_a_childs_death_is_an_attempt_and_a_database_that_is_away_leaves_the_row_alone() -> None:
    assert classify_error(errors.ChildDied()).consequence == Consequence.LOST
    assert classify_error(errors.DatabaseUnavailable()).consequence == Consequence.DISCARD


@pytest.mark.service
def test_an_upload_that_is_refused_is_not_tried_again(rclone_s3: S3Server, tmp_path: Path) -> None:
    storage = S3Storage("any", endpoint_url=rclone_s3.endpoint_url, access_key_id="a", secret_access_key="b")
    (tmp_path / "a.csv").write_bytes(b"a")
    with pytest.raises(errors.StorageRefused):
        storage.put(tmp_path / "a.csv", "users/1/a.csv")


def test_an_error_crosses_to_the_worker_as_what_it_is() -> None:
    seen = errors.of_disk(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    again = errors.named(type(seen).__name__, seen.message, seen.context)
    assert (type(again), again.retryable) == (errors.StorageRefused, False)
