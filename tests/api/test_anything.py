"""Whatever comes in, the answer is one of ours: never a 500."""

import json
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.database import transaction
from db.models import User

UNKNOWN = "00000000-0000-4000-8000-000000000000"
KEYS = st.sampled_from(
    ["tool_id", "agents", "parameters", "files", "inputs_from", "email", "password", "type-fixer", "primary"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["clean-my-data", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
QUIET = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def check(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json().keys() == {"error", "detail", "context"}


@QUIET
@given(body=VALUES)
def test_any_json_body(signed_in, routes, body):
    content = json.dumps(body)
    for method, path in routes:
        if method == "POST" and not path.startswith("/auth"):
            address = path.replace("{task_id}", UNKNOWN)
            check(signed_in.post(address, content=content, headers={"Content-Type": "application/json"}))


@QUIET
@given(
    order=st.fixed_dictionaries(
        {"tool_id": st.just("clean-my-data")},
        optional={
            "agents": st.lists(st.just("type-fixer") | st.text(max_size=10), max_size=3) | VALUES,
            "parameters": st.dictionaries(st.just("type-fixer") | st.text(max_size=5), VALUES, max_size=2),
            "dataset": st.text(max_size=5),
            "inputs_from": st.dictionaries(st.just("primary"), VALUES, max_size=1),
        },
    )
)
def test_any_order(signed_in, order):
    check(signed_in.post("/tasks", content=json.dumps(order), headers={"Content-Type": "application/json"}))


@QUIET
@given(
    body=st.binary(max_size=60),
    kind=st.sampled_from(["application/json", "text/plain", "", "multipart/form-data; boundary=x"]),
)
def test_any_bytes(signed_in, body, kind):
    for path in ("/tasks", "/analyze", "/auth/login", f"/tasks/{UNKNOWN}/process"):
        check(signed_in.post(path, content=body, headers={"Content-Type": kind}))


@QUIET
@given(name=st.text(min_size=1, max_size=40))
def test_any_id(signed_in, routes, name):
    for method, path in routes:
        if "{" in path:
            check(signed_in.request(method, re.sub(r"\{.*?\}", quote(name, safe=""), path)))


@pytest.fixture
def operator(signed_in, user):
    with transaction() as session:
        session.get(User, user.id).is_admin = True


@QUIET
@given(key=st.binary(min_size=1, max_size=30))
def test_any_key(signed_in, key):
    for name, prefix in (("Idempotency-Key", b""), ("Authorization", b"Bearer agk_"), ("Authorization", b"Bearer ")):
        value = prefix + b"x" + bytes(byte for byte in key if byte > 32 and byte != 127)
        check(signed_in.post(f"/tasks/{UNKNOWN}/process", headers={name: value}))


@QUIET
@given(cursor=st.text(max_size=60), status=st.text(max_size=10), limit=st.integers() | st.text(max_size=5))
def test_any_question(signed_in, operator, cursor, status, limit):
    for query in ({"cursor": cursor}, {"status": status}, {"limit": limit}, {"tool_id": cursor}, {"user_id": cursor}):
        for path in ("/tasks", "/admin/tasks", "/admin/dead-letters", "/billing/transactions"):
            check(signed_in.get(path, params=query))


def test_json_nested_beyond_reason(signed_in):
    for body in ("[" * 100_000, '{"parameters":' * 5000 + "1" + "}" * 5000, '{"tool_id": ' + "9" * 10_000 + "}"):
        check(signed_in.post("/tasks", content=body, headers={"Content-Type": "application/json"}))
