"""The first tables: deliveries, requests, files, uploads."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("ledger_schema", sa.Column("version", sa.Integer, primary_key=True))
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("crm", sa.Text, nullable=False),
        sa.Column("crm_label", sa.Text, nullable=False),
        sa.Column("rooftop", sa.Text),
        sa.Column("period_start", sa.Text, nullable=False),
        sa.Column("period_end", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("upload", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("next", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("how", sa.Text),
        sa.Column("file_id", sa.Integer),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.Column("closed_at", sa.DateTime),
    )
    op.create_index("ix_deliveries_client", "deliveries", ["client"])
    op.create_index("ix_deliveries_period_start", "deliveries", ["period_start"])
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("intended_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("requested_at", sa.DateTime),
        sa.Column("deadline_at", sa.DateTime),
        sa.Column("account", sa.Text),
        sa.Column("first", sa.Text),
        sa.Column("last", sa.Text),
        sa.Column("rows_shown", sa.Integer),
        sa.Column("says_empty", sa.Boolean, nullable=False),
        sa.Column("acknowledgement", sa.Text),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
    )
    op.create_index("ix_requests_delivery_id", "requests", ["delivery_id"])
    op.create_table(
        "files",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("request_id", sa.Integer),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_path", sa.Text, nullable=False),
        sa.Column("received_sha256", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("mail", sa.JSON, nullable=False),
        sa.Column("checked", sa.Boolean, nullable=False),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("rows", sa.Integer),
        sa.Column("columns", sa.Integer),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("first", sa.Text),
        sa.Column("last", sa.Text),
        sa.Column("encoding", sa.Text),
        sa.Column("dialect", sa.Text),
        sa.Column("has_date_of_birth", sa.Boolean, nullable=False),
        sa.Column("date_of_birth_removed", sa.Boolean, nullable=False),
        sa.Column("empty", sa.Boolean, nullable=False),
        sa.Column("path", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("sha256", sa.Text),
    )
    op.create_index("ix_files_delivery_id", "files", ["delivery_id"])
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("file_id", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("intended_at", sa.DateTime, nullable=False),
        sa.Column("answered_at", sa.DateTime),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("reference", sa.Text),
    )
    op.create_index("ix_uploads_delivery_id", "uploads", ["delivery_id"])
    op.create_table(
        "used_codes",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "refused_passwords",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("refused_at", sa.DateTime, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
