from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlmodel import Field

from api.db.tables.base import RecordRow


class FeeItem(RecordRow, table=True):
    __tablename__ = "fee_item"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="fee_item_pkey"),
        # the county's desk keeps them online, so a version can be unique here
        UniqueConstraint("county_id", "code", "valid_from", name="fee_item_code_key"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="fee_item_place_fkey"),
    )
    code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    basis: str | None = Field(sa_type=Text)
    amount_fen: int | None = Field(sa_type=BigInteger)
    rule: str | None = Field(sa_type=Text)
    valid_from: date
    valid_to: date | None
    record_only: bool
    closed_because: str | None = Field(sa_type=Text)
    closed_because_en: str | None = Field(sa_type=Text)


# A later version of an item `t` that is in force on a day
_LATER = (
    "FROM fee_item n WHERE n.county_id = $1 AND n.code = t.code AND n.valid_from > t.valid_from AND n.valid_from <= {} AND NOT n.voided"
)
ORDER = {"code": ("text", "asc")}
FILTERS = {
    "code": "t.code = {}::text",
    "record_only": "t.record_only = {}::bool",
    "in_force_on": (
        "{0}::date BETWEEN t.valid_from AND coalesce(t.valid_to, 'infinity') AND t.basis IS NOT NULL AND t.closed_because IS NULL"
        f" AND NOT EXISTS (SELECT {_LATER.format('{0}::date')})"
    ),
}
# Items by id, with what a later version says that is in force. They are the county's, and everybody in it may charge them
CHARGED = f"""
SELECT t.*, l.code IS NOT NULL AS superseded, l.closed_because AS superseded_because, l.closed_because_en AS superseded_because_en
FROM fee_item t LEFT JOIN LATERAL (SELECT n.code, n.closed_because, n.closed_because_en {_LATER.format("$5::date")}
  ORDER BY n.valid_from DESC LIMIT 1) l ON true
WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND NOT t.voided AND $3::int[] IS NOT NULL AND $4::int[] IS NOT NULL"""
