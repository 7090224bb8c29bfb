"""The feed: the digest's index, places by township, and the gaps that a restore leaves in the ticks."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STEPS = (
    "CREATE INDEX change_digest_idx ON change (county_id, place_id, kind) INCLUDE (mark) WHERE op = 'upsert'",
    "CREATE INDEX place_township_idx ON place (county_id, township_id)",
    """
CREATE TABLE tick_gap (
    county_id integer NOT NULL,
    restored_tick bigint NOT NULL,
    new_tick bigint NOT NULL,
    CONSTRAINT tick_gap_pkey PRIMARY KEY (county_id, new_tick),
    CONSTRAINT tick_gap_county_fkey FOREIGN KEY(county_id) REFERENCES county (county_id)
)
""",
    "GRANT SELECT ON tick_gap TO jiafang_app",
)


def upgrade() -> None:
    for statement in STEPS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE tick_gap")
    op.execute("DROP INDEX place_township_idx")
    op.execute("DROP INDEX change_digest_idx")
