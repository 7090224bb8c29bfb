"""What was published of a round of a check-up programme."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PUBLISHED_COUNT = """
CREATE TABLE published_count (
    county_id integer NOT NULL,
    programme_id uuid NOT NULL,
    round integer NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    places integer,
    offered_from integer,
    offered_to integer,
    attended_from integer,
    attended_to integer,
    published_on date NOT NULL,
    CONSTRAINT published_count_pkey PRIMARY KEY (county_id, programme_id, round, place_id),
    CONSTRAINT published_count_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
"""
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[])), false)"
)


def upgrade() -> None:
    op.execute(PUBLISHED_COUNT)
    op.execute("CREATE INDEX published_count_township_idx ON published_count (county_id, programme_id, round, township_id)")
    op.execute("ALTER TABLE published_count ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY published_count_scope ON published_count USING ({IN_SCOPE}) WITH CHECK ({IN_SCOPE})")
    op.execute("GRANT SELECT, INSERT ON published_count TO jiafang_app")


def downgrade() -> None:
    op.execute("DROP TABLE published_count")
