"""Each arrangement of the network gives the stages that it must, from the system's own resolver and
store to the answer; a healthy one gives none that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from diagcps.card.base import Anchors
from diagcps.catalogue_parts import Interceptor, KnownEndpoint
from diagcps.model import Platform
from diagcps.net.chain import PublicRoots
from diagcps.net.means import Means
from diagcps.net.stages import Limits
from diagcps.net.trust import WorkstationTrust
from diagcps.net.ways import reach, reach_all
from diagcps.network import (
    Answer as Told,
)
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

from . import answers, tls
from .answers import Answer
from .authorities import Authorities
from .lab import Lab, Proxy
from .names import AAAA, Says
from .proxies import Proxying
from .servers import Trouble

SOON = 0.5
"""The limit of the stage that is expected to run out."""
PATIENT = Limits(name_s=20, connection_s=20, tunnel_s=20, handshake_s=20, answer_s=20)
BLUE_COAT = Interceptor(name="Blue Coat", issuers=("blue coat",), source="a test")


@pytest.fixture
def psc(endpoints: tuple[KnownEndpoint, ...]) -> KnownEndpoint:
    """The host where people sign in."""
    return next(each for each in endpoints if each.id == "psc-authentication")


@pytest.fixture
def igc(endpoints: tuple[KnownEndpoint, ...]) -> KnownEndpoint:
    """The host of the revocation lists, without TLS."""
    return next(each for each in endpoints if each.port == 80)


@pytest.fixture
def healthy(lab: Lab, endpoints: tuple[KnownEndpoint, ...]) -> Lab:
    """Every host of the field answers as its own."""
    lab.field(endpoints)
    return lab


@pytest.fixture
def means(authorities: Authorities) -> Means:
    """The system's own resolver and store; the roots and the pins of the lab."""
    issuing = authorities.igc_servers.certificate.public_bytes(Encoding.DER)
    pinned = frozenset({Anchors.fingerprint(issuing)})
    return Means(
        anchors=Anchors(fingerprints=pinned, names=frozenset()),
        trust=WorkstationTrust(Platform.LINUX),
        interceptors=(BLUE_COAT,),
        limits=PATIENT,
        roots=PublicRoots(authorities.public_roots),
    )


def directly(endpoint: KnownEndpoint, means: Means, **limits: float) -> Way:
    """The direct way."""
    (way,) = gone(endpoint, means, (), **limits).ways
    assert way.via is Via.DIRECT
    return way


def through(
    proxies: Sequence[Proxy | str], endpoint: KnownEndpoint, means: Means, **limits: float
) -> Way:
    """The way through proxies."""
    addresses = [each if isinstance(each, str) else each.address for each in proxies]
    _, way = gone(endpoint, means, addresses, **limits).ways
    assert way.via is Via.PROXY
    return way


def gone(endpoint: KnownEndpoint, means: Means, proxies: Sequence[str], **limits: float) -> Reach:
    changed = replace(means, limits=replace(PATIENT, **limits))
    return asyncio.run(reach(endpoint, means=changed, proxies=proxies))


def looked_up(way: Way) -> list[Ended]:
    return [each.ended for each in way.lookups]


def connected(way: Way) -> dict[IpFamily, Ended]:
    return {each.family: each.ended for each in way.connections}


def shaken(way: Way) -> list[Ended]:
    return [each.ended for each in way.handshakes]


def told(way: Way) -> Told:
    assert way.answer is not None
    return way.answer


def is_healthy(way: Way) -> bool:
    """Nothing of it failed, over whichever family was first."""
    ends = [*looked_up(way), *connected(way).values(), *shaken(way), told(way).ended]
    shown = way.certificate
    return (
        set(ends) == {Ended.DONE}
        and told(way).content is Content.EXPECTED
        and (shown is None or (shown.authority, shown.trusted) == (Authority.PUBLIC, True))
    )


# --- healthy ---


def test_a_healthy_field_is_healthy_at_every_stage(
    healthy: Lab, endpoints: tuple[KnownEndpoint, ...], means: Means
) -> None:
    reached = asyncio.run(reach_all(endpoints, means=means))
    assert [each.endpoint for each in reached] == [each.id for each in endpoints]
    for each in reached:
        (way,) = each.ways
        assert is_healthy(way), each
        assert {lookup.scope for lookup in way.lookups} == {Scope.PUBLIC}
        assert set(connected(way)) == set(IpFamily)
        assert [shake.asks_certificate for shake in way.handshakes] in ([], [False, False])


def test_a_healthy_field_is_healthy_through_the_only_way_out(
    healthy: Lab, endpoints: tuple[KnownEndpoint, ...], means: Means
) -> None:
    proxy = healthy.proxy()
    healthy.only_way_out(rejected=True)
    proxies = {each.id: [proxy.address] for each in endpoints}
    for each in asyncio.run(reach_all(endpoints, means=means, proxies=proxies)):
        direct, proxied = each.ways
        assert set(connected(direct).values()) == {Ended.UNREACHABLE}
        assert proxied.tunnel is not None and proxied.tunnel.ended is Ended.DONE
        assert told(proxied).content is Content.EXPECTED
        shown = proxied.certificate
        assert shown is None or (shown.authority, shown.trusted) == (Authority.PUBLIC, True)
        assert {lookup.scope for lookup in proxied.lookups} == {Scope.PRIVATE, None}


def test_a_workstation_without_ipv6_is_healthy_by_ipv4(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.without_ipv6()
    way = directly(psc, means)
    assert connected(way) == {IpFamily.V4: Ended.DONE, IpFamily.V6: Ended.UNREACHABLE}
    assert told(way).content is Content.EXPECTED


def test_a_host_without_ipv6_has_no_address_of_it(
    lab: Lab, psc: KnownEndpoint, means: Means
) -> None:
    lab.host(psc.host, v6=False).serve(lab.expected(psc))
    way = directly(psc, means)
    assert [(each.ended, each.count) for each in way.lookups] == [(Ended.DONE, 1), (Ended.DONE, 0)]
    assert connected(way) == {IpFamily.V4: Ended.DONE}
    assert is_healthy(way)


def test_nothing_but_the_endpoint_is_spoken_to(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    with healthy.capture() as capture:
        directly(psc, means)
    host = healthy.hosts[psc.host]
    assert capture.asked == {psc.host}
    assert {each for each in capture.outside if each[2] != 53} == {
        ("tcp", address, 443) for address in host.addresses
    }
    assert [each.target for each in host.requests] == [psc.path]
    fields = {name for name, _ in host.requests[0].fields}
    assert fields == {"host", "user-agent", "accept", "accept-encoding", "cache-control"}


# --- names ---


def test_a_name_that_does_not_exist(healthy: Lab, psc: KnownEndpoint, means: Means) -> None:
    healthy.names.say(psc.host, Says.NO_SUCH_NAME)
    way = directly(psc, means)
    assert looked_up(way) == [Ended.NOT_FOUND, Ended.NOT_FOUND]
    assert (way.connections, way.answer) == ((), None)


@pytest.mark.parametrize("says", [Says.FAILS, Says.REFUSES])
def test_a_name_server_that_fails(
    healthy: Lab, psc: KnownEndpoint, means: Means, says: Says
) -> None:
    """glibc then asks in the establishment's domain, and may tell what became of that instead."""
    healthy.names.say(psc.host, says)
    way = directly(psc, means)
    assert set(looked_up(way)) <= {Ended.FAILED, Ended.NOT_FOUND}
    assert (way.connections, way.answer) == ((), None)


def test_a_name_server_that_is_silent_costs_the_limit(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.names.say(psc.host, Says.NOTHING)
    way = directly(psc, means, name_s=SOON)
    assert looked_up(way) == [Ended.TIMEOUT, Ended.TIMEOUT]


def test_a_name_server_that_is_silent_on_ipv6_delays_nothing(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.names.say(psc.host, Says.NOTHING, types=[AAAA])
    way = directly(psc, means, name_s=SOON)
    assert looked_up(way) == [Ended.DONE, Ended.TIMEOUT]
    assert told(way).content is Content.EXPECTED


@pytest.mark.parametrize("lie", ["0.0.0.0", "127.0.0.1"])
def test_a_filter_that_answers_with_an_address_of_nowhere(
    healthy: Lab, psc: KnownEndpoint, means: Means, lie: str
) -> None:
    healthy.names.say(psc.host, lie)
    way = directly(psc, means)
    assert way.lookups[0].scope is Scope.NOWHERE
    assert set(connected(way).values()) == {Ended.REFUSED}


# --- connections ---


def test_a_black_hole_costs_the_limit_of_the_connection(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.drop(healthy.hosts[psc.host])
    way = directly(psc, means, connection_s=SOON)
    assert connected(way) == dict.fromkeys(IpFamily, Ended.TIMEOUT)
    assert way.handshakes == ()


def test_a_filter_that_forbids_is_told_at_once(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.reject(healthy.hosts[psc.host], prohibited=True)
    way = directly(psc, means)
    assert connected(way) == {IpFamily.V4: Ended.UNREACHABLE, IpFamily.V6: Ended.REFUSED}


def test_a_host_without_a_server_refuses(lab: Lab, psc: KnownEndpoint, means: Means) -> None:
    lab.host(psc.host)
    assert connected(directly(psc, means)) == dict.fromkeys(IpFamily, Ended.REFUSED)


def test_offline_no_name_is_found(healthy: Lab, psc: KnownEndpoint, means: Means) -> None:
    healthy.unplug()
    assert looked_up(directly(psc, means)) == [Ended.FAILED, Ended.FAILED]


def test_ipv6_without_a_route_is_told_beside_a_healthy_way(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.ipv6_without_route()
    way = directly(psc, means)
    assert connected(way) == {IpFamily.V4: Ended.DONE, IpFamily.V6: Ended.UNREACHABLE}
    assert told(way).content is Content.EXPECTED


def test_ipv6_that_leads_nowhere_is_told_beside_a_healthy_way(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    healthy.ipv6_black_hole()
    way = directly(psc, means, connection_s=SOON)
    assert connected(way) == {IpFamily.V4: Ended.DONE, IpFamily.V6: Ended.TIMEOUT}
    assert told(way).content is Content.EXPECTED


# --- TLS ---


@pytest.mark.parametrize(
    ("how", "ends"),
    [
        (tls.V1_2_ONLY, [Ended.DONE, Ended.FAILED]),
        (tls.V1_3_ONLY, [Ended.FAILED, Ended.DONE]),
    ],
)
def test_a_server_of_one_version_of_tls(
    lab: Lab, psc: KnownEndpoint, means: Means, how: tls.Tls, ends: list[Ended]
) -> None:
    lab.host(psc.host).serve(lab.expected(psc), tls=how)
    way = directly(psc, means)
    assert shaken(way) == ends
    assert [each.alert for each in way.handshakes if each.ended is Ended.FAILED] == [
        "protocol-version"
    ]
    assert told(way).content is Content.EXPECTED


@pytest.mark.parametrize(
    ("asks", "ends"),
    [
        (tls.Asks.OPTIONALLY, [Ended.DONE, Ended.DONE]),
        (tls.Asks.STRICTLY, [Ended.FAILED, Ended.DONE]),
    ],
)
def test_a_server_that_asks_for_the_person_s_certificate(
    lab: Lab, psc: KnownEndpoint, means: Means, asks: tls.Asks, ends: list[Ended]
) -> None:
    lab.host(psc.host).serve(lab.expected(psc), tls=tls.Tls(asks=asks))
    way = directly(psc, means)
    assert [each.asks_certificate for each in way.handshakes] == [True, True]
    assert shaken(way) == ends
    assert way.certificate is not None and way.certificate.authority is Authority.PUBLIC


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        (tls.EXPIRED, "expired"),
        (tls.NOT_YET_VALID, "not-yet-valid"),
        (tls.WRONG_NAME, "wrong-name"),
        (tls.SELF_SIGNED, "self-signed"),
    ],
)
def test_a_certificate_that_the_workstation_does_not_trust(
    lab: Lab, psc: KnownEndpoint, means: Means, how: tls.Tls, fault: str
) -> None:
    lab.host(psc.host).serve(lab.expected(psc), tls=how)
    way = directly(psc, means)
    assert way.certificate is not None
    assert (way.certificate.trusted, way.certificate.fault) == (False, fault)
    assert shaken(way) == [Ended.DONE, Ended.DONE]
    assert told(way).content is Content.EXPECTED


@pytest.mark.parametrize("is_installed", [False, True])
def test_an_appliance_that_opens_tls_is_named(
    lab: Lab, authorities: Authorities, psc: KnownEndpoint, means: Means, is_installed: bool
) -> None:
    appliance = authorities.intercepting("Blue Coat SSL Inspection")
    if is_installed:
        lab.trust(appliance)
    lab.host(psc.host).serve(lab.expected(psc), tls=tls.Tls(authority=appliance, sends_root=True))
    shown = directly(psc, means).certificate
    assert shown is not None
    assert (shown.authority, shown.interceptor) == (Authority.OTHER, "Blue Coat")
    assert (shown.trusted, shown.fault) == (
        (True, "") if is_installed else (False, "unknown-issuer")
    )


def test_two_hosts_of_one_appliance_have_the_same_top(
    lab: Lab, authorities: Authorities, endpoints: tuple[KnownEndpoint, ...], means: Means
) -> None:
    unknown = authorities.intercepting("Nobody knows this one")
    lab.field(endpoints, tls=tls.Tls(authority=unknown))
    reached = asyncio.run(reach_all(endpoints, means=means))
    shown = [each.ways[0].certificate for each in reached if each.ways[0].certificate]
    assert len(shown) > 2 and len({each.top for each in shown}) == 1
    assert {each.authority for each in shown} == {Authority.OTHER}


def test_a_server_of_igc_sante_is_known_and_not_trusted_by_this_store(
    lab: Lab, authorities: Authorities, psc: KnownEndpoint, means: Means
) -> None:
    lab.host(psc.host).serve(lab.expected(psc), tls=tls.Tls(authority=authorities.igc_servers))
    shown = directly(psc, means).certificate
    assert shown is not None
    assert (shown.authority, shown.trusted) == (Authority.IGC_SANTE, False)


@pytest.mark.parametrize(
    ("trouble", "ended"),
    [
        (Trouble.RESET, Ended.RESET),
        (Trouble.CLOSE, Ended.RESET),
        (Trouble.GARBAGE, Ended.MALFORMED),
        (Trouble.ALERT, Ended.FAILED),
        (Trouble.SILENT, Ended.TIMEOUT),
        (Trouble.DRIP, Ended.TIMEOUT),
        (Trouble.FLOOD, Ended.MALFORMED),
    ],
)
def test_a_server_in_trouble_where_tls_should_be(
    lab: Lab, psc: KnownEndpoint, means: Means, trouble: Trouble, ended: Ended
) -> None:
    lab.host(psc.host).serve(trouble=trouble)
    way = directly(psc, means, handshake_s=SOON if ended is Ended.TIMEOUT else 20.0)
    assert shaken(way) == [ended, ended]
    assert (way.certificate, way.answer) == (None, None)


def test_a_connection_that_is_broken_off_at_once(
    lab: Lab, psc: KnownEndpoint, means: Means
) -> None:
    """Before the system has told of it, or just after."""
    lab.host(psc.host).serve(trouble=Trouble.RESET_AT_ONCE)
    way = directly(psc, means)
    assert Ended.RESET in (*connected(way).values(), *shaken(way))
    assert way.answer is None


# --- the answer ---


@pytest.mark.parametrize(
    ("says", "ended", "status", "content"),
    [
        (answers.unavailable(), Ended.DONE, 503, Content.HTML),
        (answers.html(), Ended.DONE, 200, Content.HTML),
        (answers.well_known("https://else.example"), Ended.DONE, 200, Content.INCONSISTENT),
        (answers.malformed(), Ended.MALFORMED, None, Content.NONE),
        (answers.endless_head(), Ended.TOO_LONG, None, Content.NONE),
        (answers.never_ending(), Ended.TOO_LONG, 200, Content.OTHER),
        (answers.oversized(50 << 20), Ended.TOO_LONG, 200, Content.OTHER),
        (answers.cut_short(), Ended.RESET, 200, Content.OTHER),
        (answers.gzip_bomb(), Ended.DONE, 200, Content.OTHER),
        (answers.silent(), Ended.TIMEOUT, None, Content.NONE),
        (answers.drip(), Ended.TIMEOUT, 200, Content.OTHER),
        (Answer(status=404), Ended.DONE, 404, Content.NONE),
    ],
    ids=lambda value: "" if isinstance(value, Answer) else None,
)
def test_what_a_server_answers_is_told_as_it_is(
    lab: Lab,
    psc: KnownEndpoint,
    means: Means,
    says: Answer,
    ended: Ended,
    status: int | None,
    content: Content,
) -> None:
    lab.host(psc.host).serve(says)
    answer = told(directly(psc, means, answer_s=SOON if ended is Ended.TIMEOUT else 20.0))
    assert (answer.ended, answer.status, answer.content) == (ended, status, content)


def test_the_clock_of_the_server_is_told_beside_this_one(
    lab: Lab, psc: KnownEndpoint, means: Means
) -> None:
    early = replace(lab.expected(psc), ahead=timedelta(hours=-5))
    lab.host(psc.host).serve(early)
    answer = told(directly(psc, means))
    assert answer.date is not None and answer.at is not None
    assert abs(answer.at - answer.date - timedelta(hours=5)) < timedelta(minutes=1)
    assert abs(answer.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_list_of_fifty_megabytes_is_known_by_its_beginning(
    lab: Lab, authorities: Authorities, igc: KnownEndpoint, means: Means
) -> None:
    few = authorities.igc.revocation_list(range(1, 50))

    def parts() -> Iterator[bytes]:
        yield few
        for _ in range(800):
            yield bytes(65536)

    lab.host(igc.host).serve(Answer(body=parts), port=80)
    answer = told(directly(igc, means))
    assert (answer.ended, answer.content) == (Ended.DONE, Content.EXPECTED)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_captive_portal_shows_a_page_in_the_place_of_a_list(
    lab: Lab, psc: KnownEndpoint, igc: KnownEndpoint, means: Means, by_name: bool
) -> None:
    lab.field((psc, igc))
    lab.captive_portal(answers.html(), by_name=by_name)
    plain, secured = directly(igc, means), directly(psc, means)
    assert (told(plain).status, told(plain).content) == (200, Content.HTML)
    assert secured.certificate is not None
    assert (secured.certificate.trusted, secured.certificate.fault) == (False, "self-signed")
    assert secured.certificate.authority is Authority.OTHER


def test_a_captive_portal_sends_the_browser_elsewhere(
    lab: Lab, igc: KnownEndpoint, means: Means
) -> None:
    lab.captive_portal()
    answer = told(directly(igc, means))
    assert (answer.status, answer.elsewhere) == (302, True)


# --- through a proxy ---


@pytest.mark.parametrize(
    ("how", "status", "logins"),
    [
        (Proxying(logins=("Negotiate", "NTLM")), 407, (Login.NEGOTIATE, Login.NTLM)),
        (Proxying(logins=('Basic realm="proxy"',)), 407, (Login.BASIC,)),
        (Proxying(answer=Answer(status=403)), 403, ()),
    ],
)
def test_a_proxy_that_refuses(
    healthy: Lab,
    psc: KnownEndpoint,
    means: Means,
    how: Proxying,
    status: int,
    logins: tuple[Login, ...],
) -> None:
    way = through([healthy.proxy(how)], psc, means)
    assert way.tunnel is not None
    assert (way.tunnel.ended, way.tunnel.status) == (Ended.FAILED, status)
    assert way.tunnel.logins == logins
    assert (way.handshakes, way.answer) == ((), None)


def test_a_proxy_that_asks_for_a_login_before_a_list(
    healthy: Lab, igc: KnownEndpoint, means: Means
) -> None:
    way = through([healthy.proxy(Proxying(logins=("Negotiate",)))], igc, means)
    assert way.tunnel is not None
    assert (way.tunnel.status, way.tunnel.logins) == (407, (Login.NEGOTIATE,))
    assert way.answer is None


def test_a_proxy_that_is_dead_refuses(healthy: Lab, psc: KnownEndpoint, means: Means) -> None:
    proxy = healthy.proxy()
    proxy.stop()
    way = through([proxy], psc, means)
    assert set(connected(way).values()) == {Ended.REFUSED}
    assert way.tunnel is None


def test_a_proxy_that_is_a_black_hole_costs_the_limit(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    proxy = healthy.proxy()
    healthy.drop(proxy)
    way = through([proxy], psc, means, connection_s=SOON)
    assert set(connected(way).values()) == {Ended.TIMEOUT}


def test_a_proxy_whose_name_is_unknown(healthy: Lab, psc: KnownEndpoint, means: Means) -> None:
    way = through(["nobody.hopital.example:3128"], psc, means)
    assert looked_up(way) == [Ended.NOT_FOUND, Ended.NOT_FOUND]


@pytest.mark.parametrize(
    ("trouble", "ended"),
    [
        (Trouble.RESET, Ended.RESET),
        (Trouble.GARBAGE, Ended.MALFORMED),
        (Trouble.SILENT, Ended.TIMEOUT),
        (Trouble.FLOOD, Ended.TOO_LONG),
    ],
)
def test_a_proxy_in_trouble(
    healthy: Lab, psc: KnownEndpoint, means: Means, trouble: Trouble, ended: Ended
) -> None:
    proxy = healthy.proxy(trouble=trouble)
    way = through([proxy], psc, means, tunnel_s=SOON if ended is Ended.TIMEOUT else 20.0)
    assert way.tunnel is not None
    assert way.tunnel.ended in (ended, Ended.MALFORMED)
    assert way.handshakes == ()


def test_a_proxy_that_opens_tls_is_told_by_its_certificate(
    healthy: Lab, authorities: Authorities, psc: KnownEndpoint, means: Means
) -> None:
    proxy = healthy.proxy(Proxying(intercepts=authorities.intercepting("Blue Coat Proxy")))
    way = through([proxy], psc, means)
    assert way.certificate is not None
    assert way.certificate.authority is Authority.OTHER
    assert way.certificate.interceptor == "Blue Coat"
    assert told(way).content is Content.EXPECTED


def test_the_first_proxy_that_answers_is_gone_through(
    healthy: Lab, psc: KnownEndpoint, means: Means
) -> None:
    dead = healthy.proxy(name="dead.hopital.example")
    dead.stop()
    way = through([dead, healthy.proxy()], psc, means)
    assert way.tunnel is not None and way.tunnel.ended is Ended.DONE
    assert told(way).content is Content.EXPECTED
