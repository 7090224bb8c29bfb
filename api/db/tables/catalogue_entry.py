from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlmodel import Field

from api.db.tables.base import RecordRow


class CatalogueEntry(RecordRow, table=True):
    __tablename__ = "catalogue_entry"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="catalogue_entry_pkey"),
        # the county's desk keeps catalogues online, so a code can be unique here
        UniqueConstraint("county_id", "catalogue", "code", name="catalogue_entry_code_key"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="catalogue_entry_place_fkey"),
    )
    catalogue: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    active: bool


ORDER = {"code": ("text", "asc")}
FILTERS = {"catalogue": "t.catalogue = {}::text", "active": "t.active = {}::bool"}
