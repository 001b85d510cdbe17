"""The facts in `frr.conf` and `nftables.conf`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product

from tests.unit.meaning.blocks import Block, indented, number, value, values
from tests.unit.meaning.facts import (
    ANY,
    DIAGNOSIS,
    Chain,
    Facts,
    Match,
    Ports,
    Prefixes,
    Session,
    Step,
)

_LIMITED = "icmp type { destination-unreachable, echo-request, time-exceeded } limit rate "


def facts_in(files: Mapping[str, str]) -> Facts:
    """What FRR and nftables would do with these files."""
    frr, nft = indented(files["frr.conf"]), files["nftables.conf"]
    bgp = next(block for block in frr if block.text.startswith("router bgp "))
    at = {
        b.text.removeprefix("interface "): IPv4Interface(value(b.below, "ip address ") or "")
        for b in frr
        if b.text.startswith("interface ")
    }
    loopback = at.pop("lo")
    described = {
        b.text.removeprefix("interface "): value(b.below, "description ") or ""
        for b in frr
        if b.text.startswith("interface ")
    }
    lists = prefix_lists(frr)
    family = next(b.below for b in bgp.below if b.text.startswith("address-family"))
    timers = {
        b.text.removeprefix("profile "): (
            number(b.below, "transmit-interval ", 300),
            number(b.below, "detect-multiplier ", 3),
        )
        for block in frr
        if block.text == "bfd"
        for b in block.below
        if b.text.startswith("profile ")
    }
    chains = {
        name: body.strip().splitlines()
        for name, body in re.findall(r"chain (\w+) \{\n(.*?)\n\t\}", nft, re.S)
    }
    guard = _input(chains["input"], chains["forward"])
    return Facts(
        name=value(frr, "hostname ") or "",
        asn=int(bgp.text.split()[2]),
        router_id=IPv4Address(value(bgp.below, "bgp router-id ") or ""),
        loopback=loopback,
        interfaces={address: described[name] for name, address in at.items()},
        mtus=None,
        lists=lists,
        sessions=_sessions(frr, bgp, family, lists, timers),
        originated=frozenset(map(IPv4Network, values(family, "network ")))
        if "no bgp network import-check" in {b.text for b in bgp.below}
        else frozenset(),
        stateful=(stateful := any("ct state established" in x for x in chains["forward"])),
        passages=_passages(chains["forward"], at, stateful),
        rules=frozenset(match for line in _rules(chains["forward"]) for match in _matches(line)),
        resets=frozenset(
            at[name]
            for line in chains["forward"]
            if "& (fin | syn | rst | ack) != syn reject with tcp reset" in line
            for name in _set(line, "iifname") or ()
        ),
        destination_nat=frozenset(
            (_owner(line), at[name], IPv4Network(one), *_service(line), server)
            for line in _translating(chains, "prerouting", "dstnat")
            for server in map(IPv4Address, re.findall(r"dnat ip to (\S+)", line))
            for name, one in product(_set(line, "iifname") or (), _set(line, "ip daddr") or ())
        ),
        source_nat=frozenset(
            (_owner(line), at[name], IPv4Network(one), IPv4Network(to), *_service(line), pool)
            for line in _translating(chains, "postrouting", "srcnat")
            for pool in map(IPv4Network, re.findall(r"snat ip to (\S+)", line))
            for name, one, to in product(
                _set(line, "oifname") or (),
                _set(line, "ip saddr") or (),
                _set(line, "ip daddr") or (),
            )
        ),
        guarded=frozenset(i.ip for i in (*at.values(), loopback)) if guard else frozenset(),
        admitted=frozenset(
            (kind, IPv4Address(peer))
            for kind, wanted in (
                ("bgp", ("tcp dport 179 accept", "tcp sport 179 accept")),
                ("bfd", ("ip ttl 255 udp dport 3784-3785 accept",)),
            )
            for peer in {p for line in chains["input"] for p in _set(line, "ip saddr") or ()}
            if all(any(f"ip saddr {peer} {w}" in line for line in chains["input"]) for w in wanted)
        )
        | {DIAGNOSIS for line in chains["input"] if line.strip().startswith(_LIMITED)},
        login=guard,
        login_from=None,
    )


def _translating(chains: Mapping[str, list[str]], name: str, priority: str) -> list[str]:
    """The lines of a chain, if packets get there."""
    lines = chains.get(name, [])
    hooked = lines and f"type nat hook {name} priority {priority};" in lines[0]
    return lines if hooked else []


def _input(lines: list[str], forward: list[str]) -> IPv4Address | None:
    """The management address, if log-in works there alone and the rest is refused."""
    logins = [line for line in lines if "dport 22 " in line]
    closed = "policy drop;" in lines[0]
    address = next((a for a in re.findall(r"ip daddr (\S+) drop", "\n".join(lines))), None)
    apart = all(any(f'{way} "eth0" drop' in x for x in forward) for way in ("iifname", "oifname"))
    if address is None or not closed or not apart or len(logins) != 1:
        return None
    return IPv4Address(address) if 'iifname "eth0" tcp dport 22 accept' in logins[0] else None


def _set(line: str, keyword: str) -> list[str] | None:
    found = re.search(rf"\b{keyword} (\{{ [^}}]* \}}|\S+)", line)
    return re.findall(r'[^\s{},"]+', found[1]) if found else None


def _owner(line: str) -> str:
    found = re.search(r'comment "([^"]*)"', line)
    return found[1] if found else ""


def _service(line: str) -> tuple[str, Ports]:
    found = re.search(r"(tcp|udp) dport (\d+)(?:-(\d+))?", line)
    assert found, line
    return found[1], (int(found[2]), int(found[3] or found[2]))


def _rules(lines: list[str]) -> list[str]:
    """Without what a stateful filter does with packets of no session, and with management."""
    return [
        line
        for line in lines[1:]
        if re.search(r" (accept|drop) comment", line)
        and 'comment "management"' not in line
        and "tcp flags" not in line
    ]


def _passages(
    lines: list[str], at: dict[str, IPv4Interface], stateful: bool
) -> dict[tuple[IPv4Interface, IPv4Interface], tuple[Chain, ...]]:
    rest = "hook forward priority filter; policy drop;" not in lines[0]
    return {
        (at[a], at[b]): (
            Chain(
                tuple(
                    match
                    for line in _rules(lines)
                    if a in (_set(line, "iifname") or at) and b in (_set(line, "oifname") or at)
                    for match in _matches(line)
                ),
                rest,
            ),
        )
        for a, b in product(at, repeat=2)
        if a != b or stateful
    }


def _matches(line: str) -> list[Match]:
    protocol, ports = _service(line) if " dport " in line else (None, None)
    sources = _set(line, "ip saddr") or [str(ANY)]
    targets = _set(line, "ip daddr") or [str(ANY)]
    return [
        Match(_owner(line), " accept " in line, IPv4Network(one), IPv4Network(to), protocol, ports)
        for one, to in product(sources, targets)
    ]


def prefix_lists(top: list[Block]) -> dict[str, tuple[str, Prefixes]]:
    """Owner and entries of every `ip prefix-list`, as FRR and IOS write them."""
    owners: dict[str, str] = {}
    entries: dict[str, set[tuple[IPv4Network, int]]] = {}
    for text in values(top, "ip prefix-list "):
        name, _, rest = text.partition(" ")
        found = re.fullmatch(r"seq \d+ permit (\S+)(?: le (\d+))?", rest)
        if found:
            prefix = IPv4Network(found[1])
            entries.setdefault(name, set()).add((prefix, int(found[2] or prefix.prefixlen)))
        else:
            owners[name] = rest.removeprefix("description ")
    return {name: (owners.get(name, ""), frozenset(found)) for name, found in entries.items()}


def _communities(text: str | None) -> frozenset[str]:
    known = {"graceful-shutdown": "65535:0", "gshut": "65535:0"}
    return frozenset(known.get(word, word) for word in (text or "").split())


def _any_of(top: list[Block], name: str | None) -> frozenset[str] | None:
    """The communities of which one is enough."""
    if name is None:
        return None
    found = re.compile(rf"(?:bgp|ip) community-list standard {name} (?:seq \d+ )?permit (\S+)")
    lines = [found.fullmatch(block.text) for block in top]
    return frozenset(c for line in lines if line for c in _communities(line[1]))


def route_map(
    top: list[Block], name: str, lists: Mapping[str, tuple[str, Prefixes]]
) -> tuple[Step, ...]:
    """The entries of a route-map in their order, as FRR and IOS write them."""
    found = []
    for block in top:
        words = block.text.split()
        if words[:2] != ["route-map", name]:
            continue
        matched = value(block.below, "match ip address prefix-list ")
        step = Step(
            value(block.below, "description ") or "",
            words[2] == "permit",
            lists[matched][1] if matched else None,
            number(block.below, "set local-preference ", None),
            number(block.below, "set metric ", None),
            tuple(map(int, (value(block.below, "set as-path prepend ") or "").split())),
            _any_of(top, value(block.below, "match community ")),
            _communities(value(block.below, "set community ")) or None,
        )
        found.append((int(words[3]), step))
    return tuple(step for _, step in sorted(found, key=lambda item: item[0]))


def _sessions(
    frr: list[Block],
    bgp: Block,
    family: list[Block],
    lists: Mapping[str, tuple[str, Prefixes]],
    timers: Mapping[str, tuple[int, int]],
) -> dict[IPv4Address, Session]:
    found = {}
    for text in values(bgp.below, "neighbor "):
        peer, _, rest = text.partition(" ")
        if not rest.startswith("remote-as "):
            continue
        about = values(bgp.below, f"neighbor {peer} ")
        within = values(family, f"neighbor {peer} ")
        profile = next((a.removeprefix("bfd profile ") for a in about if a.startswith("bfd p")), "")
        maps = {w.split()[2]: w.split()[1] for w in within if w.startswith("route-map ")}
        limits = [int(w.split()[1]) for w in within if w.startswith("maximum-prefix ")]
        found[IPv4Address(peer)] = Session(
            next((a.removeprefix("description ") for a in about if a.startswith("desc")), ""),
            int(rest.split()[1]),
            "shutdown" not in about,
            route_map(frr, maps.get("in", ""), lists),
            route_map(frr, maps.get("out", ""), lists),
            timers[profile] if "bfd" in about else None,
            "next-hop-self" in within,
            limits[0] if limits else 0,
            "ttl-security hops 1" in about,
            not any(f"no neighbor {peer} send-community" in b.text for b in family),
            next((("md5", a.split()[1]) for a in about if a.startswith("password ")), None),
        )
    return found
