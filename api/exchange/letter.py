"""The letter that tells another county what one side of a residence says, and the receipt that comes back (decision 0023).

Both are signed texts (tokens.py). A letter holds the whole of what the other side is to know, with a number that grows: so it may come
twice, late, out of order or, but for the last, never.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.schemas.base import Id, Instant
from api.schemas.residence import DivisionCode, Side
from api.tokens import LETTER, RECEIPT, BadToken, Keys, opened, signed

Outcome = Literal["applied", "known"]


class _Signed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    residence_id: Id
    side: Annotated[Side, Field(description="whose part it is")]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Letter(_Signed):
    from_code: DivisionCode
    to_code: DivisionCode
    part: dict[str, Any]

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
    except (BadToken, ValidationError):
        raise BadLetter from None


def read_receipt(keys: Keys, text: str) -> Receipt:
    try:
        return Receipt.model_validate(opened(keys, RECEIPT, text))
    except (BadToken, ValidationError):
        raise BadLetter from None
