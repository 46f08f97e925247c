"""Alembic's entry: runs the migrations on the connection that store/migrate.py hands over."""

from __future__ import annotations

from alembic import context

from cds_service.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
