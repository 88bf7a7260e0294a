"""S3, or any server that speaks it, as storage. The only file that knows boto3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from uuid import uuid4

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError
from botocore.handlers import add_expect_header
from botocore.parsers import ResponseParserError

from errors import NotFound, ServiceError, StorageRefused, StorageUnavailable
from storage.port import (
    CHUNK,
    PartedUpload,
    PartLink,
    StoredFile,
    UploadLink,
    attachment,
    check_size,
    checked_key,
    checked_prefix,
    guessed_type,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

MISSING = {"404", "NoSuchKey", "NoSuchUpload", "NotFound"}
PASSING = {
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
}
"""Refusals below 500 that pass."""
BATCH = 1000
"""Keys that S3 deletes in one request."""
PART = 16 << 20
"""Bytes of one part of a large file; 10,000 parts, S3's most, make 160 GB."""


class S3Storage:
    """Keeps files in a bucket; links are signed for the address under which clients reach it."""

    def __init__(
        self,
        bucket: str,
        *,
        region: str = "us-east-1",
        endpoint_url: str = "",
        public_endpoint_url: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
    ) -> None:
        self.bucket = bucket
        session = boto3.session.Session(access_key_id or None, secret_access_key or None, region_name=region)
        self._client = _client(session, endpoint_url)
        self._signer = _client(session, public_endpoint_url) if public_endpoint_url else self._client
        self._transfer = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)

    def get(self, key: str, path: Path) -> None:
        """Download to `path`, large files in parallel parts."""
        aside = path.with_name(f".{uuid4().hex}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _translated(key):
                self._client.download_file(self.bucket, checked_key(key), str(aside), Config=self._transfer)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    def lend(self, key: str, path: Path) -> None:
        """Download to `path`."""
        self.get(key, path)

    def put(self, path: Path, key: str, content_type: str | None = None) -> StoredFile:
        """Upload the file at `path`, a large one in parallel parts."""
        content_type = content_type or guessed_type(key)
        extra = {"ContentType": content_type}
        with _translated(key):
            self._client.upload_file(str(path), self.bucket, checked_key(key), ExtraArgs=extra, Config=self._transfer)
        return StoredFile(key, path.stat().st_size, content_type)

    def write(self, source: BinaryIO, key: str, content_type: str | None = None) -> StoredFile:
        """Upload everything that `source` still has."""
        extra = {"ContentType": content_type or guessed_type(key)}
        with _translated(key):
            self._client.upload_fileobj(source, self.bucket, checked_key(key), ExtraArgs=extra, Config=self._transfer)
        return self._found(key)

    def open(self, key: str) -> BinaryIO:
        """Read the object as a stream."""
        with _translated(key):
            body = self._client.get_object(Bucket=self.bucket, Key=checked_key(key))["Body"]
        return cast(BinaryIO, io.BufferedReader(_Body(body, key), CHUNK))

    def stat(self, key: str) -> StoredFile | None:
        """What is at `key`, or None."""
        try:
            with _translated(key):
                head = self._client.head_object(Bucket=self.bucket, Key=checked_key(key))
        except NotFound:
            return None
        return StoredFile(key, head["ContentLength"], head.get("ContentType"))

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every object in the folder `prefix`."""
        prefix = checked_prefix(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{prefix}/" if prefix else ""
        )
        with _translated(prefix):
            for page in pages:
                for item in page.get("Contents", []):
                    yield StoredFile(item["Key"], item["Size"])

    def delete(self, prefix: str) -> None:
        """Remove the object at `prefix` and every object in that folder, a thousand a request."""
        own = self.stat(prefix.removesuffix("/"))
        keys = (stored.key for stored in chain([own] if own else [], self.list(prefix)))
        while batch := list(islice(keys, BATCH)):
            with _translated(prefix):
                answer = self._client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            if faults := answer.get("Errors"):
                raise StorageUnavailable(f"{len(faults)} files could not be removed.", reason=faults[0].get("Code"))

    def copy(self, source_key: str, key: str) -> StoredFile:
        """Copy within the bucket, without moving the bytes through here."""
        source = {"Bucket": self.bucket, "Key": checked_key(source_key)}
        with _translated(source_key):
            self._client.copy(cast(Any, source), self.bucket, checked_key(key), Config=self._transfer)
        return self._found(key)

    def download_link(self, key: str, filename: str, seconds: int) -> str:
        """A presigned GET that saves as `filename`."""
        return self._signer.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": checked_key(key),
                "ResponseContentDisposition": attachment(filename),
            },
            ExpiresIn=seconds,
        )

    def upload_link(
        self, key: str, *, content_type: str, size_limit: int, seconds: int, size_bytes: int | None = None
    ) -> UploadLink:
        """A presigned PUT bound to key, content type and, where it is known, the exact length.

        A presigned PUT can't carry an upper limit: a file of unknown size is measured when the task is submitted.
        """
        parameters: dict[str, Any] = {"Bucket": self.bucket, "Key": checked_key(key), "ContentType": content_type}
        check_size(size_bytes, size_limit)
        if size_bytes is not None:
            parameters["ContentLength"] = size_bytes
        url = self._signer.generate_presigned_url("put_object", Params=parameters, ExpiresIn=seconds)
        return UploadLink(
            url, "PUT", {"Content-Type": content_type}, key, datetime.now(UTC) + timedelta(seconds=seconds)
        )

    def begin_parts(
        self, key: str, *, content_type: str, size_bytes: int, part_bytes: int, seconds: int
    ) -> PartedUpload:
        """Presigned PUTs, each bound to the length of its part."""
        with _translated(key):
            begun = self._client.create_multipart_upload(
                Bucket=self.bucket, Key=checked_key(key), ContentType=content_type
            )
        upload_id = begun["UploadId"]
        sizes = [min(part_bytes, size_bytes - start) for start in range(0, size_bytes, part_bytes)]
        parts = tuple(
            PartLink(number, self._part_url(key, upload_id, number, size, seconds), size)
            for number, size in enumerate(sizes, 1)
        )
        return PartedUpload(upload_id, parts, datetime.now(UTC) + timedelta(seconds=seconds))

    def _part_url(self, key: str, upload_id: str, number: int, size_bytes: int, seconds: int) -> str:
        parameters = {
            "Bucket": self.bucket,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size_bytes,
        }
        return self._signer.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=seconds)

    def complete_parts(self, key: str, upload_id: str, size_bytes: int) -> bool:
        """Put together what S3 says has come; clients needn't keep the parts' ETags."""
        where: dict[str, Any] = {"Bucket": self.bucket, "Key": checked_key(key), "UploadId": upload_id}
        try:
            with _translated(key):
                pages = self._client.get_paginator("list_parts").paginate(**where)
                parts = [part for page in pages for part in page.get("Parts", [])]
                if sum(part["Size"] for part in parts) != size_bytes:
                    return False
                named: Any = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
                self._client.complete_multipart_upload(**where, MultipartUpload={"Parts": named})
        except NotFound:
            return False
        return True

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Drop the parts that have come."""
        with suppress(NotFound), _translated(key):
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=checked_key(key), UploadId=upload_id)

    def check(self) -> None:
        """Raise StorageUnavailable unless the bucket answers."""
        try:
            with _translated(""):
                self._client.head_bucket(Bucket=self.bucket)
        except NotFound as error:
            raise StorageUnavailable("There is no such bucket.", bucket=self.bucket) from error

    def _found(self, key: str) -> StoredFile:
        if (stored := self.stat(key)) is None:
            raise StorageUnavailable("The file storage lost a file that it had just taken.", key=key)
        return stored


class _Body(io.RawIOBase):
    """The body of an answer as a raw stream, its errors translated where they arise."""

    def __init__(self, body: Any, key: str) -> None:
        self._body = body
        self._key = key

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with _translated(self._key):
            piece = self._body.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._body.close()
        super().close()


def _client(session: boto3.session.Session, endpoint_url: str) -> S3Client:
    """Path-style addresses for servers other than Amazon's, which seldom answer to bucket.host; checksums only where
    S3 requires them, because other servers and browsers following a link don't send the newer ones."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
    )
    client = session.client("s3", endpoint_url=endpoint_url or None, config=config)
    client.meta.events.register("before-parse.s3", _refuse_half)
    # Waiting for "100 Continue", botocore reads a connection that broke in the middle of it for ever.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def _refuse_half(response_dict: Any, operation_model: Any, **_: Any) -> None:
    """An answer whose connection broke among its headers reads as a whole one: an empty file, a list of nothing."""
    headers, operation = response_dict["headers"], operation_model.name
    measured = "Content-Length" in headers or "Transfer-Encoding" in headers or operation == "HeadBucket"
    tagged = "ETag" in headers or operation != "UploadPart"
    if response_dict["status_code"] == 200 and not (measured and tagged):
        with suppress(AttributeError):  # only the body of a file is a stream
            response_dict["body"].close()
        raise ConnectionClosedError(endpoint_url=operation)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turn boto3's errors into ours. A missing bucket is no missing file: nothing may take it for a removed input."""
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error, ResponseParserError) as error:
        raise in_our_words(error, key=key) from error


def in_our_words(error: Exception, **context: Any) -> ServiceError:
    """What an error of boto3 means: a file that isn't there, a server that is away or busy, or one that refuses."""
    answer = error if isinstance(error, ClientError) else error.__context__
    if not isinstance(answer, ClientError):
        return StorageUnavailable(f"The file storage doesn't answer: {type(error).__name__}.", **context)
    code = answer.response.get("Error", {}).get("Code", "")
    status = answer.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in MISSING:
        return NotFound("There is no such file.", **context)
    passing = status >= 500 or status == 429 or code in PASSING
    return (StorageUnavailable if passing else StorageRefused)(f"The file storage refused: {code}.", **context)
