"""How the ledger's tables have changed, for Alembic: one file in `versions` for each version of them.

Whoever changes `runs/tables.py` or `runs/operating_tables.py` raises SCHEMA_VERSION and adds the step here, in plain
SQLAlchemy types and without the models, which go on changing.
"""
