"""How much of its user's turn a task takes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("shares", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("tasks_by_turn", "tasks", ["user_id", "status", "queued_at"])


def downgrade() -> None:
    op.drop_index("tasks_by_turn", "tasks")
    op.drop_column("tasks", "shares")
