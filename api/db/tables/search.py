"""What records are found by (rules/search.py). Rows follow from the records and go with them."""

from uuid import UUID

from sqlalchemy import Index, PrimaryKeyConstraint, Text
from sqlmodel import Field, SQLModel


class SearchKey(SQLModel, table=True):
    """Read by ranges of `key`, place by place or township by township. Collation C: a range of what begins alike, in any database."""

    __tablename__ = "search_key"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "place_id", "kind", "key", "id", name="search_key_pkey"),
        Index("search_key_township_idx", "county_id", "township_id", "kind", "key", "id"),
    )
    county_id: int
    place_id: int
    township_id: int
    kind: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text(collation="C"))
    id: UUID


SOUGHT = "k.key >= {0}::text AND k.key < {0}::text || chr(1114111)"  # a key begins with what is sought


def begins(kind: str) -> str:
    """A filter of this kind's list: records of which a key begins with what is sought."""
    return f"t.id IN (SELECT k.id FROM search_key k WHERE k.county_id = $1 AND k.{{reads}}_id = h.held AND k.kind = '{kind}' AND {SOUGHT})"
