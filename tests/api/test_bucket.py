"""With a bucket as storage the bytes never pass through the API."""

import httpx
import pytest

from api.dependencies import get_storage
from tests.api.conftest import CSV
from tests.storage.conftest import storage_of


@pytest.fixture
def bucket(app, rclone_s3):
    bucket = storage_of(rclone_s3)
    app.dependency_overrides[get_storage] = lambda: bucket
    return bucket


@pytest.fixture
def link(bucket, signed_in):
    task_id = signed_in.post("/tasks", json={"tool_id": "clean-my-data"}).json()["task_id"]
    wanted = {"files": {"primary": {"filename": "Größe 1.csv", "content_type": "text/csv", "size_bytes": len(CSV)}}}
    return task_id, signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]


def test_a_file_goes_straight_to_the_bucket(bucket, signed_in, link):
    task_id, upload = link
    assert upload["url"].startswith(bucket._client.meta.endpoint_url)
    httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=CSV).raise_for_status()
    assert signed_in.post(f"/tasks/{task_id}/process").status_code == 202
    assert [(stored.key, stored.size_bytes) for stored in bucket.list()] == [(upload["key"], len(CSV))]


def test_another_size_is_refused_by_the_bucket(bucket, signed_in, link):
    task_id, upload = link
    assert httpx.put(upload["url"], headers=upload["headers"], content=CSV + CSV).status_code == 403
    assert signed_in.post(f"/tasks/{task_id}/process").json()["error"] == "FILES_NOT_FOUND"


def test_one_call_streams_into_the_bucket(bucket, signed_in):
    answer = signed_in.post("/analyze", data={"tool_id": "clean-my-data"}, files={"primary": ("a.csv", CSV)})
    assert answer.status_code == 202
    assert [stored.size_bytes for stored in bucket.list()] == [len(CSV)]


def test_the_folders_addresses_are_not_there(bucket, client):
    assert client.get("/files/users/1/a.csv", params={"expires": "1"}).status_code == 404


def test_a_result_is_read_through_the_api_and_downloaded_from_the_bucket(
    bucket, signed_in, make_task, change_task, tmp_path, user
):
    task_id, prefix = make_task(sent=False), f"users/{user.id}/outputs"
    (tmp_path / "report.json").write_text('{"alerts": []}')
    bucket.put(tmp_path / "report.json", f"{prefix}/report.json")
    files = [{"filename": "report.json", "size_bytes": 14, "sha256": "0" * 64}]
    change_task(task_id, status="COMPLETED", outputs={"prefix": prefix, "files": files})
    assert signed_in.get(f"/tasks/{task_id}/report").json() == {"alerts": []}
    download = signed_in.get(f"/tasks/{task_id}/downloads").json()["files"][0]
    assert httpx.get(download["url"]).json() == {"alerts": []}
