"""Parts of large files, and a look into what has come."""

import gzip
import json

import httpx
import pytest

from api.dependencies import get_storage
from celery_queue.previews import Previews
from celery_queue.removal import remove_files
from settings import get_settings
from tests.storage.conftest import storage_of

LARGE = b"n,text\n" + b"".join(b"%d,%s\n" % (n, b"x" * 90) for n in range(120_000))
PART = 5 << 20


@pytest.fixture(params=["s3_server", "rclone_s3"])
def bucket(request, app, monkeypatch):
    monkeypatch.setenv("MULTIPART_ABOVE_MB", "1")
    monkeypatch.setenv("UPLOAD_PART_MB", "5")
    get_settings.cache_clear()
    bucket = storage_of(request.getfixturevalue(request.param))
    app.dependency_overrides[get_storage] = lambda: bucket
    return bucket


def announce(client, task_id, size=len(LARGE)):
    wanted = {"files": {"primary": {"filename": "large.csv", "content_type": "text/csv", "size_bytes": size}}}
    return client.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]


def send_parts(parts):
    for part in parts:
        start = (part["number"] - 1) * PART
        httpx.put(part["url"], content=LARGE[start : start + part["size_bytes"]]).raise_for_status()


def test_a_large_file_comes_in_parts(bucket, signed_in, make_task):
    task_id = make_task(sent=False)
    upload = announce(signed_in, task_id)
    assert [part["number"] for part in upload["parts"]] == [1, 2, 3]
    assert sum(part["size_bytes"] for part in upload["parts"]) == len(LARGE)
    send_parts(reversed(upload["parts"]))
    assert signed_in.post(f"/tasks/{task_id}/process").json()["error"] == "FILES_NOT_FOUND"
    done = signed_in.post(f"/tasks/{task_id}/upload-complete")
    assert (done.status_code, done.json()["files"]) == (200, {"primary": len(LARGE)})
    with bucket.open(upload["key"]) as stream:
        assert stream.read() == LARGE
    assert signed_in.post(f"/tasks/{task_id}/upload-complete").status_code == 200
    assert signed_in.post(f"/tasks/{task_id}/process").status_code == 202


def test_what_is_missing_can_be_sent_later(bucket, signed_in, make_task):
    task_id = make_task(sent=False)
    upload = announce(signed_in, task_id)
    send_parts(upload["parts"][:2])
    answer = signed_in.post(f"/tasks/{task_id}/upload-complete")
    assert (answer.status_code, answer.json()["context"]) == (400, {"missing": ["primary"]})
    assert signed_in.get(f"/tasks/{task_id}").json()["status"] == "UPLOAD_FAILED"
    send_parts(upload["parts"][2:])
    assert signed_in.post(f"/tasks/{task_id}/upload-complete").json()["status"] == "UPLOADING"


def test_the_single_link_takes_a_large_file_too(bucket, signed_in, make_task):
    task_id = make_task(sent=False)
    upload = announce(signed_in, task_id)
    httpx.put(upload["url"], headers=upload["headers"], content=LARGE).raise_for_status()
    assert signed_in.post(f"/tasks/{task_id}/upload-complete").json()["files"] == {"primary": len(LARGE)}
    assert httpx.put(upload["parts"][0]["url"], content=LARGE[:PART]).is_error


def test_new_links_end_an_upload_that_was_begun(bucket, signed_in, make_task):
    task_id = make_task(sent=False)
    first, second = announce(signed_in, task_id), announce(signed_in, task_id)
    assert httpx.put(first["parts"][0]["url"], content=LARGE[:PART]).is_error
    send_parts(second["parts"])
    assert signed_in.post(f"/tasks/{task_id}/upload-complete").status_code == 200


def test_what_was_never_announced_is_not_complete(signed_in, make_task):
    task_id = make_task(sent=False)
    answer = signed_in.post(f"/tasks/{task_id}/upload-complete")
    assert (answer.status_code, answer.json()["error"]) == (400, "FILES_NOT_FOUND")
    assert signed_in.get(f"/tasks/{task_id}").json()["status"] == "CREATED"


def test_a_part_takes_exactly_its_bytes(app, signed_in, make_task, rclone_s3, monkeypatch):
    monkeypatch.setenv("MULTIPART_ABOVE_MB", "1")
    get_settings.cache_clear()
    app.dependency_overrides[get_storage] = lambda: storage_of(rclone_s3)
    part = announce(signed_in, make_task(sent=False))["parts"][0]
    assert httpx.put(part["url"], content=LARGE + b"more").status_code == 403


def test_deleting_drops_parts_that_have_come(bucket, signed_in, make_task, settings):
    task_id = make_task(sent=False)
    upload = announce(signed_in, task_id)
    send_parts(upload["parts"][:1])
    assert signed_in.delete(f"/tasks/{task_id}").status_code == 204
    assert httpx.put(upload["parts"][1]["url"], content=LARGE[PART : 2 * PART]).is_error
    assert remove_files(settings, bucket) == 0
    assert list(bucket.list()) == []


def test_a_folder_takes_a_large_file_by_one_link(signed_in, make_task, monkeypatch):
    monkeypatch.setenv("MULTIPART_ABOVE_MB", "1")
    get_settings.cache_clear()
    task_id = make_task(sent=False)
    upload = announce(signed_in, task_id)
    assert upload["parts"] is None
    signed_in.put(upload["url"], headers=upload["headers"], content=LARGE).raise_for_status()
    assert signed_in.post(f"/tasks/{task_id}/upload-complete").json()["files"] == {"primary": len(LARGE)}


def test_a_queued_task_takes_no_files(signed_in, make_task):
    answer = signed_in.post(f"/tasks/{make_task(queued=True)}/upload-complete")
    assert (answer.status_code, answer.json()["error"]) == (409, "WRONG_STATE")


@pytest.fixture(scope="module")
def children():
    """One warm child for all previews here."""
    from settings import Settings

    previews = Previews(Settings())
    yield previews._children
    previews.close()


@pytest.fixture
def preview(app, settings, signed_in, children):
    """Send a file under that name and look into it."""
    app.state.previewer = Previews(settings)
    app.state.previewer._children = children

    def look(content, filename="people.csv", **query):
        task_id = signed_in.post("/tasks", json={"tool_id": "clean-my-data"}).json()["task_id"]
        wanted = {"files": {"primary": {"filename": filename}}}
        link = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
        if content is not None:
            signed_in.put(link["url"], headers=link["headers"], content=content).raise_for_status()
        return signed_in.get(f"/tasks/{task_id}/preview", params=query)

    return look


def test_a_preview_says_how_a_file_is_read(preview):
    seen = preview("id;Größe;seit\n007;1,5;2024-01-31\n008;;2024-02-01\n".encode("cp1252")).json()
    assert (seen["format"], seen["encoding"], seen["delimiter"]) == ("csv", "cp1252", ";")
    assert [column["name"] for column in seen["columns"]] == ["id", "Größe", "seit"]
    assert seen["columns"][2]["type"] == "date"
    assert seen["rows"] == [["007", "1,5", "2024-01-31"], ["008", None, "2024-02-01"]]


def test_of_a_large_text_only_the_beginning_is_read(preview, settings):
    seen = preview(LARGE).json()
    assert (len(seen["rows"]), seen["rows"][0][0], seen["columns"][0]["type"]) == (20, "0", "integer")
    assert seen["notes"] == []
    assert list((settings.data_dir / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("filename", "pack"),
    [
        ("a.csv.gz", lambda rows: gzip.compress(b"n\n" + b"".join(b"%d\n" % row["n"] for row in rows))),
        ("a.json", lambda rows: json.dumps(rows).encode()),
        ("a.jsonl", lambda rows: b"".join(json.dumps(row).encode() + b"\n" for row in rows)),
        ("a.csv", lambda rows: "n\n".encode("utf-16") + "".join(f"{row['n']}\n" for row in rows).encode("utf-16-le")),
    ],
)
def test_every_format_is_previewed(preview, filename, pack):
    seen = preview(pack([{"n": number} for number in range(300_000)]), filename)
    assert seen.status_code == 200
    assert seen.json()["rows"][:2] == [["0"], ["1"]]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50])
def test_what_is_no_table_is_told(preview, content):
    answer = preview(content)
    assert (answer.status_code, answer.json()["error"]) == (422, "UNREADABLE_FILE")


def test_what_has_not_come_is_not_found(preview, signed_in, make_task):
    assert preview(None).status_code == 404
    assert preview(b"a\n1\n", role="reference").status_code == 404
    assert signed_in.get(f"/tasks/{make_task(sent=False)}/preview").status_code == 404


def test_a_preview_ends_in_time(app, settings, signed_in, make_task):
    previews = Previews(settings.model_copy(update={"preview_seconds": 0.2}), "tests.api.sleeping_child")
    app.state.previewer = previews
    answer = signed_in.get(f"/tasks/{make_task()}/preview")
    assert previews._children._idle == []
    assert (answer.status_code, answer.json()["error"]) == (422, "UNREADABLE_FILE")


def test_what_can_be_no_table_gets_no_link(signed_in, make_task):
    task_id = make_task(sent=False)
    wanted = {"files": {"primary": {"filename": "people.csv", "content_type": "image/png"}}}
    refused = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted)
    assert (refused.status_code, refused.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
