"""Access tokens and the server's keys. Bad tokens are made by hand, without jose, and signed with the server's own key where possible."""

import base64
import hashlib
import hmac
import json
import os
import stat
import string
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from api import tokens
from api.key_file import BadKeys
from api.tokens import BadToken, Claims, Keys, Remembered, issue, verify

NOW = 1_800_000_000
USER = UUID("018f3c5e-6a51-7c11-9d3a-0c6f1de1a001")
DEVICE = UUID("018f3c5e-6a51-7c11-9d3a-0c6f1de1a002")
BODY: dict[str, Any] = {
    "iss": "jiafang",
    "aud": "jiafang-api",
    "sub": str(USER),
    "exp": NOW + 900,
    "iat": NOW,
    "jti": "018f3c5e-6a51-7c11-9d3a-0c6f1de1a003",
    "county": 7,
    "device": str(DEVICE),
    "role": "village",
}
GOOD = Claims(7, USER, DEVICE, "village", NOW, NOW + 900, BODY["jti"])
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def pem_of(key: Any, *, password: bytes | None = None) -> str:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode())


def sign(header: object, body: object, private: ec.EllipticCurvePrivateKey) -> str:
    text = f"{b64(text_of(header).encode())}.{b64(text_of(body).encode())}"
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    size = (private.key_size + 7) // 8
    return f"{text}.{b64(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"


@dataclass(frozen=True)
class Server:
    path: Path
    keys: Keys
    kid: str
    private: ec.EllipticCurvePrivateKey

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "at+jwt", "kid": self.kid}

    def token(self, body: object = None, header: object = None) -> str:
        return sign(self.header if header is None else header, BODY if body is None else body, self.private)

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def server_of(path: Path) -> Server:
    """The server whose keys are in the file, with the newest private key laid open."""
    entry = json.loads(path.read_text())["signing"][-1]
    private = load_pem_private_key(entry["private"].encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return Server(path, Keys.load(path), entry["kid"], private)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    Keys.create(path)
    return server_of(path)


def refused(keys: Keys, token: str, now: int = NOW) -> None:
    """BadToken by both ways, and it does not say why."""
    ways: tuple[Callable[[], Claims], ...] = (lambda: verify(keys, token, now), lambda: Remembered(keys).claims(token, now))
    for attempt in ways:
        with pytest.raises(BadToken) as caught:
            attempt()
        assert caught.value.args == ()
        assert caught.value.__cause__ is None


def test_a_token_made_by_hand_is_good(server: Server) -> None:
    """Without this, everything below might be refused for the wrong reason."""
    assert verify(server.keys, server.token(), NOW) == GOOD


def test_what_issue_writes(server: Server) -> None:
    token = issue(server.keys, county_id=7, user_id=USER, device_id=DEVICE, role="village", now=NOW)
    header, body, signature = (unb64(part) for part in token.split("."))
    assert json.loads(header) == server.header
    written = json.loads(body)
    assert UUID(written["jti"]).version == 4
    assert written == BODY | {"jti": written["jti"]}
    assert len(signature) == 64
    assert len(token) < 700  # it goes with every request over a bad line
    claims = verify(server.keys, token, NOW)
    assert claims == Claims(7, USER, DEVICE, "village", NOW, NOW + 900, written["jti"])


def test_two_tokens_never_share_their_jti(server: Server) -> None:
    first, second = (verify(server.keys, issue_to(server.keys), NOW).jti for _ in range(2))
    assert first != second


def issue_to(keys: Keys, **changed: Any) -> str:
    arguments: dict[str, Any] = {"county_id": 7, "user_id": USER, "device_id": DEVICE, "role": "village", "now": NOW}
    return issue(keys, **arguments | changed)


@pytest.mark.parametrize(
    "changed",
    [{"county_id": 0}, {"county_id": 2**31}, {"role": "place"}],
    ids=str,
)
def test_issue_makes_nothing_that_verify_refuses(server: Server, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="verify would refuse"):
        issue_to(server.keys, **changed)


ACCEPTED = [
    {"role": "county"},
    {"role": "township"},
    {"county": 1},
    {"county": 2**31 - 1},
    {"iat": NOW + 60, "exp": NOW + 960},
    {"iat": NOW - 3599, "exp": NOW + 1},
    {"exp": NOW + 3600},
]


@pytest.mark.parametrize("changed", ACCEPTED, ids=str)
def test_claims_at_the_edge_are_good(server: Server, changed: dict[str, Any]) -> None:
    assert verify(server.keys, server.token(BODY | changed), NOW).expires_at == (BODY | changed)["exp"]


@pytest.mark.parametrize("name", BODY)
def test_a_missing_claim(server: Server, name: str) -> None:
    refused(server.keys, server.token({key: value for key, value in BODY.items() if key != name}))


@pytest.mark.parametrize("value", [None, True, -1, 1.5, "", [], {}, [BODY["iss"]], "NaN", "018f3c5e"], ids=repr)
@pytest.mark.parametrize("name", BODY)
def test_a_claim_of_another_type(server: Server, name: str, value: object) -> None:
    refused(server.keys, server.token(BODY | {name: value}))


@pytest.mark.parametrize("now", [0, 1], ids=lambda now: f"now={now}")
@pytest.mark.parametrize("name", ["iat", "exp", "county"])
def test_true_is_not_one(server: Server, name: str, now: int) -> None:
    """At the time 0 the number 1 would pass every bound."""
    numbers = BODY | {"iat": now, "exp": now + 1, "county": 1}
    assert verify(server.keys, server.token(numbers), now).county_id == 1
    if numbers[name] == 1:
        refused(server.keys, server.token(numbers | {name: True}), now)


CLAIMS_REFUSED: dict[str, dict[str, Any]] = {
    "exp is now": {"exp": NOW, "iat": NOW - 900},
    "exp is past": {"exp": NOW - 1, "iat": NOW - 901},
    "exp as a string": {"exp": str(NOW + 900)},
    "exp as a float": {"exp": NOW + 900.0},
    "exp 10^30": {"exp": 10**30},
    "exp and iat 10^30": {"exp": 10**30, "iat": 10**30 - 1},
    "exp of 1,000 digits": {"exp": 10**999},
    "exp negative": {"exp": -1},
    "exp in milliseconds": {"exp": (NOW + 900) * 1000},
    "exp far away": {"exp": NOW + 3601},
    "exp before iat": {"exp": NOW + 1, "iat": NOW + 2},
    "exp equal to iat": {"exp": NOW + 1, "iat": NOW + 1},
    "iat as a string": {"iat": str(NOW)},
    "iat as a float": {"iat": float(NOW)},
    "iat in the future": {"iat": NOW + 61},
    "iat 10^30": {"iat": 10**30},
    "iat -10^30": {"iat": -(10**30)},
    "iat long ago": {"iat": NOW - 2701},
    "iss of another": {"iss": "jiafang2"},
    "iss in capitals": {"iss": "JIAFANG"},
    "iss with a space": {"iss": "jiafang "},
    "aud of another": {"aud": "jiafang"},
    "aud a list with ours": {"aud": ["jiafang-api"]},
    "aud a list with ours and another": {"aud": ["x", "jiafang-api"]},
    "sub in capitals": {"sub": str(USER).upper()},
    "sub in braces": {"sub": f"{{{USER}}}"},
    "sub as urn": {"sub": f"urn:uuid:{USER}"},
    "sub without hyphens": {"sub": USER.hex},
    "sub with a line end": {"sub": f"{USER}\n"},
    "sub in Arabic digits": {"sub": str(USER).replace("0", "\u0660")},
    "device in capitals": {"device": str(DEVICE).upper()},
    "device without hyphens": {"device": DEVICE.hex},
    "jti no UUID": {"jti": "x"},
    "jti a lone surrogate": {"jti": "\ud800"},
    "jti with NUL": {"jti": BODY["jti"][:-1] + "\0"},
    "county zero": {"county": 0},
    "county negative": {"county": -7},
    "county 2^31": {"county": 2**31},
    "county a float": {"county": 7.0},
    "county a string": {"county": "7"},
    "role of another": {"role": "place"},
    "role empty": {"role": ""},
    "role in a list": {"role": ["village"]},
    "a claim more": {"level": "county"},
    "nbf in the future": {"nbf": NOW + 900},
    "nbf in the past": {"nbf": NOW - 900},
}


@pytest.mark.parametrize("changed", CLAIMS_REFUSED.values(), ids=CLAIMS_REFUSED)
def test_claims_that_are_refused(server: Server, changed: dict[str, Any]) -> None:
    refused(server.keys, server.token(BODY | changed))


WHOLE = text_of(BODY)
# Signed by ourselves: what stands where an object with our claims should stand.
BODIES_REFUSED = {
    "no JSON": "x",
    "nothing": "",
    "a number": "1",
    "a list": f"[{WHOLE}]",
    "null": "null",
    "a string": json.dumps(WHOLE),
    "an empty object": "{}",
    "a second object": WHOLE + WHOLE,
    "a byte order mark": "\ufeff" + WHOLE,
    "exp twice": WHOLE[:-1] + f',"exp":{NOW + 900}}}',
    "exp twice, once written with an escape": WHOLE[:-1] + f',"\\u0065xp":{NOW + 900}}}',
    "sub twice": WHOLE[:-1] + f',"sub":"{USER}"}}',
    "exp NaN": WHOLE.replace(str(NOW + 900), "NaN"),
    "exp Infinity": WHOLE.replace(str(NOW + 900), "Infinity"),
    "exp 1e400": WHOLE.replace(str(NOW + 900), "1e400"),
    "exp with an exponent": WHOLE.replace(str(NOW + 900), f"{NOW + 900}e0"),
    "a list 1,500 deep": "[" * 1500 + "]" * 1500,
    "a list 2,700 deep, never closed": "[" * 2700,
    "objects 500 deep": '{"a":' * 500 + "1" + "}" * 500,
    "a claim 1,000 deep": WHOLE.replace('"village"', "[" * 1000 + "]" * 1000),
    "a letter that is not ASCII": WHOLE.replace("village", "plac\u0435"),
}


@pytest.mark.parametrize("body", BODIES_REFUSED.values(), ids=BODIES_REFUSED)
def test_bodies_that_are_refused(server: Server, body: str) -> None:
    refused(server.keys, server.token(body))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding(server: Server, encoding: str) -> None:
    text = f"{b64(text_of(server.header).encode())}.{b64(WHOLE.encode(encoding))}"
    r, s = decode_dss_signature(server.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    refused(server.keys, f"{text}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")


# What the header becomes, given the good one; still signed with our key.
HEADERS_REFUSED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no alg": lambda good: {name: good[name] for name in ("typ", "kid")},
    "no typ": lambda good: {name: good[name] for name in ("alg", "kid")},
    "no kid": lambda good: {name: good[name] for name in ("alg", "typ")},
    "alg none": lambda good: good | {"alg": "none"},
    "alg None": lambda good: good | {"alg": "None"},
    "alg es256": lambda good: good | {"alg": "es256"},
    "alg ES384": lambda good: good | {"alg": "ES384"},
    "alg RS256": lambda good: good | {"alg": "RS256"},
    "alg a list": lambda good: good | {"alg": ["ES256"]},
    "alg a number": lambda good: good | {"alg": 256},
    "typ JWT": lambda good: good | {"typ": "JWT"},
    "typ AT+JWT": lambda good: good | {"typ": "AT+JWT"},
    "typ application/at+jwt": lambda good: good | {"typ": "application/at+jwt"},
    "typ null": lambda good: good | {"typ": None},
    "kid of nobody": lambda good: good | {"kid": "0123456789abcdef"},
    "kid empty": lambda good: good | {"kid": ""},
    "kid a path": lambda good: good | {"kid": "../../dev/null"},
    "kid a list": lambda good: good | {"kid": [good["kid"]]},
    "kid an object": lambda good: good | {"kid": {}},
    "kid null": lambda good: good | {"kid": None},
    "crit": lambda good: good | {"crit": ["exp"]},
    "crit empty": lambda good: good | {"crit": []},
    "jku": lambda good: good | {"jku": "https://example.org/jwks.json"},
    "x5u": lambda good: good | {"x5u": "https://example.org/cert.pem"},
    "zip": lambda good: good | {"zip": "DEF"},
    "b64": lambda good: good | {"b64": False},
    "cty": lambda good: good | {"cty": "JWT"},
    "alg twice": lambda good: text_of(good)[:-1] + ',"alg":"ES256"}',
    "alg twice, none first": lambda good: '{"alg":"none",' + text_of(good)[1:],
    "kid twice": lambda good: text_of(good)[:-1] + f',"kid":"{good["kid"]}"}}',
    "a list": lambda good: [good],
    "a string": lambda good: json.dumps(text_of(good)),
    "null": lambda good: "null",
    "no JSON": lambda good: "x",
    "not ASCII": lambda good: text_of(good).replace("jwt", "jw\u0442"),
    "spaces": lambda good: text_of(good) + " ",
    "a space inside": lambda good: text_of(good).replace(":", ": ", 1),
    "another order": lambda good: json.dumps(good, separators=(",", ":")),
    "a list 1,500 deep": lambda good: "[" * 1500 + "]" * 1500,
    "alg 1,000 deep": lambda good: text_of(good).replace('"ES256"', "[" * 1000 + "]" * 1000),
}


@pytest.mark.parametrize("change", HEADERS_REFUSED.values(), ids=HEADERS_REFUSED)
def test_headers_that_are_refused(server: Server, change: Callable[[dict[str, Any]], object]) -> None:
    refused(server.keys, server.token(header=change(server.header)))


def test_a_key_that_comes_with_the_token(server: Server) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.public_key().public_numbers()
    key = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    refused(server.keys, sign(server.header | {"jwk": key}, BODY, own))
    refused(server.keys, sign(server.header | {"jwk": key}, BODY, server.private))
    refused(server.keys, sign(server.header, BODY, own))


def test_no_signature(server: Server) -> None:
    for alg in ("none", "None", "ES256"):
        text = server.token(header=server.header | {"alg": alg}).rpartition(".")[0]
        for signature in ("", ".", "." + b64(b""), "." + b64(bytes(64)), "." + b64(b"\xff" * 64), "." + "A" * 86):
            refused(server.keys, text + signature)


@pytest.mark.parametrize("size", ["256", "384", "512"])
def test_the_public_key_as_a_shared_secret(server: Server, size: str) -> None:
    jwks = server.keys.public_jwks()
    for secret in (server.public_pem(), server.public_pem().strip(), json.dumps(jwks).encode(), json.dumps(jwks["keys"][0]).encode()):
        for alg in (f"HS{size}", "ES256"):
            text = f"{b64(text_of(server.header | {'alg': alg}).encode())}.{b64(WHOLE.encode())}"
            refused(server.keys, f"{text}.{b64(hmac.digest(secret, text.encode(), f'sha{size}'))}")


def test_another_curve(server: Server) -> None:
    for curve in (ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        private = ec.generate_private_key(curve)
        for alg in ("ES256", "ES384", "ES512"):
            refused(server.keys, sign(server.header | {"alg": alg}, BODY, private))


TEXTS_REFUSED: dict[str, Callable[[str], str]] = {
    "nothing": lambda good: "",
    "two dots": lambda good: "..",
    "one part": lambda good: good.replace(".", ""),
    "two parts": lambda good: good.rpartition(".")[0],
    "four parts": lambda good: good + ".A",
    "five parts": lambda good: "A." + good + ".A",
    "no header": lambda good: good[good.index(".") :],
    "no body": lambda good: f"{good.split('.')[0]}..{good.split('.')[2]}",
    "a dot at the end": lambda good: good + ".",
    "a line end": lambda good: good + "\n",
    "a space before": lambda good: " " + good,
    "a NUL": lambda good: good + "\0",
    "Bearer": lambda good: "Bearer " + good,
    "padding": lambda good: good + "==",
    "padding in the body": lambda good: good.replace(".", "==.", 2),
    "standard base64": lambda good: good.replace("-", "+").replace("_", "/") + "/",
    "a wide letter": lambda good: chr(ord(good[0]) + 0xFEE0) + good[1:],
    "an Arabic digit": lambda good: "\u0661" + good,
    "a lone surrogate": lambda good: good + "\ud800",
    "Chinese": lambda good: "\u5bb6\u8bbf." * 2 + "\u5bb6\u8bbf",
    "another last letter of the signature": lambda good: good[:-1] + ALPHABET[ALPHABET.index(good[-1]) + 1],
    "a letter more": lambda good: good + "A",
    "a letter fewer": lambda good: good[:-1],
    "signature in DER": lambda good: f"{good.rpartition('.')[0]}.{b64(b'0E' + unb64(good.split('.')[2]))}",
    "signature in hex": lambda good: f"{good.rpartition('.')[0]}.{unb64(good.split('.')[2]).hex()}",
    "signature with a zero before": lambda good: f"{good.rpartition('.')[0]}.{b64(bytes(1) + unb64(good.split('.')[2]))}",
    "as JSON": lambda good: json.dumps(dict(zip(("protected", "payload", "signature"), good.split("."), strict=True))),
    "in quotes": lambda good: f'"{good}"',
    "5 KB of letters": lambda good: "A" * 5000,
    "5 KB of dots": lambda good: "." * 5000,
    "1 MB": lambda good: good + "A" * 1_000_000,
}


@pytest.mark.parametrize("change", TEXTS_REFUSED.values(), ids=TEXTS_REFUSED)
def test_texts_that_are_refused(server: Server, change: Callable[[str], str]) -> None:
    refused(server.keys, change(server.token()))


def test_every_second_way_to_write_the_same_bytes(server: Server) -> None:
    """The last letter of a part of 2 or 3 (mod 4) letters has bits left over; jose ignores them."""
    for spaces in range(3):  # so that the body's length goes through every remainder
        token = server.token(WHOLE + " " * spaces)
        assert verify(server.keys, token, NOW) == GOOD
        parts = token.split(".")
        for at, part in enumerate(parts):
            for last in ALPHABET.replace(part[-1], ""):
                refused(server.keys, ".".join([*parts[:at], part[:-1] + last, *parts[at + 1 :]]))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 6, 7], ids=str)
def test_the_form_allows_just_the_canonical_base64(length: int) -> None:
    for last in ALPHABET:
        part = "A" * (length - 1) + last
        canonical = length % 4 != 1 and b64(unb64(part)) == part
        assert bool(tokens.TOKEN.fullmatch(f"A.{part}.{'A' * 86}")) == canonical


def test_over_4_kb(server: Server) -> None:
    """Sound in all but its length, and just sound enough at the limit."""
    full = (4096 - len(server.token(""))) // 4 * 3
    good, long = (server.token(WHOLE.ljust(size)) for size in (full, full + 3))
    assert 4092 < len(good) <= 4096 < len(long)
    assert verify(server.keys, good, NOW) == GOOD
    refused(server.keys, long)
    refused(server.keys, server.token(WHOLE.ljust(4000)))


def test_the_twin_of_a_signature_says_the_same(server: Server) -> None:
    """(r, -s) is a signature too, for every verifier: a token can be written in two ways, so it is revoked by jti, not by its text."""
    text, _, signature = server.token().rpartition(".")
    raw = unb64(signature)
    twin = f"{text}.{b64(raw[:32] + (ORDER - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"
    assert verify(server.keys, twin, NOW) == GOOD


@pytest.mark.parametrize("leaked", [TypeError, OverflowError, AttributeError, RecursionError, KeyError, ValueError])
def test_what_jose_leaks_is_the_same_bad_token(server: Server, monkeypatch: pytest.MonkeyPatch, leaked: type[Exception]) -> None:
    def leak(*arguments: object) -> bytes:
        raise leaked("from inside")

    monkeypatch.setattr("api.tokens.jws.verify", leak)
    refused(server.keys, server.token())


@dataclass(frozen=True)
class Cut:
    """From here, so many characters are replaced."""

    at: int
    gone: int
    put: str

    def apply(self, text: str) -> str:
        at = self.at % (len(text) + 1)
        return text[:at] + self.put + text[at + self.gone :]


CUTS = st.lists(
    st.builds(Cut, st.integers(0, 4096), st.integers(0, 5), st.text(st.sampled_from(ALPHABET + ".=") | st.characters(), max_size=5)),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(cuts=CUTS)
def test_fuzz_the_text(server: Server, cuts: list[Cut]) -> None:
    token = changed = server.token()
    for cut in cuts:
        changed = cut.apply(changed)
    if changed == token:
        assert verify(server.keys, changed, NOW) == GOOD
    else:
        refused(server.keys, changed)


@settings(deadline=None)
@given(cuts=CUTS, part=st.sampled_from([0, 1, 2]))
def test_fuzz_the_bytes_of_a_part(server: Server, cuts: list[Cut], part: int) -> None:
    token = server.token()
    parts = token.split(".")
    inside = unb64(parts[part]).decode("latin-1")
    for cut in cuts:
        inside = cut.apply(inside)
    parts[part] = b64(inside.encode("utf-8" if part < 2 else "latin-1", "replace"))
    changed = ".".join(parts)
    if changed == token:
        assert verify(server.keys, changed, NOW) == GOOD
    else:
        refused(server.keys, changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([NOW, 7, str(USER), "village"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(changed=st.dictionaries(st.sampled_from(list(BODY)) | st.text(), JSON, min_size=1, max_size=3))
def test_fuzz_claims_signed_by_ourselves(server: Server, changed: dict[str, Any]) -> None:
    """Even with our own signature nothing but BadToken or claims of the right types comes out."""
    try:
        claims = verify(server.keys, server.token(BODY | changed), NOW)
    except BadToken:
        return
    body = BODY | changed
    assert claims == Claims(body["county"], UUID(body["sub"]), UUID(body["device"]), body["role"], body["iat"], body["exp"], body["jti"])
    assert (type(claims.county_id), type(claims.expires_at), type(claims.jti)) == (int, int, str)
    assert body.keys() == BODY.keys()


@settings(deadline=None)
@given(text=st.text())
def test_fuzz_any_text(server: Server, text: str) -> None:
    refused(server.keys, text)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were really verified."""
    seen: list[str] = []

    def count(keys: Keys, token: str, now: int) -> Claims:
        seen.append(token)
        return verify(keys, token, now)

    monkeypatch.setattr(tokens, "verify", count)
    return seen


def test_a_remembered_token_is_verified_once(server: Server, counted: list[str]) -> None:
    remembered, token = Remembered(server.keys), server.token()
    first, again = remembered.claims(token, NOW), remembered.claims(token, NOW + 899)
    assert first == GOOD
    assert again is first
    assert counted == [token]


@pytest.mark.parametrize("later", [900, 901, 10**6])
def test_a_remembered_token_ends_with_its_exp(server: Server, later: int) -> None:
    remembered, token = Remembered(server.keys), server.token()
    remembered.claims(token, NOW)
    for _ in range(2):
        with pytest.raises(BadToken):
            remembered.claims(token, NOW + later)
    assert not remembered._claims


def test_bad_tokens_are_not_remembered(server: Server, counted: list[str]) -> None:
    remembered, bad = Remembered(server.keys), server.token() + "A"
    for _ in range(2):
        with pytest.raises(BadToken):
            remembered.claims(bad, NOW)
    assert counted == [bad, bad]
    assert not remembered._claims


def test_a_full_memory_forgets_the_oldest(server: Server, counted: list[str]) -> None:
    remembered = Remembered(server.keys, most=3)
    made = [issue_to(server.keys) for _ in range(4)]
    for token in made:
        remembered.claims(token, NOW)
    assert len(remembered._claims) == 3
    counted.clear()
    for token in made[1:]:
        remembered.claims(token, NOW)
    assert counted == []
    remembered.claims(made[0], NOW)
    assert counted == [made[0]]


def test_the_memory_holds_ten_thousand_and_no_token(server: Server) -> None:
    remembered, token = Remembered(server.keys), server.token()
    assert remembered._most == 10_000
    remembered.claims(token, NOW)
    assert list(remembered._claims) == [hashlib.sha256(token.encode()).digest()]


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = os.umask(0)
    try:
        keys = Keys.create(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        keys.add_signing_key()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == [path]


def test_created_once_then_loaded(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = Keys.load_or_create(path)
    text = path.read_text()
    for again in (Keys.load_or_create(path), Keys.create(path), Keys.load(path)):
        assert again.public_jwks() == first.public_jwks()
        assert again.mac("cursor", b"x") == first.mac("cursor", b"x")
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{")
    for attempt in (Keys.load, Keys.create, Keys.load_or_create):
        with pytest.raises(BadKeys):
            attempt(path)
    assert path.read_text() == "{"


def test_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, there = tmp_path / "new.json", tmp_path / "there.json"
    keys = Keys.create(there)
    text = there.read_text()

    def full(handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ways: tuple[Callable[[], Keys], ...] = (lambda: Keys.create(path), keys.add_signing_key)
    for attempt in ways:
        with pytest.raises(OSError, match="no space"):
            attempt()
    assert list(tmp_path.iterdir()) == [there]
    assert there.read_text() == text


RACE = """
import sys
from pathlib import Path
from api.tokens import Keys
print("ready", flush=True)
sys.stdin.readline()
keys = Keys.load_or_create(Path(sys.argv[1]))
print(keys.signing[0], keys.mac("race", b"").hex())
"""


def test_processes_that_create_the_keys_at_once_end_with_the_same(tmp_path: Path) -> None:
    root = str(Path(tokens.__file__).parent.parent)
    for turn in range(3):
        path = tmp_path / f"{turn}.json"
        racers = [
            subprocess.Popen([sys.executable, "-c", RACE, str(path)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("\n")
            racer.stdin.flush()
        ends = {racer.communicate()[0] for racer in racers}
        keys = Keys.load(path)
        assert ends == {f"{keys.signing[0]} {keys.mac('race', b'').hex()}\n"}
    assert len(list(tmp_path.iterdir())) == 3


def test_create_gives_way_to_who_was_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process puts its file there between our look and our link."""
    path, other = tmp_path / "keys.json", tmp_path / "other.json"
    first = Keys.create(other)
    link = os.link

    def late(fresh: Path, to: Path) -> None:
        other.rename(path)
        link(fresh, to)

    monkeypatch.setattr(os, "link", late)
    assert Keys.load_or_create(path).mac("x", b"") == first.mac("x", b"")
    assert list(tmp_path.iterdir()) == [path]


def test_rotation(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = Keys.create(path)
    old_kid, old_token = old.signing[0], issue_to(old)
    both = old.add_signing_key()
    new_kid, new_token = both.signing[0], issue_to(both)
    assert new_kid != old_kid
    assert json.loads(unb64(new_token.split(".")[0]))["kid"] == new_kid
    assert [key["kid"] for key in both.public_jwks()["keys"]] == [old_kid, new_kid]
    assert both.mac("cursor", b"x") == old.mac("cursor", b"x")
    for keys in (both, Keys.load(path)):
        assert keys.signing[0] == new_kid
        for token in (old_token, new_token):
            assert verify(keys, token, NOW).user_id == USER
    refused(old, new_token)  # the object itself never changes

    alone = both.remove_signing_key(old_kid)
    for keys in (alone, Keys.load(path)):
        refused(keys, old_token)
        assert verify(keys, new_token, NOW).user_id == USER
    with pytest.raises(BadKeys, match="no signing key"):
        alone.remove_signing_key(old_kid)
    with pytest.raises(BadKeys, match=r"^there is no signing key$"):
        alone.remove_signing_key(new_kid)
    assert Keys.load(path).signing[0] == new_kid


def test_a_rotation_keeps_what_others_rotated_meanwhile(tmp_path: Path) -> None:
    keys = Keys.create(tmp_path / "keys.json")
    keys.add_signing_key()
    assert len(keys.add_signing_key().public_jwks()["keys"]) == 3


def test_kid_of_another_key(tmp_path: Path) -> None:
    """Both keys are ours, the header names the wrong one."""
    Keys.create(tmp_path / "keys.json")
    first = server_of(tmp_path / "keys.json")
    first.keys.add_signing_key()
    second = server_of(tmp_path / "keys.json")
    refused(second.keys, first.token(header=second.header))
    refused(second.keys, second.token(header=first.header))
    assert verify(second.keys, first.token(), NOW) == verify(second.keys, second.token(), NOW) == GOOD


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_rotation_by_root_leaves_the_file_to_the_server(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = Keys.create(path)
    os.chown(path, 12345, 12346)
    keys.add_signing_key()
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_public_jwks(server: Server) -> None:
    (key,) = server.keys.public_jwks()["keys"]
    numbers = server.private.public_key().public_numbers()
    assert key == {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
        "kid": server.kid,
        "alg": "ES256",
        "use": "sig",
    }


def test_macs(server: Server) -> None:
    mac = server.keys.mac
    assert len(mac("refresh", b"x")) == 32
    assert mac("refresh", b"x") == mac("refresh", b"x")
    assert len({mac("refresh", b"x"), mac("cursor", b"x"), mac("refresh", b"y"), mac("refreshx", b""), mac("", b"refreshx")}) == 5
    secret = bytes.fromhex(json.loads(server.path.read_text())["secret"])
    derived = hmac.digest(secret, b"refresh", "sha256")  # a change of this makes every refresh token and cursor worthless
    assert mac("refresh", b"x") == hmac.digest(derived, b"x", "sha256")


P256 = pem_of(ec.generate_private_key(ec.SECP256R1()))
PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FILE = {"secret": "ab" * 32, "signing": [{"kid": "a", "private": P256}]}


def signing(private: object) -> dict[str, Any]:
    return FILE | {"signing": [{"kid": "a", "private": private}]}


FILES_REFUSED: dict[str, tuple[object, str]] = {
    "empty": ("", "Expecting value"),
    "cut off": (text_of(FILE)[:100], "Unterminated|Expecting"),
    "not ASCII": ("\u5bb6", "ascii"),
    "too deep": ("[" * 100_000, "cannot be used"),
    "a list": ([], 'must hold "secret"'),
    "no secret": ({"signing": FILE["signing"]}, 'must hold "secret"'),
    "no signing": ({"secret": FILE["secret"]}, 'must hold "secret"'),
    "a member more": (FILE | {"x": 1}, 'must hold "secret"'),
    "a member twice": (text_of(FILE)[:-1] + f',"secret":"{"cd" * 32}"}}', "twice"),
    "secret too short": (FILE | {"secret": "ab" * 31}, "32 bytes"),
    "secret too long": (FILE | {"secret": "ab" * 33}, "32 bytes"),
    "secret no hex": (FILE | {"secret": "xy" * 32}, "32 bytes"),
    "secret a number": (FILE | {"secret": 1}, "32 bytes"),
    "no key": (FILE | {"signing": []}, "no signing key"),
    "keys in an object": (FILE | {"signing": {"a": P256}}, 'must hold "secret"'),
    "a key that is a string": (FILE | {"signing": [P256]}, 'must have "kid"'),
    "a key without kid": (FILE | {"signing": [{"private": P256}]}, 'must have "kid"'),
    "kid empty": (FILE | {"signing": [{"kid": "", "private": P256}]}, "a kid must be"),
    "kid a number": (FILE | {"signing": [{"kid": 1, "private": P256}]}, "a kid must be"),
    "kid with a line end": (FILE | {"signing": [{"kid": "a\n", "private": P256}]}, "a kid must be"),
    "kid twice": (
        FILE | {"signing": [*FILE["signing"], {"kid": "a", "private": pem_of(ec.generate_private_key(ec.SECP256R1()))}]},
        "twice",
    ),
    "P-384": (signing(pem_of(ec.generate_private_key(ec.SECP384R1()))), "P-256"),
    "secp256k1": (signing(pem_of(ec.generate_private_key(ec.SECP256K1()))), "P-256"),
    "Ed25519": (signing(pem_of(ed25519.Ed25519PrivateKey.generate())), "P-256"),
    "a password": (signing(pem_of(ec.generate_private_key(ec.SECP256R1()), password=b"x")), "without a password"),
    "a public key": (signing(PUBLIC), "private key in PEM"),
    "both kinds of key": (signing(PUBLIC + P256), "cannot be used"),
    "no PEM": (signing("x"), "private key in PEM"),
    "PEM not ASCII": (signing(P256.replace("A", "\u0410")), "private key in PEM"),
    "null": (signing(None), "private key in PEM"),
}


def test_a_sound_file(tmp_path: Path) -> None:
    """Without this, the files below might be refused for the wrong reason."""
    path = tmp_path / "keys.json"
    path.write_text(text_of(FILE))
    assert Keys.load(path).signing[0] == "a"


@pytest.mark.parametrize(("content", "why"), FILES_REFUSED.values(), ids=FILES_REFUSED)
def test_files_that_are_refused(tmp_path: Path, content: object, why: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text_of(content))
    with pytest.raises(BadKeys, match=why) as caught:
        Keys.load(path)
    said = str(caught.value)
    assert said.startswith(f"The keys in {path} cannot be used: ")
    assert "PRIVATE" not in said
    assert "abab" not in said
    assert not any(line in said for line in P256.splitlines())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match="No such file"):
        Keys.load(tmp_path / "none.json")


def test_keys_do_not_show_themselves(server: Server) -> None:
    assert json.loads(server.path.read_text())["secret"] not in repr(server.keys)
    assert "PRIVATE" not in repr(server.keys)
