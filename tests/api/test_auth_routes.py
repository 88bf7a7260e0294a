from datetime import UTC, datetime, timedelta

import jwt
import pytest

from api import tokens
from api.rate_limit import RateLimit
from db.database import transaction
from db.models import User
from errors import NotAuthenticated, RateLimited
from settings import get_settings

ADA = {"email": "Ada@Example.com", "password": "a long password"}


def test_register_login_me(client):
    assert client.post("/auth/register", json=ADA).status_code == 201
    token = client.post("/auth/login", json=ADA | {"email": "ada@example.COM"}).json()["access_token"]
    me = client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200
    assert me.json()["email"] == "ada@example.com"


def test_an_address_is_registered_once(client):
    client.post("/auth/register", json=ADA)
    again = client.post("/auth/register", json=ADA | {"email": "ADA@example.com"})
    assert (again.status_code, again.json()["error"]) == (409, "CONFLICT")


def test_what_no_database_can_keep_is_refused(client):
    answer = client.post("/auth/register", json=ADA | {"password": "a long password\0"})
    assert (answer.status_code, answer.json()["error"]) == (422, "INVALID_PARAMETERS")


def test_registration_can_be_closed(client, app, settings):
    closed = settings.model_copy(update={"registration_open": False})
    app.dependency_overrides[get_settings] = lambda: closed
    assert client.post("/auth/register", json=ADA).status_code == 403


@pytest.mark.parametrize("change", [{"password": "another password"}, {"email": "nobody@example.com"}])
def test_a_wrong_login_says_the_same_whatever_is_wrong(client, change):
    client.post("/auth/register", json=ADA)
    answer = client.post("/auth/login", json=ADA | change)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "E-mail address or password is wrong."


def test_a_disabled_user_is_out_at_once(signed_in, user):
    assert signed_in.get("/auth/me").status_code == 200
    with transaction() as session:
        session.get(User, user.id).disabled = True
    assert signed_in.get("/auth/me").status_code == 401


def test_a_user_without_a_password_cannot_log_in(client, user):
    assert client.post("/auth/login", json={"email": user.email, "password": ""}).status_code == 401


def test_guessing_is_braked(client, settings):
    tries = [client.post("/auth/login", json=ADA) for _ in range(settings.auth_tries_per_minute + 1)]
    assert {answer.status_code for answer in tries[:-1]} == {401}
    assert (tries[-1].status_code, tries[-1].json()["error"]) == (429, "RATE_LIMITED")
    assert tries[-1].headers["Retry-After"]


def test_guessing_one_account_from_many_places_is_braked(client, settings):
    places = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(settings.auth_tries_per_minute + 1)]
    tries = [client.post("/auth/login", json=ADA, headers=place).status_code for place in places]
    assert tries == [401] * settings.auth_tries_per_minute + [429]


def test_the_brake_lets_go_after_a_minute():
    now = [0.0]
    brake = RateLimit(2, clock=lambda: now[0])
    brake.check("a")
    brake.check("a")
    brake.check("b")
    with pytest.raises(RateLimited):
        brake.check("a")
    now[0] = 60.1
    brake.check("a")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer é", "Bearer a.b.c"])
def test_what_is_no_token_is_refused(client, header):
    answer = client.get("/auth/me", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_tokens_end_and_serve_one_purpose():
    old, _ = tokens.issue_token("secret", "u", -1)
    ticket, _ = tokens.issue_ticket("secret", "u", "task-1")
    for token in (old, ticket, tokens.issue_token("other secret", "u", 1)[0]):
        with pytest.raises(NotAuthenticated):
            tokens.user_of_token("secret", token)
    with pytest.raises(NotAuthenticated):
        tokens.user_of_ticket("secret", ticket, "task-2")
    assert tokens.user_of_ticket("secret", ticket, "task-1") == "u"


def test_an_unsigned_token_is_refused():
    claims = {"sub": "u", "aud": "api", "exp": datetime.now(UTC) + timedelta(hours=1)}
    with pytest.raises(NotAuthenticated):
        tokens.user_of_token("secret", jwt.encode(claims, None, algorithm="none"))


def test_a_wallet_is_for_who_is_signed_in(client, signed_in):
    assert signed_in.get("/billing/wallet").json() == {"balance": 10_000, "held": 0, "available": 10_000}
