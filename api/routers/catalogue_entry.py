from fastapi import APIRouter

from api.kinds import CATALOGUE_ENTRY
from api.language import both
from api.problems import CODE_TAKEN, REFUSED_WORD
from api.routers.records import Records
from api.schemas.catalogue_entry import CatalogueEntryQuery

router = APIRouter(tags=[both("目录", "Catalogues")])

STORED = {
    "id": "0b7e8a51-3c55-5f0f-8d9e-6a1d2c3b4e5f",
    "rev": 1,
    "place_id": 1,
    "voided": False,
    "created_at": "2026-11-01T01:00:00.000Z",
    "updated_at": "2026-11-01T01:00:00.000Z",
    "created_by": None,
    "catalogue": "visit_purpose",
    "code": "elder_care",
    "name": "养老服务",
    "name_en": "Care for the elderly",
    "active": True,
}

calls = Records(router, CATALOGUE_ENTRY, ("目录条目", "catalogue entry"), STORED)
calls.lists(CatalogueEntryQuery)
calls.gets()
calls.creates(CODE_TAKEN, REFUSED_WORD)
calls.changes(REFUSED_WORD, example={"active": False})
calls.voids()
