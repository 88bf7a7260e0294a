"""The servers that other tests stand on are real, and each test gets a clean one."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from botocore.exceptions import ClientError

from settings import get_settings
from tests import services
from tests.services import PostgresServer, RedisServer, S3Server

pytestmark = pytest.mark.service


def test_redis_answers_and_is_empty(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        assert client.ping()
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_redis_is_empty_again(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0


def test_a_redis_of_its_own_stops_freezes_and_restarts(redis_factory: Callable[..., RedisServer]) -> None:
    server = redis_factory("--appendonly", "yes")
    with server.client() as client:
        client.set("kept", "1")
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        assert client.get("kept") == b"1"
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert client.ping()


def test_postgres_gives_each_test_a_database(postgres_server: PostgresServer, postgres_url: str) -> None:
    other = postgres_server.create_database()
    with psycopg.connect(postgres_url) as connection, psycopg.connect(other) as second:
        assert connection.execute("SELECT version()").fetchone()[0].startswith("PostgreSQL")
        connection.execute("CREATE TABLE mine (id int)")
        connection.commit()
        assert second.execute("SELECT to_regclass('mine')").fetchone() == (None,)
    postgres_server.drop_database(other)


@pytest.mark.parametrize("name", ["s3_server", "rclone_s3"])
def test_s3_keeps_what_is_put(name: str, request: pytest.FixtureRequest) -> None:
    server: S3Server = request.getfixturevalue(name)
    client, bucket = server.client(), server.create_bucket()
    client.put_object(Bucket=bucket, Key="a/b.csv", Body=b"1,2")
    assert client.get_object(Bucket=bucket, Key="a/b.csv")["Body"].read() == b"1,2"


def test_rclone_refuses_a_wrong_secret(rclone_s3: S3Server) -> None:
    stranger = S3Server(rclone_s3.endpoint_url, rclone_s3.access_key_id, "guessed")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.create_bucket()


def test_a_server_that_ends_at_once_is_unavailable_and_says_why() -> None:
    with pytest.raises(services.Unavailable, match="wrong-option"), services.own_redis("--wrong-option", "1"):
        pytest.fail("it started")


def test_a_server_given_by_its_address_is_used_and_not_ours_to_stop(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", redis_server.url)
    with services.redis_server() as given:
        assert given.url == redis_server.url
        with pytest.raises(services.Unavailable):
            given.stop()
    redis_server.ping()


def test_settings_are_the_tests_own(tmp_path: Path) -> None:
    assert get_settings().data_dir == tmp_path / "data"
    assert get_settings().embedded
