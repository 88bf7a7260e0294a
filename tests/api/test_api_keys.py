"""API keys: shown once, kept as a digest, good as a bearer token until deleted."""

import pytest
from sqlalchemy import text

from db.database import reading, transaction
from db.models import User


@pytest.fixture
def key(signed_in):
    return signed_in.post("/auth/api-keys", json={"name": "nightly import"}).json()


def bearer(key):
    return {"Authorization": f"Bearer {key['key']}"}


def test_a_key_is_a_bearer_token(signed_in, key, user):
    assert signed_in.get("/auth/me", headers=bearer(key)).json()["id"] == user.id
    assert signed_in.post("/tasks", json={"tool_id": "clean-my-data"}, headers=bearer(key)).status_code == 201


def test_a_key_is_shown_once_and_not_kept(signed_in, key):
    (listed,) = signed_in.get("/auth/api-keys").json()
    assert listed == {name: value for name, value in key.items() if name != "key"}
    assert key["key"].startswith(listed["start"])
    with reading() as session:
        (kept,) = session.execute(text("SELECT * FROM api_keys"))
    assert key["key"] not in map(str, kept)


def test_a_deleted_key_opens_nothing(signed_in, key):
    assert signed_in.delete(f"/auth/api-keys/{key['id']}").status_code == 204
    assert signed_in.get("/auth/me", headers=bearer(key)).status_code == 401
    assert signed_in.delete(f"/auth/api-keys/{key['id']}").status_code == 404


def test_another_user_neither_sees_nor_deletes_a_key(signed_in, key, make_user, sign_in):
    eve = sign_in(make_user("eve@example.com"))
    assert signed_in.get("/auth/api-keys", headers=eve).json() == []
    assert signed_in.delete(f"/auth/api-keys/{key['id']}", headers=eve).status_code == 404
    assert signed_in.get("/auth/me", headers=bearer(key)).status_code == 200


def test_a_disabled_users_key_opens_nothing(signed_in, key, user):
    with transaction() as session:
        session.get(User, user.id).disabled = True
    assert signed_in.get("/auth/me", headers=bearer(key)).status_code == 401


def test_a_key_makes_no_other_key(signed_in, key):
    for method in ("GET", "POST"):
        answer = signed_in.request(method, "/auth/api-keys", json={"name": "more"}, headers=bearer(key))
        assert answer.status_code == 401


@pytest.mark.parametrize("token", ["agk_", "agk_" + "x" * 43, "agk_é"])
def test_other_keys_open_nothing(client, token):
    headers = {"Authorization": f"Bearer {token}".encode()}
    assert client.get("/auth/me", headers=headers).status_code == 401


def test_there_is_an_end_to_keys(signed_in, monkeypatch):
    monkeypatch.setattr("api.api_key_routes.MOST_KEYS", 2)
    answers = [signed_in.post("/auth/api-keys", json={"name": f"key {n}"}).status_code for n in range(3)]
    assert answers == [201, 201, 409]
