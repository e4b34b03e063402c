"""Names looked up, and what their addresses are good for."""

from __future__ import annotations

import ipaddress
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.net.names import Address, literal, look_up, scope_of, system_resolver
from diagcps.network import Ended, IpFamily, Lookup, Scope
from diagcps.threads import DaemonThreads
from tests.strategies import quick


async def looked(
    answer: list[Address] | Exception, limit_s: float = 20
) -> tuple[Lookup, tuple[Address, ...]]:
    def resolve(*_: object) -> list[Address]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return await look_up(
        "a.example", 443, IpFamily.V4, resolve=resolve, threads=DaemonThreads(), limit_s=limit_s
    )


async def test_addresses_are_told_once_in_their_order() -> None:
    public, private = ("9.9.9.9", 443), ("10.0.0.1", 443)
    lookup, addresses = await looked([private, public, private])
    assert addresses == (private, public)
    assert (lookup.ended, lookup.count) == (Ended.DONE, 2)
    assert lookup.scope is Scope.PRIVATE


async def test_the_worst_scope_counts() -> None:
    lookup, _ = await looked([("9.9.9.9", 443), ("0.0.0.0", 443), ("10.0.0.1", 443)])
    assert lookup.scope is Scope.NOWHERE


async def test_a_name_with_thousands_of_addresses_is_cut() -> None:
    lookup, addresses = await looked([(f"9.9.{n // 250}.{n % 250}", 443) for n in range(5000)])
    assert (lookup.count, len(addresses)) == (64, 64)


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), Ended.NOT_FOUND),
        (socket.gaierror(11004, "WSANO_DATA"), Ended.DONE),
        (socket.gaierror(socket.EAI_AGAIN, ""), Ended.FAILED),
        (socket.gaierror(socket.EAI_FAIL, ""), Ended.FAILED),
        (UnicodeError("label too long"), Ended.MALFORMED),
        (TimeoutError(), Ended.TIMEOUT),
        (OSError("whatever"), Ended.FAILED),
    ],
)
async def test_a_lookup_that_fails_says_how(error: Exception, ended: Ended) -> None:
    lookup, addresses = await looked(error)
    assert (lookup.ended, lookup.scope, lookup.count, addresses) == (ended, None, 0, ())


async def test_a_resolver_that_hangs_costs_the_limit() -> None:
    release = threading.Event()

    def resolve(*_: object) -> list[Address]:
        release.wait(20)
        return []

    threads = DaemonThreads(most_stuck=1)
    asked = {"resolve": resolve, "threads": threads, "limit_s": 0.05}
    try:
        lookup, _ = await look_up("a.example", 443, IpFamily.V4, **asked)  # type: ignore[arg-type]
        assert lookup.ended is Ended.TIMEOUT
        again, _ = await look_up("a.example", 443, IpFamily.V4, **asked)  # type: ignore[arg-type]
        assert again.ended is Ended.TIMEOUT
    finally:
        release.set()


def test_the_system_s_own_resolver_knows_an_address() -> None:
    assert system_resolver("127.0.0.1", 443, IpFamily.V4) == [("127.0.0.1", 443)]


def test_an_address_is_told_from_a_name() -> None:
    assert literal("192.0.2.1") is IpFamily.V4
    assert literal("::1") is IpFamily.V6
    assert literal("a.example") is None


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("9.9.9.9", Scope.PUBLIC),
        ("2620:fe::fe", Scope.PUBLIC),
        ("192.175.48.1", Scope.PUBLIC),
        ("2002:909:909::1", Scope.PUBLIC),
        ("10.1.2.3", Scope.PRIVATE),
        ("172.31.255.255", Scope.PRIVATE),
        ("172.32.0.1", Scope.PUBLIC),
        ("192.168.1.1", Scope.PRIVATE),
        ("100.64.1.1", Scope.PRIVATE),
        ("169.254.1.1", Scope.PRIVATE),
        ("fd00::1", Scope.PRIVATE),
        ("fe80::1", Scope.PRIVATE),
        ("0.0.0.0", Scope.NOWHERE),
        ("127.0.0.1", Scope.NOWHERE),
        ("127.8.8.8", Scope.NOWHERE),
        ("192.0.2.1", Scope.NOWHERE),
        ("224.0.0.1", Scope.NOWHERE),
        ("255.255.255.255", Scope.NOWHERE),
        ("::", Scope.NOWHERE),
        ("::1", Scope.NOWHERE),
        ("2001:db8::1", Scope.NOWHERE),
        ("::ffff:10.0.0.1", Scope.PRIVATE),
        ("::ffff:0.0.0.0", Scope.NOWHERE),
        ("64:ff9b::9.9.9.9", Scope.PUBLIC),
        ("no address", Scope.NOWHERE),
        ("", Scope.NOWHERE),
    ],
)
def test_the_scope_of_an_address(address: str, scope: Scope) -> None:
    assert scope_of(address) is scope


@quick
@given(st.text(max_size=40) | st.ip_addresses().map(str))
def test_any_text_has_a_scope(text: str) -> None:
    assert isinstance(scope_of(text), Scope)


@quick
@given(st.ip_addresses(v=4))
def test_an_address_of_version_4_means_the_same_inside_one_of_version_6(
    address: ipaddress.IPv4Address,
) -> None:
    for outer in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert scope_of(outer) is scope_of(str(address))
