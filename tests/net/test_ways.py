"""The ways to an endpoint, gone over real sockets on the loopback address."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from diagcps.catalogue import Expected
from diagcps.net.names import Address
from diagcps.net.stages import Limits
from diagcps.net.ways import reach, reach_all
from diagcps.network import (
    Authority,
    Content,
    Ended,
    IpFamily,
    Login,
    Reach,
    Scope,
    Via,
    Way,
)
from tests.net.loopback import (
    HOST,
    IMPATIENT,
    METADATA,
    PATIENT,
    Handler,
    Loopback,
    Peer,
    answer,
    endpoint,
    saying,
    silent,
)
from tests.network.tls import (
    EXPIRED,
    NOT_YET_VALID,
    SELF_SIGNED,
    V1_2_ONLY,
    V1_3_ONLY,
    WRONG_NAME,
    Asks,
    Tls,
)

PLAIN = endpoint(port=80, expects=Expected.REVOCATION, issuer="", path="/CRL/ACR-FO.crl")
PROXY = "proxy.example:3128"


def ends(way: Way) -> list[Ended]:
    """How the handshakes ended, that of TLS 1.2 first."""
    return [each.ended for each in way.handshakes]


def direct(reached: Reach) -> Way:
    assert reached.ways[0].via is Via.DIRECT
    return reached.ways[0]


def proxied(reached: Reach) -> Way:
    assert [each.via for each in reached.ways] == [Via.DIRECT, Via.PROXY]
    return reached.ways[1]


async def test_a_healthy_way_is_done_at_every_stage(loopback: Loopback) -> None:
    await loopback.serve(saying(answer()), tls=Tls())
    reached = await reach(endpoint(), means=loopback.means())
    assert (reached.endpoint, reached.host, len(reached.ways)) == ("psc", HOST, 1)
    way = direct(reached)
    v4, v6 = way.lookups
    assert (v4.ended, v4.scope, v4.count) == (Ended.DONE, Scope.NOWHERE, 1)
    assert (v6.ended, v6.scope, v6.count) == (Ended.DONE, None, 0)
    assert [(each.family, each.ended) for each in way.connections] == [(IpFamily.V4, Ended.DONE)]
    assert ends(way) == [Ended.DONE, Ended.DONE]
    assert [each.asks_certificate for each in way.handshakes] == [False, False]
    assert way.certificate is not None
    assert (way.certificate.authority, way.certificate.trusted) == (Authority.PUBLIC, True)
    assert way.certificate.issuer.value == "Lab Public Root R1"
    assert way.answer is not None
    assert (way.answer.ended, way.answer.status) == (Ended.DONE, 200)
    assert way.answer.content is Content.EXPECTED


async def test_a_name_that_does_not_exist_ends_the_way(loopback: Loopback) -> None:
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert [each.ended for each in way.lookups] == [Ended.NOT_FOUND, Ended.NOT_FOUND]
    assert (way.connections, way.handshakes, way.answer) == ((), (), None)


async def test_a_port_that_refuses_ends_the_way(loopback: Loopback) -> None:
    loopback.nobody_at()
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert [each.ended for each in way.connections] == [Ended.REFUSED]
    assert (way.handshakes, way.certificate, way.answer) == ((), None, None)


async def test_a_host_that_is_an_address_is_not_looked_up(loopback: Loopback) -> None:
    port = await loopback.serve(saying(answer()), tls=Tls())
    here = endpoint(host="127.0.0.1", port=port)
    way = direct(await reach(here, means=loopback.means()))
    assert way.lookups == ()
    assert [each.ended for each in way.connections] == [Ended.DONE]


async def test_a_second_address_is_tried_when_the_first_fails(loopback: Loopback) -> None:
    await loopback.serve(saying(answer()), tls=Tls())
    loopback.nobody_at("nobody")

    def resolve(host: str, port: int, family: IpFamily) -> list[Address]:
        refusing = loopback.resolve("nobody", port, family)
        return refusing + loopback.resolve(host, port, family)

    way = direct(await reach(endpoint(), means=loopback.means(resolve=resolve)))
    assert [each.ended for each in way.connections] == [Ended.DONE]
    assert ends(way) == [Ended.DONE, Ended.DONE]


async def test_a_family_that_is_stuck_delays_nothing_behind_the_other(loopback: Loopback) -> None:
    """The server answers while the other family's name is still being looked up."""
    answered, hang = threading.Event(), threading.Event()

    async def handle(peer: Peer) -> None:
        await peer.head()
        answered.set()
        await peer.send(answer())

    def resolve(host: str, port: int, family: IpFamily) -> list[Address]:
        if family is IpFamily.V6:
            assert answered.wait(20)
            hang.wait(20)
        return loopback.resolve(host, port, family)

    await loopback.serve(handle, tls=Tls())
    limits = Limits(name_s=1.0, connection_s=20, handshake_s=20, answer_s=20)
    try:
        way = direct(await reach(endpoint(), means=loopback.means(resolve=resolve, limits=limits)))
    finally:
        hang.set()
    assert [each.ended for each in way.lookups] == [Ended.DONE, Ended.TIMEOUT]
    assert way.answer is not None and way.answer.content is Content.EXPECTED


@pytest.mark.parametrize(
    ("tls", "expected", "alerts"),
    [
        (V1_2_ONLY, [Ended.DONE, Ended.FAILED], ["", "protocol-version"]),
        (V1_3_ONLY, [Ended.FAILED, Ended.DONE], ["protocol-version", ""]),
    ],
)
async def test_each_version_of_tls_is_told_apart(
    loopback: Loopback, tls: Tls, expected: list[Ended], alerts: list[str]
) -> None:
    await loopback.serve(saying(answer()), tls=tls)
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert (ends(way), [each.alert for each in way.handshakes]) == (expected, alerts)
    assert way.certificate is not None and way.certificate.trusted is True
    assert way.answer is not None and way.answer.content is Content.EXPECTED


async def test_a_server_that_asks_for_a_certificate_and_goes_on_is_told(
    loopback: Loopback,
) -> None:
    await loopback.serve(saying(answer()), tls=Tls(asks=Asks.OPTIONALLY))
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert [each.asks_certificate for each in way.handshakes] == [True, True]
    assert ends(way) == [Ended.DONE, Ended.DONE]
    assert way.answer is not None and way.answer.content is Content.EXPECTED


async def test_a_server_that_must_have_a_certificate_is_told(loopback: Loopback) -> None:
    """TLS 1.2 fails in the handshake, TLS 1.3 after it; both show the server's own first."""
    await loopback.serve(saying(answer()), tls=Tls(asks=Asks.STRICTLY))
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert [each.asks_certificate for each in way.handshakes] == [True, True]
    assert ends(way) == [Ended.FAILED, Ended.DONE]
    assert way.handshakes[0].alert == "handshake-failure"
    assert way.certificate is not None and way.certificate.authority is Authority.PUBLIC
    assert way.answer is not None and way.answer.ended in (Ended.FAILED, Ended.RESET)


async def test_a_server_of_tls_1_2_that_must_have_a_certificate_still_shows_its_own(
    loopback: Loopback,
) -> None:
    tls = Tls(asks=Asks.STRICTLY, highest=V1_2_ONLY.highest)
    await loopback.serve(saying(answer()), tls=tls)
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert ends(way) == [Ended.FAILED, Ended.FAILED]
    assert way.certificate is not None
    assert (way.certificate.authority, way.certificate.trusted) == (Authority.PUBLIC, None)
    assert way.answer is None


@pytest.mark.parametrize(
    ("tls", "fault", "authority"),
    [
        (EXPIRED, "expired", Authority.PUBLIC),
        (NOT_YET_VALID, "not-yet-valid", Authority.PUBLIC),
        (WRONG_NAME, "wrong-name", Authority.PUBLIC),
        (SELF_SIGNED, "self-signed", Authority.OTHER),
    ],
)
async def test_a_certificate_that_is_not_trusted_says_why_and_the_answer_is_heard_all_the_same(
    loopback: Loopback, tls: Tls, fault: str, authority: Authority
) -> None:
    await loopback.serve(saying(answer()), tls=tls)
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert ends(way) == [Ended.DONE, Ended.DONE]
    assert way.certificate is not None
    assert (way.certificate.trusted, way.certificate.fault) == (False, fault)
    assert way.certificate.authority is authority
    assert way.answer is not None and way.answer.content is Content.EXPECTED


async def test_an_authority_that_only_the_workstation_knows_is_no_public_one(
    loopback: Loopback,
) -> None:
    appliance = loopback.authorities.intercepting("Hospital Inspection CA")
    await loopback.serve(saying(answer()), tls=Tls(authority=appliance))
    means = loopback.means(trust=loopback.trust(loopback.authorities.public, appliance))
    way = direct(await reach(endpoint(), means=means))
    assert way.certificate is not None
    assert (way.certificate.authority, way.certificate.trusted) == (Authority.OTHER, True)
    assert way.certificate.issuer.value == "Hospital Inspection CA"


async def test_a_trust_that_cannot_be_asked_is_unknown(loopback: Loopback) -> None:
    def trust() -> None:
        raise OSError("the store is locked")

    await loopback.serve(saying(answer()), tls=Tls())
    way = direct(await reach(endpoint(), means=loopback.means(trust=trust)))
    assert way.certificate is not None
    assert (way.certificate.trusted, way.certificate.fault) == (None, "")
    assert way.answer is not None and way.answer.content is Content.EXPECTED


async def _resets(peer: Peer) -> None:
    await peer.read()
    peer.reset()


@pytest.mark.parametrize(
    ("handler", "ended"),
    [
        (_resets, Ended.RESET),
        (saying(b"", wait_s=0), Ended.TIMEOUT),  # it waits for a request that never comes
        (silent, Ended.TIMEOUT),
    ],
)
async def test_a_server_that_does_not_shake_hands_is_told(
    loopback: Loopback, handler: Handler, ended: Ended
) -> None:
    await loopback.serve(handler)
    limits = Limits(handshake_s=IMPATIENT if ended is Ended.TIMEOUT else 20)
    way = direct(await reach(endpoint(), means=loopback.means(limits=limits)))
    assert ends(way) == [ended, ended]
    assert (way.certificate, way.answer) == (None, None)


async def test_a_server_without_tls_speaks_something_else(loopback: Loopback) -> None:
    async def greet(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    await loopback.serve(greet)
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert ends(way) == [Ended.MALFORMED, Ended.MALFORMED]


async def test_a_server_that_is_silent_after_the_request_costs_the_limit_of_the_answer(
    loopback: Loopback,
) -> None:
    await loopback.serve(silent, tls=Tls())
    limits = Limits(handshake_s=20, answer_s=IMPATIENT)
    way = direct(await reach(endpoint(), means=loopback.means(limits=limits)))
    assert way.answer is not None
    assert (way.answer.ended, way.answer.status) == (Ended.TIMEOUT, None)


async def test_a_plain_address_is_asked_without_tls(loopback: Loopback) -> None:
    crl = loopback.authorities.igc.revocation_list([1, 2, 3])
    await loopback.serve(saying(answer(crl)), port=80)
    way = direct(await reach(PLAIN, means=loopback.means()))
    assert (way.handshakes, way.certificate, way.tunnel) == ((), None, None)
    assert way.answer is not None and way.answer.content is Content.EXPECTED


# --- through a proxy ------------------------------------------------------------------------------


def tunnelling(loopback: Loopback, asked: list[bytes]) -> Handler:
    """A proxy that opens a tunnel to every server of the loopback."""

    async def handle(peer: Peer) -> None:
        head = await peer.head()
        asked.append(head)
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        (address,) = loopback.resolve(host, int(port), IpFamily.V4)
        server = Peer(*await asyncio.open_connection(*address))
        await peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")

        async def pump(source: Peer, to: Peer) -> None:
            while data := await source.read():
                await to.send(data)
            to.close()

        await asyncio.gather(pump(peer, server), pump(server, peer), return_exceptions=True)

    return handle


async def test_a_proxy_leads_to_the_server_beside_the_direct_way(loopback: Loopback) -> None:
    asked: list[bytes] = []
    await loopback.serve(saying(answer()), tls=Tls())
    await loopback.serve(tunnelling(loopback, asked), "proxy.example", 3128)
    reached = await reach(endpoint(), means=loopback.means(), proxies=[PROXY])
    for way in (direct(reached), proxied(reached)):
        assert way.certificate is not None and way.certificate.trusted is True
        assert way.answer is not None and way.answer.content is Content.EXPECTED
    tunnel = proxied(reached).tunnel
    assert tunnel is not None and (tunnel.ended, tunnel.status) == (Ended.DONE, 200)
    assert {head.splitlines()[0] for head in asked} == {b"CONNECT auth.esw.example:443 HTTP/1.1"}
    assert not any(b"authorization" in head.lower() for head in asked)


async def test_the_way_through_a_proxy_does_not_need_the_server_s_name(loopback: Loopback) -> None:
    asked: list[bytes] = []
    await loopback.serve(saying(answer()), tls=Tls())
    await loopback.serve(tunnelling(loopback, asked), "proxy.example", 3128)

    def resolve(host: str, port: int, family: IpFamily) -> list[Address]:
        return loopback.resolve("unknown" if host == HOST else host, port, family)

    means = loopback.means(resolve=resolve)
    reached = await reach(endpoint(), means=means, proxies=[PROXY])
    assert direct(reached).connections == ()
    way = proxied(reached)
    assert way.answer is not None and way.answer.content is Content.EXPECTED


@pytest.mark.parametrize(
    ("data", "ended", "status", "logins"),
    [
        (
            answer(b"", 407, "Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM"),
            Ended.FAILED,
            407,
            (Login.NEGOTIATE, Login.NTLM),
        ),
        (answer(b"<html>forbidden</html>", 403), Ended.FAILED, 403, ()),
        (b"nonsense\r\n\r\n", Ended.MALFORMED, None, ()),
        (b"HTTP/1.1 200 OK\r\n\r\nHello", Ended.MALFORMED, 200, ()),
        (b"", Ended.RESET, None, ()),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, Ended.TOO_LONG, None, ()),
    ],
)
async def test_a_proxy_that_does_not_open_a_tunnel_is_told(
    loopback: Loopback,
    data: bytes,
    ended: Ended,
    status: int | None,
    logins: tuple[Login, ...],
) -> None:
    await loopback.serve(saying(data), "proxy.example", 3128)
    way = proxied(await reach(endpoint(), means=loopback.means(), proxies=[PROXY]))
    assert way.tunnel is not None
    assert (way.tunnel.ended, way.tunnel.status, way.tunnel.logins) == (ended, status, logins)
    assert (way.handshakes, way.answer) == ((), None)


async def test_a_silent_proxy_costs_the_limit_of_the_tunnel(loopback: Loopback) -> None:
    await loopback.serve(silent, "proxy.example", 3128)
    means = loopback.means(limits=Limits(tunnel_s=IMPATIENT))
    way = proxied(await reach(endpoint(), means=means, proxies=[PROXY]))
    assert way.tunnel is not None and way.tunnel.ended is Ended.TIMEOUT


async def test_the_first_proxy_that_answers_is_taken(loopback: Loopback) -> None:
    asked: list[bytes] = []
    await loopback.serve(saying(answer()), tls=Tls())
    loopback.nobody_at("dead.example", 3128)
    await loopback.serve(tunnelling(loopback, asked), "proxy.example", 3128)
    proxies = ["dead.example:3128", "nonsense", PROXY]
    way = proxied(await reach(endpoint(), means=loopback.means(), proxies=proxies))
    assert way.answer is not None and way.answer.content is Content.EXPECTED


async def test_of_proxies_that_are_all_dead_the_first_is_told(loopback: Loopback) -> None:
    loopback.nobody_at("dead.example", 3128)
    means = loopback.means()
    proxies = ["dead.example:3128", "unknown.example:3128"]
    way = proxied(await reach(endpoint(), means=means, proxies=proxies))
    assert [each.ended for each in way.connections] == [Ended.REFUSED]
    assert way.tunnel is None


async def test_a_plain_address_is_asked_of_the_proxy_whole(loopback: Loopback) -> None:
    asked: list[bytes] = []
    crl = answer(loopback.authorities.igc.revocation_list())

    async def forward(peer: Peer) -> None:
        asked.append(await peer.head())
        await peer.send(crl)

    await loopback.serve(forward, "proxy.example", 3128)
    way = proxied(await reach(PLAIN, means=loopback.means(), proxies=[PROXY]))
    assert way.tunnel is not None and way.tunnel.ended is Ended.DONE
    assert way.answer is not None and way.answer.content is Content.EXPECTED
    assert asked[0].startswith(b"GET http://auth.esw.example/CRL/ACR-FO.crl HTTP/1.1\r\n")


async def test_a_login_that_the_proxy_asks_for_is_no_answer_of_the_server(
    loopback: Loopback,
) -> None:
    refusal = answer(b"<html></html>", 407, 'Proxy-Authenticate: Basic realm="x"')
    await loopback.serve(saying(refusal), "proxy.example", 3128)
    way = proxied(await reach(PLAIN, means=loopback.means(), proxies=[PROXY]))
    assert way.tunnel is not None
    assert (way.tunnel.ended, way.tunnel.logins) == (Ended.FAILED, (Login.BASIC,))
    assert way.answer is None


# --- side by side ---------------------------------------------------------------------------------


async def test_endpoints_are_told_in_their_order_and_nobody_waits_for_a_stuck_one(
    loopback: Loopback,
) -> None:
    """The healthy server answers while the others are stuck: only then are they let go."""
    answered = threading.Event()

    def resolve(host: str, port: int, family: IpFamily) -> list[Address]:
        if host == "stuck.example":
            answered.wait(20)
        return loopback.resolve(host, port, family)

    async def handle(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer())
        answered.set()

    await loopback.serve(handle, tls=Tls())
    stuck = endpoint(id="stuck", host="stuck.example")
    unknown = endpoint(id="unknown", host="unknown.example")
    means = loopback.means(resolve=resolve)
    reached = await reach_all([stuck, endpoint(), unknown], means=means, proxies={})
    assert [each.endpoint for each in reached] == ["stuck", "psc", "unknown"]
    assert reached[1].ways[0].answer is not None
    assert [each.ended for each in reached[0].ways[0].lookups] == [Ended.NOT_FOUND] * 2


async def test_proxies_are_those_of_each_endpoint(loopback: Loopback) -> None:
    await loopback.serve(saying(answer(b"", 403)), "proxy.example", 3128)
    other = endpoint(id="other")
    reached = await reach_all(
        [endpoint(), other], means=loopback.means(), proxies={"other": [PROXY]}
    )
    assert [len(each.ways) for each in reached] == [1, 2]


async def test_the_clock_is_told_with_the_date(loopback: Loopback) -> None:
    date = "Date: Tue, 24 Nov 2026 08:00:00 GMT"
    await loopback.serve(saying(answer(METADATA, 200, date)), tls=EXPIRED)
    way = direct(await reach(endpoint(), means=loopback.means()))
    assert way.answer is not None and way.answer.date is not None and way.answer.at is not None
    assert way.answer.date.isoformat() == "2026-11-24T08:00:00+00:00"
    assert way.answer.at.utcoffset() == timedelta(0)


def test_limits_are_those_that_were_decided() -> None:
    limits = Limits()
    assert (limits.name_s, limits.connection_s, limits.tunnel_s) == (4.0, 4.0, 5.0)
    assert (limits.handshake_s, limits.answer_s) == (5.0, 6.0)
    assert PATIENT.name_s > limits.name_s
