"""The facts in an IOS-XE configuration, as hier_config reads its hierarchy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product
from typing import Any

from hier_config import Platform, get_hconfig

from tests.unit.meaning.blocks import Block, number, value, values
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
    decides,
)
from tests.unit.meaning.iosxe_tunnels import tunnels_in
from tests.unit.meaning.linux import prefix_lists, route_map

_OWN_TRAFFIC = "to this device: the control plane's policy decides"


def facts_in(files: Mapping[str, str]) -> Facts:
    """What a router would do with this configuration."""
    # Its driver for IOS leaves remarks out, and they are what says who owns a rule.
    # It also looks for the end of a banner on later lines.
    lines = [x for x in files["iosxe.conf"].splitlines() if not x.strip().startswith("!")]
    said = "\n".join(x for x in lines if not x.startswith("banner "))
    banners = [Block(x) for x in lines if x.startswith("banner ")]
    return _Router(banners + _blocks(get_hconfig(Platform.GENERIC, said).children)).facts()


def _blocks(children: Iterable[Any]) -> list[Block]:
    return [Block(child.text, _blocks(child.children)) for child in children]


class _Router:
    """One configuration, asked for its parts."""

    def __init__(self, top: list[Block]) -> None:
        self.top = top
        self.interfaces = {
            name: block.below
            for block in top
            for name in values([block], "interface ")
            if "vrf forwarding Mgmt-intf" not in {b.text for b in block.below}
        }
        self.at = {name: _address(lines) for name, lines in self.interfaces.items()}
        self.loopback = self.at.pop("Loopback0")
        self.bgp = next(b for b in top if b.text.startswith("router bgp "))
        self.family = self.below("address-family ipv4", self.bgp.below)
        self.zones = {
            name: zone
            for name, lines in self.interfaces.items()
            for zone in values(lines, "zone-member security ")
            if zone in values(top, "zone security ")
        }

    def below(self, text: str, blocks: list[Block] | None = None) -> list[Block]:
        """What stands below that line; nothing if there is no such line."""
        found = self.top if blocks is None else blocks
        return next((b.below for b in found if b.text == text), [])

    def facts(self) -> Facts:
        lists = prefix_lists(self.top)
        guarded, admitted = self.control_plane()
        login, login_from = self.login()
        networks = frozenset(_masked(text) for text in values(self.family, "network "))
        known = {i.network for i in self.at.values()} | {
            IPv4Network((words[0], words[1]))
            for words in (text.split() for text in values(self.top, "ip route "))
            if self.leads_nowhere_else(words)
        }
        return Facts(
            name=value(self.top, "hostname ") or "",
            asn=int(self.bgp.text.split()[2]),
            router_id=IPv4Address(value(self.bgp.below, "bgp router-id ") or ""),
            loopback=self.loopback,
            interfaces={
                address: value(self.interfaces[name], "description ") or ""
                for name, address in self.at.items()
                if "no shutdown" in {b.text for b in self.interfaces[name]}
            },
            mtus={
                address: number(self.interfaces[name], "ip mtu ", 1500)
                for name, address in self.at.items()
            },
            lists=lists,
            sessions=self.sessions(lists),
            originated=networks & known,  # IOS-XE announces what it has a route for
            stateful=bool(self.zones),
            passages={
                (self.at[a], self.at[b]): self.passage(a, b)
                for a, b in product(self.at, repeat=2)
                if a != b or self.zones
            },
            rules=frozenset(
                rule
                for a, b in product(self.at, repeat=2)
                for chain in self.passage(a, b)
                for rule in chain.rules
                if rule.owner != "everything else" and not self.for_itself(rule)
            ),
            resets=frozenset(),
            destination_nat=frozenset(),
            source_nat=frozenset(),
            tunnels=frozenset(tunnels_in(self.top, self.interfaces, self.at)),
            statics=frozenset(
                (IPv4Network((words[0], words[1])), IPv4Address(words[2]))
                for words in (text.split() for text in values(self.top, "ip route "))
                if re.fullmatch(r"[\d.]+", words[2])
            ),
            guarded=guarded,
            admitted=admitted,
            login=login,
            login_from=login_from,
            plane=self.plane(),
        )

    def plane(self) -> Plane:
        said = {b.text for b in self.top}
        known = set(values(self.top, "username "))
        keys = self.below("ip ssh pubkey-chain")
        idle = {
            tuple(value(b.below, "exec-timeout ").split())  # type: ignore[union-attr]
            for b in self.top
            if b.text.startswith("line ")
        }
        zoned = "service timestamps log datetime msec show-timezone year" in said
        hosts = [text.split() for text in values(self.top, "logging host ")]
        banner = value(self.top, "banner login ") or ""
        return Plane(
            users=frozenset(
                (user.text.split()[1], text.lower())
                for user in keys
                if f"{user.text.split()[1]} privilege 15" in known
                for text in values(user.below, "key-hash ssh-rsa ")
            ),
            aaa=self.aaa(said),
            idle_minutes=int(next(iter(idle))[0]) if len(idle) == 1 else 0,
            banner=banner.removeprefix("^C").removesuffix("^C"),
            ntp=self.ntp(said),
            syslog=frozenset(h[0] for h in hosts if h[1:] == ["vrf", "Mgmt-intf"] and zoned),
            snmp=self.snmp(),
        )

    def aaa(self, said: set[str]) -> tuple[str, tuple[str, ...], str] | None:
        if "aaa authentication login default group management local" not in said:
            return None
        for kind, name in (("radius", "radius"), ("tacacs", "tacacs+")):
            group = self.below(f"aaa group server {name} management")
            servers = [self.below(f"{kind} server {s}") for s in values(group, "server name ")]
            if servers and "ip vrf forwarding Mgmt-intf" in {b.text for b in group}:
                addresses = [(value(s, "address ipv4 ") or "").split()[0] for s in servers]
                found = {value(s, "key ") or "" for s in servers}
                return kind, tuple(addresses), " or ".join(sorted(found))
        return None

    def ntp(self, said: set[str]) -> tuple[frozenset[str], int, str] | None:
        servers = [text.split() for text in values(self.top, "ntp server vrf Mgmt-intf ")]
        keys = [text.split() for text in values(self.top, "ntp authentication-key ")]
        if not servers or "ntp authenticate" not in said or len(keys) != 1:
            return None
        number, kind, secret = keys[0]
        if kind != "hmac-sha2-256" or f"ntp trusted-key {number}" not in said:
            return None
        asked = frozenset(words[0] for words in servers if words[1:] == ["key", number])
        return asked, int(number), secret

    def snmp(self) -> tuple[str, frozenset[str], str, str] | None:
        if values(self.top, "snmp-server community "):
            return None
        for text in values(self.top, "snmp-server user "):
            found = re.fullmatch(r"(\S+) (\S+) v3 auth sha-2 256 (\S+) priv aes 128 (\S+)", text)
            assert found
            group = value(self.top, f"snmp-server group {found[2]} v3 priv read everything access ")
            allowed = values(self.below(f"ip access-list standard {group}"), "permit ")
            return found[1], frozenset(allowed), found[3], found[4]
        return None

    def for_itself(self, rule: Match) -> bool:
        """Whether the rule lets in what the control plane's own policy then decides on."""
        own = {IPv4Network(i.ip) for i in (*self.at.values(), self.loopback)}
        return rule.owner == _OWN_TRAFFIC and rule.destination in own

    def leads_nowhere_else(self, words: list[str]) -> bool:
        """A route within an interface's network leads there, one for any other leads nowhere."""
        prefix = IPv4Network((words[0], words[1]))
        on = [name for name, i in self.at.items() if prefix.subnet_of(i.network)]
        return words[2] == (on[0] if on else "Null0")

    def sessions(self, lists: Mapping[str, tuple[str, Prefixes]]) -> dict[IPv4Address, Session]:
        found = {}
        for text in values(self.bgp.below, "neighbor "):
            peer, _, rest = text.partition(" ")
            if not rest.startswith("remote-as "):
                continue
            about = values(self.bgp.below, f"neighbor {peer} ")
            within = values(self.family, f"neighbor {peer} ")
            maps = {w.split()[2]: w.split()[1] for w in within if w.startswith("route-map ")}
            limits = [int(w.split()[1]) for w in within if w.startswith("maximum-prefix ")]
            found[IPv4Address(peer)] = Session(
                next((a.removeprefix("description ") for a in about if a.startswith("desc")), ""),
                int(rest.split()[1]),
                "shutdown" not in about and "activate" in within,
                route_map(self.top, maps.get("in", ""), lists) if "activate" in within else (),
                route_map(self.top, maps.get("out", ""), lists),
                self.bfd(IPv4Address(peer)) if "fall-over bfd single-hop" in about else None,
                bool({"next-hop-self", "next-hop-self all"} & set(within)),
                {"next-hop-self all", "route-reflector-client"} <= set(within),
                limits[0] if limits else 0,
                "ttl-security hops 1" in about and rest.split()[1] != self.bgp.text.split()[2],
                "send-community" in within,
                self.authentication(about),
            )
        return found

    def authentication(self, about: list[str]) -> tuple[str, str] | None:
        for said in about:
            kind, _, what = said.partition(" ")
            if kind == "password":
                return "md5", what
            if kind == "ao":
                key = self.below("key 1", self.below(f"key chain {what.split()[0]} tcp"))
                assert {"send-id 1", "recv-id 1"} <= {b.text for b in key}
                return kind, value(key, "key-string ") or ""
        return None

    def bfd(self, peer: IPv4Address) -> tuple[int, int] | None:
        for name, address in self.at.items():
            if peer in address.network:
                for text in values(self.interfaces[name], "bfd interval "):
                    found = re.fullmatch(r"(\d+) min_rx \1 multiplier (\d+)", text)
                    return (int(found[1]), int(found[2])) if found else None
        return None

    def passage(self, entrance: str, exit_: str) -> tuple[Chain, ...]:
        if self.zones:
            return (self.between(self.zones.get(entrance), self.zones.get(exit_)),)
        chains = [
            Chain(self.access_list(text.split()[0]), permits_rest=False)
            for name, way in ((entrance, "in"), (exit_, "out"))
            for text in values(self.interfaces[name], "ip access-group ")
            if text.split()[1] == way
        ]
        return tuple(chains) or (Chain((), permits_rest=True),)

    def between(self, source: str | None, target: str | None) -> Chain:
        """A pair of different zones drops what it is not told to let through."""
        for block in self.top:
            words = block.text.split()
            if words[0] == "zone-pair" and words[3:] == ["source", source, "destination", target]:
                policy = value(block.below, "service-policy type inspect ")
                return self.inspected(self.below(f"policy-map type inspect {policy}"))
        return Chain((), permits_rest=source == target)

    def inspected(self, policy: list[Block]) -> Chain:
        rules: list[Match] = []
        for block in policy:
            if block.text == "class class-default":
                return Chain(tuple(rules), permits_rest=[b.text for b in block.below] != ["drop"])
            for name in values([block], "class type inspect "):
                classed = self.below(f"class-map type inspect match-all {name}")
                for access in values(classed, "match access-group name "):
                    if [b.text for b in block.below] == ["inspect"]:
                        rules += self.access_list(access)
        return Chain(tuple(rules), permits_rest=False)

    def access_list(self, name: str) -> tuple[Match, ...]:
        owner, found = "", []
        for block in self.below(f"ip access-list extended {name}"):
            if block.text.startswith("remark "):
                owner = block.text.removeprefix("remark ")
            else:
                found.append(_entry(owner, block.text.split()))
        return tuple(found)

    def control_plane(self) -> tuple[frozenset[IPv4Address], frozenset[tuple[str, IPv4Address]]]:
        """Own addresses whose other traffic is dropped, and the peers whose traffic is not."""
        own = {i.ip for i in (*self.at.values(), self.loopback)}
        guarded: set[IPv4Address] = set()
        spared: set[tuple[str, IPv4Address, str]] = set()
        policy = value(self.below("control-plane"), "service-policy input ")
        for name in self.dropped(policy):
            for line in self.below(f"ip access-list extended {name}"):
                words = line.text.split()
                if words[:4] == ["permit", "ip", "any", "host"]:
                    guarded.add(IPv4Address(words[4]))
                if words[0] == "deny" and words[2] == "host":
                    spared.add((words[1], IPv4Address(words[3]), " ".join(words[4:])))
        admitted = {found for _, peer, _ in spared for found in self.admits(peer, spared)}
        if self.diagnosis(policy) == own:
            admitted.add(DIAGNOSIS)
        return frozenset(guarded & own), frozenset(admitted)

    def dropped(self, policy: str | None) -> Iterator[str]:
        """The access lists of which the control plane's policy drops what they permit."""
        for block in self.below(f"policy-map {policy}"):
            if any("conform-action drop exceed-action drop" in b.text for b in block.below):
                classed = self.below(f"class-map match-all {block.text.removeprefix('class ')}")
                yield from values(classed, "match access-group name ")

    def admits(
        self, peer: IPv4Address, spared: set[tuple[str, IPv4Address, str]]
    ) -> Iterator[tuple[str, IPv4Address]]:
        """What of a peer's traffic is let in and not dropped."""
        yield from self.admits_tunnel(peer, spared)
        found = [(n, str(i.ip)) for n, i in self.at.items() if peer in i.network]
        if not found:
            return
        port, self_ = found[0]
        if self.lets_in(port, peer):
            both = {f"host {self_} eq 179", f"eq 179 host {self_}"}
            if both == {rest for kind, p, rest in spared if (kind, p) == ("tcp", peer)}:
                yield "bgp", peer
            if ("udp", peer, f"host {self_} range 3784 3785 ttl eq 255") in spared:
                yield "bfd", peer

    def admits_tunnel(
        self, peer: IPv4Address, spared: set[tuple[str, IPv4Address, str]]
    ) -> Iterator[tuple[str, IPv4Address]]:
        """IKE and ESP from the other end of a tunnel to this one."""
        for lines in self.interfaces.values():
            if value(lines, "tunnel destination ") == str(peer):
                self_ = self.at[value(lines, "tunnel source ") or ""].ip
                wanted = {f"host {self_} eq 500", f"host {self_} eq 4500"}
                if wanted == {rest for kind, p, rest in spared if (kind, p) == ("udp", peer)}:
                    yield "ike", peer
                if ("esp", peer, f"host {self_}") in spared:
                    yield "esp", peer

    def lets_in(self, port: str, peer: IPv4Address) -> bool:
        """Whether the filter of the interface lets a peer's packets reach the control plane."""
        packet = int(peer), int(self.at[port].ip), "tcp", 179
        return all(
            decides(Chain(self.access_list(text.split()[0]), permits_rest=False), *packet)
            for text in values(self.interfaces[port], "ip access-group ")
            if text.endswith(" in")
        )

    def diagnosis(self, policy: str | None) -> set[IPv4Address]:
        """Own addresses that take three kinds of ICMP, before the rest is dropped."""
        block = next(iter(self.below(f"policy-map {policy}")), Block(""))
        if not any("conform-action transmit exceed-action drop" in b.text for b in block.below):
            return set()
        classed = self.below(f"class-map match-all {block.text.removeprefix('class ')}")
        (name,) = values(classed, "match access-group name ") or [""]
        lines = values(self.below(f"ip access-list extended {name}"), "permit icmp any host ")
        kinds: dict[str, set[str]] = {}
        for address, kind in map(str.split, lines):
            kinds.setdefault(address, set()).add(kind)
        wanted = {"unreachable", "echo", "time-exceeded"}
        return {IPv4Address(address) for address, found in kinds.items() if found == wanted}

    def login(self) -> tuple[IPv4Address | None, IPv4Network | None]:
        """The address in the VRF for management, if terminals are open to SSH from there alone."""
        managed = [
            _address(block.below)
            for block in self.top
            if "vrf forwarding Mgmt-intf" in {b.text for b in block.below}
        ]
        terminals = [b.below for b in self.top if b.text.startswith("line vty ")]
        said = {b.text for b in self.top}
        if not self.below("vrf definition Mgmt-intf"):
            return None, None
        wanted = {"ip ssh version 2", "no ip http server", "no ip http secure-server"}
        for lines in terminals:
            name = (value(lines, "access-class ") or "").removesuffix(" in vrf-also")
            allowed = values(self.below(f"ip access-list standard {name}"), "permit ")
            ssh = values(lines, "transport input ") == ["ssh"]
            if ssh and wanted <= said and len(allowed) == len(managed) == len(terminals) == 1:
                return managed[0].ip, _wildcard(allowed[0].split())
        return None, None


def _address(lines: list[Block]) -> IPv4Interface:
    address, mask = (value(lines, "ip address ") or "").split()
    return IPv4Interface((address, mask))


def _masked(text: str) -> IPv4Network:
    address, _, mask = text.split()
    return IPv4Network((address, mask))


def _wildcard(words: list[str]) -> IPv4Network:
    """`192.0.2.0 0.0.0.255`: what is 1 in the second may be anything."""
    return IPv4Network(f"{words[0]}/{words[1]}")


def _entry(owner: str, words: list[str]) -> Match:
    action, protocol, rest = words[0], words[1], words[2:]
    ends = []
    for _ in range(2):
        if rest[0] == "any":
            ends.append(ANY)
            rest = rest[1:]
        elif rest[0] == "host":
            ends.append(IPv4Network(rest[1]))
            rest = rest[2:]
        else:
            ends.append(_wildcard(rest[:2]))
            rest = rest[2:]
    ports: Ports = None
    if rest:
        assert rest[0] in ("eq", "range"), words
        numbers = [int(word) for word in rest[1:]]
        ports = (numbers[0], numbers[-1])
    return Match(
        owner, action == "permit", ends[0], ends[1], None if protocol == "ip" else protocol, ports
    )
