import shutil

from db.database import SessionLocal
from settings import get_settings


def test_it_lives(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/").json()["docs"] == "/docs"


def test_it_is_ready(client):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "storage": "ok", "broker": "ok"}


def test_it_names_the_storage_that_is_down(client, settings):
    (settings.data_dir).mkdir(exist_ok=True)
    shutil.rmtree(settings.data_dir / "files", ignore_errors=True)
    (settings.data_dir / "files").touch()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["error"]) == (503, "STORAGE_UNAVAILABLE")
    assert answer.json()["context"]["database"] == "ok"


def test_it_names_the_broker_that_is_down(client, app, settings):
    away = settings.model_copy(update={"celery_broker_url": "redis://127.0.0.1:1/0"})
    app.dependency_overrides[get_settings] = lambda: away
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["error"]) == (503, "BROKER_UNAVAILABLE")
    assert "broker" in answer.json()["detail"]


def test_a_database_that_is_down_is_said_and_named(client, settings):
    SessionLocal.kw["bind"].dispose()
    database = settings.data_dir / "agensium.db"
    for path in settings.data_dir.glob("agensium.db*"):
        path.unlink()
    database.mkdir()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
