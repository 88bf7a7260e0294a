"""A deleted task: nobody sees it, it costs nothing, and nothing of it stays stored."""

from datetime import UTC, datetime, timedelta

import pytest

from celery_queue.removal import remove_files
from db import tasks
from db.database import transaction
from tests.rows import claim, reload


def files_of(storage, task_id):
    return [stored.key for stored in storage.list() if task_id in stored.key]


@pytest.mark.parametrize("queued", [False, True])
def test_a_deleted_task_is_gone_with_its_files_and_its_hold(signed_in, make_task, storage, queued):
    task_id = make_task(queued=queued)
    assert signed_in.delete(f"/tasks/{task_id}").status_code == 204
    assert signed_in.get(f"/tasks/{task_id}").status_code == 404
    assert signed_in.delete(f"/tasks/{task_id}").status_code == 404
    assert signed_in.get("/tasks").json()["items"] == []
    assert signed_in.get("/billing/wallet").json()["held"] == 0
    assert files_of(storage, task_id) == []


def test_a_finished_task_keeps_its_price_when_deleted(signed_in, make_task, finish_task, storage, user):
    task_id = make_task(queued=True)
    finish_task(task_id, user.id)
    assert signed_in.delete(f"/tasks/{task_id}").status_code == 204
    assert files_of(storage, task_id) == []


def test_another_user_deletes_nothing(signed_in, make_task, make_user, sign_in, user):
    task_id = make_task()
    answer = signed_in.delete(f"/tasks/{task_id}", headers=sign_in(make_user("eve@example.com")))
    assert answer.status_code == 404
    assert signed_in.get(f"/tasks/{task_id}").status_code == 200


def test_what_a_run_finishes_after_the_deletion_leaves_no_file(signed_in, make_task, storage, settings, user, tmp_path):
    task_id = make_task(queued=True)
    with transaction() as session:
        row = tasks.find(session, task_id)
    running = claim(row)
    signed_in.delete(f"/tasks/{task_id}")
    prefix = f"users/{user.id}/tasks/{task_id}/attempts/1/outputs"
    (tmp_path / "report.json").write_text("{}")
    storage.put(tmp_path / "report.json", f"{prefix}/report.json")
    with transaction() as session:
        assert not tasks.complete(session, running, {"prefix": prefix, "files": []})
        assert tasks.end_cancelled(session, running)
    assert remove_files(settings, storage) == 0  # a run that lost its task might still be writing
    with transaction() as session:
        tasks.find(session, task_id).finished_at = datetime.now(UTC) - timedelta(hours=1)
        tasks.find(session, task_id).upload_expires_at = datetime.now(UTC) - timedelta(minutes=1)
    assert remove_files(settings, storage) == 1
    assert files_of(storage, task_id) == []
    assert reload(row).outputs is None
    assert remove_files(settings, storage) == 0


def test_what_comes_by_a_link_after_the_deletion_goes_when_the_link_has_ended(
    signed_in, make_task, change_task, storage, settings
):
    task_id = make_task(sent=False)
    wanted = {"files": {"primary": {"filename": "a.csv"}}}
    link = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
    signed_in.delete(f"/tasks/{task_id}")
    assert signed_in.put(link["url"], headers=link["headers"], content=b"a\n1\n").status_code == 200
    past = datetime.now(UTC) - timedelta(hours=1)
    change_task(task_id, finished_at=past)
    assert remove_files(settings, storage) == 0
    change_task(task_id, upload_expires_at=past)
    assert remove_files(settings, storage) == 1
    assert files_of(storage, task_id) == []


def test_an_expired_tasks_files_are_removed(signed_in, make_task, change_task, storage, settings):
    task_id, kept = make_task(), make_task()
    past = datetime.now(UTC) - timedelta(hours=1)
    change_task(task_id, status="EXPIRED", finished_at=past, upload_expires_at=past)
    assert remove_files(settings, storage) == 1
    assert files_of(storage, task_id) == []
    assert files_of(storage, kept)


def test_a_child_task_outlives_its_parent(signed_in, make_task, finish_task, user):
    parent = make_task(queued=True)
    finish_task(parent, user.id)
    reference = {"primary": {"task_id": parent, "file": "cleaned.csv"}}
    child = signed_in.post("/tasks", json={"tool_id": "clean-my-data", "inputs_from": reference}).json()["task_id"]
    signed_in.delete(f"/tasks/{parent}")
    assert signed_in.post(f"/tasks/{child}/process").status_code == 202


def test_an_order_whose_source_is_gone_leaves_no_task(signed_in, make_task, finish_task, storage, user):
    parent = make_task(queued=True)
    finish_task(parent, user.id)
    storage.delete(f"users/{user.id}/tasks/{parent}/attempts")
    reference = {"primary": {"task_id": parent, "file": "cleaned.csv"}}
    answer = signed_in.post("/tasks", json={"tool_id": "clean-my-data", "inputs_from": reference})
    assert (answer.status_code, answer.json()["error"]) == (410, "OUTPUT_GONE")
    assert [task["task_id"] for task in signed_in.get("/tasks").json()["items"]] == [parent]
