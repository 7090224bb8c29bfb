"""The server's own keys and the access tokens signed with them.

python-jose makes and checks the signatures; no other file imports it, because it accepts much that it should not. Everything that a token
must be is asked here, and whatever is wrong with one is the same BadToken.
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jose import jwk, jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

from api import key_file
from api.key_file import BadKeys

ALGORITHM = "ES256"
TYPE = "at+jwt"
ISSUER = "jiafang"
AUDIENCE = "jiafang-api"
ROLES = ("county", "township", "village", "household_head")
LIFETIME = 900
LONGEST_LIFETIME = 3600
LEEWAY = 60  # seconds that another process's clock may be ahead of ours
LONGEST_TOKEN = 4096
LETTER, RECEIPT = "jiafang-letter+jws", "jiafang-receipt+jws"  # between counties (exchange/letter.py)
LONGEST_LETTER = 256 * 1024
INT32 = 2**31 - 1

CLAIMS = frozenset({"iss", "aud", "sub", "exp", "iat", "jti", "county", "device", "role"})
# Three parts of base64url. The second and the third are canonical: the bits that the last character has left over are zero, so that nobody
# can write the same bytes in another way. 64 bytes of signature are 86 characters.
TOKEN = re.compile(
    r"(?P<header>[A-Za-z0-9_-]+)"
    r"\.(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
    r"\.[A-Za-z0-9_-]{85}[AQgw]"
)
KID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadToken(Exception):
    """Not a token of ours, or no longer one. It never says why: that would only help whoever tries."""


@dataclass(frozen=True, slots=True)
class Claims:
    county_id: int
    user_id: UUID
    device_id: UUID
    role: str  # a hint only: the database knows
    issued_at: int
    expires_at: int
    jti: str  # what a token is revoked by: its text is no identity, as its holder can write a signature (r, s) also as (r, -s)


class Keys:
    """The keys in one file: {"secret": 32 bytes in hex, "signing": [{"kid": …, "private": PEM}, …]}, the newest last.

    An object never changes: after a rotation the file is loaded anew.
    """

    def __init__(self, path: Path, document: Any) -> None:
        if not (isinstance(document, dict) and document.keys() == {"secret", "signing"} and isinstance(document["signing"], list)):
            raise BadKeys('it must hold "secret" and a list "signing"')
        self._path = path
        self._document = document
        self._secret = _secret(document["secret"])
        self._signers: dict[str, Key] = {}
        self._verifiers: dict[tuple[str, str], Key] = {}
        for entry in document["signing"]:
            if not (isinstance(entry, dict) and entry.keys() == {"kid", "private"}):
                raise BadKeys('a signing key must have "kid" and "private"')
            kid, signer = entry["kid"], _signer(entry["private"])
            if not (isinstance(kid, str) and KID.fullmatch(kid)):
                raise BadKeys("a kid must be 1 to 64 of A-Z a-z 0-9 _ -")
            if kid in self._signers:
                raise BadKeys(f"the kid {kid} is there twice")
            self._signers[kid] = signer
            # We write one header per key and type. What starts with exactly this text gets the key; no other header is even looked into.
            for typ in (TYPE, LETTER, RECEIPT):
                header = jws.sign({}, signer, {"typ": typ, "kid": kid}, ALGORITHM).partition(".")[0]
                self._verifiers[typ, header] = signer.public_key()
        if not self._signers:
            raise BadKeys("there is no signing key")

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            return cls(path, key_file.read(path))
        except (OSError, ValueError, RecursionError, JOSEError) as wrong:
            raise BadKeys(f"The keys in {path} cannot be used: {wrong}") from None

    @classmethod
    def create(cls, path: Path) -> Self:
        key_file.create(path, {"secret": secrets.token_hex(32), "signing": [_new_signing_key()]})
        return cls.load(path)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        return cls.load(path) if path.exists() else cls.create(path)

    def add_signing_key(self) -> Self:
        """The keys with a new one that signs from now on. Another process refuses its tokens until it loads the file anew."""
        keys = self.load(self._path)  # somebody may have rotated them since we loaded them
        return keys._with_signing([*keys._document["signing"], _new_signing_key()])

    def remove_signing_key(self, kid: str) -> Self:
        """The keys without this one, whose tokens are refused from now on."""
        keys = self.load(self._path)
        if kid not in keys._signers:
            raise BadKeys(f"there is no signing key {kid}")
        return keys._with_signing([entry for entry in keys._document["signing"] if entry["kid"] != kid])

    def _with_signing(self, entries: list[dict[str, str]]) -> Self:
        keys = type(self)(self._path, self._document | {"signing": entries})  # sound, or nothing is written
        key_file.replace(self._path, keys._document)
        return keys

    @property
    def signing(self) -> tuple[str, Key]:
        """The kid and the key that sign: the newest."""
        return next(reversed(self._signers.items()))

    @property
    def ids(self) -> list[str]:
        return list(self._signers)

    def verifying(self, header: str, typ: str = TYPE) -> Key | None:
        """The key for a token of this type that starts with this text, if it is exactly the header of one of our keys."""
        return self._verifiers.get((typ, header))

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        return {"keys": [key.public_key().to_dict() | {"kid": kid, "use": "sig"} for kid, key in self._signers.items()]}

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 under the server's secret. Each purpose has a key of its own: a MAC made for one is worth nothing for another."""
        return hmac.digest(hmac.digest(self._secret, purpose.encode(), "sha256"), data, "sha256")


def _secret(text: object) -> bytes:
    if not (isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text)):
        raise BadKeys("the secret must be 32 bytes in hex")
    return bytes.fromhex(text)


def _signer(pem: object) -> Key:
    try:
        private = load_pem_private_key(str(pem).encode("ascii"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeys("a signing key must be a private key in PEM without a password") from None
    # jose would sign ES256 with any curve.
    if not (isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1)):
        raise BadKeys("a signing key must be on the curve P-256")
    return jwk.construct(str(pem), ALGORITHM)  # once: with a PEM each time, verifying takes half as long again


def _new_signing_key() -> dict[str, str]:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"kid": secrets.token_hex(8), "private": pem.decode("ascii")}


def issue(keys: Keys, *, county_id: int, user_id: UUID, device_id: UUID, role: str, now: int) -> str:
    if not (0 < county_id <= INT32 and role in ROLES):
        raise ValueError("verify would refuse this token")
    kid, key = keys.signing
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "exp": now + LIFETIME,
        "iat": now,
        "jti": str(uuid4()),
        "county": county_id,
        "device": str(device_id),
        "role": role,
    }
    return jws.sign(claims, key, {"typ": TYPE, "kid": kid}, ALGORITHM)


def verify(keys: Keys, token: str, now: int) -> Claims:
    try:
        return _claims(_opened(keys, TYPE, token, LONGEST_TOKEN), now)
    # ValueError is what UUID says.
    except (ValueError, TypeError, AttributeError):
        raise BadToken from None


def signed(keys: Keys, typ: str, body: dict[str, Any]) -> str:
    kid, key = keys.signing
    return jws.sign(body, key, {"typ": typ, "kid": kid}, ALGORITHM)


def opened(keys: Keys, typ: str, text: str) -> Any:
    """What one of our keys signed as of this type. Raises BadToken."""
    return _opened(keys, typ, text, LONGEST_LETTER)


def _opened(keys: Keys, typ: str, text: str, longest: int) -> Any:
    parts = TOKEN.fullmatch(text) if len(text) <= longest else None
    key = keys.verifying(parts["header"], typ) if parts else None
    if key is None:
        raise BadToken
    try:
        return json.loads(jws.verify(text, key, (ALGORITHM,)).decode("utf-8"), object_pairs_hook=key_file.no_twins)
    # jose leaks these from tokens that are made for it; ValueError is also what json says.
    except (JOSEError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise BadToken from None


def _claims(body: Any, now: int) -> Claims:
    # Nobody but us signs with our keys: a claim that we do not write (nbf, …) is as wrong as one that is missing.
    if not isinstance(body, dict) or body.keys() != CLAIMS:
        raise BadToken
    issued, expires, county, role = body["iat"], body["exp"], body["county"], body["role"]
    # type() is int: a bool is an int too. The lines after it bound every number from both sides.
    if not (type(issued) is int and type(expires) is int and type(county) is int):
        raise BadToken
    if not (issued <= now + LEEWAY and now < expires and 0 < expires - issued <= LONGEST_LIFETIME and 0 < county <= INT32):
        raise BadToken
    if body["iss"] != ISSUER or body["aud"] != AUDIENCE or role not in ROLES:
        raise BadToken
    return Claims(county, _uuid(body["sub"]), _uuid(body["device"]), role, issued, expires, str(_uuid(body["jti"])))


def _uuid(text: str) -> UUID:
    """Only as we write it: UUID() itself also takes braces, urn:uuid: and capitals."""
    value = UUID(text)
    if str(value) != text:
        raise BadToken
    return value


class Remembered:
    """Tokens that were verified, by the hash of their text, until they expire: verifying costs as much as the rest of a request.

    For one set of keys: keys loaded anew need a new one. For the event loop's thread only.
    """

    def __init__(self, keys: Keys, most: int = 10_000) -> None:
        self._keys = keys
        self._most = most
        self._claims: dict[bytes, Claims] = {}

    def claims(self, token: str, now: int) -> Claims:
        # surrogatepass: any str has a hash, and verify is the one that refuses it.
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._claims.get(name)
        if claims is None:
            claims = self._claims[name] = verify(self._keys, token, now)
            if len(self._claims) > self._most:
                del self._claims[next(iter(self._claims))]  # a dict keeps the order of arrival
        elif claims.expires_at <= now:
            del self._claims[name]
            raise BadToken
        return claims
