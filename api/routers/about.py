"""What anybody may ask: who operates this, and its public keys."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.access import access_of
from api.language import both
from api.routers import wire
from api.schemas.base import says

router = APIRouter(tags=[both("关于本服务", "About the service")])

# What it never does
NEVER = ("reproductive_records", "fines_for_births", "tracing_of_people", "quotas_on_residents")
# National rules on grassroots apps (国办函〔2026〕12号): what such a service must not have, and ours does not
ABSENT = ("check_in", "points", "ranking", "online_time", "forced_photos", "location_tracks", "repeated_forms", *NEVER)


class About(BaseModel):
    """关于本服务。About the service."""

    name: str = says("名称", "Name", "家访 Jiafang")
    version: str = says("版本", "Version", "0.1.0")
    operator: str = says("运营单位（县级以上）", "Who operates it: the county or above", "青禾县卫生健康局")
    filing_number: str = says("备案号", "Filing number", "")
    absent: list[str] = says(
        "没有的功能：签到、积分、排名、在线时长、强制拍照、轨迹、重复填表、生育记录、生育罚款、追查人、对居民下指标",
        "Functions that it does not have",
        list(ABSENT),
    )


class KeySet(BaseModel):
    """公钥。The public keys (RFC 7517)."""

    keys: list[dict[str, str]] = says("公钥（RFC 7517）", "Public keys (RFC 7517)")


def _open(operation_id: str, named: tuple[str, str], says: tuple[str, str], model: type[BaseModel]) -> dict[str, Any]:
    return wire.documented(operation_id, named, says, None, wire.reply(model, both(*named)))


@router.get(
    "/v1/about",
    **_open(
        "get_about",
        ("关于", "About"),
        ("谁运营，备案号，以及没有哪些功能。", "Who operates it, the filing number, and which functions are absent."),
        About,
    ),
)
async def about(request: Request) -> Response:
    settings = request.app.state.settings
    known = {"operator": settings.operator, "filing_number": settings.filing_number}
    return wire.json({"name": "家访 Jiafang", "version": request.app.version, **known, "absent": ABSENT})


@router.get(
    "/.well-known/jwks.json",
    **_open("get_keys", ("公钥", "Public keys"), ("验证访问凭证的公钥。", "The keys that access tokens are verified with."), KeySet),
)
async def keys(request: Request) -> Response:
    return wire.json(access_of(request).keys.public_jwks())
