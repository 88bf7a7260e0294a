import gc
import socket
import time
import warnings
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from errors import StorageUnavailable
from storage.s3 import S3Storage
from tests.s3_proxy import S3Proxy
from tests.storage.conftest import storage_of


def test_a_presigned_upload_and_download(s3_storage):
    link = s3_storage.upload_link("users/1/a.csv", content_type="text/csv", size_limit=100, seconds=60, size_bytes=4)
    assert httpx.request(link.method, link.url, headers=link.headers, content=b"a\n1\n").status_code == 200
    answer = httpx.get(s3_storage.download_link("users/1/a.csv", "Größe.csv", 60))
    assert answer.content == b"a\n1\n"
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv" in answer.headers["content-disposition"]


def test_the_signature_covers_type_and_length(s3_storage):
    link = s3_storage.upload_link("a", content_type="text/csv", size_limit=9, seconds=77, size_bytes=4)
    query = parse_qs(urlsplit(link.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["77"]


@pytest.mark.parametrize(
    "change", [{"content": b"longer than said"}, {"headers": {"Content-Type": "text/html"}}, {"url": "other.csv"}]
)
def test_a_link_takes_nothing_but_what_it_was_made_for(strict_storage, change):
    link = strict_storage.upload_link("users/1/a.csv", content_type="text/csv", size_limit=99, seconds=60, size_bytes=4)
    url = link.url.replace("a.csv", change.get("url", "a.csv"))
    answer = httpx.put(url, headers=change.get("headers", link.headers), content=change.get("content", b"a\n1\n"))
    assert answer.status_code == 403
    assert list(strict_storage.list()) == []


def test_a_link_works_on_a_server_that_checks_signatures(strict_storage):
    link = strict_storage.upload_link("ä b/1+1.csv", content_type="text/csv", size_limit=99, seconds=60, size_bytes=4)
    assert httpx.put(link.url, headers=link.headers, content=b"a\n1\n").status_code == 200
    assert httpx.get(strict_storage.download_link("ä b/1+1.csv", "x.csv", 60)).content == b"a\n1\n"


def tampered(url: str) -> str:
    signature = parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]
    return url.replace(signature, signature[::-1])


def of_another(url: str) -> str:
    return url.replace("users/1/", "users/2/")


def longer_lived(url: str) -> str:
    return url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")


@pytest.mark.parametrize("change", [tampered, of_another, longer_lived])
def test_a_link_that_was_changed_opens_nothing(strict_storage, make_file, change):
    for user in (1, 2):
        strict_storage.put(make_file(), f"users/{user}/a.csv")
    link = strict_storage.download_link("users/1/a.csv", "a.csv", 60)
    assert httpx.get(link).status_code == 200
    assert httpx.get(change(link)).status_code == 403


def test_a_link_ends(strict_storage, make_file):
    strict_storage.put(make_file(), "users/1/a.csv")
    link = strict_storage.download_link("users/1/a.csv", "a.csv", 1)
    sent = strict_storage.upload_link("users/1/b.csv", content_type="text/csv", size_limit=9, seconds=1)
    time.sleep(2.1)
    answers = [httpx.get(link), httpx.put(sent.url, headers=sent.headers, content=b"a")]
    assert {each.status_code for each in answers} <= {400, 403}  # Amazon's answer is the latter
    assert strict_storage.stat("users/1/b.csv") is None


def test_a_link_signed_by_a_stranger_opens_nothing(strict_storage, rclone_s3, make_file):
    strict_storage.put(make_file(), "a.csv")
    keys = {"access_key_id": rclone_s3.access_key_id, "secret_access_key": "guessed"}
    stranger = S3Storage(strict_storage.bucket, endpoint_url=rclone_s3.endpoint_url, **keys)
    assert httpx.get(stranger.download_link("a.csv", "a.csv", 60)).status_code == 403


def test_a_link_opens_at_the_public_address_while_the_service_uses_its_own(rclone_s3, make_file):
    public = storage_of(rclone_s3, public_endpoint_url=rclone_s3.endpoint_url.replace("127.0.0.1", "localhost"))
    public.put(make_file(b"a\n1\n"), "a.csv")
    link = public.download_link("a.csv", "a.csv", 60)
    assert urlsplit(link).hostname == "localhost"
    assert httpx.get(link).content == b"a\n1\n"


def test_wrong_keys_are_unavailable_not_a_missing_file(rclone_s3):
    storage = S3Storage("any", endpoint_url=rclone_s3.endpoint_url, access_key_id="a", secret_access_key="b")
    with pytest.raises(StorageUnavailable):
        storage.stat("users/1/a")


def test_links_are_signed_for_the_public_address(s3_server):
    public = storage_of(s3_server, public_endpoint_url="https://files.example.org")
    link = public.upload_link("a/b.csv", content_type="text/csv", size_limit=9, seconds=60)
    assert link.url.startswith(f"https://files.example.org/{public.bucket}/a/b.csv?")
    assert public.download_link("a/b.csv", "b.csv", 60).startswith("https://files.example.org/")
    public.check()


def test_a_missing_bucket_is_unavailable_not_a_missing_file(s3_server):
    storage = storage_of(s3_server, "no-such-bucket")
    with pytest.raises(StorageUnavailable):
        storage.check()
    with pytest.raises(StorageUnavailable):
        list(storage.list("users"))
    with pytest.raises(StorageUnavailable):
        storage.open("users/1/a")


def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        storage = S3Storage("b", endpoint_url=address, access_key_id="a", secret_access_key="b")
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        storage.stat("a")
    assert time.monotonic() - started < 30


def test_more_files_than_one_request_deletes(s3_storage, make_file, monkeypatch):
    monkeypatch.setattr("storage.s3.BATCH", 2)
    for number in range(5):
        s3_storage.put(make_file(), f"many/{number}")
    s3_storage.delete("many")
    assert list(s3_storage.list()) == []


@pytest.fixture
def breaking(rclone_s3):
    """A storage whose answers break off after as many bytes as the test says, and the proxy that breaks them."""
    with S3Proxy(rclone_s3.endpoint_url) as proxy:
        keys = {"access_key_id": rclone_s3.access_key_id, "secret_access_key": rclone_s3.secret_access_key}
        yield S3Storage(rclone_s3.create_bucket(), endpoint_url=proxy.url, **keys), proxy
        proxy.turn("pass")
        with warnings.catch_warnings(action="ignore"):
            gc.collect()  # what botocore leaves of a broken connection


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("cut_after", [20, 60, 120, 180])
def test_an_answer_that_breaks_off_is_no_answer(breaking, make_file, tmp_path, cut_after):
    storage, proxy = breaking
    proxy.turn("pass")
    storage.put(make_file(b"x" * 3_000), "users/1/a.csv")
    proxy.turn("cut", cut_after)
    with suppress(StorageUnavailable):
        assert storage.stat("users/1/a.csv").size_bytes == 3_000
    with suppress(StorageUnavailable), storage.open("users/1/a.csv") as stream:
        assert len(stream.read()) == 3_000
    with suppress(StorageUnavailable):
        storage.get("users/1/a.csv", tmp_path / "a")
        assert (tmp_path / "a").stat().st_size == 3_000


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("megabytes", [0, 17])
@pytest.mark.parametrize("cut_after", [20, 120])
def test_an_upload_whose_answer_breaks_off_is_tried_again_by_the_caller(breaking, make_file, cut_after, megabytes):
    storage, proxy = breaking
    proxy.turn("cut", cut_after)
    with pytest.raises(StorageUnavailable):
        storage.put(make_file(b"x" * (megabytes << 20)), "users/3/a.csv")


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_list_that_breaks_off_is_not_empty(breaking, make_file):
    storage, proxy = breaking
    proxy.turn("pass")
    storage.put(make_file(), "users/2/a.csv")
    proxy.turn("cut", 40)
    with pytest.raises(StorageUnavailable):
        list(storage.list("users/2"))
