"""The lab's proxies and portals are what they say, in the words of other programs."""

from __future__ import annotations

import pytest

from diagcps.catalogue_parts import KnownEndpoint

from . import answers
from .answers import Answer
from .lab import DOMAIN, Host, Lab, Proxy
from .names import Says
from .programs import Curl, curl, getaddrinfo, python, s_client
from .proxies import Proxying
from .servers import Trouble
from .tls import Asks, Tls

Endpoints = tuple[KnownEndpoint, ...]
NAME = "service.example"
URL = f"https://{NAME}/"
PLAIN = f"http://{NAME}/"


@pytest.fixture
def host(lab: Lab) -> Host:
    """A healthy host, with TLS and without."""
    return lab.host(NAME).serve().serve(port=80)


def through(proxy: Proxy, address: str, *options: str, limit_s: float = 5.0) -> tuple[int, str]:
    """What curl makes of an address through a proxy: its exit code, and the proxy's status."""
    words = ("-o", "/dev/null", "-w", "%{http_connect} %{http_code}", "-x", proxy.url)
    ran = curl(address, *words, *options, limit_s=limit_s)
    return ran.code, ran.text


# --- proxies ---


def test_an_open_proxy_leads_to_the_host(lab: Lab, host: Host) -> None:
    proxy = lab.proxy()
    assert through(proxy, URL) == (0, "200 200")
    assert through(proxy, PLAIN) == (0, "000 200")
    assert [each.target for each in proxy.requests] == [f"{NAME}:443", PLAIN]
    assert [each.target for each in host.requests] == ["/", "/"]


def test_a_proxy_leaves_tls_alone(lab: Lab, host: Host) -> None:
    shown = s_client(NAME, "-proxy", lab.proxy().address).text
    assert "Verify return code: 0 (ok)" in shown
    assert "issuer=CN = Lab Public Issuing G2" in shown


def test_a_proxy_knows_the_names_that_the_workstation_is_not_told(lab: Lab, host: Host) -> None:
    lab.names.say(NAME, Says.NO_SUCH_NAME)
    assert curl(URL).code == Curl.NO_NAME
    assert through(lab.proxy(), URL) == (0, "200 200")


def test_a_proxy_may_be_the_only_way_out(lab: Lab, host: Host) -> None:
    proxy = lab.proxy()
    lab.only_way_out()
    assert curl(URL, "-4", limit_s=0.7).code == Curl.TOO_LATE
    assert curl(URL, "-6", limit_s=0.7).code == Curl.TOO_LATE
    with lab.capture() as capture:
        assert through(proxy, URL) == (0, "200 200")
    assert {each[:2] for each in capture.outside} == {
        ("udp", lab.names.address),
        ("tcp", proxy.host.v4),
    }


def test_what_goes_around_a_proxy_may_be_rejected(lab: Lab, host: Host) -> None:
    lab.only_way_out(rejected=True)
    assert curl(URL).code == Curl.NO_CONNECTION


@pytest.mark.parametrize("logins", [("Negotiate", "NTLM"), ('Basic realm="proxy"',)])
@pytest.mark.parametrize("address", [URL, PLAIN])
def test_a_proxy_wants_to_know_who_asks(
    lab: Lab, host: Host, logins: tuple[str, ...], address: str
) -> None:
    proxy = lab.proxy(Proxying(logins=logins))
    assert "407" in through(proxy, address)[1]
    offered = curl(PLAIN, "-i", "-x", proxy.url).text
    assert [f"Proxy-Authenticate: {each}" in offered for each in logins] == [True] * len(logins)
    assert host.requests == []


def test_a_proxy_lets_through_whom_it_knows(lab: Lab, host: Host) -> None:
    proxy = lab.proxy(Proxying(logins=("Basic",), accepts="Basic bm91czpub3Vz"))
    assert through(proxy, URL, "--proxy-user", "nous:nous") == (0, "200 200")
    assert through(proxy, URL, "--proxy-user", "nous:eux")[1] == "407 000"


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_proxy_refuses(lab: Lab, host: Host, status: int) -> None:
    proxy = lab.proxy(Proxying(answer=Answer(status=status)))
    assert through(proxy, URL) == (Curl.BROKEN_OFF, f"{status} 000")
    assert through(proxy, PLAIN) == (0, f"000 {status}")


def test_a_proxy_finds_nobody(lab: Lab) -> None:
    assert through(lab.proxy(), URL)[1] == "502 000"


def test_a_dead_proxy_refuses(lab: Lab, host: Host) -> None:
    proxy = lab.proxy()
    proxy.stop()
    assert through(proxy, URL)[0] == Curl.NO_CONNECTION


def test_a_proxy_may_be_a_black_hole(lab: Lab, host: Host) -> None:
    proxy = lab.proxy()
    lab.drop(proxy)
    assert through(proxy, URL, limit_s=0.7) == (Curl.TOO_LATE, "000 000")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(Trouble.SILENT, Curl.TOO_LATE), (Trouble.RESET, Curl.BROKEN_OFF), (Trouble.GARBAGE, None)],
)
def test_a_proxy_in_trouble(lab: Lab, host: Host, trouble: Trouble, code: int | None) -> None:
    ended = through(lab.proxy(trouble=trouble), URL, limit_s=0.7)[0]
    assert ended != 0
    assert code in (None, ended)


def test_a_slow_proxy_answers_late(lab: Lab, host: Host) -> None:
    proxy = lab.proxy(Proxying(wait_s=1.0))
    assert through(proxy, URL, limit_s=0.5)[0] == Curl.TOO_LATE
    assert through(proxy, URL) == (0, "200 200")


def test_an_intercepting_proxy_shows_a_certificate_of_its_own(lab: Lab, host: Host) -> None:
    root = lab.authorities.intercepting("FortiGate CA")
    proxy = lab.proxy(Proxying(intercepts=root))
    assert through(proxy, URL)[0] == Curl.NOT_TRUSTED
    assert "issuer=CN = FortiGate CA" in s_client(NAME, "-proxy", proxy.address).text
    lab.trust(root)
    assert through(proxy, URL) == (0, "200 200")
    assert [each.method for each in proxy.requests[-2:]] == ["CONNECT", "GET"]
    assert curl(URL).code == 0
    assert "issuer=CN = Lab Public Issuing G2" in s_client(NAME).text


def test_interception_hides_that_a_certificate_is_asked_for(lab: Lab, host: Host) -> None:
    host.serve(tls=Tls(asks=Asks.OPTIONALLY))
    root = lab.authorities.intercepting("FortiGate CA")
    proxy = lab.proxy(Proxying(intercepts=root))
    asked = "Requested Signature Algorithms"
    assert asked in s_client(NAME).text
    assert asked not in s_client(NAME, "-proxy", proxy.address).text


def test_a_proxy_tells_of_a_reset_by_one(lab: Lab, host: Host) -> None:
    host.serve(trouble=Trouble.RESET)
    assert through(lab.proxy(), URL) == (Curl.NO_TLS, "200 000")


# --- scripts ---

SCRIPT = f'function FindProxyForURL(url, host) {{ return "PROXY proxy.{DOMAIN}:3128"; }}'


def test_a_script_is_served(lab: Lab) -> None:
    address = lab.script(SCRIPT)
    got = curl(address, "-w", "%{stderr}%{content_type}")
    assert (got.text, got.errors) == (SCRIPT, "application/x-ns-proxy-autoconfig")
    assert curl(address.replace("proxy.pac", "other"), "-f").code != 0


def test_a_script_lies_on_the_workstation(lab: Lab) -> None:
    assert curl(lab.script_file(SCRIPT)).text == SCRIPT


def test_a_script_is_found_by_its_name(lab: Lab) -> None:
    lab.wpad(SCRIPT)
    assert curl("http://wpad/wpad.dat").text == SCRIPT
    assert curl(f"http://wpad.{DOMAIN}/wpad.dat").text == SCRIPT


def test_without_one_no_script_is_found(lab: Lab) -> None:
    assert getaddrinfo("wpad") == ["EAI_NONAME"]


# --- portals ---


@pytest.mark.parametrize("by_name", [True, False])
def test_a_captive_portal_answers_for_every_host(lab: Lab, host: Host, by_name: bool) -> None:
    portal = lab.captive_portal(by_name=by_name)
    sent = curl(PLAIN, "-w", "%{stderr}%{http_code} %{redirect_url}")
    assert sent.errors == "302 https://portail.example/"
    assert curl(URL).code == Curl.NOT_TRUSTED
    assert "subject=CN = portail.example" in s_client(NAME).text
    assert "<html>" in curl("https://portail.example/", "--insecure").text
    assert portal.requests != []


def test_a_portal_by_name_gives_one_address_for_all(lab: Lab, host: Host) -> None:
    portal = lab.captive_portal()
    assert getaddrinfo(NAME) == getaddrinfo("nobody.example") == sorted(portal.addresses)


def test_a_portal_by_address_leaves_the_names_and_takes_every_address(lab: Lab, host: Host) -> None:
    lab.captive_portal(answers.html(), by_name=False)
    assert getaddrinfo(NAME) == sorted(host.addresses)
    assert "réseau" in curl("http://203.0.113.77/").text
    assert "réseau" in curl("http://[2001:db8::77]/").text


# --- the field ---


def test_every_endpoint_of_the_field_is_healthy(lab: Lab, endpoints: Endpoints) -> None:
    lab.field(endpoints)
    for each in endpoints:
        scheme = "http" if each.port == 80 else "https"
        got = curl(f"{scheme}://{each.host}{each.path}")
        assert got.code == 0, (each.id, got.errors)
        assert each.issuer in got.text


def test_a_whole_field_can_be_intercepted(lab: Lab, endpoints: Endpoints) -> None:
    root = lab.authorities.intercepting("Zscaler Root CA")
    lab.field(endpoints, tls=Tls(authority=root))
    secured = [each.host for each in endpoints if each.port == 443]
    program = (
        f"for host in {secured!r}:\n"
        "    context = ssl.create_default_context(); context.check_hostname = False\n"
        "    context.verify_mode = ssl.CERT_NONE\n"
        "    with socket.create_connection((host, 443), 5) as s:\n"
        "        der = context.wrap_socket(s, server_hostname=host).getpeercert(True)\n"
        "        print(b'Zscaler Root CA' in der)\n"
    )
    assert python(program).text.split() == ["True"] * len(secured)
