"""Datasets over HTTP: made, listed, shown with their runs, pinned to one, deleted; nobody sees another's."""

import pytest

from db import datasets
from db.database import transaction


@pytest.fixture
def add_run(signed_in, user, make_task):
    """What a worker does at the end of a run in a dataset."""

    def add(name, figures):
        task_id = make_task(sent=False)
        with transaction() as session:
            version = datasets.get(session, user.id, name).version
            prefix = f"users/{user.id}/datasets/{name}/{version + 1}"
            assert datasets.advance(session, user.id, name, version, task_id=task_id, prefix=prefix, figures=figures)
        return task_id

    return add


def test_a_dataset_is_made_listed_and_deleted(signed_in):
    made = signed_in.post("/datasets", json={"name": "orders-2025"})
    assert made.status_code == 201
    assert signed_in.get("/datasets").json() == [made.json()]
    assert (made.json()["version"], made.json()["baseline_task_id"]) == (0, None)
    assert signed_in.delete("/datasets/orders-2025").status_code == 204
    assert signed_in.get("/datasets").json() == []


def test_a_name_is_taken_once(signed_in):
    signed_in.post("/datasets", json={"name": "orders"})
    answer = signed_in.post("/datasets", json={"name": "orders"})
    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")


@pytest.mark.parametrize("name", ["", "Orders", "a/b", "..", "x" * 65])
def test_odd_names_are_refused(signed_in, name):
    assert signed_in.post("/datasets", json={"name": name}).status_code == 422


def test_naming_a_dataset_in_a_task_makes_it(signed_in):
    answer = signed_in.post("/tasks", json={"tool_id": "profile-my-data", "dataset": "orders"})
    assert answer.json()["dataset"] == "orders"
    assert [each["name"] for each in signed_in.get("/datasets").json()] == ["orders"]


def test_the_runs_are_shown_and_one_of_them_is_the_baseline(signed_in, add_run):
    signed_in.post("/datasets", json={"name": "orders"})
    first, second = add_run("orders", {"rows": 10}), add_run("orders", {"rows": 20})

    shown = signed_in.get("/datasets/orders").json()
    assert [(run["run"], run["task_id"], run["figures"]) for run in shown["runs"]] == [
        (1, first, {"rows": 10}),
        (2, second, {"rows": 20}),
    ]
    assert (shown["baseline_task_id"], shown["baseline_chosen"]) == (second, False)

    chosen = signed_in.patch("/datasets/orders", json={"baseline_task_id": first}).json()
    assert (chosen["baseline_task_id"], chosen["baseline_chosen"]) == (first, True)
    assert [run["is_baseline"] for run in chosen["runs"]] == [True, False]
    newest = signed_in.patch("/datasets/orders", json={"baseline_task_id": None}).json()
    assert (newest["baseline_task_id"], newest["baseline_chosen"]) == (second, False)


def test_only_a_run_of_the_dataset_can_be_its_baseline(signed_in, make_task):
    signed_in.post("/datasets", json={"name": "orders"})
    answer = signed_in.patch("/datasets/orders", json={"baseline_task_id": make_task(sent=False)})
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert signed_in.patch("/datasets/orders", json={}).status_code == 422


def test_deleting_removes_what_was_kept(signed_in, user, storage, tmp_path):
    signed_in.post("/datasets", json={"name": "orders"})
    signed_in.post("/datasets", json={"name": "orders-2"})
    (tmp_path / "profile.json").write_text("{}")
    for name in ("orders", "orders-2"):
        storage.put(tmp_path / "profile.json", f"users/{user.id}/datasets/{name}/000001-x-1/profile.json")
    signed_in.delete("/datasets/orders")
    assert [file.key.split("/")[3] for file in storage.list(f"users/{user.id}/datasets")] == ["orders-2"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_users_dataset_is_not_there(signed_in, make_user, sign_in, method):
    signed_in.post("/datasets", json={"name": "orders"})
    eve = sign_in(make_user("eve@example.com"))
    body = {"baseline_task_id": None} if method == "PATCH" else None
    answer = signed_in.request(method, "/datasets/orders", json=body, headers=eve)
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert signed_in.get("/datasets", headers=eve).json() == []
    assert signed_in.get("/datasets/orders").status_code == 200


def test_datasets_are_for_those_who_signed_in(client):
    assert client.get("/datasets").status_code == client.post("/datasets", json={"name": "a"}).status_code == 401
