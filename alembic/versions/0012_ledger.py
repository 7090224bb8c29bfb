"""The ledger. Its policy is the county, like the trail's: it is read beside records in scope, and by the place where money went.

`account_type` and `posting_rule` belong to no county: they say which accounts may pay which (rules/ledger.py). The app adds transfers and
keeps balances; it changes and erases nothing that was posted.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = {
    "account_type": """
CREATE TABLE account_type (
    type text NOT NULL,
    side integer NOT NULL,
    CONSTRAINT account_type_pkey PRIMARY KEY (type)
)
""",
    "posting_rule": """
CREATE TABLE posting_rule (
    event text NOT NULL,
    from_type text NOT NULL,
    to_type text NOT NULL,
    CONSTRAINT posting_rule_pkey PRIMARY KEY (event, from_type, to_type),
    CONSTRAINT posting_rule_from_fkey FOREIGN KEY(from_type) REFERENCES account_type (type),
    CONSTRAINT posting_rule_to_fkey FOREIGN KEY(to_type) REFERENCES account_type (type)
)
""",
    "account": """
CREATE TABLE account (
    county_id integer NOT NULL,
    type text NOT NULL,
    owner text NOT NULL,
    balance_fen bigint,
    CONSTRAINT account_pkey PRIMARY KEY (county_id, type, owner),
    CONSTRAINT account_type_fkey FOREIGN KEY(type) REFERENCES account_type (type),
    CONSTRAINT account_debit_check CHECK (type <> ALL ('{cash,till}'::text[]) OR balance_fen >= 0),
    CONSTRAINT account_credit_check CHECK (type <> ALL ('{credit,unexplained}'::text[]) OR balance_fen <= 0)
)
""",
    "transfer": """
CREATE TABLE transfer (
    county_id integer NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    event text NOT NULL,
    from_type text NOT NULL,
    from_owner text NOT NULL,
    to_type text NOT NULL,
    to_owner text NOT NULL,
    amount_fen bigint NOT NULL,
    kind text NOT NULL,
    record_id uuid NOT NULL,
    payment_id uuid,
    charge_id uuid,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    on_day date NOT NULL,
    booked_on date NOT NULL,
    by_user_id uuid,
    posted_at timestamptz NOT NULL,
    CONSTRAINT transfer_pkey PRIMARY KEY (county_id, seq),
    CONSTRAINT transfer_amount_check CHECK (amount_fen > 0),
    CONSTRAINT transfer_rule_fkey FOREIGN KEY(event, from_type, to_type) REFERENCES posting_rule (event, from_type, to_type),
    CONSTRAINT transfer_from_fkey FOREIGN KEY(county_id, from_type, from_owner) REFERENCES account (county_id, type, owner),
    CONSTRAINT transfer_to_fkey FOREIGN KEY(county_id, to_type, to_owner) REFERENCES account (county_id, type, owner)
)
""",
    "closed_month": """
CREATE TABLE closed_month (
    county_id integer NOT NULL,
    month date NOT NULL,
    closed_at timestamptz NOT NULL,
    closed_by uuid,
    CONSTRAINT closed_month_pkey PRIMARY KEY (county_id, month)
)
""",
    "receipt_number": """
CREATE TABLE receipt_number (
    county_id integer NOT NULL,
    series text NOT NULL,
    number integer NOT NULL,
    book_id uuid NOT NULL,
    CONSTRAINT receipt_number_pkey PRIMARY KEY (county_id, series, number)
)
""",
}
INDEXES = (
    "CREATE INDEX transfer_charge_idx ON transfer (county_id, charge_id) WHERE event = ANY ('{allocation,release}'::text[])",
    "CREATE INDEX transfer_from_idx ON transfer (county_id, from_type, from_owner, seq)",
    "CREATE UNIQUE INDEX transfer_once_key"
    " ON transfer (county_id, record_id, event, from_type) WHERE event <> ALL ('{allocation,release,explained}'::text[])",
    "CREATE INDEX transfer_payment_idx ON transfer (county_id, payment_id) WHERE event = ANY ('{allocation,release}'::text[])",
    "CREATE INDEX transfer_place_day_idx ON transfer (county_id, place_id, booked_on, seq)",
    "CREATE INDEX transfer_to_idx ON transfer (county_id, to_type, to_owner, seq)",
    "CREATE INDEX transfer_township_day_idx ON transfer (county_id, township_id, booked_on, seq)",
)
TYPES = (
    ("income", 0),
    ("owed", 0),
    ("credit", -1),
    ("cash", 1),
    ("till", 1),
    ("unexplained", -1),
    ("fiscal", 0),
)
POSTING = (
    ("charge", "income", "owed"),
    ("charge_cancelled", "owed", "income"),
    ("waiver", "owed", "income"),
    ("payment", "credit", "cash"),
    ("payment", "credit", "fiscal"),
    ("allocation", "owed", "credit"),
    ("release", "credit", "owed"),
    ("refund", "cash", "credit"),
    ("refund", "till", "credit"),
    ("refund", "fiscal", "credit"),
    ("correction", "cash", "credit"),
    ("correction", "till", "credit"),
    ("correction", "fiscal", "credit"),
    ("counting", "cash", "till"),
    ("counting", "unexplained", "till"),
    ("deposit", "till", "fiscal"),
    ("deposit", "unexplained", "fiscal"),
    ("explained", "cash", "unexplained"),
    ("explained", "till", "unexplained"),
)
RIGHTS = {
    "account_type": "SELECT",
    "posting_rule": "SELECT",
    "account": "SELECT, INSERT, UPDATE (balance_fen)",
    "transfer": "SELECT, INSERT",
    "closed_month": "SELECT, INSERT",
    "receipt_number": "SELECT, INSERT",
}
REFERENCE = ("account_type", "posting_rule")
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"


def upgrade() -> None:
    for table, create in TABLES.items():
        op.execute(create)
        if table not in REFERENCE:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({IN_COUNTY}) WITH CHECK ({IN_COUNTY})")
        op.execute(f"GRANT {RIGHTS[table]} ON {table} TO jiafang_app")
    for index in INDEXES:
        op.execute(index)
    for name, side in TYPES:
        op.execute(f"INSERT INTO account_type (type, side) VALUES ('{name}', {side})")
    for event, source, target in POSTING:
        op.execute(f"INSERT INTO posting_rule (event, from_type, to_type) VALUES ('{event}', '{source}', '{target}')")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
