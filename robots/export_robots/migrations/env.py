"""What Alembic runs for each command: the steps, in the transaction of whoever called it (`runs/schema.py`)."""

from alembic import context

from export_robots.runs.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # on SQLite too: `set_up` begins the transaction itself
)
with context.begin_transaction():
    context.run_migrations()
