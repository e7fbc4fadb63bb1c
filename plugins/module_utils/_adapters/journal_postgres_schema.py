# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of the PostgreSQL journal: tables that triggers keep append-only."""

from __future__ import annotations

SESSION = """
SET synchronous_commit = on;
SET lock_timeout = '10s';
SET statement_timeout = '30s';
SET idle_in_transaction_session_timeout = '30s';
SET application_name = 'hal9-migrate journal'
"""

EXISTS = "SELECT to_regclass('hal9_journal.checkpoints')"

SERIALISE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 4409))"
"""Writers of one migration wait for each other; 4409 is a seed of our own."""

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS hal9_journal;
CREATE TABLE hal9_journal.events (
  migration text NOT NULL, sequence bigint NOT NULL, at double precision NOT NULL,
  kind text NOT NULL, run text NOT NULL, body text NOT NULL,
  previous text NOT NULL, digest text NOT NULL,
  PRIMARY KEY (migration, sequence)
);
CREATE TABLE hal9_journal.locks (
  migration text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL,
  expires_at double precision NOT NULL, since double precision NOT NULL
);
CREATE FUNCTION hal9_journal.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
CREATE FUNCTION hal9_journal.follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.sequence IS DISTINCT FROM (
    SELECT coalesce(max(sequence), 0) + 1 FROM hal9_journal.events
    WHERE migration = NEW.migration
  ) THEN RAISE EXCEPTION 'the journal is append-only'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER events_follow_the_head BEFORE INSERT ON hal9_journal.events
FOR EACH ROW EXECUTE FUNCTION hal9_journal.follow();
CREATE TRIGGER events_never_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON hal9_journal.events
FOR EACH STATEMENT EXECUTE FUNCTION hal9_journal.refuse();
CREATE TABLE hal9_journal.checkpoints (
  migration text NOT NULL, name text NOT NULL, sequence bigint NOT NULL,
  at double precision NOT NULL, body text NOT NULL, PRIMARY KEY (migration, name)
);
CREATE TRIGGER checkpoints_never_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON hal9_journal.checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION hal9_journal.refuse()
"""

SELECT_EVENTS = (
    "SELECT sequence, at, migration, kind, run, body, previous, digest "
    "FROM hal9_journal.events WHERE migration = %s AND sequence > %s "
    "ORDER BY sequence LIMIT %s"
)

INSERT_EVENT = "INSERT INTO hal9_journal.events VALUES (%s,%s,%s,%s,%s,%s,%s,%s)"

STORE_LOCK = """
INSERT INTO hal9_journal.locks VALUES (%s,%s,%s,%s,%s)
ON CONFLICT (migration) DO UPDATE SET holder = excluded.holder,
  token = excluded.token, expires_at = excluded.expires_at, since = excluded.since
"""
