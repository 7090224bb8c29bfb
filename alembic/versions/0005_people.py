"""People; who heads a household, and whom a visit met; what households and people are found by."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PERSON = """
CREATE TABLE person (
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
    name text NOT NULL,
    sex smallint NOT NULL,
    born_on date,
    relation text NOT NULL,
    phones text[] NOT NULL,
    status text NOT NULL,
    joined_into_id uuid,
    alike text NOT NULL,
    CONSTRAINT person_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT person_household_fkey FOREIGN KEY(county_id, household_id, place_id) REFERENCES household (county_id, id, place_id)
        DEFERRABLE INITIALLY DEFERRED
)
"""
SEARCH_KEY = """
CREATE TABLE search_key (
    county_id integer NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    kind text NOT NULL,
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    CONSTRAINT search_key_pkey PRIMARY KEY (county_id, place_id, kind, key, id)
)
"""
FOUND_BY = """
INSERT INTO search_key (county_id, place_id, township_id, kind, key, id)
SELECT h.county_id, h.place_id, h.township_id, 'household', k.key, h.id FROM household h CROSS JOIN LATERAL (
    SELECT lower(translate(array_to_string(p.parts[n:], ''), '０１２３４５６７８９ ·-', '0123456789'))
    FROM (SELECT string_to_array(h.number, '-') AS parts) p, generate_subscripts(p.parts, 1) n
    UNION SELECT right(replace(phone, '-', ''), 4) FROM unnest(h.phones) phone) k (key)
WHERE k.key <> ''
"""
INDEXES = {
    "place_name": "place_id, name, id",
    "township_name": "township_id, name, id",
    "household_name": "household_id, name, id",
    "alike": "alike",
}
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[])), false)"
)


def upgrade() -> None:
    op.execute(PERSON)
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX person_{name}_idx ON person (county_id, {columns})")
    op.execute(SEARCH_KEY)
    op.execute("CREATE INDEX search_key_township_idx ON search_key (county_id, township_id, kind, key, id)")
    op.execute(FOUND_BY)
    for table, rights in {"person": "SELECT, INSERT, UPDATE", "search_key": "SELECT, INSERT, DELETE"}.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({IN_SCOPE}) WITH CHECK ({IN_SCOPE})")
        op.execute(f"GRANT {rights} ON {table} TO jiafang_app")
    op.execute("ALTER TABLE household ADD COLUMN head_id uuid")
    op.execute("ALTER TABLE visit ADD COLUMN met_ids uuid[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE visit ALTER COLUMN met_ids DROP DEFAULT")


def downgrade() -> None:
    op.execute("ALTER TABLE visit DROP COLUMN met_ids")
    op.execute("ALTER TABLE household DROP COLUMN head_id")
    op.execute("DROP TABLE search_key")
    op.execute("DROP TABLE person")
