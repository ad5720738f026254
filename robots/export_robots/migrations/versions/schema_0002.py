"""Deliveries that are asked for again or month by month, subscriptions, and how a request was made."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("again", sa.Integer, nullable=False, server_default="1"))
    op.add_column("deliveries", sa.Column("split", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("asked_by", sa.Text, nullable=False, server_default="export"))
    op.add_column("deliveries", sa.Column("why", sa.Text))
    op.add_column("deliveries", sa.Column("approved", sa.Text))
    op.add_column("requests", sa.Column("how", sa.Text, nullable=False, server_default="export"))
    op.add_column("requests", sa.Column("why", sa.Text))
    op.create_table(
        "subscriptions",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("crm", sa.Text, nullable=False),
        sa.Column("crm_label", sa.Text, nullable=False),
        sa.Column("rooftop", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("first_execution", sa.Text, nullable=False),
        sa.Column("drawn_at", sa.DateTime, nullable=False),
        sa.Column("verified_at", sa.DateTime),
        sa.Column("how", sa.Text),
        sa.Column("shown", sa.JSON, nullable=False),
    )
