"""Fee items, receipt books, charges, payments, refunds, countings and deposits."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = {
    "fee_item": """
CREATE TABLE fee_item (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    code text NOT NULL,
    name text NOT NULL,
    name_en text NOT NULL,
    basis text,
    amount_fen bigint,
    rule text,
    valid_from date NOT NULL,
    valid_to date,
    record_only boolean NOT NULL,
    closed_because text,
    closed_because_en text,
    CONSTRAINT fee_item_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT fee_item_code_key UNIQUE (county_id, code, valid_from),
    CONSTRAINT fee_item_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    "receipt_book": """
CREATE TABLE receipt_book (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    device_id uuid NOT NULL,
    series text NOT NULL,
    first_number integer NOT NULL,
    last_number integer NOT NULL,
    status text NOT NULL,
    spoiled integer[] NOT NULL,
    CONSTRAINT receipt_book_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT receipt_book_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    "charge": """
CREATE TABLE charge (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    fee_item_id uuid NOT NULL,
    household_id uuid NOT NULL,
    person_id uuid,
    amount_fen bigint NOT NULL,
    due_on date NOT NULL,
    proof_number text,
    status text NOT NULL,
    paid_fen bigint NOT NULL,
    waived_because text,
    waiver_by uuid,
    waiver_approved_by uuid,
    CONSTRAINT charge_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT charge_household_fkey FOREIGN KEY(county_id, household_id, place_id)
        REFERENCES household (county_id, id, place_id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT charge_waiver_check CHECK (status <> 'waived' OR coalesce(waiver_approved_by <> waiver_by, false))
)
""",
    "payment": """
CREATE TABLE payment (
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
    amount_fen bigint NOT NULL,
    means text NOT NULL,
    paid_on date NOT NULL,
    receipt_book_id uuid,
    receipt_number integer,
    payer_name text,
    for_charge_ids uuid[] NOT NULL,
    received_by uuid,
    left_fen bigint NOT NULL,
    fiscal_code text,
    fiscal_number text,
    fiscal_check_code text,
    CONSTRAINT payment_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT payment_household_fkey FOREIGN KEY(county_id, household_id, place_id)
        REFERENCES household (county_id, id, place_id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT payment_amount_check CHECK (amount_fen > 0)
)
""",
    "refund": """
CREATE TABLE refund (
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
    payment_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    manner text NOT NULL,
    paid_from text NOT NULL,
    because text NOT NULL,
    status text NOT NULL,
    collected_by uuid,
    decided_by uuid,
    decided_at timestamptz,
    CONSTRAINT refund_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT refund_household_fkey FOREIGN KEY(county_id, household_id, place_id)
        REFERENCES household (county_id, id, place_id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT refund_amount_check CHECK (amount_fen > 0),
    CONSTRAINT refund_approver_check CHECK (status <> 'approved' OR coalesce(decided_by <> created_by, false))
)
""",
    "counting": """
CREATE TABLE counting (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    worker_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    counted_on date NOT NULL,
    status text NOT NULL,
    confirmed_by uuid,
    confirmed_at timestamptz,
    CONSTRAINT counting_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT counting_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id),
    CONSTRAINT counting_amount_check CHECK (amount_fen > 0),
    CONSTRAINT counting_both_check CHECK (status <> 'confirmed' OR coalesce(confirmed_by <> created_by, false))
)
""",
    "deposit": """
CREATE TABLE deposit (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    amount_fen bigint NOT NULL,
    deposited_on date NOT NULL,
    bank_reference text NOT NULL,
    CONSTRAINT deposit_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT deposit_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id),
    CONSTRAINT deposit_amount_check CHECK (amount_fen > 0)
)
""",
}
INDEXES = (
    "CREATE INDEX receipt_book_place_first_idx ON receipt_book (county_id, place_id, first_number, id)",
    "CREATE INDEX receipt_book_township_first_idx ON receipt_book (county_id, township_id, first_number, id)",
    "CREATE INDEX charge_household_day_idx ON charge (county_id, household_id, due_on, id)",
    "CREATE INDEX charge_open_idx ON charge (county_id, household_id) WHERE status = 'open'",
    "CREATE INDEX charge_place_day_idx ON charge (county_id, place_id, due_on, id)",
    "CREATE INDEX charge_township_day_idx ON charge (county_id, township_id, due_on, id)",
    "CREATE INDEX payment_household_day_idx ON payment (county_id, household_id, paid_on, id)",
    "CREATE INDEX payment_left_idx ON payment (county_id, household_id, paid_on, created_at, id) WHERE left_fen > 0",
    "CREATE INDEX payment_place_day_idx ON payment (county_id, place_id, paid_on, id)",
    "CREATE INDEX payment_receipt_idx ON payment (county_id, receipt_book_id, receipt_number)",
    "CREATE INDEX payment_township_day_idx ON payment (county_id, township_id, paid_on, id)",
    "CREATE INDEX refund_household_status_idx ON refund (county_id, household_id, status, id)",
    "CREATE INDEX refund_payment_idx ON refund (county_id, payment_id)",
    "CREATE INDEX refund_place_status_idx ON refund (county_id, place_id, status, id)",
    "CREATE INDEX refund_township_status_idx ON refund (county_id, township_id, status, id)",
    "CREATE INDEX counting_place_day_idx ON counting (county_id, place_id, counted_on, id)",
    "CREATE INDEX counting_township_day_idx ON counting (county_id, township_id, counted_on, id)",
    "CREATE INDEX deposit_place_day_idx ON deposit (county_id, place_id, deposited_on, id)",
    "CREATE INDEX deposit_township_day_idx ON deposit (county_id, township_id, deposited_on, id)",
)
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[]){above}), false)"
)
ABOVE = " OR place_id = ANY (nullif(current_setting('app.above', true), '')::int[])"


def upgrade() -> None:
    for table, create in TABLES.items():
        op.execute(create)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        within = IN_SCOPE.format(above="")
        reads = IN_SCOPE.format(above=ABOVE) if table == "fee_item" else within
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({reads}) WITH CHECK ({within})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO jiafang_app")
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
