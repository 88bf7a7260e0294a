"""Reading the ledger, asking for prices, and granting."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from db.database import transaction
from db.models import User

GRANT = {"email": "ada@example.com", "credits": 500, "note": "for a workshop"}


@pytest.fixture
def admin(make_user, sign_in):
    made = make_user("root@example.com", credits=0)
    with transaction() as session:
        session.get(User, made.id).is_admin = True
    return sign_in(made)


def test_every_movement_is_listed_newest_first(signed_in, make_task):
    task_id = make_task(queued=True)
    signed_in.post(f"/tasks/{task_id}/cancel")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = signed_in.get("/billing/transactions", params=query).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [each["kind"] for each in seen] == ["RELEASE", "HOLD", "GRANT"]
    assert seen[0]["amount"] == seen[1]["amount"]
    assert (seen[0]["task_id"], seen[0]["run_no"], seen[2]["task_id"]) == (task_id, 1, None)


def test_another_users_movements_are_not_seen(signed_in, make_user, sign_in):
    poor = sign_in(make_user("poor@example.com", credits=0))
    assert signed_in.get("/billing/transactions", headers=poor).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("query", [{"limit": 0}, {"cursor": "x"}, {"cursor": "9" * 30}])
def test_odd_questions_are_refused(signed_in, query):
    assert signed_in.get("/billing/transactions", params=query).status_code == 422


def test_an_estimate_is_what_the_order_is_quoted(signed_in):
    wanted = {"tool_id": "clean-my-data", "agents": ["type-fixer", "null-handler"]}
    estimate = signed_in.post("/billing/estimate-cost", json=wanted).json()
    costs = {each["agent_id"]: each["credits"] for each in signed_in.get("/billing/agent-costs").json()}
    assert estimate["credits"] == signed_in.post("/tasks", json=wanted).json()["credits_quoted"]
    assert estimate["agents"] == {agent: costs[agent] for agent in estimate["agents"]}
    assert (estimate["available"], estimate["sufficient"]) == (10_000, True)
    assert len(signed_in.get("/tasks").json()["items"]) == 1


def test_an_estimate_says_that_credits_are_missing(signed_in, make_user, sign_in):
    poor = sign_in(make_user("poor@example.com", credits=10))
    answer = signed_in.post("/billing/estimate-cost", json={"tool_id": "master-my-data"}, headers=poor).json()
    assert (answer["sufficient"], answer["available"]) == (False, 10)


def test_an_estimate_is_refused_as_the_order_would_be(signed_in):
    answer = signed_in.post("/billing/estimate-cost", json={"tool_id": "wash-my-car"})
    assert (answer.status_code, answer.json()["error"]) == (400, "UNKNOWN_TOOL")


def test_an_administrator_grants(signed_in, admin, user):
    answer = signed_in.post("/billing/admin/grant", json=GRANT, headers=admin)
    assert (answer.status_code, answer.json()["wallet"]["balance"]) == (201, 10_500)
    assert signed_in.get("/billing/wallet").json()["balance"] == 10_500
    newest = signed_in.get("/billing/transactions").json()["items"][0]
    assert (newest["kind"], newest["amount"]) == ("GRANT", 500)
    assert newest["note"].startswith("for a workshop")


def test_a_grant_sent_again_with_its_key_is_given_once(signed_in, admin):
    with_key = admin | {"Idempotency-Key": "grant-1"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: signed_in.post("/billing/admin/grant", json=GRANT, headers=with_key), range(4))
        )
    assert {each.json()["wallet"]["balance"] for each in answers} == {10_500}
    other = signed_in.post("/billing/admin/grant", json=GRANT | {"credits": 501}, headers=with_key)
    assert other.json()["error"] == "IDEMPOTENCY_CONFLICT"
    assert signed_in.get("/billing/wallet").json()["balance"] == 10_500


def test_nobody_else_grants(signed_in):
    for body in (GRANT, {}):
        answer = signed_in.post("/billing/admin/grant", json=body)
        assert (answer.status_code, answer.json()["error"]) == (403, "NOT_PERMITTED")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (GRANT | {"email": "nobody@example.com"}, 404),
        (GRANT | {"user_id": "x"}, 422),
        ({"credits": 1}, 422),
        (GRANT | {"credits": 0}, 422),
        (GRANT | {"credits": 10**12}, 422),
    ],
)
def test_grants_that_are_refused(signed_in, admin, body, status):
    assert signed_in.post("/billing/admin/grant", json=body, headers=admin).status_code == status
