"""Follow-ups; and households that were merged into another."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FOLLOW_UP = """
CREATE TABLE follow_up (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    household_id uuid NOT NULL,
    person_id uuid,
    reason text NOT NULL,
    words text,
    due_on date NOT NULL,
    priority text NOT NULL,
    assignee_id uuid,
    assignee_place_id integer,
    status text NOT NULL,
    raised_by_visit_id uuid,
    done_by_visit_id uuid,
    dropped_because text,
    CONSTRAINT follow_up_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT follow_up_household_fkey FOREIGN KEY(county_id, household_id, place_id) REFERENCES household (county_id, id, place_id)
        DEFERRABLE INITIALLY DEFERRED
)
"""
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[])), false)"
)


def upgrade() -> None:
    op.execute("ALTER TABLE household ADD COLUMN joined_into_id uuid")
    op.execute(FOLLOW_UP)
    for by in ("place", "township", "household"):
        op.execute(f"CREATE INDEX follow_up_{by}_day_idx ON follow_up (county_id, {by}_id, due_on, id)")
    op.execute("CREATE INDEX follow_up_assignee_idx ON follow_up (county_id, assignee_id) WHERE status = 'open'")
    op.execute("ALTER TABLE follow_up ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY follow_up_scope ON follow_up USING ({IN_SCOPE}) WITH CHECK ({IN_SCOPE})")
    op.execute("GRANT SELECT, INSERT, UPDATE ON follow_up TO jiafang_app")


def downgrade() -> None:
    op.execute("DROP TABLE follow_up")
    op.execute("ALTER TABLE household DROP COLUMN joined_into_id")
