"""What is let in, before any page is looked for, and what every answer carries.

The browser on this machine is used to visit hostile pages, and other users may share the machine:
an address on the loopback interface is no proof of anything. Each guard refuses on its own.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from diagcps.secret import Secret

LARGEST_BODY = 8 * 1024
BODY_S = 5.0
_MOST_FIELDS = 12
_PERCENT, _PLUS, _SPACE = b"%+ "
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types diagcps"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    # With no-referrer, browsers send « Origin: null » on our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), clipboard-read=(), display-capture=(), geolocation=(), "
        "gyroscope=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
    # Instead of the library's name and version.
    "Server": "diagcps",
}


class Refused(Exception):
    """A request that is not let in: the HTTP status and the key of the words that say why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Address:
    """The one address this agent is bound to."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """The only Host header that is accepted."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The only Origin that is accepted."""
        return f"http://{self.authority}"


def admit(request: web.BaseRequest, own: Address, *, opening: bool) -> None:
    """Returns for a request that may be looked at. Raises Refused for any other.

    `opening` is true for the one-time address alone, which other sites and files may lead to.
    """
    _own_host(request, own)
    _own_form(request)
    _no_upgrade(request)
    _own_origin(request, own)
    _own_site(request, opening=opening)


def _own_host(request: web.BaseRequest, own: Address) -> None:
    """DNS rebinding: a hostile name may resolve to us, but the browser then says that name."""
    if request.headers.getall("Host", []) != [own.authority]:
        raise Refused(421, "refused")


def _own_form(request: web.BaseRequest) -> None:
    """A target in absolute form names another host than the header does."""
    if not request.raw_path.startswith("/") or request.raw_path.startswith("//"):
        raise Refused(400, "malformed")


def _no_upgrade(request: web.BaseRequest) -> None:
    """No WebSocket is spoken here, and none is begun by another origin."""
    if "upgrade" in request.headers.get("Connection", "").lower() or "Upgrade" in request.headers:
        raise Refused(403, "refused")


def _own_origin(request: web.BaseRequest, own: Address) -> None:
    """Compared whole: scheme, host and port. « null », a sandboxed frame or a file, is not ours."""
    origins = request.headers.getall("Origin", [])
    if origins and origins != [own.origin]:
        raise Refused(403, "refused")


def _own_site(request: web.BaseRequest, *, opening: bool) -> None:
    """Fetch Metadata, where the browser sends it (older Safari does not)."""
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if sites in ([], ["same-origin"]):
        return
    site = sites[0] if len(sites) == 1 else ""
    reading = request.method in ("GET", "HEAD")
    navigation = reading and request.headers.get("Sec-Fetch-Mode") == "navigate"
    document = navigation and request.headers.get("Sec-Fetch-Dest") == "document"
    # « none »: the person typed the address, or reloaded the page.
    if site == "none" and document:
        return
    if opening and site == "cross-site" and document:
        return
    raise Refused(403, "refused")


def same_secret(known: str, given: object) -> bool:
    """Whether `given` is the secret, compared in constant time."""
    return isinstance(given, str) and hmac.compare_digest(
        known.encode(), given.encode(errors="replace")
    )


async def posted(request: web.Request, own: Address, form_token: str) -> Mapping[str, Any]:
    """The fields of a request that changes something. Raises Refused.

    A page without script sends a plain form: it must come from our origin and carry the session's
    token. Anything else must be JSON, which no other origin can send without being asked first.
    """
    kind = request.content_type
    if kind == "application/json":
        return await json_object(request)
    _own_urlencoded(request, own)
    text = await _text(request)
    try:
        fields = dict(parse_qsl(text, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Refused(400, "malformed") from None
    if not same_secret(form_token, fields.get("token")):
        raise Refused(403, "refused")
    return fields


async def posted_secrets(
    request: web.Request, own: Address, form_token: str
) -> Mapping[str, Secret]:
    """The fields of a form that may hold codes, each in memory that its reader wipes.

    With a script or without, it is the page's own form: from our origin, with the session's token.
    Raises Refused, everything being wiped. Neither the body nor a field becomes a text.
    """
    _own_urlencoded(request, own)
    with Secret(await _body(request)) as body, ExitStack() as wiping:
        fields = _secret_fields(body.reveal(), wiping)
        token = fields.get("token")
        if token is None or not hmac.compare_digest(token.reveal(), form_token.encode()):
            raise Refused(403, "refused")
        wiping.pop_all()
    return fields


def _own_urlencoded(request: web.Request, own: Address) -> None:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(415, "malformed")
    if request.headers.get("Origin") != own.origin:
        raise Refused(403, "refused")


def _secret_fields(body: bytearray, wiping: ExitStack) -> Mapping[str, Secret]:
    """The fields of a urlencoded body (WHATWG URL, 5.1), each name once; `wiping` wipes them.

    Raises Refused.
    """
    fields: dict[str, Secret] = {}
    place = 0
    while place < len(body):
        end = body.find(b"&", place)
        end = len(body) if end < 0 else end
        equals = body.find(b"=", place, end)
        equals = end if equals < 0 else equals
        name = bytes(body[place:equals]).decode("ascii", "replace")
        if len(fields) >= _MOST_FIELDS or not name.isalnum() or name in fields:
            raise Refused(400, "malformed")
        fields[name] = wiping.enter_context(_decoded(body, equals + 1, end))
        place = end + 1
    return fields


def _decoded(body: bytearray, place: int, end: int) -> Secret:
    """A value without its percent-encoding, byte by byte, in a place that never moves."""
    value = bytearray(max(end - place, 0))
    length = 0
    with Secret(value):
        while place < end:
            byte = body[place]
            if byte == _PERCENT:
                digits = bytes(body[place + 1 : place + 3])
                if place + 3 > end or not set(digits) <= _HEXADECIMAL:
                    raise Refused(400, "malformed")
                byte, place = int(digits, 16), place + 2
            elif byte == _PLUS:
                byte = _SPACE
            value[length] = byte
            length, place = length + 1, place + 1
        with memoryview(value) as whole:
            return Secret(bytearray(whole[:length]))


async def _text(request: web.Request) -> str:
    """The body as UTF-8. Raises Refused."""
    try:
        return (await _body(request)).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "malformed") from None


async def _body(request: web.Request) -> bytearray:
    """The body, whatever the request says of it, within its limits. Raises Refused.

    What is packed stays packed: 8 KiB of it may unpack to anything.
    """
    if "Content-Encoding" in request.headers:
        raise Refused(400, "malformed")
    with ExitStack() as wiping:
        body = bytearray()
        wiping.callback(lambda: Secret(body).wipe())
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > LARGEST_BODY:
                    raise Refused(413, "too-large")
        wiping.pop_all()
    return body


async def json_object(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of the request's body. Raises Refused for anything else."""
    try:
        body = json.loads(await _text(request))
    except (ValueError, RecursionError):
        raise Refused(400, "malformed") from None
    if not isinstance(body, dict):
        raise Refused(400, "malformed")
    return body
