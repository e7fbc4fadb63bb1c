"""The service that is moved: orders kept in PostgreSQL, reached through PgBouncer."""
