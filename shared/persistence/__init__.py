"""PostgreSQL: base, unit of work, outbox, inbox, idempotency, migrations."""
