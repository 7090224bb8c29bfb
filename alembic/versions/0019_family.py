"""The family's seat: who reads the household that they head, and the cards that open it."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SEAT = """
CREATE TABLE seat (
    county_id integer NOT NULL,
    user_id uuid NOT NULL,
    household_id uuid NOT NULL,
    person_id uuid NOT NULL,
    granted_tick bigint NOT NULL,
    revoked_tick bigint,
    CONSTRAINT seat_pkey PRIMARY KEY (county_id, user_id, granted_tick),
    CONSTRAINT seat_user_fkey FOREIGN KEY(county_id, user_id) REFERENCES app_user (county_id, id)
)
"""
CARD = """
CREATE TABLE activation_card (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    number text NOT NULL,
    person_id uuid,
    status text NOT NULL,
    bound_on date,
    code_mac bytea NOT NULL,
    tries integer NOT NULL,
    CONSTRAINT activation_card_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT activation_card_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
"""
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[])), false)"
)


def upgrade() -> None:
    op.execute(SEAT)
    op.execute("CREATE UNIQUE INDEX seat_held_key ON seat (county_id, user_id) WHERE revoked_tick IS NULL")
    op.execute("CREATE UNIQUE INDEX seat_person_key ON seat (county_id, person_id) WHERE revoked_tick IS NULL")
    op.execute("GRANT SELECT, INSERT, UPDATE ON seat TO jiafang_app")
    op.execute(CARD)
    op.execute("CREATE INDEX activation_card_number_idx ON activation_card (county_id, number)")
    op.execute("CREATE INDEX activation_card_place_number_idx ON activation_card (county_id, place_id, number, id)")
    op.execute("CREATE INDEX activation_card_township_number_idx ON activation_card (county_id, township_id, number, id)")
    op.execute("ALTER TABLE activation_card ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY activation_card_scope ON activation_card USING ({IN_SCOPE}) WITH CHECK ({IN_SCOPE})")
    op.execute("GRANT SELECT, INSERT, UPDATE ON activation_card TO jiafang_app")
    # the number of a new card becomes a name of the account that its head has already
    op.execute("GRANT UPDATE (user_id) ON login TO jiafang_app")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (user_id) ON login FROM jiafang_app")
    op.execute("DROP TABLE activation_card")
    op.execute("DROP TABLE seat")
