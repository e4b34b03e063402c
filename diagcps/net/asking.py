"""What a server answers to one GET, and whether that is what it is there for."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from diagcps.catalogue import Expected
from diagcps.catalogue_parts import KnownEndpoint
from diagcps.net.connecting import Stream
from diagcps.net.messages import Exchange
from diagcps.net.stages import Stage, stage
from diagcps.network import Answer, Content

_MOST_OF_METADATA = 128 << 10
"""Bytes; Pro Santé Connect's has some 5 KB."""
_A_LOOK = 1 << 10
_OK = 200


async def ask(
    stream: Stream, endpoint: KnownEndpoint, limit_s: float, *, by_proxy: bool = False
) -> tuple[Exchange, Stage[None]]:
    """Asks for the endpoint's path; the whole address where a proxy forwards (RFC 9112, 3.2.2)."""
    heard = Exchange()
    return heard, await stage(_hear(stream, endpoint, heard, by_proxy), limit_s)


async def _hear(stream: Stream, endpoint: KnownEndpoint, heard: Exchange, by_proxy: bool) -> None:
    target = f"http://{endpoint.host}{endpoint.path}" if by_proxy else endpoint.path
    http = await heard.head(stream, "GET", target, endpoint.host)
    if endpoint.expects is Expected.OPENID:
        await heard.hear(stream, http, most=_MOST_OF_METADATA, whole=True)
    else:
        await heard.hear(stream, http, most=_A_LOOK, whole=False)


def answer_of(endpoint: KnownEndpoint, heard: Exchange, gone: Stage[None]) -> Answer:
    """What was heard, as far as it went."""
    return Answer(
        ended=gone.ended,
        status=heard.status,
        content=_content(endpoint, heard),
        elsewhere=_is_elsewhere(endpoint.host, heard),
        date=_date(heard),
        at=heard.at,
        ms=gone.ms,
    )


def _content(endpoint: KnownEndpoint, heard: Exchange) -> Content:
    if heard.status is None:
        return Content.NONE
    if endpoint.expects in (Expected.PAGE, Expected.DATE):
        return Content.EXPECTED
    body, is_fine = bytes(heard.body), heard.status == _OK
    if not body:
        return Content.NONE
    if is_fine and endpoint.expects is Expected.REVOCATION and looks_like_a_list(body):
        return Content.EXPECTED
    if is_fine and endpoint.expects is Expected.OPENID:
        judged = judge_metadata(body, endpoint.issuer)
        if judged is not Content.OTHER:
            return judged
    return Content.HTML if _is_html(heard, body) else Content.OTHER


def judge_metadata(body: bytes, issuer: str) -> Content:
    """Whether `body` is the metadata of `issuer` (OpenID Connect Discovery 1.0, 3 and 4.3).

    INCONSISTENT when it names another issuer, or not where to sign in; OTHER for anything else.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return Content.OTHER
    if not isinstance(data, dict) or not isinstance(data.get("issuer"), str):
        return Content.OTHER
    places = (data.get("authorization_endpoint"), data.get("token_endpoint"))
    is_complete = all(isinstance(each, str) and each.startswith("https://") for each in places)
    return Content.EXPECTED if data["issuer"] == issuer and is_complete else Content.INCONSISTENT


_PEM_LIST = b"-----BEGIN X509 CRL-----"
_DER_LIST = re.compile(
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"  # CertificateList
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"  # TBSCertList
    rb"(?:\x02\x01\x01)?"  # version 2, or none
    rb"\x30[\x02-\x7f]\x06",  # the algorithm, by its number
    re.DOTALL,
)


def looks_like_a_list(body: bytes) -> bool:
    """Whether these first bytes may be of a revocation list: DER (RFC 5280, 5.1) or PEM.

    A certificate is not taken for one: its version is tagged, or a number of its own stands there.
    """
    return body.lstrip().startswith(_PEM_LIST) or _DER_LIST.match(body) is not None


def _is_html(heard: Exchange, body: bytes) -> bool:
    kinds = heard.values("content-type")
    if kinds and kinds[0].partition(";")[0].strip().lower() in (
        "text/html",
        "application/xhtml+xml",
    ):
        return True
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:14].lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _is_elsewhere(host: str, heard: Exchange) -> bool:
    """Whether it redirects (RFC 9110, 15.4) to another host."""
    places = heard.values("location")
    if not places or not 300 <= (heard.status or 0) < 400:
        return False
    try:
        to = urlsplit(places[0]).hostname
    except ValueError:
        return False
    return to is not None and to != host.lower()


_FIXED = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} [12]\d{3} \d\d:\d\d:\d\d GMT", re.ASCII)
"""The one form in which a date is sent (IMF-fixdate; RFC 9110, 5.6.7)."""


def _date(heard: Exchange) -> datetime | None:
    """The Date of an answer that was made now: one from a cache has an age (RFC 9111, 5.1)."""
    dates = heard.values("date")
    if len(dates) != 1 or any(age.strip() != "0" for age in heard.values("age")):
        return None
    if not _FIXED.fullmatch(dates[0]):
        return None
    try:
        return parsedate_to_datetime(dates[0]).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return None
