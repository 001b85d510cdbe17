"""The facts in a Junos configuration in hierarchical form, read line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product

from tests.unit.meaning.facts import (
    ANY,
    DIAGNOSIS,
    Chain,
    Facts,
    Match,
    Plane,
    Ports,
    Prefixes,
    Session,
    Step,
    decides,
    key_id,
)
from tests.unit.meaning.junos_tunnels import tunnels_in
from tests.unit.meaning.statements import Statement, read

_ETHERNET_HEADER = 14
_KINDS = ["unreachable", "echo-request", "time-exceeded"]
_MANAGEMENT = ("ntp", "aaa", "snmp")
_NOTHING_ELSE = "management-nothing-else"
_OF_EVERY_FILTER = ("to-this-device", "from-itself", "from-this-device", "everything-else")


def facts_in(files: Mapping[str, str]) -> Facts:
    """What an SRX would do with this configuration."""
    return _Gateway(read(files["junos.conf"])).facts()


class _Gateway:
    """One configuration, asked for its parts."""

    def __init__(self, top: Statement) -> None:
        self.top = top
        self.ports = {
            s.words[0]: s
            for s in top.at("interfaces").below
            if s.words[0] not in ("fxp0", "lo0", "st0") and s.active
        } | {
            f"st0.{unit.words[1]}": Statement([], below=[unit, *unit.all("description")])
            for unit in top.at("interfaces", "st0").all("unit")
        }
        self.addresses = {name: _address(s) for name, s in self.ports.items()}
        self.loopback = _address(top.at("interfaces", "lo0"))
        self.security = top.at("security")
        self.book = {
            s.words[1]: IPv4Network(s.words[2])
            for s in self.security.at("address-book", "global").all("address")
        } | {"any": ANY}
        self.zones = {
            s.words[1]: [_port(w) for i in s.at("interfaces").below for w in i.words]
            for s in self.security.at("zones").all("security-zone")
        }

    def facts(self) -> Facts:
        routing, bgp = self.top.at("routing-options"), self.top.at("protocols", "bgp")
        lists = {s.words[1]: (s.remark, _entries(s)) for s in self.lists()}
        own = lists.pop("originated", ("", frozenset()))[1]
        asn = int(routing.said("autonomous-system")[0])
        login, login_from = self.login()
        nat = self.security.at("nat")
        return Facts(
            name=self.top.at("system").said("host-name")[0],
            asn=asn,
            router_id=IPv4Address(routing.said("router-id")[0]),
            loopback=self.loopback,
            interfaces={
                self.addresses[name]: " ".join(s.said("description"))
                for name, s in self.ports.items()
            },
            mtus={
                self.addresses[name]: int(s.said("mtu")[0]) - _ETHERNET_HEADER
                if s.all("mtu")
                else int(s.at("unit", "family").said("mtu")[0])
                for name, s in self.ports.items()
            },
            lists=lists,
            sessions={
                IPv4Address(group.said("neighbor")[0]): self.session(group, lists, asn)
                for group in bgp.all("group")
            },
            originated=frozenset(prefix for prefix, _ in own if self.announced(prefix)),
            stateful=not self.stateless(),
            passages={
                (self.addresses[a], self.addresses[b]): self.passage(a, b)
                for a, b in product(self.ports, repeat=2)
                if a != b or not self.stateless()
            },
            rules=frozenset(
                rule
                for a, b in product(self.ports, repeat=2)
                for chain in self.passage(a, b)
                for rule in chain.rules
                if rule.owner not in _OF_EVERY_FILTER
            ),
            resets=frozenset(
                self.addresses[port]
                for s in self.security.at("zones").all("security-zone")
                if s.all("tcp-rst")
                for port in self.zones[s.words[1]]
            ),
            destination_nat=frozenset(self.destinations(nat.at("destination"))),
            source_nat=frozenset(self.sources(nat.at("source"))),
            tunnels=frozenset(
                tunnels_in(
                    self.security,
                    {n if n[:2] == "st" else f"{n}.0": a for n, a in self.addresses.items()},
                )
            ),
            statics=frozenset(
                (IPv4Network(route.words[1]), IPv4Address(hop))
                for route in routing.at("static").all("route")
                for hop in route.said("next-hop")
            ),
            guarded=self.guarded(),
            admitted=frozenset(
                self.admits(term)
                for term in self.control_plane()[1:]  # the first is for log-ins
                if term.said("then") != ["discard"] and term.words[1] not in _MANAGEMENT
            ),
            login=login,
            login_from=login_from,
            plane=self.plane(),
        )

    def plane(self) -> Plane:
        system = self.top.at("system")
        login = system.at("login")
        users = [u for u in login.all("user") if u.said("class") == ["operators"]]
        idle = next(iter(login.all("class", "operators")), Statement([])).said("idle-timeout")
        return Plane(
            users=frozenset(
                (user.words[1], key_id(key.words[1]))
                for user in users
                for key in user.at("authentication").below
            ),
            aaa=self.aaa(system),
            idle_minutes=int(idle[0]) if idle else 0,
            banner=" ".join(login.said("message")),
            ntp=self.ntp(system.at("ntp")),
            syslog=frozenset(
                host.words[1]
                for host in system.at("syslog").all("host")
                if host.all("structured-data") and system.said("time-zone") == ["UTC"]
            ),
            snmp=self.snmp(),
        )

    def aaa(self, system: Statement) -> tuple[str, tuple[str, ...], str] | None:
        order = system.said("authentication-order")
        for kind, name, port in (("radius", "radius", "1812"), ("tacacs", "tacplus", "49")):
            servers = system.all(f"{name}-server")
            addresses = tuple(server.words[1] for server in servers)
            if order == [name, "password"] and self.lets_in("aaa", addresses, "source-port", port):
                found = {word for server in servers for word in server.said("secret")}
                return kind, addresses, " or ".join(sorted(found))
        return None

    def ntp(self, ntp: Statement) -> tuple[frozenset[str], int, str] | None:
        servers = {s.words[1]: s.words[2:] for s in ntp.all("server")}
        for key in ntp.all("authentication-key"):
            number, kind, secret = key.words[1], key.words[3], key.words[5]
            trusted = ntp.said("trusted-key") == [number] and kind == "sha256"
            asked = [s for s, words in servers.items() if words == ["key", number]]
            if trusted and self.lets_in("ntp", tuple(asked), "source-port", "123"):
                return frozenset(asked), int(number), secret
        return None

    def snmp(self) -> tuple[str, frozenset[str], str, str] | None:
        snmp = self.top.at("snmp")
        if snmp.all("community"):
            return None
        for user in snmp.at("v3", "usm", "local-engine").all("user"):
            terms = [t for t in self.control_plane() if t.words[1] == "snmp"]
            managers = [s.words[0] for t in terms for s in t.at("from", "source-address").below]
            level = snmp.at("v3", "vacm", "access", "group", "default-context-prefix")
            if level.at("security-model").all("security-level", "privacy"):
                return (
                    user.words[1],
                    frozenset(m.removesuffix("/32") for m in managers),
                    user.at("authentication-sha256").said("authentication-password")[0],
                    user.at("privacy-aes128").said("privacy-password")[0],
                )
        return None

    def lets_in(self, name: str, servers: tuple[str, ...], word: str, port: str) -> bool:
        terms = [t.at("from") for t in self.control_plane() if t.words[1] == name]
        sources = [
            s.words[0].removesuffix("/32") for t in terms for s in t.at("source-address").below
        ]
        ports = [t.said(word) + t.said("interface") for t in terms]
        return bool(servers) and sources == list(servers) and ports == [[port, "fxp0.0"]]

    def lists(self) -> list[Statement]:
        return self.top.at("policy-options").all("route-filter-list")

    def stateless(self) -> bool:
        path = ("forwarding-options", "family", "mpls")
        return self.security.at(*path).said("mode") == ["packet-based"]

    def announced(self, prefix: IPv4Network) -> bool:
        """Whether there is a route for it that leads no packet astray."""
        if any(prefix == i.network for i in self.addresses.values()):
            return True
        on_link = any(prefix.subnet_of(i.network) for i in self.addresses.values())
        for route in self.top.at("routing-options", "static").all("route", str(prefix)):
            said = {s.words[0] for s in route.below}
            return said == ({"discard", "no-install"} if on_link else {"discard"})
        return False

    def session(
        self, group: Statement, lists: Mapping[str, tuple[str, Prefixes]], asn: int
    ) -> Session:
        peer_asn = int(group.said("peer-as")[0])
        assert group.said("type") == ["internal" if peer_asn == asn else "external"]
        chain = group.said("export")
        # Only what BGP knows is told on, as on every other platform.
        exports = self.steps(chain[-1], lists) if chain[:1] == ["originated"] else ()
        if not self.only_from_bgp():
            exports = ()
        bfd = group.at("bfd-liveness-detection")
        limit = group.at("family", "unicast", "prefix-limit")
        return Session(
            group.words[1] if group.said("description") == group.words[1:] else "",
            peer_asn,
            group.active,
            self.steps(group.said("import")[0], lists),
            exports,
            (int(bfd.said("minimum-interval")[0]), int(bfd.said("multiplier")[0]))
            if bfd.said("session-mode") == ["single-hop"]
            else None,
            "next-hop-self" in chain and self.sets_next_hop(),
            group.said("cluster") == self.top.at("routing-options").said("router-id"),
            int(limit.said("maximum")[0]) if limit.all("teardown") else 0,
            group.said("ttl") == ["255"] and self.takes_from_link_only(group.words[1]),
            True,
            self.authentication(group),
        )

    def takes_from_link_only(self, peer: str) -> bool:
        terms = [t for t in self.control_plane() if t.words[1] == f"bgp-{peer}"]
        return [t.at("from").said("ttl") for t in terms] == [["255"]]

    def authentication(self, group: Statement) -> tuple[str, str] | None:
        if key := group.said("authentication-key"):
            return "md5", key[0]
        for name in group.said("authentication-key-chain"):
            assert group.said("authentication-algorithm") == ["ao"]
            chains = self.security.at("authentication-key-chains").all("key-chain", name)
            return "ao", chains[0].at("key").said("secret")[0]
        return None

    def policy(self, name: str) -> Statement:
        return next(
            iter(self.top.at("policy-options").all("policy-statement", name)), Statement([])
        )

    def only_from_bgp(self) -> bool:
        policy = self.policy("originated")
        terms = [
            (
                t.said("from", "protocol") + t.at("from").said("protocol"),
                t.at("from").said("route-filter-list"),
                t.said("then"),
            )
            for t in policy.all("term")
        ]
        on = ["next", "policy"]
        own = [(["direct", "static"], ["originated"], on)]
        announces = bool(self.top.at("policy-options").all("route-filter-list", "originated"))
        return policy.said("then") == ["reject"] and terms == [
            (["bgp"], [], on),
            *(own if announces else []),
        ]

    def sets_next_hop(self) -> bool:
        then = self.policy("next-hop-self").at("then")
        return [s.words for s in then.below] == [["next-hop", "self"], ["next", "policy"]]

    def steps(self, name: str, lists: Mapping[str, tuple[str, Prefixes]]) -> tuple[Step, ...]:
        policy = self.policy(name)
        assert policy.said("then") == ["reject"], name
        found = []
        for term in policy.all("term"):
            matched, then = term.at("from").said("route-filter-list"), term.at("then")
            bears = term.at("from").said("community")
            numbers = {s.words[0]: s.words[1] for s in then.below if len(s.words) > 1}
            found.append(
                Step(
                    term.remark,
                    bool(then.all("accept")) and not then.all("reject"),
                    lists[matched[0]][1] if matched else None,
                    _number(numbers.get("local-preference")),
                    _number(numbers.get("metric")),
                    tuple(map(int, numbers.get("as-path-prepend", "").split())),
                    frozenset(c for name in bears for c in self.all_of(name, 1)) or None,
                    frozenset(c for n in then.said("community", "set") for c in self.all_of(n))
                    or None,
                )
            )
        return tuple(found)

    def all_of(self, name: str, most: int = 9) -> list[str]:
        """The communities of which a set consists; to match, a route has to bear all of them."""
        found = self.top.at("policy-options").said("community", name, "members")
        assert len(found) <= most, name
        return found

    def passage(self, entrance: str, exit_: str) -> tuple[Chain, ...]:
        if not self.stateless():
            return (self.between(entrance, exit_),)
        chains = [
            self.filtered(name)
            for port, way in ((entrance, "input"), (exit_, "output"))
            for name in self.ports[port].at("unit", "family", "filter").said(way)
        ]
        return tuple(chains) or (Chain((), permits_rest=True),)

    def filtered(self, name: str) -> Chain:
        rules = []
        for term in next(iter(self.filters(name))).all("term"):
            name, dash, number = term.words[1].rpartition("-")
            owner = name if number.isdecimal() else name + dash + number
            from_ = term.at("from")
            sources = [s.words[0] for s in from_.at("source-address").below] or [str(ANY)]
            targets = [s.words[0] for s in from_.at("destination-address").below] or [str(ANY)]
            protocol = next(iter(from_.said("protocol")), None)
            ports = _ports(from_.said("destination-port"))
            permit = term.said("then") != ["discard"]  # said nothing, a term accepts
            rules += [
                Match(owner, permit, IPv4Network(one), IPv4Network(to), protocol, ports)
                for one, to in product(sources, targets)
            ]
        return Chain(tuple(rules), permits_rest=False)

    def filters(self, name: str) -> list[Statement]:
        return self.top.at("firewall", "family").all("filter", name)

    def between(self, entrance: str, exit_: str) -> Chain:
        rules = []
        applications = {s.words[1]: s for s in self.top.at("applications").all("application")}
        for pair in self.security.at("policies").all("from-zone"):
            if entrance not in self.zones[pair.words[1]] or exit_ not in self.zones[pair.words[3]]:
                continue
            for policy in pair.all("policy"):
                match = policy.at("match")
                (name,) = match.said("application")
                protocol: str | None = None
                ports: Ports = None
                if name != "any":
                    (protocol,) = applications[name].said("protocol")
                    ports = _ports(applications[name].said("destination-port"))
                rules += [
                    Match(
                        " ".join(policy.said("description")),
                        [s.words for s in policy.at("then").below] == [["permit"]],
                        self.book[one],
                        self.book[to],
                        protocol,
                        ports,
                    )
                    for one, to in product(
                        match.said("source-address"), match.said("destination-address")
                    )
                ]
        rest = [s.words[0] for s in self.security.at("policies", "default-policy").below]
        return Chain(tuple(rules), permits_rest=rest != ["deny-all"])

    def sources(
        self, nat: Statement
    ) -> Iterator[tuple[str, IPv4Interface, IPv4Network, IPv4Network, str, Ports, IPv4Network]]:
        pools = {
            s.words[1]: IPv4Network(s.at("address").below[0].words[0]) for s in nat.all("pool")
        }
        for rules in nat.all("rule-set"):
            assert set(rules.said("from", "zone")) == set(self.zones), "from wherever"
            for rule in rules.all("rule"):
                match = rule.at("match")
                (pool,) = rule.at("then", "source-nat").said("pool")
                for zone in rules.said("to", "zone"):
                    for port, one, to in product(
                        self.zones[zone],
                        match.said("source-address"),
                        match.said("destination-address"),
                    ):
                        yield (
                            " ".join(rule.said("description")),
                            self.addresses[port],
                            IPv4Network(one),
                            IPv4Network(to),
                            match.said("protocol")[0],
                            _ports(match.said("destination-port")),
                            pools[pool],
                        )

    def destinations(
        self, nat: Statement
    ) -> Iterator[tuple[str, IPv4Interface, IPv4Network, str, Ports, IPv4Address]]:
        pools = {s.words[1]: IPv4Interface(s.said("address")[0]).ip for s in nat.all("pool")}
        for rules in nat.all("rule-set"):
            for rule in rules.all("rule"):
                match = rule.at("match")
                (pool,) = rule.at("then", "destination-nat").said("pool")
                for zone in rules.said("from", "zone"):
                    for port, to in product(self.zones[zone], match.said("destination-address")):
                        yield (
                            " ".join(rule.said("description")),
                            self.addresses[port],
                            IPv4Network(to),
                            match.said("protocol")[0],
                            _ports(match.said("destination-port")),
                            pools[pool],
                        )

    def limits(self) -> bool:
        policer = next(iter(self.top.at("firewall").all("policer", "diagnosis")), Statement([]))
        limited = {s.words[0] for s in policer.at("if-exceeding").below}
        wanted = {"bandwidth-limit", "burst-size-limit"}
        return policer.said("then") == ["discard"] and limited == wanted

    def lets_by(self, port: str, peer: IPv4Address) -> bool:
        """Whether the filters or the zone of an interface let BGP and BFD with a peer through."""
        there, here = int(peer), int(self.addresses[port].ip)
        if not self.stateless():
            return {"bgp", "bfd"} <= {
                allowed.words[0]
                for zone in self.security.at("zones").all("security-zone")
                if port in self.zones[zone.words[1]]
                for allowed in zone.at("host-inbound-traffic", "protocols").below
            }
        said = self.ports[port].at("unit", "family", "filter")
        return all(
            decides(self.filtered(name), source, target, "tcp", 179)
            for way, source, target in (("input", there, here), ("output", here, there))
            for name in said.said(way)
        )

    def control_plane(self) -> list[Statement]:
        """The terms of the filter before everything that is for the device itself."""
        names = self.top.at("interfaces", "lo0", "unit", "family", "filter").said("input")
        return [term for name in names for f in self.filters(name) for term in f.all("term")]

    def guarded(self) -> frozenset[IPv4Address]:
        last = self.control_plane()[-1:]
        if [(t.said("then"), t.all("from")) for t in last] != [(["discard"], [])]:
            return frozenset()
        return frozenset(i.ip for i in (*self.addresses.values(), self.loopback))

    def admits(self, term: Statement) -> tuple[str, IPv4Address]:
        """What a term that accepts is for."""
        from_ = term.at("from")
        said = [from_.said(w) for w in ("protocol", "port", "ttl", "destination-port")]
        if from_.all("destination-address"):
            return self.admits_tunnel(from_, said)
        limited = term.at("then").said("policer") == ["diagnosis"] and self.limits()
        if said == [["icmp"], [], [], []] and from_.said("icmp-type") == _KINDS and limited:
            return DIAGNOSIS
        kinds = {
            "bgp": [["tcp"], ["179"], said[2] and ["255"], []],
            "bfd": [["udp"], [], ["255"], ["3784-3785"]],
        }
        sources = [s.words[0] for s in from_.at("source-address").below]
        for port in map(_port, from_.said("interface")):
            for kind, wanted in kinds.items():
                if said == wanted and len(sources) == 1 and port in self.addresses:
                    peer = IPv4Interface(sources[0]).ip
                    if peer in self.addresses[port].network and self.lets_by(port, peer):
                        return kind, peer
        return "anything", IPv4Address(0)

    def admits_tunnel(self, from_: Statement, said: list[list[str]]) -> tuple[str, IPv4Address]:
        """What a term for a tunnel's peer lets in, if the zone of its interface takes it too."""
        kinds = {"ike": [["udp"], [], [], ["500", "4500"]], "esp": [["esp"], [], [], []]}
        (source,) = [s.words[0] for s in from_.at("source-address").below]
        (target,) = [s.words[0] for s in from_.at("destination-address").below]
        (port,) = map(_port, from_.said("interface"))
        taken = {
            allowed.words[0]
            for zone in self.security.at("zones").all("security-zone")
            if port in self.zones[zone.words[1]]
            for allowed in zone.at("host-inbound-traffic", "system-services").below
        }
        own = IPv4Interface(target).ip == self.addresses[port].ip
        for kind, wanted in kinds.items():
            if said == wanted and own and "ike" in taken:
                return kind, IPv4Interface(source).ip
        return "anything", IPv4Address(0)

    def login(self) -> tuple[IPv4Address | None, IPv4Network | None]:
        """Where to log in and from where, if that is SSH at the management port alone."""
        management = str(_address(self.top.at("interfaces", "fxp0")).ip)
        services = self.top.at("system", "services")
        wanted = ("management", _NOTHING_ELSE)
        first, second = [t for t in self.control_plane()[:5] if t.words[1] in wanted]
        ssh = [s.words for s in services.below] == [["ssh"]]
        if not ssh or services.at("ssh").said("protocol-version") != ["v2"]:
            return None, None
        for term, verdict in ((first, ["accept"]), (second, ["discard"])):
            to = [s.words[0] for s in term.at("from", "destination-address").below]
            if term.said("then") != verdict or to != [f"{management}/32"]:
                return None, None
        from_ = first.at("from")
        said = [from_.said(word) for word in ("protocol", "destination-port", "interface")]
        sources = [s.words[0] for s in from_.at("source-address").below]
        if said != [["tcp"], ["22"], ["fxp0.0"]] or len(sources) != 1:
            return None, None
        return IPv4Address(management), IPv4Network(sources[0])


def _port(unit: str) -> str:
    """The port of a unit that is its only one; tunnels are units of the same port."""
    return unit if unit.startswith("st0.") else unit.removesuffix(".0")


def _address(port: Statement) -> IPv4Interface:
    return IPv4Interface(port.at("unit", "family").said("address")[0])


def _entries(statement: Statement) -> Prefixes:
    found = set()
    for entry in statement.below:
        prefix = IPv4Network(entry.words[0])
        longest = prefix.prefixlen if entry.words[1] == "exact" else int(entry.words[2][1:])
        found.add((prefix, longest))
    return frozenset(found)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _ports(words: list[str]) -> Ports:
    """`443`, `9000-9010` or `9000 to 9010`."""
    numbers = [int(n) for word in words for n in word.split("-") if n != "to"]
    return (numbers[0], numbers[-1]) if numbers else None
