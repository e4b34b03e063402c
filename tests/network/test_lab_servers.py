"""The lab's servers are what they say, in the words of curl, openssl and Python's own library."""

from __future__ import annotations

import email.utils
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from . import answers, tls
from .answers import Answer
from .lab import Host, Lab
from .programs import Curl, Ran, curl, python, run, s_client
from .servers import Trouble
from .tls import Asks, Tls

NAME = "service.example"
URL = f"https://{NAME}/"
PLAIN = f"http://{NAME}/"
INTERCEPTOR = "Zscaler Root CA"


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host that does not serve yet."""
    return lab.host(NAME)


# --- certificates ---


def test_a_healthy_certificate_is_trusted_by_every_program(host: Host) -> None:
    host.serve()
    assert curl(URL).code == 0
    assert "Verify return code: 0 (ok)" in s_client(NAME).text
    assert python(f"print(urllib.request.urlopen({URL!r}, timeout=5).status)").text == "200"


@pytest.mark.parametrize(
    ("healthy_but", "reason"),
    [
        (tls.EXPIRED, "certificate has expired"),
        (tls.NOT_YET_VALID, "certificate is not yet valid"),
        (tls.WRONG_NAME, "no alternative certificate subject name"),
        (tls.SELF_SIGNED, "self-signed certificate"),
        (Tls(whole_chain=False), "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_is_refused_for_its_own_reason(
    host: Host, healthy_but: Tls, reason: str
) -> None:
    host.serve(tls=healthy_but)
    refused = curl(URL)
    assert (refused.code, reason in refused.errors) == (Curl.NOT_TRUSTED, True), refused.errors
    assert "CERTIFICATE_VERIFY_FAILED" in python(f"urllib.request.urlopen({URL!r})").errors
    assert curl(URL, "--insecure").code == 0


@pytest.mark.parametrize("which", ["intercepting", "igc"])
def test_another_authority_is_trusted_once_it_is_in_the_store(
    lab: Lab, host: Host, which: str
) -> None:
    made_by, root = {
        "intercepting": (lab.authorities.intercepting(INTERCEPTOR),) * 2,
        "igc": (lab.authorities.igc_servers, lab.authorities.igc),
    }[which]
    host.serve(tls=Tls(authority=made_by))
    assert curl(URL).code == Curl.NOT_TRUSTED
    lab.trust(root)
    assert curl(URL).code == 0
    assert python(f"print(urllib.request.urlopen({URL!r}).status)").text == "200"
    assert "Verify return code: 0 (ok)" in s_client(NAME).text
    # Whatever the store says, it is not of those that browsers bring along.
    public = str(lab.authorities.public_roots)
    assert curl(URL, "--cacert", public, "--capath", "/nonexistent").code == Curl.NOT_TRUSTED


def test_the_public_roots_are_those_of_a_healthy_server(lab: Lab, host: Host) -> None:
    host.serve()
    lab.trust_only(lab.authorities.igc)
    assert curl(URL).code == Curl.NOT_TRUSTED
    assert curl(URL, "--cacert", str(lab.authorities.public_roots)).code == 0


@pytest.mark.parametrize(
    ("healthy_but", "sent"), [(Tls(), 2), (Tls(whole_chain=False), 1), (Tls(sends_root=True), 3)]
)
def test_the_chain_is_sent_as_asked(host: Host, healthy_but: Tls, sent: int) -> None:
    host.serve(tls=healthy_but)
    assert s_client(NAME, "-showcerts").text.count("BEGIN CERTIFICATE") == sent


def test_the_name_of_an_authority_is_told(lab: Lab, host: Host) -> None:
    host.serve(tls=Tls(authority=lab.authorities.intercepting(INTERCEPTOR)))
    assert f"issuer=CN = {INTERCEPTOR}" in s_client(NAME).text


# --- versions, and the person's certificate ---


@pytest.mark.parametrize(
    ("healthy_but", "spoken"),
    [(Tls(), ["1.2", "1.3"]), (tls.V1_2_ONLY, ["1.2"]), (tls.V1_3_ONLY, ["1.3"])],
)
def test_a_server_speaks_its_versions_alone(
    host: Host, healthy_but: Tls, spoken: list[str]
) -> None:
    host.serve(tls=healthy_but)
    agreed = [v for v in ("1.2", "1.3") if curl(URL, f"--tlsv{v}", "--tls-max", v).code == 0]
    assert agreed == spoken
    alert = "alert protocol version"
    for version in {"1.2", "1.3"} - set(agreed):
        assert alert in s_client(NAME, f"-tls{version.replace('.', '_')}").errors


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("asks", list(Asks))
def test_a_server_asks_for_a_certificate_as_told(host: Host, asks: Asks, version: str) -> None:
    host.serve(tls=Tls(asks=asks))
    asked = "Requested Signature Algorithms" in s_client(NAME, version).text
    assert asked == (asks is not Asks.NOTHING)


@pytest.mark.parametrize(
    ("asks", "version", "code"),
    [
        (Asks.OPTIONALLY, "1.2", 0),
        (Asks.OPTIONALLY, "1.3", 0),
        (Asks.STRICTLY, "1.2", Curl.NO_TLS),
        (Asks.STRICTLY, "1.3", Curl.BROKEN_OFF),
    ],
)
def test_a_server_does_without_a_certificate_or_not(
    host: Host, asks: Asks, version: str, code: int
) -> None:
    host.serve(tls=Tls(asks=asks))
    asked = curl(URL, f"--tlsv{version}", "--tls-max", version)
    assert asked.code == code, asked.errors
    # The client hears why, before or after its handshake is done.
    assert code == 0 or "alert" in asked.errors


# --- trouble ---


@pytest.mark.parametrize(
    ("trouble", "codes"),
    [
        # It may be broken off while curl connects.
        (Trouble.RESET_AT_ONCE, (Curl.NO_CONNECTION, Curl.NO_TLS)),
        (Trouble.RESET, (Curl.NO_TLS,)),
        (Trouble.CLOSE, (Curl.NO_TLS,)),
        (Trouble.SILENT, (Curl.TOO_LATE,)),
        (Trouble.GARBAGE, (Curl.NO_TLS,)),
        (Trouble.ALERT, (Curl.NO_TLS,)),
        (Trouble.DRIP, (Curl.TOO_LATE,)),
        (Trouble.FLOOD, (Curl.NO_TLS,)),
    ],
)
def test_a_handshake_fails_in_its_own_way(
    host: Host, trouble: Trouble, codes: tuple[int, ...]
) -> None:
    host.serve(trouble=trouble)
    assert curl(URL, limit_s=0.7).code in codes


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        (Trouble.RESET, "ConnectionResetError"),
        (Trouble.CLOSE, "EOF"),
        (Trouble.ALERT, "HANDSHAKE_FAILURE"),
        (Trouble.GARBAGE, "WRONG_VERSION_NUMBER"),
        (Trouble.SILENT, "TimeoutError"),
        (Trouble.DRIP, "TimeoutError"),
    ],
)
def test_python_tells_the_troubles_apart(host: Host, trouble: Trouble, raised: str) -> None:
    host.serve(trouble=trouble)
    shaken = python(
        f"s = socket.create_connection(({NAME!r}, 443), 0.7)\n"
        f"ssl.create_default_context().wrap_socket(s, server_hostname={NAME!r})\n"
    )
    assert raised in shaken.errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("trouble", "codes"),
    [
        (Trouble.RESET_AT_ONCE, (Curl.NO_CONNECTION, Curl.NOT_SENT, Curl.BROKEN_OFF)),
        (Trouble.RESET, (Curl.BROKEN_OFF,)),
        (Trouble.CLOSE, (Curl.NOTHING,)),
        (Trouble.SILENT, (Curl.TOO_LATE,)),
    ],
)
def test_plain_http_fails_in_its_own_way(
    host: Host, trouble: Trouble, codes: tuple[int, ...]
) -> None:
    host.serve(port=80, trouble=trouble)
    assert curl(PLAIN, limit_s=0.7).code in codes


def test_a_slow_server_answers_late(host: Host) -> None:
    host.serve(wait_s=1.0)
    assert curl(URL, limit_s=0.5).code == Curl.TOO_LATE
    assert curl(URL).code == 0


# --- answers ---


def get(host: Host, answer: Answer, *options: str, limit_s: float = 5.0) -> Ran:
    """What curl makes of an answer."""
    host.serve(answer, port=80)
    return curl(PLAIN, *options, limit_s=limit_s)


def test_metadata_name_their_issuer(host: Host) -> None:
    issuer = "https://auth.example/realms/esante-wallet"
    got = get(host, answers.well_known(issuer), "-w", "%{stderr}%{http_code} %{content_type}")
    document = json.loads(got.output)
    assert got.errors == "200 application/json"
    assert document["issuer"] == issuer
    assert document["token_endpoint"].startswith(issuer)


def test_a_page_of_a_portal_is_html(host: Host) -> None:
    got = get(host, answers.html(), "-w", "%{stderr}%{content_type}")
    assert (got.errors, got.text[:15]) == ("text/html; charset=utf-8", "<!DOCTYPE html>")


def test_a_revocation_list_is_read_by_openssl(lab: Lab, host: Host, tmp_path: Path) -> None:
    igc = lab.authorities.igc
    got = get(host, answers.crl(igc.revocation_list([0x1120, 7])))
    file, signer = tmp_path / "list.crl", tmp_path / "signer.pem"
    file.write_bytes(got.output)
    signer.write_bytes(igc.pem)
    options = ("-inform", "DER", "-noout", "-text", "-CAfile", str(signer))
    read = run("openssl", "crl", "-in", str(file), *options)
    assert "verify OK" in read.errors
    assert re.findall(r"Serial Number: (\w+)", read.text) == ["1120", "07"]


def test_a_redirection_names_another_place(host: Host) -> None:
    got = get(host, answers.redirect("https://elsewhere.example/x"), "-w", "%{redirect_url}")
    assert got.text == "https://elsewhere.example/x"


def test_a_service_is_out_of_order(host: Host) -> None:
    assert get(host, answers.unavailable(), "-o", "/dev/null", "-w", "%{http_code}").text == "503"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answers.drip(0.05), Curl.TOO_LATE),
        (answers.never_ending(), Curl.TOO_LATE),
        (answers.silent(), Curl.TOO_LATE),
        (answers.cut_short(), Curl.CUT_SHORT),
        (replace(answers.html(), wait_s=3.0), Curl.TOO_LATE),
    ],
)
def test_an_answer_never_comes_to_its_end(host: Host, answer: Answer, code: int) -> None:
    assert get(host, answer, "-o", "/dev/null", limit_s=0.7).code == code


def test_a_drip_has_begun(host: Host) -> None:
    assert 2 < len(get(host, answers.drip(0.05), "-N", limit_s=0.7).output) < 20


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_an_oversized_answer_has_the_size_that_was_asked_for(host: Host, size: int) -> None:
    got = get(host, answers.oversized(size), "-o", "/dev/null", "-w", "%{size_download}")
    assert (got.code, got.text) == (0, str(size))


def test_a_bomb_unfolds(host: Host) -> None:
    size = 8 * 1024 * 1024
    bomb = answers.gzip_bomb(size)
    packed = get(host, bomb, "-o", "/dev/null", "-w", "%{size_download}")
    assert int(packed.text) < size / 500
    unfolded = get(host, bomb, "--compressed")
    assert len(unfolded.output) == size


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(answers.malformed(), "BadStatusLine"), (answers.endless_head(), "headers")],
)
def test_what_is_not_http_is_refused_by_python(host: Host, answer: Answer, raised: str) -> None:
    host.serve(answer, port=80)
    assert raised in python(f"urllib.request.urlopen({PLAIN!r}, timeout=5)").errors


@pytest.mark.parametrize("hours", [-3, 0, 48])
def test_the_date_is_that_of_another_clock(host: Host, hours: int) -> None:
    head = get(host, replace(answers.html(), ahead=timedelta(hours=hours)), "-I").text
    date = email.utils.parsedate_to_datetime(re.findall(r"Date: (.*)\r", head)[0])
    ahead = date - datetime.now(UTC)
    assert abs(ahead - timedelta(hours=hours)) < timedelta(seconds=10)


def test_an_answer_may_have_no_date(host: Host) -> None:
    assert "date:" not in get(host, replace(answers.html(), ahead=None), "-i").text.lower()


def test_what_was_asked_is_kept(host: Host) -> None:
    host.serve(port=80)
    curl(f"{PLAIN}some/path?x=1", "-A", "somebody")
    (request,) = host.requests
    assert (request.method, request.target, request.host) == ("GET", "/some/path?x=1", NAME)
    assert request.field("user-agent") == "somebody"


def test_an_answer_may_depend_on_what_was_asked(host: Host) -> None:
    host.serve(lambda request: Answer(body=request.target.encode()), port=80)
    assert curl(f"{PLAIN}b").text == "/b"


def test_a_server_takes_the_place_of_another(host: Host) -> None:
    host.serve(Answer(body=b"one"), port=80).serve(Answer(body=b"two"), port=80)
    assert curl(PLAIN).text == "two"
