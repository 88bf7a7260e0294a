"""When files were removed by age, which request an event belongs to, and what is counted over all processes."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("inputs_removed_at", "outputs_removed_at"):
        op.add_column("tasks", sa.Column(name, db.types.UtcDateTime(timezone=True), nullable=True))
    op.add_column("task_events", sa.Column("request_id", sa.String(length=64), nullable=True))
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("counters")
    op.drop_column("task_events", "request_id")
    for name in ("outputs_removed_at", "inputs_removed_at"):
        op.drop_column("tasks", name)
