from fastapi import APIRouter

from api.kinds import CATALOGUE_ENTRY
from api.language import both
from api.problems import CODE_TAKEN, REFUSED_WORD
from api.routers.records import Records
from api.schemas.catalogue_entry import CatalogueEntryQuery

router = APIRouter(tags=[both("目录", "Catalogues")])

calls = Records(router, CATALOGUE_ENTRY, ("目录条目", "catalogue entry"), "catalogue entries")
calls.lists(CatalogueEntryQuery)
calls.gets()
calls.creates(CODE_TAKEN, REFUSED_WORD)
calls.changes(REFUSED_WORD)
calls.voids()
