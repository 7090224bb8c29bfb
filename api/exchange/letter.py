"""The letter that tells another county what one side of a residence says, and the receipt that comes back (decision 0023).

Both are signed texts (tokens.py). A letter holds the whole of what the other side is to know, with a number that grows: so it may come
twice, late, out of order or, but for the last, never.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from api.schemas.base import Birthday, Body, Day, Id, Instant, Name, Note, Phone, Short
from api.schemas.consent import Act
from api.schemas.residence import Cause, DivisionCode, Service, Shared, Side
from api.tokens import LETTER, RECEIPT, BadToken, Keys, opened, signed

Outcome = Literal["applied", "known"]


class _Signed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    residence_id: Id
    side: Annotated[Side, Field(description="whose part it is")]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


# As the database writes it, so that texts are in the order of time
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00$"), AfterValidator(_moment)]
Consents = dict[Shared, tuple[Act, Moment]]


class Part(Body):
    """What a letter may say: all that the side says, that it declines, or that it takes the residence back (rules/residence.py, `part`)."""

    withdrawn: Literal[True] | None = None
    since_on: Day | None = None
    until_on: Day | None = None
    cause: Cause | None = None
    declined_because: Short | None = None
    registered_in: DivisionCode | None = None
    living_in: DivisionCode | None = None
    comes_home_on: Day | None = None
    wishes: Note | None = None
    asks: list[Shared] = []
    elsewhere: bool = False
    services: Annotated[list[Service], Field(max_length=200)] = []
    phones: list[Phone] = []
    attended_on: list[Day] = []
    consents: Consents = {}
    heard: Consents = {}
    name: Name | None = None
    sex: Literal[0, 1, 2, 9] | None = None
    born_on: Birthday | None = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        if "since_on" in self.model_fields_set and not (self.since_on and self.cause and "until_on" in self.model_fields_set):
            raise ValueError("a part without its days and cause")
        return self


def _as_part(said: dict[str, Any]) -> dict[str, Any]:
    Part.model_validate_json(orjson.dumps(said))
    return said


class Letter(_Signed):
    from_code: DivisionCode
    to_code: DivisionCode
    part: Annotated[dict[str, Any], AfterValidator(_as_part)]

    def sign(self, keys: Keys) -> str:
        return signed(keys, LETTER, self.model_dump(mode="json"))


class Receipt(_Signed):
    """`known`: it was there already, or a newer one."""

    received_at: Instant
    outcome: Outcome

    def sign(self, keys: Keys) -> str:
        return signed(keys, RECEIPT, self.model_dump(mode="json"))


class BadLetter(Exception):
    """Not signed by whom it says, or not what a letter of this version says."""


def read_letter(keys: Keys, text: str) -> Letter:
    try:
        return Letter.model_validate(opened(keys, LETTER, text))
    except (BadToken, ValidationError, TypeError):  # TypeError: what orjson does not write
        raise BadLetter from None


def read_receipt(keys: Keys, text: str) -> Receipt:
    try:
        return Receipt.model_validate(opened(keys, RECEIPT, text))
    except (BadToken, ValidationError):
        raise BadLetter from None
