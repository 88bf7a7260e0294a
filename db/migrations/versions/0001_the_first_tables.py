"""The first tables."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("tool_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("agents", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(length=64), nullable=True),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("credits_quoted", sa.BigInteger(), nullable=False),
        sa.Column("trigger_type", sa.String(length=16), nullable=False),
        sa.Column("parent_task_id", sa.String(length=36), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("celery_task_id", sa.String(length=36), nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("progress_detail", sa.JSON(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retry_count", sa.Integer(), nullable=False),
        sa.Column("handed_back", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker_hostname", sa.String(length=255), nullable=True),
        sa.Column("worker_pid", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("outputs", sa.JSON(), nullable=True),
        sa.Column("created_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("upload_expires_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("queued_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("published_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("not_before", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expires_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("started_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_expires_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("archived_at", db.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tasks_celery_task_id"), ["celery_task_id"], unique=False)
        batch_op.create_index("tasks_by_status", ["status", "not_before"], unique=False)
        batch_op.create_index("tasks_by_user", ["user_id", "created_at"], unique=False)

    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("run_no", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0 OR kind = 'ADJUSTMENT'", name="ledger_amount_sign"),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id", "run_no", "kind"),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index("ledger_by_user", ["user_id"], unique=False)
        batch_op.create_index(
            "ledger_one_end_per_run",
            ["task_id", "run_no"],
            unique=True,
            sqlite_where=sa.text("kind IN ('SETTLE', 'RELEASE')"),
            postgresql_where=sa.text("kind IN ('SETTLE', 'RELEASE')"),
        )

    op.create_table(
        "task_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("task_events", schema=None) as batch_op:
        batch_op.create_index("events_by_task", ["task_id", "id"], unique=False)

    op.create_table(
        "task_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("created_at", db.types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id", "run_no", "position"),
    )


def downgrade() -> None:
    op.drop_table("task_steps")
    with op.batch_alter_table("task_events", schema=None) as batch_op:
        batch_op.drop_index("events_by_task")

    op.drop_table("task_events")
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index(
            "ledger_one_end_per_run",
            sqlite_where=sa.text("kind IN ('SETTLE', 'RELEASE')"),
            postgresql_where=sa.text("kind IN ('SETTLE', 'RELEASE')"),
        )
        batch_op.drop_index("ledger_by_user")

    op.drop_table("ledger")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index("tasks_by_user")
        batch_op.drop_index("tasks_by_status")
        batch_op.drop_index(batch_op.f("ix_tasks_celery_task_id"))

    op.drop_table("tasks")
    op.drop_table("users")
