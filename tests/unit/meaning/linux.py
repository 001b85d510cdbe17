"""The facts in `frr.conf` and `nftables.conf`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product

from tests.unit.meaning.blocks import Block, indented, number, value, values
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
    key_id,
)
from tests.unit.meaning.swanctl import tunnels_in

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
    sets = {
        name: re.findall(r"(?:(\S+) \. )?(\S+) \. (\w+) \. ([\d-]+)(?: : (\S+))?, # ?(\S*)", body)
        for name, body in re.findall(r"(?:set|map) (\S+) \{\n(.*?)\n\t\}", nft, re.S)
    }
    chains = {
        name: [one for line in body.strip().splitlines() for one in _one_by_one(line, sets)]
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
        sessions=_sessions(frr, bgp, family, lists, timers, chains),
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
        tunnels=tunnels_in(files["swanctl.conf"], at) if "swanctl.conf" in files else frozenset(),
        statics=frozenset(
            (IPv4Network(words[0]), IPv4Address(words[1]))
            for words in (text.split() for text in values(frr, "ip route "))
        ),
        guarded=frozenset(i.ip for i in (*at.values(), loopback)) if guard else frozenset(),
        admitted=frozenset(
            (kind, IPv4Address(peer))
            for kind, wanted in (
                ("bgp", ("tcp dport 179 accept", "tcp sport 179 accept")),
                ("bfd", ("ip ttl 255 udp dport 3784-3785 accept",)),
                ("ike", ("udp dport { 500, 4500 } accept",)),
                ("esp", ("meta l4proto esp accept",)),
            )
            for peer in {p for line in chains["input"] for p in _set(line, "ip saddr") or ()}
            if all(_admits(chains["input"], peer, w) for w in wanted)
        )
        | {DIAGNOSIS for line in chains["input"] if line.strip().startswith(_LIMITED)},
        login=guard,
        login_from=_login_from(chains["input"]),
        plane=_plane(files, chains["input"]),
    )


def _login_from(lines: list[str]) -> IPv4Network | None:
    found = [_set(line, "ip saddr") for line in lines if "tcp dport 22 accept" in line]
    return IPv4Network(found[0][0]) if len(found) == 1 and found[0] else ANY


def _lets_in(lines: list[str], packet: str, servers: Iterable[str]) -> bool:
    """Whether the servers' packets of this kind get in at the management interface, alone."""
    found = [_set(x, "ip saddr") for x in lines if f"{packet} accept" in x and '"eth0"' in x]
    return found == [list(servers)]


def _plane(files: Mapping[str, str], chain: list[str]) -> Plane:
    def lines(name: str) -> list[str]:
        return files.get(name, "").splitlines()

    sshd = dict(line.split(maxsplit=1) for line in lines("sshd.conf"))
    assert sshd["PasswordAuthentication"] == sshd["PermitRootLogin"] == "no"
    idle = re.fullmatch(r"session:\*=(\d+)m", sshd.get("ChannelTimeout", ""))
    accounts = {line.split()[1] for line in lines("sysusers.conf") if line.startswith("u ")}
    users = set()
    for line in lines("tmpfiles.conf"):
        kind, path, rest = line.split(maxsplit=2)
        name = path.removeprefix("/etc/ssh/authorized_keys.d/")
        if kind == "f+" and name in accounts and rest.startswith("0644 root root - "):
            keys = rest.removeprefix("0644 root root - ").split("\\n")
            users |= {(name, key_id(key)) for key in keys if key}
    if users:
        assert sshd["AuthorizedKeysFile"] == "/etc/ssh/authorized_keys.d/%u"
    return Plane(
        users=frozenset(users),
        aaa=_radius(lines("pam-sshd"), lines("pam_radius_auth.conf"), sshd, chain),
        idle_minutes=int(idle[1]) if idle else 0,
        banner=files["issue.net"].strip() if sshd.get("Banner") == "/etc/issue.net" else "",
        ntp=_ntp(lines("chrony.conf"), lines("chrony.keys"), chain),
        syslog=frozenset(
            target
            for line in lines("rsyslog.conf")
            if 'template="RSYSLOG_SyslogProtocol23Format"' in line
            for target in re.findall(r'target="(\S+)"', line)
        ),
        snmp=_snmp(lines("snmpd.conf"), chain),
    )


def _radius(
    pam: list[str], servers: list[str], sshd: Mapping[str, str], chain: list[str]
) -> tuple[str, tuple[str, ...], str] | None:
    asked = "auth [success=done default=die] pam_radius_auth.so" in pam
    found = [line.split() for line in servers]
    addresses = tuple(words[0].removesuffix(":1812") for words in found)
    if not asked or not found or not _lets_in(chain, "udp sport 1812", addresses):
        return None
    assert sshd["KbdInteractiveAuthentication"] == sshd["UsePAM"] == "yes"
    return "radius", addresses, " or ".join(sorted({words[1] for words in found}))


def _ntp(
    conf: list[str], keys: list[str], chain: list[str]
) -> tuple[frozenset[str], int, str] | None:
    servers = [line.split() for line in conf if line.startswith("server ")]
    if not servers or not {"authselectmode require", "port 0", "cmdport 0"} <= set(conf):
        return None
    if not _lets_in(chain, "udp sport 123", [words[1] for words in servers]):
        return None
    number = " or ".join(sorted({words[words.index("key") + 1] for words in servers}))
    known = {line.split()[0]: line.split()[2] for line in keys if line.split()[1] == "SHA256"}
    return (
        frozenset(words[1] for words in servers),
        int(number) if number in known else 0,
        known.get(number, "").removeprefix("ASCII:"),
    )


def _snmp(conf: list[str], chain: list[str]) -> tuple[str, frozenset[str], str, str] | None:
    text = "\n".join(conf)
    found = re.search(r'^createUser (\S+) SHA-256 "(\S+)" AES "(\S+)"$', text, re.M)
    if not found or f"rouser {found[1]} authPriv" not in conf or "community" in text:
        return None
    managers = [m for x in chain if "udp dport 161 accept" in x for m in _set(x, "ip saddr") or ()]
    return found[1], frozenset(managers), found[2], found[3]


def _admits(lines: list[str], peer: str, wanted: str) -> bool:
    """Whether exactly that is let in from a peer by one interface."""
    rule = re.compile(
        rf'iifname "\S+" ip saddr {peer} (ip daddr \S+ )?(ip ttl 255 (?=tcp ))?{re.escape(wanted)}'
    )
    return any(rule.match(line.strip()) for line in lines)


def _translating(chains: Mapping[str, list[str]], name: str, priority: str) -> list[str]:
    """The lines of a chain, if packets get there."""
    lines = chains.get(name, [])
    hooked = lines and f"type nat hook {name} priority {priority};" in lines[0]
    return lines if hooked else []


def _input(lines: list[str], forward: list[str]) -> IPv4Address | None:
    """The management address, if log-in works there alone and the rest is refused."""
    logins = [line for line in lines if "dport 22 " in line and " drop comment" not in line]
    limited = [line for line in lines if "dport 22 " in line and "limit rate over" in line]
    if len(limited) != 1:
        return None
    closed = "policy drop;" in lines[0]
    address = next((a for a in re.findall(r"ip daddr (\S+) drop", "\n".join(lines))), None)
    apart = all(any(f'{way} "eth0" drop' in x for x in forward) for way in ("iifname", "oifname"))
    if address is None or not closed or not apart or len(logins) != 1:
        return None
    return IPv4Address(address) if logins[0].strip().startswith('iifname "eth0" ') else None


def _one_by_one(line: str, sets: Mapping[str, list[tuple[str, ...]]]) -> list[str]:
    """A rule that looks something up, as a rule for each element that it can find."""
    key = r"(?:ip saddr \. )?ip daddr \. meta l4proto \. th dport "
    found = re.fullmatch(rf"(.*?){key}(map )?@(\S+)(.*) comment .*", line)
    if found is None:
        return [line]
    before, is_map, name, then = found.groups()
    if is_map:
        assert before.endswith("dnat ip to ")
        before = before.removesuffix("dnat ip to ")
        assert not then
    return [
        f"{before}{f'ip saddr {source} ' if source else ''}ip daddr {target}"
        f" {protocol} dport {ports}"
        f'{f" dnat ip to {server}" if is_map else then} comment "{owner}"'
        for source, target, protocol, ports, server, owner in sets[name]
    ]


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
    protocol, ports = _service(line) if " dport " in line else (_whole_protocol(line), None)
    sources = _set(line, "ip saddr") or [str(ANY)]
    targets = _set(line, "ip daddr") or [str(ANY)]
    return [
        Match(_owner(line), " accept " in line, IPv4Network(one), IPv4Network(to), protocol, ports)
        for one, to in product(sources, targets)
    ]


def _whole_protocol(line: str) -> str | None:
    found = re.search(r"meta l4proto (\w+)", line)
    return found[1] if found else None


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


def _on_link_alone(chains: Mapping[str, list[str]], peer: str) -> bool:
    """Whether BGP to a peer leaves with the highest TTL, and comes in with no other."""
    out = chains.get("output", [])
    hooked = out and "type filter hook output priority mangle;" in out[0]
    return bool(hooked) and all(
        any(f"ip daddr {peer} tcp {way} 179 ip ttl set 255" in line for line in out)
        and any(f"ip saddr {peer} ip ttl 255 tcp {way} 179 accept" in x for x in chains["input"])
        for way in ("dport", "sport")
    )


def _sessions(
    frr: list[Block],
    bgp: Block,
    family: list[Block],
    lists: Mapping[str, tuple[str, Prefixes]],
    timers: Mapping[str, tuple[int, int]],
    chains: Mapping[str, list[str]],
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
            bool({"next-hop-self", "next-hop-self force"} & set(within)),
            {"next-hop-self force", "route-reflector-client"} <= set(within),
            limits[0] if limits else 0,
            _on_link_alone(chains, peer),
            not any(f"no neighbor {peer} send-community" in b.text for b in family),
            next((("md5", a.split()[1]) for a in about if a.startswith("password ")), None),
        )
    return found
