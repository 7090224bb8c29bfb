from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class ReceiptBook(RecordRow, table=True):
    __tablename__ = "receipt_book"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="receipt_book_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="receipt_book_place_fkey"),
        Index("receipt_book_place_first_idx", "county_id", "place_id", "first_number", "id"),
        Index("receipt_book_township_first_idx", "county_id", "township_id", "first_number", "id"),
    )
    device_id: UUID
    series: str = Field(sa_type=Text)
    first_number: int
    last_number: int
    status: str = Field(sa_type=Text)
    spoiled: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))


ORDER = {"first_number": ("int", "asc")}
FILTERS = {
    "device_id": "t.device_id = {}::uuid",
    "place_id": IN_PLACE,
    "series": "t.series = {}::text",
    "status": "t.status = {}::text",
    "running_out": (
        "(t.status = 'in_use' AND t.last_number - t.first_number + 1 - cardinality(t.spoiled) - (SELECT count(DISTINCT p.receipt_number)"
        " FROM payment p WHERE p.county_id = $1 AND p.receipt_book_id = t.id"
        " AND p.receipt_number BETWEEN t.first_number AND t.last_number) <= 10) = {}::bool"
    ),
}
# All numbers of a new book: one that another book has is refused by the key
NUMBERS = """
INSERT INTO receipt_number (county_id, series, number, book_id)
SELECT k.county_id, x.series, n.number, x.id
FROM clock k, json_to_recordset($2::json) AS x (id uuid, series text, first_number int, last_number int)
CROSS JOIN LATERAL generate_series(x.first_number, x.last_number) n (number)
WHERE k.county_id = $1 ORDER BY x.series, n.number"""
# What was issued of a book
ISSUED = """
SELECT p.receipt_number AS number, array_agg(p.id ORDER BY p.created_at, p.id) AS payment_ids FROM payment p
WHERE p.county_id = $1 AND p.receipt_book_id = $2::uuid AND p.receipt_number IS NOT NULL GROUP BY p.receipt_number"""
