"""Rules about BGP, read from rendered text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pcg_netops.audit.checks.addresses import BOGONS, EXAMPLE_PREFIXES
from pcg_netops.audit.finding import Severity
from pcg_netops.audit.hardening.configuration import Configuration
from pcg_netops.audit.hardening.intent import Ranges
from pcg_netops.audit.hardening.peers import Peer, peers_in
from pcg_netops.audit.hardening.policies import Permit, defined, permitted
from pcg_netops.audit.hardening.spelling import (
    Fault,
    Faults,
    Spelling,
    TextRule,
    every,
    forbids,
    text_rule,
)
from pcg_netops.model.device import Role
from pcg_netops.model.network import Profile


def _lacking(words: str, pattern: str, *, internal: bool = False) -> Faults:
    """Peers about which nothing like that is said; internal ones only if asked for."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        for peer in peers_in(configuration):
            if (peer.external or internal) and not peer.has(pattern):
                yield Fault(peer.line, f"BGP peer {peer.address} has no '{words}'", "add it")

    return faults


def _unfiltered(configuration: Configuration) -> Iterator[Fault]:
    for peer in peers_in(configuration):
        for direction in ("in", "out") if peer.external else ():
            policies = peer.policies(direction)
            if not policies:
                message = f"external BGP peer {peer.address} has no policy '{direction}'"
                yield Fault(peer.line, message, "give it one that names what may pass")
            for policy in policies:
                if not defined(configuration, policy):
                    message = f"'{policy}' of BGP peer {peer.address} is not defined"
                    yield Fault(peer.line, message, "define it")


def _unplanned(configuration: Configuration) -> Iterator[Fault]:
    sessions = configuration.device.bgp.sessions if configuration.device.bgp else ()
    planned = {str(session.peer_address) for session in sessions}
    for peer in peers_in(configuration):
        if peer.address not in planned:
            message = f"BGP peer {peer.address} is not in network.yaml"
            yield Fault(peer.line, message, "remove it, or add its link to network.yaml")


# Why a permission is wrong, if it is.
Judge = Callable[[Permit], str | None]


def _each_permit(direction: str, judge_for: Callable[[Configuration, Peer], Judge]) -> Faults:
    """Everything that an external peer's policies let through and that is wrong for a reason."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        verb = {"in": "accepted from", "out": "announced to"}[direction]
        for peer in peers_in(configuration):
            judge = judge_for(configuration, peer)
            for policy in peer.policies(direction) if peer.external else ():
                for permit in permitted(configuration, policy):
                    if reason := judge(permit):
                        message = f"{permit} is {verb} {peer.address} by '{policy}': {reason}"
                        yield Fault(permit.line, message, "name only what is meant")

    return faults


def _not_own(configuration: Configuration, peer: Peer) -> Judge:
    allowed = _announceable(configuration, peer)

    def judge(permit: Permit) -> str | None:
        if permit.named and any(ranges.holds(permit.prefix) for ranges in allowed):
            return None
        return "that is not this device's to announce there"

    return judge


def _announceable(configuration: Configuration, peer: Peer) -> tuple[Ranges, ...]:
    """What a device may announce to a peer, from network.yaml alone."""
    device, intent = configuration.device, configuration.intent
    if device.role is Role.PARTNER:
        return (Ranges(intent.sites_at.get(device.name, ())),)
    if device.role is Role.EDGE:
        return (intent.own_ranges,)
    pools = intent.network.nodes[device.name].nat
    sessions = device.bgp.sessions if device.bgp else ()
    zones = {i.name: i.zone for i in device.interfaces}
    at = {str(s.peer_address): zones.get(s.interface) for s in sessions}
    if (domain := at.get(peer.address)) in pools:
        return intent.own_ranges, Ranges([pools[domain]])
    return intent.partner_ranges, Ranges(pools.values())


def _too_long(configuration: Configuration, _: Peer) -> Judge:
    longest = configuration.intent.longest

    def judge(permit: Permit) -> str | None:
        return f"nothing planned is longer than /{longest}" if permit.longest > longest else None

    return judge


def _bogus(configuration: Configuration, _: Peer) -> Judge:
    wrong = dict.fromkeys(BOGONS, "a reserved range (RFC 6890)")
    if configuration.intent.network.profile is Profile.PRODUCTION:
        wrong |= {
            prefix: f"reserved for examples ({rfc})" for prefix, rfc in EXAMPLE_PREFIXES.items()
        }
    if configuration.device.role is Role.EDGE:
        wrong |= dict.fromkeys(configuration.intent.own, "the organisation's own")

    def judge(permit: Permit) -> str | None:
        if not permit.named:
            return "reserved ranges and the organisation's own among it"
        for prefix, reason in wrong.items():
            if prefix.overlaps(permit.prefix) and (
                permit.prefix.prefixlen >= prefix.prefixlen or permit.longest >= prefix.prefixlen
            ):
                return f"{prefix} is {reason}"
        return None

    return judge


def _default_route(_: Configuration, __: Peer) -> Judge:
    def judge(permit: Permit) -> str | None:
        is_default = permit.prefix.prefixlen == 0 and permit.shortest == 0
        return "the default route is within it" if is_default else None

    return judge


def _gtsm_filter(configuration: Configuration) -> Iterator[Fault]:
    """Junos sends with `ttl 255`; that it takes nothing else is said by the filter of lo0."""
    internal = {f"{peer.address}/32" for peer in peers_in(configuration) if not peer.external}
    term = r"^(firewall family inet filter \S+ term \S+) from (?:destination-)?port (?:179|bgp)$"
    for statement, match in configuration.matching(term):
        source = f"^{re.escape(match[1])} from source-address (.+)$"
        sources = {found[1] for _, found in configuration.matching(source)}
        if sources and sources <= internal:
            continue
        if configuration.has(f"^{re.escape(match[1])} then accept$") and not configuration.has(
            f"^{re.escape(match[1])} from ttl 255$"
        ):
            yield Fault(statement.line, f"'{match[1]}' accepts BGP with any TTL", "add 'ttl 255'")


_IOS = "router bgp 65001\n neighbor 10.30.1.1 remote-as 65002\n"
_MAP_IN, _MAP_OUT = (
    f" address-family ipv4\n  neighbor 10.30.1.1 route-map {name}\n" for name in ("x in", "x out")
)
_NFT = "table inet pcg {\nchain input {\nip saddr 10.30.1.1 %stcp dport 179 accept\n}\n}\n"
_MAP = "route-map x permit 10\n match ip address prefix-list x\n"
_JUNOS = (
    "protocols { bgp { group legacy-fw { type external; peer-as 65002;\n"
    "%s neighbor 10.30.1.1; } } }\n"
)
_LISTED = (
    "policy-options { route-filter-list x { %s; }\n"
    "policy-statement x { term 1 { from { route-filter-list x; } then accept; } then reject; } }\n"
)


def _both(faults: Faults, wrong: str, right: str) -> tuple[Spelling, Spelling]:
    """FRR and IOS-XE say these things in the same words."""
    return Spelling("frr.conf", faults, wrong, right), Spelling("iosxe.conf", faults, wrong, right)


def _lists(direction: str, faults: Faults, wrong: str, right: str) -> tuple[Spelling, ...]:
    """Spellings that differ in what a prefix list permits: `10.0.0.0/8` or `10.0.0.0/8 le 24`."""
    start = _IOS + (_MAP_IN if direction == "in" else _MAP_OUT) + _MAP
    word = "import" if direction == "in" else "export"
    junos = [
        _LISTED % (f"{t.replace(' le ', ' upto /')}" if "le" in t else f"{t} exact")
        for t in (wrong, right)
    ]
    return (
        *_both(
            faults,
            f"{start}ip prefix-list x seq 5 permit {wrong}\n",
            f"{start}ip prefix-list x seq 5 permit {right}\n",
        ),
        Spelling("junos.conf", faults, *(_JUNOS % f"{word} x;" + text for text in junos)),
    )


ROUTING_RULES: tuple[TextRule, ...] = (
    text_rule(
        "PCG421",
        "An external BGP session has no policy in one direction",
        Severity.ERROR,
        "Without a policy a router may take in and pass on everything: one slip makes a leak. Each"
        " direction names what may pass; what nothing names is refused.",
        "RFC 8212; RFC 7454 section 6",
        *_both(
            every(_unfiltered, forbids(r"no bgp ebgp-requires-policy$")),
            f"{_IOS}{_MAP_IN}{_MAP}",
            f"{_IOS}{_MAP_IN}{_MAP_OUT}{_MAP}",
        ),
        Spelling(
            "junos.conf",
            _unfiltered,
            _JUNOS % "import x;" + _LISTED % "10.2.0.0/24 exact",
            _JUNOS % "import x; export x;" + _LISTED % "10.2.0.0/24 exact",
        ),
    ),
    text_rule(
        "PCG422",
        "An external BGP session has no maximum number of prefixes",
        Severity.ERROR,
        "A peer that leaks a whole table would fill this router's memory. A limit ends the session"
        " instead.",
        "RFC 7454 section 8; STIG V-216694, V-217060",
        *_both(
            _lacking("maximum-prefix", r"maximum-prefix \d+.*"),
            _IOS,
            f"{_IOS} address-family ipv4\n  neighbor 10.30.1.1 maximum-prefix 20\n",
        ),
        Spelling(
            "junos.conf",
            _lacking("prefix-limit", r"family \S+ \S+ (accepted-)?prefix-limit maximum \d+"),
            _JUNOS % "",
            _JUNOS % "family inet { unicast { prefix-limit { maximum 20; teardown; } } }",
        ),
    ),
    text_rule(
        "PCG423",
        "An external BGP session takes packets from further away than its link",
        Severity.WARNING,
        "A packet that was sent on the link arrives with a TTL of 255. Nobody further away can"
        " make one, so a check of it keeps forged packets from the session.",
        "RFC 5082; STIG V-216999, V-217051",
        Spelling(
            "iosxe.conf",
            _lacking("ttl-security", r"ttl-security hops 1"),
            _IOS,
            f"{_IOS} neighbor 10.30.1.1 ttl-security hops 1\n",
        ),
        Spelling(
            "nftables.conf",
            forbids(r"(?<!ip ttl 255 )tcp [ds]port (179|bgp) accept"),
            _NFT % "",
            _NFT % "ip ttl 255 ",
        ),
        Spelling(
            "junos.conf",
            every(_lacking("ttl 255", r"ttl 255"), _gtsm_filter),
            _JUNOS % "",
            _JUNOS % "ttl 255;",
        ),
    ),
    text_rule(
        "PCG424",
        "A BGP session is not authenticated",
        Severity.WARNING,
        "Without a key, whoever reaches the link can reset the session or speak for the peer."
        " TCP-AO is the better way; TCP MD5 is what most platforms share.",
        "RFC 5925, RFC 2385; RFC 7454 section 5.1; STIG V-216645, V-217012",
        *_both(
            _lacking("password", r"(password|ao) .+", internal=True),
            _IOS,
            f"{_IOS} neighbor 10.30.1.1 password pcg_secret_bgp_\n",
        ),
        Spelling(
            "junos.conf",
            _lacking("authentication-key", r"authentication-key(-chain)? .+", internal=True),
            _JUNOS % "",
            _JUNOS % "authentication-key pcg_secret_bgp_;",
        ),
    ),
    text_rule(
        "PCG425",
        "Routes are announced that are not this device's to announce",
        Severity.ERROR,
        "An edge announces the organisation's own ranges and no others, so that it never carries"
        " traffic between two exchanges. A gateway tells a domain of the organisation and of its"
        " own pool, so that no domain reaches another one through it.",
        "RFC 7454 section 6; STIG V-216690, V-217056; PSN Code of Connection 1.32",
        *_lists("out", _each_permit("out", _not_own), "10.2.0.0/24", "10.1.0.0/24"),
        roles=frozenset({Role.EDGE, Role.GATEWAY, Role.PARTNER}),
    ),
    text_rule(
        "PCG426",
        "Longer prefixes are accepted than any that is planned",
        Severity.WARNING,
        "A more specific route wins over every other. Whoever may announce host routes can draw"
        " single addresses of a planned range to himself.",
        "RFC 7454 section 6.1.3; STIG V-216695, V-217061",
        *_lists("in", _each_permit("in", _too_long), "10.2.0.0/24 le 32", "10.2.0.0/24 le 28"),
    ),
    text_rule(
        "PCG427",
        "A default route is accepted or configured",
        Severity.ERROR,
        "With two exchanges up, whichever default route wins would carry all that no other route"
        " names, past every decision about services. Each service has a route of its own. A"
        " management network in a table of its own is another matter.",
        "PSN Code of Connection 1.32",
        *_lists("in", _each_permit("in", _default_route), "0.0.0.0/0", "10.2.0.0/24"),
        *_both(
            forbids(r"^ip route 0\.0\.0\.0(/0| 0\.0\.0\.0) ", r" default-originate"),
            "ip route 0.0.0.0 0.0.0.0 10.30.1.1\n",
            "ip route 10.2.0.0 255.255.255.0 10.30.1.1\n",
        ),
        Spelling(
            "junos.conf",
            forbids(r"^routing-options static route 0\.0\.0\.0/0 "),
            "routing-options { static { route 0.0.0.0/0 next-hop 10.30.1.1; } }\n",
            "routing-options { static { route 10.2.0.0/24 next-hop 10.30.1.1; } }\n",
        ),
    ),
    text_rule(
        "PCG428",
        "Routes are accepted that nobody may announce",
        Severity.ERROR,
        "Reserved ranges have no owner, and the organisation's own are announced by itself. Ranges"
        " for examples are exempt while the network's profile is a demonstration.",
        "RFC 7454 sections 6.1.1 and 6.1.2, RFC 6890, RFC 5737; STIG V-216687, V-216688, V-217053",
        *_lists("in", _each_permit("in", _bogus), "127.0.0.0/8", "10.2.0.0/24"),
    ),
    text_rule(
        "PCG429",
        "A BGP peer is configured that nobody planned",
        Severity.ERROR,
        "Every session follows from a link in network.yaml. One that only a template knows has no"
        " policy that was computed, no firewall rule and no owner.",
        "general engineering practice",
        *_both(
            _unplanned,
            "router bgp 65001\n neighbor 10.99.0.1 remote-as 65099\n",
            _IOS,
        ),
        Spelling(
            "junos.conf",
            _unplanned,
            (_JUNOS % "").replace("10.30.1.1", "10.99.0.1"),
            _JUNOS % "",
        ),
    ),
)
