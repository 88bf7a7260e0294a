import pytest
from fastapi import FastAPI

import errors
from api.errors import STATUS, install, status_of
from api.middleware import RequestId


def subclasses(kind):
    return {kind}.union(*(subclasses(each) for each in kind.__subclasses__()))


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/no/such", "GET", 404, "NOT_FOUND"),
        ("/health", "DELETE", 405, "METHOD_NOT_ALLOWED"),
        ("/tasks", "GET", 401, "NOT_AUTHENTICATED"),
        ("/tools/no-such", "GET", 404, "NOT_FOUND"),
    ],
)
def test_every_error_has_one_shape(client, path, method, status, code):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "detail", "context"}
    assert answer.json()["error"] == code


def test_every_error_of_the_service_has_a_status():
    assert all(400 <= status_of(kind) < 600 for kind in subclasses(errors.ServiceError))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownTool, 400),
        (errors.UnknownAgent, 422),
        (errors.InsufficientCredits, 402),
        (errors.TaskNotFound, 404),
        (errors.MissingInput, 400),
        (errors.TaskAlreadyProcessing, 409),
        (errors.OutputGone, 410),
        (errors.TooLarge, 413),
        (errors.StorageUnavailable, 503),
        (errors.RateLimited, 429),
    ],
)
def test_the_contracts_statuses(error, status):
    assert status_of(error) == status


def test_no_status_is_for_an_error_that_nobody_knows():
    assert set(STATUS) <= subclasses(errors.ServiceError)


def test_an_unexpected_error_tells_nothing_but_the_request_id(stage):
    app = FastAPI()
    app.add_middleware(RequestId)
    install(app)

    @app.get("/")
    def broken() -> None:
        raise ZeroDivisionError("a secret detail")

    with stage.playing(app) as client:
        answer = client.get("/", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "INTERNAL_ERROR",
        "detail": "Something went wrong here.",
        "context": {"request_id": "abc-1"},
    }


def test_a_password_is_never_quoted_back(client):
    answer = client.post("/auth/register", json={"email": "ada@example.com", "password": "short!"})
    assert answer.status_code == 422
    assert "short!" not in answer.text
    assert answer.json()["context"]["faults"][0]["path"] == "body.password"


def test_a_request_keeps_its_id_and_a_strange_one_gets_another(client):
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    assert client.get("/health", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"] != "a b"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused(client, settings, chunked):
    body = b'{"email": "' + b"x" * (settings.max_request_mb << 20) + b'"}'
    content = (body[i : i + 65536] for i in range(0, len(body), 65536)) if chunked else body
    answer = client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"] == "TOO_LARGE"
