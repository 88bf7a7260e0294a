from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import CSV

CLEAN = {"tool_id": "clean-my-data", "agents": ["type-fixer"]}
FIELDS = (
    "status progress progress_detail created_at updated_at queued_at started_at finished_at duration_seconds attempt "
    "run_no trigger_type parent_task_id celery_task_id worker_hostname retry_count credits_held credits_charged "
    "error_code error_message links"
)


def order(client, **changes):
    return client.post("/tasks", json=CLEAN | changes)


def test_an_order_is_quoted_and_has_every_field(signed_in):
    answer = order(signed_in)
    task = answer.json()
    assert answer.status_code == 201
    assert (task["status"], task["progress"], task["credits_held"]) == ("CREATED", 0, 0)
    assert task["credits_quoted"] >= 25
    assert set(FIELDS.split()) <= task.keys()
    assert task["parameters"]["type-fixer"]["date_order"] == "auto"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"tool_id": "wash-my-car"}, 400, "UNKNOWN_TOOL"),
        ({"agents": ["key-identifier-of-another"]}, 422, "UNKNOWN_AGENT"),
        ({"parameters": {"type-fixer": {"date_order": "sideways"}}}, 422, "INVALID_PARAMETERS"),
        ({"inputs_from": {"primary": {"task_id": "x", "file": "cleaned.csv"}}}, 404, "TASK_NOT_FOUND"),
        ({"color": "blue"}, 422, "INVALID_PARAMETERS"),
    ],
)
def test_orders_that_are_refused(signed_in, change, status, code):
    answer = order(signed_in, **change)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_every_fault_is_told_with_its_path(signed_in):
    faulty = {"type-fixer": {"date_order": "sideways", "no_such": 1}, "no-such-agent": {}}
    faults = order(signed_in, parameters=faulty).json()["context"]["faults"]
    assert {fault["path"] for fault in faults} >= {"type-fixer.date_order", "type-fixer.no_such", "no-such-agent"}


def test_from_order_to_queue(signed_in, make_task, storage, user):
    task_id = make_task(sent=False)
    wanted = {"files": {"primary": {"filename": "../Kunden 1.csv", "size_bytes": len(CSV)}}}
    uploads = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()
    link = uploads["uploads"]["primary"]
    assert (uploads["status"], uploads["task"]["progress"]) == ("UPLOADING", 10)
    assert link["key"] == f"users/{user.id}/tasks/{task_id}/inputs/primary/Kunden 1.csv"
    assert signed_in.request(link["method"], link["url"], headers=link["headers"], content=CSV).status_code == 200

    queued = signed_in.post(f"/tasks/{task_id}/process")
    task = signed_in.get(f"/tasks/{task_id}").json()
    assert (queued.status_code, queued.json()["status"]) == (202, "QUEUED")
    assert queued.json()["celery_task_id"] == task["celery_task_id"]
    assert (task["progress"], task["credits_held"]) == (15, task["credits_quoted"])
    assert task["inputs"] == {"primary": "Kunden 1.csv"}


def test_uploaded_parameters_replace_those_of_the_order(signed_in, make_task):
    task_id = make_task(sent=False)
    wanted = {"files": {"primary": {"filename": "a.csv"}}, "has_parameters": True}
    links = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]
    bodies = {"primary": CSV, "parameters": b'{"type-fixer": {"date_order": "dmy"}}'}
    for role, body in bodies.items():
        signed_in.put(links[role]["url"], headers=links[role]["headers"], content=body).raise_for_status()
    assert signed_in.post(f"/tasks/{task_id}/process").status_code == 202
    assert signed_in.get(f"/tasks/{task_id}").json()["parameters"]["type-fixer"]["date_order"] == "dmy"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"files": {"nonsense": {"filename": "a.csv"}}}, 422),
        ({"files": {"primary": {"filename": "a.csv", "size_bytes": 1 << 50}}}, 413),
        ({"files": {"primary": {"filename": "a.csv", "content_type": "a\r\nX-Evil: 1"}}}, 422),
        ({"files": {"primary": {}}}, 422),
        ({}, 422),
    ],
)
def test_files_that_are_refused(signed_in, make_task, body, status):
    assert signed_in.post(f"/tasks/{make_task(sent=False)}/upload-urls", json=body).status_code == status


def test_a_task_without_its_file_is_not_queued(signed_in, make_task):
    answer = signed_in.post(f"/tasks/{make_task(sent=False)}/process")
    assert (answer.status_code, answer.json()["error"]) == (400, "FILES_NOT_FOUND")


def test_a_task_is_queued_once(signed_in, make_task):
    task_id = make_task(queued=True)
    again = signed_in.post(f"/tasks/{task_id}/process")
    assert (again.status_code, again.json()["error"]) == (409, "TASK_ALREADY_PROCESSING")
    wanted = {"files": {"primary": {"filename": "a.csv"}}}
    assert signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).status_code == 409


def test_without_credits_nothing_is_queued(client, make_user, sign_in):
    client.headers.update(sign_in(make_user("poor@example.com", credits=10)))
    answer = client.post("/analyze", data={"tool_id": "clean-my-data"}, files={"primary": ("a.csv", CSV)})
    assert (answer.status_code, answer.json()["error"]) == (402, "INSUFFICIENT_CREDITS")
    assert answer.json()["context"]["available"] == 10
    assert client.get(f"/tasks/{answer.json()['context']['task_id']}").json()["status"] == "UPLOADING"


@pytest.mark.parametrize(
    "body",
    [
        {"not_before": (datetime.now(UTC) + timedelta(hours=30)).isoformat()},
        {"not_before": "0001-01-01T00:00:00+14:00"},
        {"not_before": "9999-12-31T23:59:59-14:00"},
        {"not_before": "2030-01-01T00:00:00"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"execution_mode": "whenever"},
    ],
)
def test_submissions_that_are_refused(signed_in, make_task, body):
    answer = signed_in.post(f"/tasks/{make_task()}/process", json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "INVALID_PARAMETERS")


def test_a_start_can_be_put_off(signed_in, make_task):
    later = datetime.now(UTC) + timedelta(hours=3)
    task_id = make_task()
    assert signed_in.post(f"/tasks/{task_id}/process", json={"not_before": later.isoformat()}).status_code == 202
    assert datetime.fromisoformat(signed_in.get(f"/tasks/{task_id}").json()["not_before"]) == later


def test_anothers_task_is_not_found_anywhere(client, signed_in, make_task, make_user, sign_in):
    task_id = make_task()
    client.headers.update(sign_in(make_user("eve@example.com")))
    for path in ("", "/events", "/timeline", "/report", "/report.html", "/downloads"):
        answer = client.get(f"/tasks/{task_id}{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "TASK_NOT_FOUND")
    for path, body in (("/process", {}), ("/cancel", {}), ("/upload-urls", {"files": {}}), ("/events/ticket", {})):
        assert client.post(f"/tasks/{task_id}{path}", json=body).status_code == 404
    assert client.get("/tasks").json()["items"] == []


def test_pages_follow_each_other_without_gap_or_repetition(signed_in, make_task):
    made = [make_task(sent=False) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = signed_in.get("/tasks", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [task["task_id"] for task in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert set(seen) == set(made)
    assert signed_in.get("/tasks", params={"limit": 5}).json()["next_cursor"] is None


def test_the_list_is_narrowed(signed_in, make_task):
    queued, created = make_task(queued=True), make_task(sent=False)
    by_status = signed_in.get("/tasks", params={"status": "QUEUED"}).json()["items"]
    by_tool = signed_in.get("/tasks", params={"tool_id": "clean-my-data"}).json()["items"]
    assert [task["task_id"] for task in by_status] == [queued]
    assert by_status[0]["credits_held"] == by_status[0]["credits_quoted"]
    assert {task["task_id"] for task in by_tool} == {queued, created}
    assert signed_in.get("/tasks", params={"tool_id": "profile-my-data"}).json()["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"status": "WAITING"},
        {"cursor": "x"},
        {"cursor": "é"},
        {"cursor": "AAAA"},
        {"tool_id": "a\0"},
    ],
)
def test_odd_questions_are_refused_not_broken(signed_in, query):
    assert signed_in.get("/tasks", params=query).status_code in {400, 422}


def test_a_waiting_task_is_cancelled_and_costs_nothing(signed_in, make_task):
    task_id = make_task(queued=True)
    answer = signed_in.post(f"/tasks/{task_id}/cancel")
    assert answer.json() == {"task_id": task_id, "status": "CANCELLED", "cancelling": False}
    assert signed_in.get("/billing/wallet").json()["held"] == 0
    again = signed_in.post(f"/tasks/{task_id}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "TASK_NOT_CANCELLABLE")


def test_a_running_task_is_asked_to_stop(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    change_task(task_id, status="PROCESSING")
    assert signed_in.post(f"/tasks/{task_id}/cancel").json()["cancelling"] is True
    assert signed_in.get(f"/tasks/{task_id}").json()["cancel_requested_at"]


@pytest.mark.parametrize("path", ["report", "report.html", "downloads"])
def test_there_is_no_result_before_the_end(signed_in, make_task, path):
    answer = signed_in.get(f"/tasks/{make_task(queued=True)}/{path}")
    assert (answer.status_code, answer.json()["error"]) == (409, "NOT_COMPLETED")


def test_a_result_is_read_and_downloaded(signed_in, make_task, finish_task, user):
    task_id = make_task(queued=True)
    finish_task(task_id, user.id)
    page = signed_in.get(f"/tasks/{task_id}/report.html")
    files = {file["filename"]: file for file in signed_in.get(f"/tasks/{task_id}/downloads").json()["files"]}
    assert signed_in.get(f"/tasks/{task_id}/report").json() == {"alerts": []}
    assert page.text == "<p>Hi</p>"
    assert "sandbox" in page.headers["content-security-policy"]
    assert files["cleaned.csv"]["mime_type"] == "text/csv"
    assert signed_in.get(files["cleaned.csv"]["url"]).content == CSV


@pytest.mark.parametrize("path", ["report", "report.html", "downloads"])
def test_a_removed_result_is_gone(signed_in, make_task, finish_task, storage, user, path):
    task_id = make_task(queued=True)
    finish_task(task_id, user.id)
    storage.delete(f"users/{user.id}/tasks/{task_id}/attempts")
    answer = signed_in.get(f"/tasks/{task_id}/{path}")
    assert (answer.status_code, answer.json()["error"]) == (410, "OUTPUT_GONE")


def test_a_finished_tasks_output_is_the_next_ones_input(signed_in, make_task, finish_task, user):
    first = make_task(queued=True)
    finish_task(first, user.id)
    following = order(signed_in, inputs_from={"primary": {"task_id": first, "file": "cleaned.csv"}}).json()
    assert following["parent_task_id"] == first
    assert signed_in.post(f"/tasks/{following['task_id']}/process").status_code == 202


def test_the_timeline_is_in_order(signed_in, make_task):
    timeline = signed_in.get(f"/tasks/{make_task(queued=True)}/timeline").json()
    assert [event["event"] for event in timeline["events"]] == ["task_created", "uploads_expected", "task_queued"]


def test_a_deleted_task_is_not_found(signed_in, make_task, change_task):
    task_id = make_task()
    change_task(task_id, deleted_at=datetime.now(UTC))
    assert signed_in.get(f"/tasks/{task_id}").status_code == 404


def test_every_event_names_its_request(signed_in, make_task):
    task_id = make_task(queued=True)
    signed_in.post(f"/tasks/{task_id}/cancel", headers={"X-Request-ID": "cancelling-1"})
    events = signed_in.get(f"/tasks/{task_id}/timeline").json()["events"]
    assert (events[-1]["event"], events[-1]["request_id"]) == ("task_cancelled", "cancelling-1")
    assert all(each["request_id"] and each["fence"] == 0 for each in events)
    assert len({each["request_id"] for each in events}) == len(events)
