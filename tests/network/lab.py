"""A workstation and an Internet of the test's own, in two network namespaces of this process.

The test, what it starts and the code that it tests stand on the workstation: a device `eth0`, a
name server, a trust store. Every server stands in the Internet behind it. An address that nobody
was given is a black hole; one without a server at that port refuses.

    def test_an_expired_certificate_is_told(lab: Lab) -> None:
        lab.field(endpoints)                                  # every host of the field, healthy
        lab.hosts["auth.esw.esante.gouv.fr"].serve(tls=Tls(ends=-timedelta(days=1)))
        ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from diagcps.catalogue import Expected
from diagcps.catalogue_parts import KnownEndpoint

from .answers import Answer, Request, crl, html, page, redirect, well_known
from .authorities import Authorities, Authority
from .capture import Capture
from .hosts import Host, Proxy
from .internet import HOSPITAL, PUBLIC, RESOLVER, Internet
from .machine import Machine
from .names import Names, NameServer, Says
from .proxies import Proxying
from .servers import Connection, Trouble
from .time_server import TimeServer
from .tls import Tls

__all__ = ["Answer", "Host", "Lab", "Proxy", "Says", "Tls", "Trouble"]

DOMAIN = "hopital.example"
"""The domain of the establishment, in which the workstation looks short names up."""


class Lab:
    """The arrangement of one test; a context manager that takes all of it away again.

    It begins healthy and empty: `eth0` with both families, a name server that knows no name, the
    public authority alone in the store.
    """

    def __init__(self, machine: Machine, authorities: Authorities, directory: Path) -> None:
        self.authorities = authorities
        self.hosts: dict[str, Host] = {}
        """Every host that was made, by name."""
        self._machine = machine
        self._directory = directory
        self._put_away = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        with contextlib.ExitStack() as stack:
            self.internet = stack.enter_context(Internet())
            self.true_names = Names()
            """The names as they are, whatever a name server says: proxies go by them."""
            stack.callback(self._stop_hosts)
            self.names = NameServer(self.internet, RESOLVER, self.true_names)
            """The name server of the workstation: what it says can be changed, name by name."""
            stack.callback(self.names.close)
            self._machine.resolve_with(RESOLVER, search=DOMAIN)
            self.trust()
            self._put_away = stack.pop_all()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._put_away.close()

    # --- hosts ---

    def host(self, name: str, *, v4: bool = True, v6: bool = True, private: bool = False) -> Host:
        """A host of that name, in the families asked for; every port refuses until it serves.

        Its addresses are public, or of the establishment (IPv4 alone) when `private`.
        """
        if name in self.hosts:
            return self.hosts[name]
        network = HOSPITAL if private else PUBLIC
        place = len(self.hosts) + 1
        made = Host(
            name=name,
            v4=network.v4(place) if v4 else None,
            v6=network.v6(place) if v6 and not private else None,
            _internet=self.internet,
            _authorities=self.authorities,
        )
        self.hosts[name] = made
        self.true_names.add(name, *made.addresses)
        return made

    def field(self, endpoints: Iterable[KnownEndpoint], *, tls: Tls | None = None) -> None:
        """Every endpoint answers as the field's own does: with its metadata, a revocation list or
        a page. `tls` is how all of those with TLS differ from a healthy server."""
        for each in endpoints:
            secured = None if each.port == 80 else tls
            self.host(each.host).serve(self.expected(each), port=each.port, tls=secured)

    def expected(self, endpoint: KnownEndpoint) -> Answer:
        """The healthy answer of an endpoint of the catalogue."""
        match endpoint.expects:
            case Expected.OPENID:
                return well_known(endpoint.issuer)
            case Expected.REVOCATION:
                return crl(self.authorities.igc.revocation_list())
            case _:
                return page()

    # --- names ---

    def resolvers(self, *addresses: str) -> None:
        """The name servers that the workstation asks, in that order, instead of `names`."""
        self._machine.resolve_with(*addresses, search=DOMAIN)

    def other_resolver(self, name: str = "other-resolver.example") -> tuple[str, NameServer]:
        """Another name server, at a public address; it begins by saying what is true."""
        host = self.host(name, v6=False)
        assert host.v4 is not None
        server = NameServer(self.internet, host.v4, self.true_names)
        self._put_away.callback(server.close)
        return host.v4, server

    def hosts_file(self, lines: str) -> None:
        """Adds lines to /etc/hosts."""
        self._machine.hosts(lines)

    # --- what lies between ---

    def drop(self, *hosts: Host | Proxy | str, port: int | None = None) -> None:
        """Makes the packets to hosts (or to prefixes such as `::/0`) vanish: a black hole."""
        for each in _addresses(hosts):
            self.internet.drop(each, port)

    def reject(
        self, *hosts: Host | Proxy | str, port: int | None = None, prohibited: bool = False
    ) -> None:
        """A router answers packets to hosts (or to prefixes) that there is no way to them, or that
        a filter forbids it (ICMP)."""
        for each in _addresses(hosts):
            self.internet.reject(each, port, prohibited=prohibited)

    def let_through(self) -> None:
        """Takes back every `drop` and `reject`."""
        self.internet.let_through()

    def only_way_out(self, *, rejected: bool = False) -> None:
        """Nothing passes to public addresses but what a proxy of the establishment sends."""
        (self.reject if rejected else self.drop)(PUBLIC.prefix4, "::/0")

    def unplug(self) -> None:
        """Offline: no link but the loopback one."""
        self.internet.unplug()

    def without_ipv6(self) -> None:
        """The workstation has no address of IPv6, as most establishments' have none."""
        self.internet.workstation(v6=("addr flush dev eth0",))

    def without_ipv4(self) -> None:
        """The workstation has no address of IPv4."""
        self.internet.workstation(v4=("addr flush dev eth0",))

    def ipv6_without_route(self) -> None:
        """IPv6 is announced (an address) and the system has no way out by it."""
        self.internet.workstation(v6=("route del default",))

    def ipv6_black_hole(self) -> None:
        """IPv6 is announced with a way out by which nothing arrives."""
        self.drop("::/0")

    def slow_link(self, delay_ms: int) -> None:
        """Every packet that the workstation sends takes that much longer.

        Raises NotImplementedError where the kernel has no netem: delay servers then.
        """
        self.internet.slow(delay_ms)

    # --- proxies ---

    def proxy(
        self,
        how: Proxying | None = None,
        *,
        name: str = f"proxy.{DOMAIN}",
        port: int = 3128,
        trouble: Trouble | None = None,
    ) -> Proxy:
        """A proxy of the establishment: open, or as `how` says. `trouble` is done instead.

        `stop()` makes it dead, `lab.drop(proxy)` a black hole.
        """
        host = self.host(name, private=True)
        behaviour = how or Proxying()

        def handle(connection: Connection) -> None:
            if trouble is not None:
                connection.do(trouble)
                return
            behaviour.handle(connection, self.true_names, self.authorities, host.requests)

        host.listen(port, handle)
        return Proxy(host=host, port=port)

    def script(self, text: str, *, name: str = f"pac.{DOMAIN}", path: str = "/proxy.pac") -> str:
        """Serves a proxy script (PAC) over HTTP and returns its address."""
        answer = Answer(
            fields=(("Content-Type", "application/x-ns-proxy-autoconfig"),), body=text.encode()
        )
        absent = Answer(status=404)
        self.host(name, private=True).serve(
            lambda request: answer if request.target == path else absent, port=80
        )
        return f"http://{name}{path}"

    def script_file(self, text: str) -> str:
        """Writes a proxy script on the workstation and returns its address (`file://`)."""
        file = self._directory / "proxy.pac"
        file.write_text(text, encoding="utf-8")
        return file.as_uri()

    def wpad(self, text: str) -> str:
        """Serves a proxy script where automatic detection by name looks for it."""
        return self.script(text, name=f"wpad.{DOMAIN}", path="/wpad.dat")

    # --- the rest ---

    def captive_portal(self, answer: Answer | None = None, *, by_name: bool = True) -> Host:
        """A network that wants a person to sign in first; it ends every other server.

        It gives its own address for every name, or (`by_name` false) answers in the place of every
        address; by HTTP with a redirection to its page (or `answer`), by TLS with its own
        certificate, which it has signed itself.
        """
        self._stop_hosts()
        portal = self.host("portail.example")
        sends = answer or redirect("https://portail.example/")
        greeting = html()

        def respond(request: Request) -> Answer:
            return greeting if request.host == portal.name else sends

        server = portal if by_name else replace(portal, v4="0.0.0.0", v6="::")
        if by_name:
            self.names.say_of_all(portal.addresses)
        else:
            self.internet.stand_for_every_address()
            self.hosts[portal.name] = server
        server.serve(respond, port=80)
        return server.serve(respond, tls=Tls(self_signed=True))

    def time_server(self, name: str, *, ahead_s: float = 0.0, answers: bool = True) -> Host:
        """A host that says the time (NTP), that many seconds ahead; or one that says nothing."""
        host = self.host(name)
        server = TimeServer(self.internet, host.addresses, ahead_s=ahead_s, answers=answers)
        self._put_away.callback(server.close)
        return host

    def trust(self, *more: Authority) -> None:
        """The workstation's store: the public authority, and `more`."""
        self._machine.trust(self.authorities.public, *more)

    def trust_only(self, *these: Authority) -> None:
        """The workstation's store holds these alone."""
        self._machine.trust(*these)

    @contextlib.contextmanager
    def capture(self) -> Iterator[Capture]:
        """Lists what the workstation sends, on every device, until the block ends."""
        with Capture() as capture:
            yield capture

    def _stop_hosts(self) -> None:
        for host in self.hosts.values():
            host.stop()


def _addresses(hosts: Iterable[Host | Proxy | str]) -> Iterator[str]:
    for each in hosts:
        machine = each.host if isinstance(each, Proxy) else each
        yield from (machine,) if isinstance(machine, str) else machine.addresses
