"""The tables of the store. No patient, no user, no free text: ids of cards and rules, codes we offered, times."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

ISSUED_CARDS = Table(
    "issued_card",
    METADATA,
    Column("card", String(36), primary_key=True),
    Column("rules", Text, nullable=False),  # rule ids, comma-separated, worst first
    Column("suggestions", Text, nullable=False),  # suggestion uuids, comma-separated
    Column("knowledge_version", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Index("issued_card_by_time", "issued_at"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", String(64), nullable=False, unique=True),  # makes an exact repeat harmless
    Column("card", String(36), nullable=False),
    Column("card_known", Boolean, nullable=False),  # was the card noted as issued when the report came
    Column("service", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("outcome_at", DateTime(timezone=True), nullable=False),
    Column("accepted_suggestions", Text, nullable=False),  # uuids, comma-separated
    Column("reason_system", String(255), nullable=True),
    Column("reason_code", String(64), nullable=True),
    Column("has_comment", Boolean, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index("feedback_by_card", "card"),
)

SEEN_TOKENS = Table(
    "seen_token",
    METADATA,
    Column("tenant", String(64), primary_key=True),
    Column("jti_hash", String(128), primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("seen_token_by_expiry", "expires_at"),
)

REVISION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own table: which revision the tables are at. It lies apart, for no migration makes it."""

NEWEST_REVISION = "0001"
"""The revision of the tables above: the last one in migrations/versions."""
