import pytest

from tests.api.conftest import CSV

TOOL = {"tool_id": "clean-my-data"}
FILE = {"primary": ("people.csv", CSV, "text/csv")}


def test_one_call_orders_sends_and_submits(signed_in, storage, user):
    parameters = '{"type-fixer": {"date_order": "dmy"}}'
    answer = signed_in.post("/analyze", data=TOOL | {"agents": "type-fixer", "parameters": parameters}, files=FILE)
    assert answer.status_code == 202
    task = signed_in.get(f"/tasks/{answer.json()['task_id']}").json()
    assert (task["status"], task["parameters"]["type-fixer"]["date_order"]) == ("QUEUED", "dmy")
    with storage.open(f"users/{user.id}/tasks/{task['task_id']}/inputs/primary/people.csv") as stream:
        assert stream.read() == CSV


def test_parameters_may_be_a_file_and_agents_a_list(signed_in):
    uploaded = FILE | {"parameters": ("parameters.json", b'{"type-fixer": {"date_order": "mdy"}}')}
    answer = signed_in.post("/analyze", data=TOOL | {"agents": '["type-fixer"]'}, files=uploaded)
    task = signed_in.get(f"/tasks/{answer.json()['task_id']}").json()
    assert task["parameters"]["type-fixer"]["date_order"] == "mdy"


def test_a_file_larger_than_memory_allows_a_part_arrives_whole(signed_in, storage, user):
    content = b"0123456789abcdef" * 500_000
    answer = signed_in.post("/analyze", data=TOOL, files={"primary": ("large.csv", content)})
    key = f"users/{user.id}/tasks/{answer.json()['task_id']}/inputs/primary/large.csv"
    assert storage.stat(key).size_bytes == len(content)


@pytest.mark.parametrize(
    ("data", "files", "status", "code"),
    [
        ({}, FILE, 422, "INVALID_PARAMETERS"),
        ({"tool_id": "wash-my-car"}, FILE, 400, "UNKNOWN_TOOL"),
        (TOOL, {"baseline": ("a.csv", CSV)}, 400, "FILES_NOT_FOUND"),
        (TOOL, {"reference": ("a.csv", CSV)}, 400, "FILES_NOT_FOUND"),
        (TOOL | {"parameters": "{"}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"parameters": "[]"}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"parameters": "[" * 100_000}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"agents": "[1]"}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"agents": "no-such"}, FILE, 422, "UNKNOWN_AGENT"),
        (TOOL | {"color": "blue"}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"execution_mode": "later"}, FILE, 422, "INVALID_PARAMETERS"),
        (TOOL | {"tool_id": "x" * 2_000_000}, FILE, 400, "BAD_REQUEST"),
    ],
)
def test_forms_that_are_refused(signed_in, data, files, status, code):
    answer = signed_in.post("/analyze", data=data, files=files)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert signed_in.get("/tasks").json()["items"] == []


def test_a_role_is_given_once(signed_in):
    answer = signed_in.post("/analyze", data=TOOL, files=[("primary", FILE["primary"]), ("primary", FILE["primary"])])
    assert answer.json()["context"]["faults"] == [{"path": "primary", "message": "is given more than once"}]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
        ("multipart/form-data; boundary=b", b"no boundary at all"),
        (
            "multipart/form-data; boundary=b; charset=zip",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--',
        ),
    ],
)
def test_bodies_that_are_no_form_are_refused(signed_in, kind, body):
    answer = signed_in.post("/analyze", content=body, headers={"Content-Type": kind})
    assert answer.status_code in {400, 415, 422}


def test_who_is_not_signed_in_sends_nothing(client):
    assert client.post("/analyze", data=TOOL, files=FILE).status_code == 401


def test_a_form_over_the_limit_is_refused(signed_in, app, settings):
    from settings import get_settings

    app.dependency_overrides[get_settings] = lambda: settings.model_copy(update={"max_input_mb": 1})
    answer = signed_in.post("/analyze", data=TOOL, files={"primary": ("a.csv", b"x" * 2_000_000)})
    assert (answer.status_code, answer.json()["error"]) == (413, "TOO_LARGE")
