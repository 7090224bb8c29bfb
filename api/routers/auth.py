"""Signing in and out. The token call is OAuth 2.0 (RFC 6749), so that any client library, and the docs page, can do it."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from starlette.responses import Response

from api import activation, sign_in
from api.access import access_of
from api.db.session import Tx
from api.language import both
from api.problems import (
    ACCOUNT_CLOSED,
    CARD_NOT_BOUND,
    CARD_SPENT,
    DEVICE_OF_ANOTHER,
    DEVICE_REVOKED,
    FIRST_PASSWORD_OVER,
    INVALID,
    NOT_A_HEAD,
    TOO_MANY_ATTEMPTS,
    WEAK_PASSWORD,
    WRONG_CARD,
    WRONG_SIGN_IN,
)
from api.routers import wire
from api.routers.records import READERS
from api.schemas.activation_card import Activation
from api.schemas.base import Body, Words, says
from api.schemas.faults import invalid
from api.schemas.user import NewPassword, TokenReply

router = APIRouter(tags=[both("登录", "Signing in")])

FORM = ("application/x-www-form-urlencoded",)
Name = Annotated[Words, StringConstraints(max_length=200)]
Secret = Annotated[str, StringConstraints(max_length=200)]


class PasswordForm(Body):
    """登录表单。The form of signing in (RFC 6749, 4.3 and 6)."""

    grant_type: Literal["password", "refresh_token"] = says("password 或 refresh_token", "password or refresh_token", "password")
    username: Name = Field("", description=both("用户名", "User name"))
    password: Secret = Field("", description=both("密码", "Password"))
    device_id: UUID | None = Field(
        None,
        description=both("应用安装时生成的设备编号，每次登录都一样", "Made by the app when it was installed, the same at each sign-in"),
    )
    device_name: Name = Field("", description=both("设备名称", "Name of the device"))
    refresh_token: Secret = Field("", description=both("刷新凭证（grant_type=refresh_token）", "With grant_type=refresh_token"))


@router.post(
    "/v1/auth/token",
    **wire.documented(
        "sign_in",
        ("登录", "Sign in"),
        (
            "OAuth 2.0 密码方式或刷新方式。刷新凭证用后即换，断线重试会得到同一个新凭证。",
            "OAuth 2.0, by password or refresh token. A refresh token is exchanged once; a repeat on a bad line gets the same new one.",
        ),
        None,
        wire.reply(TokenReply, both("凭证", "The tokens")),
        WRONG_SIGN_IN,
        ACCOUNT_CLOSED,
        FIRST_PASSWORD_OVER,
        DEVICE_REVOKED,
        DEVICE_OF_ANOTHER,
        TOO_MANY_ATTEMPTS,
        **wire.request_body(PasswordForm, FORM),
    ),
)
async def token(request: Request) -> Response:
    access = access_of(request)
    form = await _form(request)
    if form.grant_type == "refresh_token":
        tokens = await sign_in.by_refresh_token(access, form.refresh_token)
    else:
        tokens = await sign_in.by_password(
            access,
            request.app.state.passwords,
            username=form.username,
            password=form.password,
            device_id=form.device_id,
            device_name=form.device_name,
            network=request.client.host if request.client else "",
        )
    return _given(tokens)


def _given(tokens: sign_in.Tokens) -> Response:
    body = {
        "access_token": tokens.access_token,
        "token_type": "bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "device_id": str(tokens.device_id),
        "password_temporary": tokens.password_temporary,
    }
    reply = wire.json(body)
    reply.headers["Cache-Control"] = "no-store"
    return reply


FORM_MODEL: TypeAdapter[PasswordForm] = TypeAdapter(PasswordForm)


async def _form(request: Request) -> PasswordForm:
    """The form's known members; what OAuth libraries add (scope, client_id) is passed over."""
    body = await wire.raw(request, FORM, 8_192)
    try:
        sent = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
        pairs = dict(sent)
        if len(pairs) < len(sent):  # RFC 6749, 3.2
            raise INVALID(error="invalid_request")
        return FORM_MODEL.validate_strings({name: pairs[name] for name in PasswordForm.model_fields if pairs.get(name)})
    except ValidationError as error:
        faults = invalid(error).faults
        unknown = any(fault.pointer == "/grant_type" and fault.code == "literal_error" for fault in faults)
        raise INVALID(*faults, error="unsupported_grant_type" if unknown else "invalid_request") from None
    except ValueError:
        raise INVALID(error="invalid_request") from None


@router.post(
    "/v1/auth/sign-out",
    **wire.documented("sign_out", ("退出", "Sign out"), ("这台设备的凭证全部失效。", "All tokens of this device end."), READERS, {}),
)
async def sign_out(request: Request) -> Response:
    access = access_of(request)
    caller = await access.caller(request)

    async def work(tx: Tx) -> None:
        if caller.device_id:
            await sign_in.end(tx, caller.county_id, [caller.device_id], "signed_out", access.now())

    await access.database.plain(work)
    return Response(status_code=204)


@router.post(
    "/v1/auth/password",
    **wire.documented(
        "change_password",
        ("修改密码", "Change the own password"),
        ("其他设备随即退出。", "Other devices are signed out."),
        READERS,
        {},
        WRONG_SIGN_IN,
        WEAK_PASSWORD,
        TOO_MANY_ATTEMPTS,
        **wire.request_body(NewPassword),
    ),
)
async def change_password(request: Request) -> Response:
    access = access_of(request)
    caller, sent = await wire.asked(request, NewPassword)
    await sign_in.change_password(access, request.app.state.passwords, caller, sent.password, sent.new_password)
    return Response(status_code=204)


@router.post(
    "/v1/auth/activate",
    **wire.documented(
        "activate",
        ("用激活卡开通", "Activate with a card"),
        (
            "户主输入卡号、密码和自己定的新密码；卡号以后就是用户名。已有账号的（手机丢了），原来的密码和手机随即失效。"
            "没收到回复就用卡号和新密码登录：卡只能用一次。",
            "The head of a household types number and code, and a password of their own; the number is the user name from then on. Of an "
            "account that is there already, after a lost phone, the old password and phones end. If the reply is lost, sign in with the "
            "number and the new password: a card is used once.",
        ),
        None,
        wire.reply(TokenReply, both("凭证", "The tokens")),
        WRONG_CARD,
        CARD_SPENT,
        CARD_NOT_BOUND,
        NOT_A_HEAD,
        DEVICE_OF_ANOTHER,
        WEAK_PASSWORD,
        TOO_MANY_ATTEMPTS,
        **wire.request_body(Activation),
    ),
)
async def activate(request: Request) -> Response:
    sent = await wire.read(request, Activation)
    tokens = await activation.activate(
        access_of(request),
        request.app.state.passwords,
        number=sent.card_number,
        code=sent.code,
        password=sent.password,
        device_id=sent.device_id,
        device_name=sent.device_name,
        network=request.client.host if request.client else "",
    )
    return _given(tokens)
