"""The only reader of the environment.

With nothing set the service is embedded: SQLite and files in DATA_DIR, Celery on `memory://` with a worker in this
process, one local admin. An address of a broker, a database or a bucket replaces that part alone.
"""

import secrets
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict

MEMORY_BROKER = "memory://localhost/"


class Settings(BaseSettings):
    """Every setting, by its name in the environment (upper case)."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(Path("var"), description="Folder of embedded data, locks and work in progress.")
    database_url: str = Field("", description="SQLAlchemy address; empty = SQLite in DATA_DIR.")
    database_pool_size: int = Field(10, ge=1, description="Connections that a process keeps open to PostgreSQL.")

    redis_url: str = Field("", description="Redis for messages and Celery's results, e.g. redis://127.0.0.1:6379.")
    redis_ca_file: FilePath | None = Field(None, description="Who vouches for a rediss:// address; empty = the system.")
    celery_broker_url: str = Field("", description="Message broker; empty = REDIS_URL, else memory://.")
    celery_result_backend: str = Field("", description="Celery's results; empty = REDIS_URL, else none.")
    redis_key_prefix: str = Field("", description="Prefix of every key, for a hosted Redis that has database 0 only.")
    queue_analysis: str = Field("analysis", description="Queue of the analysis task.")
    queue_maintenance: str = Field("maintenance", description="Queue of Beat's maintenance tasks.")
    queue_monitoring: str = Field("monitoring", description="Queue of health checks.")

    s3_bucket: str = Field("", description="Bucket for inputs and outputs; empty = a folder in DATA_DIR.")
    s3_endpoint_url: str = Field("", description="Address of an S3 server other than Amazon's.")
    s3_public_endpoint_url: str = Field("", description="The same server as browsers reach it, for links.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_access_key_id: str = Field("", description="Access key; empty = boto3's own search.")
    s3_secret_access_key: str = Field("", description="Secret of the access key.")

    secret_key: str = Field("", description="Signs tokens and links; empty = made once and kept in DATA_DIR.")
    public_url: str = Field("", description="Address of this API in links; empty = the one that a request came to.")
    registration_open: bool | None = Field(None, description="May anyone register? Empty = if embedded.")
    auth_tries_per_minute: int = Field(10, ge=1, description="Logins or registrations per minute, address and name.")
    token_minutes: int = Field(60, ge=1, description="Life of a bearer token.")
    upload_link_seconds: int = Field(3600, ge=1, description="Life of an upload link.")
    download_link_seconds: int = Field(3600, ge=1, description="Life of a download link.")
    embedded_credits: int = Field(1_000_000, ge=0, description="Credits of the local admin, granted again below half.")

    enable_async_task_execution: bool = Field(True, description="false: /process and /analyze wait unless told not to.")
    sync_wait_seconds: float = Field(60, ge=0, description="How long execution_mode sync waits for the end of a task.")
    multipart_above_mb: int = Field(100, ge=1, description="Larger files are offered links in parts (S3 only).")
    upload_part_mb: int = Field(64, ge=5, le=5000, description="Size of such a part.")
    preview_max_mb: int = Field(50, ge=1, description="Largest XLSX, Parquet, JSON or packed file that is previewed.")
    preview_seconds: float = Field(5, gt=0, description="How long a preview may take.")
    events_seconds: float = Field(0.5, gt=0, description="How often live progress is read for those who watch it.")
    max_request_mb: int = Field(10, ge=1, description="Largest body of a request that carries no file.")
    max_input_mb: int = Field(5000, ge=1, description="Largest input file, also unpacked.")
    max_field_mb: int = Field(16, ge=1, description="Largest single field.")
    max_columns: int = Field(10_000, ge=1, description="Most columns of a table.")
    max_xlsx_cells: int = Field(5_000_000, ge=1, description="Most cells of a sheet.")

    duckdb_memory: str = Field("200MB", description="Memory limit of the table engine.")
    duckdb_threads: int = Field(2, ge=1, description="Threads of the table engine.")
    child_memory_mb: int = Field(1024, ge=128, description="Memory at which a run is ended with OUT_OF_MEMORY.")
    child_max_jobs: int = Field(100, ge=1, description="Runs after which a warm child is replaced.")
    child_recycle_mb: int = Field(400, ge=64, description="Memory above which a child is replaced after its run.")

    lease_seconds: float = Field(90, gt=0, description="How long a claim holds without a heartbeat.")
    heartbeat_seconds: float = Field(15, gt=0, description="How often a running task renews its lease.")
    watch_seconds: float = Field(1, gt=0, description="How often a slot asks whether its task was cancelled.")
    sweep_seconds: float = Field(10, gt=0, description="How often the reconciler looks for lost work.")
    republish_seconds: float = Field(60, gt=0, description="Age at which a message that nobody took is sent again.")
    published_per_user: int = Field(1, ge=1, description="Messages of one user that wait in the queue at a time.")
    max_running_per_user: int = Field(
        4, ge=1, description="Tasks of a user that run at a time; a GB counts as one more."
    )
    inline_fallback: bool = Field(
        False, description="While the broker is down the API runs tasks in a slot of its own."
    )
    max_attempts: int = Field(3, ge=1, description="Attempts without a verdict before a task is given up.")
    max_retries: int = Field(3, ge=0, description="Automatic retries after a transient fault.")
    retry_delay_seconds: float = Field(60, ge=0, description="First delay before an automatic retry; it doubles.")
    retry_delay_max_seconds: float = Field(300, ge=0, description="Longest delay before an automatic retry.")

    task_time_limit: int = Field(1800, ge=1, description="Celery's hard limit, in seconds (prefork only).")
    task_soft_time_limit: int = Field(1500, ge=1, description="The run's own deadline, in seconds from its claim.")
    worker_concurrency: int = Field(4, ge=1, description="Slots of a worker.")
    worker_prefetch_multiplier: int = Field(1, ge=1, description="Messages a slot reserves ahead.")
    worker_max_memory_per_child: int = Field(400_000, ge=1, description="KB at which Celery replaces a pool process.")
    worker_max_tasks_per_child: int = Field(100, ge=1, description="Tasks after which Celery replaces a pool process.")
    worker_soft_shutdown_timeout: float = Field(20, ge=0, description="Seconds a stopping worker waits for its slots.")
    result_expires: int = Field(86_400, ge=1, description="Seconds Celery keeps a result.")
    visibility_timeout: int = Field(3600, ge=1, description="Seconds until the broker gives an unacked message again.")
    polling_interval: float = Field(0.05, gt=0, description="How often the in-memory broker is asked.")
    embedded_concurrency: int = Field(2, ge=1, description="Slots of the worker inside an embedded process.")

    beat_health_seconds: float = Field(60, gt=0, description="How often Beat asks for a health check and for metrics.")
    retention_hour: int = Field(2, ge=0, le=23, description="Hour (UTC) at which Beat has old files removed.")
    inputs_retention_days: float = Field(7, ge=0, description="Days that inputs are kept after a task's end.")
    outputs_retention_days: float = Field(30, ge=0, description="Days that results are kept after a task's end.")
    rows_retention_days: float = Field(365, ge=0, description="Days after which an ended task is archived.")
    uploads_idle_seconds: float = Field(900, ge=0, description="Grace after the last upload link, then a task expires.")
    queued_hours: float = Field(24, gt=0, description="How long a task may wait in the queue.")
    flower_port: int = Field(5555, ge=1, le=65535, description="Port of Flower.")
    log_level: str = Field("INFO", description="Level of the log.")
    log_dir: str = Field("", description="Folder of log files; empty = DATA_DIR/logs if embedded, else none.")

    @cached_property
    def broker(self) -> str:
        """Where messages go."""
        return self.celery_broker_url or self.redis_url or MEMORY_BROKER

    @cached_property
    def result_backend(self) -> str:
        """Where Celery keeps its results; our own state never depends on it."""
        return self.celery_result_backend or self.redis_url or "disabled://"

    @cached_property
    def embedded(self) -> bool:
        """Whether the worker lives in this very process, because no other could hear the messages."""
        return self.broker.startswith("memory://")

    @cached_property
    def log_folder(self) -> Path | None:
        """Where log files go, if anywhere: a hosted service has its log collected from stderr."""
        if self.log_dir:
            return Path(self.log_dir)
        return self.data_dir / "logs" if self.embedded else None

    @cached_property
    def database(self) -> str:
        """The database's address, with our driver for PostgreSQL."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir.resolve() / 'agensium.db'}"
        scheme, _, rest = self.database_url.partition("://")
        return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url

    @cached_property
    def secret(self) -> str:
        """SECRET_KEY, or one that is made once and kept in DATA_DIR, readable by its owner only."""
        return self.secret_key or _kept_secret(self.data_dir.resolve() / "secret.key")

    @cached_property
    def default_execution_mode(self) -> Literal["async", "sync"]:
        """What /process and /analyze do where the request doesn't say."""
        return "async" if self.enable_async_task_execution else "sync"

    @cached_property
    def anyone_may_register(self) -> bool:
        """Whether POST /auth/register is open."""
        return self.embedded if self.registration_open is None else self.registration_open


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            aside = path.with_suffix(".new")
            aside.touch(mode=0o600)
            aside.write_text(secrets.token_hex(32))
            aside.replace(path)
        return path.read_text()


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
