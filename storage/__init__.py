"""Where files live: one port, a folder or S3 behind it."""

from pathlib import Path
from typing import Protocol

from storage.local import LocalStorage
from storage.port import PartedUpload, Storage, StoredFile, UploadLink

__all__ = ["LocalStorage", "PartedUpload", "Storage", "StoredFile", "UploadLink", "open_storage"]


class StorageSettings(Protocol):
    """What of the service's settings decides where files live."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def public_url(self) -> str: ...
    @property
    def s3_bucket(self) -> str: ...
    @property
    def s3_endpoint_url(self) -> str: ...
    @property
    def s3_public_endpoint_url(self) -> str: ...
    @property
    def s3_region(self) -> str: ...
    @property
    def s3_access_key_id(self) -> str: ...
    @property
    def s3_secret_access_key(self) -> str: ...


def open_storage(settings: StorageSettings, secret: str, reached_at: str = "") -> Storage:
    """The bucket where one is set, else the folder `files` in DATA_DIR, its links signed with `secret`.

    reached_at: where a folder's links lead if PUBLIC_URL isn't set.
    """
    if not settings.s3_bucket:
        return LocalStorage(settings.data_dir / "files", secret, settings.public_url or reached_at)
    from storage.s3 import S3Storage  # boto3 takes 60 MB and 0.3 s, which an embedded process need not spend

    return S3Storage(
        settings.s3_bucket,
        region=settings.s3_region,
        endpoint_url=settings.s3_endpoint_url,
        public_endpoint_url=settings.s3_public_endpoint_url,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
    )
