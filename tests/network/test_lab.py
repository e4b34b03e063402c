"""The lab's link, its names and its capture are what they say, in the words of other programs."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from .authorities import Authorities
from .internet import BLACK_HOLE, DEVICE, PUBLIC, WORKSTATION4, WORKSTATION6
from .lab import DOMAIN, Host, Lab
from .machine import Machine
from .names import AAAA, A, Says
from .programs import Curl, curl, getaddrinfo, python
from .servers import Trouble

NAME = "service.example"
URL = f"https://{NAME}/"
SOON = ("--connect-timeout", "0.6")


@pytest.fixture
def host(lab: Lab) -> Host:
    """A healthy host."""
    return lab.host(NAME).serve()


def reason(address: str, port: int = 443) -> str:
    """Why the system cannot connect, or an empty text when it can."""
    tried = python(
        "import errno\n"
        f"try: socket.create_connection(({address!r}, {port}), 0.6).close()\n"
        "except TimeoutError: print('TIMEOUT')\n"
        "except OSError as error: print(errno.errorcode[error.errno])\n"
    )
    return tried.text


# --- the link ---


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_host_is_reached_in_each_family(host: Host, family: str) -> None:
    assert curl(URL, family).code == 0
    assert [each.target for each in host.requests] == ["/"]


def test_a_host_of_the_internet_has_public_addresses(lab: Lab, host: Host) -> None:
    assert all(ip_address(each).is_global for each in (*host.addresses, BLACK_HOLE, WORKSTATION6))
    assert ip_address(lab.host("intranet.example", private=True).addresses[0]).is_private


def test_a_port_without_a_server_refuses(host: Host) -> None:
    assert [reason(each, 444) for each in host.addresses] == ["ECONNREFUSED"] * 2
    host.stop()
    assert [reason(each) for each in host.addresses] == ["ECONNREFUSED"] * 2


@pytest.mark.parametrize("address", [BLACK_HOLE, "2001:db8::1"])
def test_packets_to_nobody_vanish(lab: Lab, address: str) -> None:
    assert reason(address) == "TIMEOUT"


def test_packets_to_a_dropped_host_vanish_and_no_other(lab: Lab, host: Host) -> None:
    other = lab.host("other.example").serve()
    lab.drop(host)
    assert [reason(each) for each in host.addresses] == ["TIMEOUT"] * 2
    assert [reason(each) for each in other.addresses] == ["", ""]
    lab.let_through()
    assert [reason(each) for each in host.addresses] == ["", ""]


def test_one_port_is_dropped_alone(lab: Lab, host: Host) -> None:
    host.serve(port=80)
    lab.drop(host, port=443)
    assert [reason(each) for each in host.addresses] == ["TIMEOUT"] * 2
    assert [reason(each, 80) for each in host.addresses] == ["", ""]


def test_a_rejected_host_is_unreachable_at_once(lab: Lab, host: Host) -> None:
    lab.reject(host)
    # Twice: the second time the kernel knows its neighbour, and sends within the call.
    for _ in range(2):
        assert [reason(each) for each in host.addresses] == ["EHOSTUNREACH"] * 2


def test_a_filter_may_say_that_it_forbids(lab: Lab, host: Host) -> None:
    lab.reject(host, port=443, prohibited=True)
    assert [reason(each) for each in host.addresses] == ["EHOSTUNREACH", "EACCES"]
    assert [reason(each, 80) for each in host.addresses] == ["ECONNREFUSED"] * 2


def test_offline_there_is_no_way_and_no_name(lab: Lab, host: Host) -> None:
    lab.unplug()
    assert [reason(each) for each in host.addresses] == ["ENETUNREACH"] * 2
    assert getaddrinfo(NAME) == ["EAI_AGAIN"]
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_ipv6_without_a_route_is_announced_and_fails_at_once(lab: Lab, host: Host) -> None:
    lab.ipv6_without_route()
    assert "2620004f8000" in Path("/proc/net/if_inet6").read_text()
    assert reason(host.v6 or "") == "ENETUNREACH"
    assert curl(URL).code == 0


def test_an_ipv6_black_hole_swallows_and_spares_ipv4(lab: Lab, host: Host) -> None:
    lab.ipv6_black_hole()
    assert curl(URL, "-6", *SOON).code == Curl.TOO_LATE
    assert curl(URL, "-4").code == 0


@pytest.mark.parametrize("version", [4, 6])
def test_a_family_can_be_absent(lab: Lab, host: Host, version: int) -> None:
    (lab.without_ipv4 if version == 4 else lab.without_ipv6)()
    assert [reason(each) == "" for each in host.addresses] == [version == 6, version == 4]


def test_a_slow_link_delays_what_is_sent(lab: Lab, host: Host) -> None:
    try:
        lab.slow_link(400)
    except NotImplementedError as error:
        pytest.skip(f"this kernel delays nothing: {error}")
    assert curl(URL, *SOON, "--connect-timeout", "0.3").code == Curl.TOO_LATE
    assert curl(URL, "--max-time", "10").code == 0


def test_nothing_of_a_lab_is_left(
    machine: Machine, authorities: Authorities, tmp_path: Path
) -> None:
    for _ in range(3):
        with Lab(machine, authorities, tmp_path) as lab:
            silent = lab.host(NAME).serve(trouble=Trouble.SILENT)
            assert DEVICE in [name for _, name in socket.if_nameindex()]
            with socket.create_connection((silent.v4, 443), 1) as client:
                client.sendall(b"x")
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
        assert reason(WORKSTATION4) == "ENETUNREACH"


# --- names ---


def test_a_name_has_its_addresses(host: Host) -> None:
    assert getaddrinfo(NAME) == sorted(host.addresses)
    assert getaddrinfo(NAME, "AF_INET") == [host.v4]
    assert getaddrinfo(NAME, "AF_INET6") == [host.v6]


def test_a_host_may_have_one_family(lab: Lab) -> None:
    host = lab.host("four.example", v6=False)
    assert getaddrinfo("four.example") == [host.v4]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (Says.NO_SUCH_NAME, "EAI_NONAME"),
        (Says.NO_ADDRESS, "EAI_NODATA"),
        (Says.FAILS, "EAI_AGAIN"),
        (Says.REFUSES, "EAI_AGAIN"),
    ],
)
def test_a_name_server_says_so(lab: Lab, host: Host, says: Says, error: str) -> None:
    lab.names.say(NAME, says)
    assert getaddrinfo(NAME) == [error]


def test_a_name_that_nobody_made_does_not_exist(lab: Lab) -> None:
    assert getaddrinfo("nobody.example") == ["EAI_NONAME"]


@pytest.mark.parametrize("says", [Says.NOTHING, Says.GARBAGE])
def test_a_name_server_that_gives_no_answer_is_waited_for(lab: Lab, host: Host, says: Says) -> None:
    lab.names.say(NAME, says)
    waited = curl(URL, limit_s=1.0)
    assert waited.code == Curl.TOO_LATE
    assert "resolv" in waited.errors.lower()


@pytest.mark.parametrize("lie", ["10.1.2.3", "0.0.0.0", "127.0.0.1"])
def test_a_name_server_lies(lab: Lab, host: Host, lie: str) -> None:
    lab.names.say(NAME, lie)
    assert getaddrinfo(NAME) == [lie]


def test_one_family_is_lied_about(lab: Lab, host: Host) -> None:
    lab.names.say(NAME, Says.NO_SUCH_NAME, types=(AAAA,))
    assert getaddrinfo(NAME, "AF_INET6") == ["EAI_NONAME"]
    assert getaddrinfo(NAME, "AF_INET") == [host.v4]


def test_a_long_answer_is_had_over_tcp(lab: Lab, host: Host) -> None:
    lab.names.say_truth(NAME, only_tcp=True)
    with lab.capture() as capture:
        assert getaddrinfo(NAME, "AF_INET") == [host.v4]
    assert ("tcp", lab.names.address, 53) in capture.outside
    assert lab.names.asked == [(NAME, A), (NAME, A)]


def test_a_late_answer_is_an_answer(lab: Lab, host: Host) -> None:
    lab.names.say_truth(NAME, wait_s=1.0)
    assert curl(URL, limit_s=0.5).code == Curl.TOO_LATE
    assert getaddrinfo(NAME) == sorted(host.addresses)


def test_every_name_of_the_world_has_one_address(lab: Lab) -> None:
    lab.names.say_of_all("192.0.2.7")
    assert getaddrinfo("anything.example") == getaddrinfo("else.test") == ["192.0.2.7"]


def test_a_resolver_that_is_not_there_resolves_nothing(lab: Lab, host: Host) -> None:
    lab.names.close()
    assert getaddrinfo(NAME) == ["EAI_AGAIN"]


def test_another_resolver_may_know_better(lab: Lab, host: Host) -> None:
    address, _ = lab.other_resolver()
    lab.names.say(NAME, Says.NO_SUCH_NAME)
    assert getaddrinfo(NAME) == ["EAI_NONAME"]
    lab.resolvers(address)
    assert getaddrinfo(NAME) == sorted(host.addresses)


def test_the_hosts_file_comes_before_the_name_server(lab: Lab, host: Host) -> None:
    lab.hosts_file(f"192.0.2.9 {NAME}")
    assert getaddrinfo(NAME, "AF_INET") == ["192.0.2.9"]


def test_a_short_name_is_of_the_establishment(lab: Lab) -> None:
    host = lab.host(f"intranet.{DOMAIN}", private=True)
    assert getaddrinfo("intranet") == list(host.addresses)


# --- what is sent ---


def test_what_is_sent_is_listed_and_nothing_else(lab: Lab, host: Host) -> None:
    with lab.capture() as capture:
        assert curl(URL, "-4").code == 0
    assert capture.outside == {("udp", lab.names.address, 53), ("tcp", host.v4, 443)}
    assert capture.asked == {NAME}


def test_what_never_arrives_is_listed_too(lab: Lab) -> None:
    with lab.capture() as capture:
        assert reason("2001:db8::7", 8443) == "TIMEOUT"
        python("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('9.9.9.9', 5353))")
    assert capture.outside == {("tcp", "2001:db8::7", 8443), ("udp", "9.9.9.9", 5353)}


def test_what_stays_within_the_workstation_is_told_apart(lab: Lab) -> None:
    with lab.capture() as capture:
        assert reason("127.0.0.1", 9) == reason("::1", 9) == "ECONNREFUSED"
    assert capture.outside == set()
    assert {("lo", "tcp", "127.0.0.1", 9), ("lo", "tcp", "::1", 9)} <= capture.destinations


def test_what_is_sent_before_and_after_is_not_listed(lab: Lab) -> None:
    curl(URL)
    with lab.capture() as capture:
        pass
    curl(URL)
    assert capture.destinations == set()
    assert lab.names.asked != []


def send_many(count: int) -> None:
    """Sends a packet to each of that many ports."""
    python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"for n in range({count}): s.sendto(b'x' * 1000, ('192.0.2.1', 1 + n % 65535))\n"
    )


def test_no_packet_of_many_is_missed(lab: Lab) -> None:
    with lab.capture() as capture:
        send_many(20_000)
    assert {port for _, _, port in capture.outside} == set(range(1, 20_001))


def test_a_capture_that_is_full_says_so(lab: Lab) -> None:
    with pytest.raises(RuntimeError, match="were missed"), lab.capture():
        send_many(70_000)


# --- time ---


@pytest.mark.parametrize("ahead_s", [0.0, -7200.0, 40.0])
def test_a_time_server_says_its_time(lab: Lab, ahead_s: float) -> None:
    lab.time_server("ntp.example", ahead_s=ahead_s)
    asked = python(
        "import time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)\n"
        "s.sendto(b'\\x23' + bytes(39) + b'12345678', ('ntp.example', 123))\n"
        "print(s.recv(100).hex(), time.time())\n"
    )
    answer, now = asked.text.split()
    fields = struct.unpack(">BB22x8sII", bytes.fromhex(answer)[:40])
    assert (fields[0] & 7, fields[2]) == (4, b"12345678")
    assert abs(fields[3] - 2_208_988_800 - float(now) - ahead_s) < 5


def test_a_time_server_may_say_nothing(lab: Lab) -> None:
    host = lab.time_server("ntp.example", answers=False)
    with lab.capture() as capture:
        python(f"socket.socket(type=socket.SOCK_DGRAM).sendto(bytes(48), ({host.v4!r}, 123))")
        asked = python(
            "s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(0.3)\n"
            f"s.sendto(bytes(48), ({host.v4!r}, 123))\n"
            "print(s.recv(100))\n"
        )
    assert "TimeoutError" in asked.errors
    assert ("udp", host.v4, 123) in capture.outside
    assert host.v4 is not None and host.v4.startswith(PUBLIC.v4(0).removesuffix("0"))
