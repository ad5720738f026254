"""What runs unattended: due times and retries, people's decisions, stopped CRMs, machines, questions, notices."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("due_at", sa.DateTime))
    op.create_index("ix_deliveries_due_at", "deliveries", ["due_at"])
    op.create_index("ix_deliveries_period_end", "deliveries", ["period_end", "period_start"])
    op.add_column("deliveries", sa.Column("transient", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("deliveries", sa.Column("retry_at", sa.DateTime))
    op.add_column("deliveries", sa.Column("step", sa.Text))
    op.add_column("files", sa.Column("removed_at", sa.DateTime))
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text),
        sa.Column("crm", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_decisions_delivery_id", "decisions", ["delivery_id"])
    op.create_table(
        "crms",
        sa.Column("crm", sa.Text, primary_key=True),
        sa.Column("wave_from", sa.DateTime, nullable=False),
        sa.Column("green_at", sa.DateTime),
        sa.Column("stopped_at", sa.DateTime),
        sa.Column("signature", sa.Text),
        sa.Column("saw", sa.Text),
        sa.Column("accounts", sa.JSON, nullable=False),
    )
    op.create_table(
        "machines",
        sa.Column("executor", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
    )
    op.create_index("ix_sign_ins_account", "sign_ins", ["account"])
    op.create_table(
        "questions",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("saw", sa.Text, nullable=False),
        sa.Column("asked_at", sa.DateTime, nullable=False),
        sa.Column("open_until", sa.DateTime),
        sa.Column("answer", sa.Text),
        sa.Column("answered_at", sa.DateTime),
        sa.Column("answered_by", sa.Text),
    )
    op.create_index("ix_questions_delivery_id", "questions", ["delivery_id"])
    op.create_table(
        "notices",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("sent_at", sa.DateTime),
        sa.Column("sent_to", sa.JSON, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.DateTime),
    )
    op.create_table(
        "held_accounts",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
    )
    op.create_table(
        "stored_files",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", sa.DateTime, nullable=False),
    )
