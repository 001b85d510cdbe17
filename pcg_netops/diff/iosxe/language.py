"""What must be known of IOS-XE's commands, as data [K].

Sections are named by how their first line begins; lines within one by a regular expression that
matches from their start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

Tree: TypeAlias = "dict[str, Tree]"  # a line, and the lines below it


@dataclass(frozen=True)
class Single:
    """A setting of which there is one: entering it again replaces it.

    The expression's groups tell settings apart; what it matches is what `no` has to name.
    """

    section: str  # "" at the top
    line: str


SINGLE = (
    Single("", r"(hostname|enable secret|ip domain name|clock timezone|ip ssh version)\b"),
    Single("", r"(banner \S+)"),
    Single("", r"(username \S+)"),
    Single("", r"(service timestamps \S+|logging (?:trap|facility|source-interface|buffered))"),
    Single("", r"(snmp-server (?:location|contact)|ntp source|ip tacacs source-interface)"),
    Single("", r"(ip prefix-list \S+ description)"),
    Single("interface ", r"(description|ip mtu|mtu|ip tcp adjust-mss|bandwidth|bfd interval)\b"),
    Single("interface ", r"(zone-member security|vrf forwarding)"),
    Single("interface ", r"(ip address)(?!.* secondary)"),
    Single("interface ", r"ip access-group \S+ (in|out)"),
    Single("interface ", r"(tunnel (?:source|destination|mode|protection|vrf))"),
    Single("router bgp ", r"(bgp router-id|timers bgp|maximum-paths(?: ibgp)?)"),
    Single("router bgp ", r"neighbor (\S+ (?:remote-as|description|timers|maximum-prefix))"),
    Single("router bgp ", r"neighbor (\S+ (?:password|ttl-security|update-source|local-as|ao))"),
    Single("router bgp ", r"neighbor (\S+ (?:fall-over bfd|ebgp-multihop|weight))"),
    Single("router bgp ", r"neighbor (\S+ (?:route-map|prefix-list|filter-list)) \S+ (in|out)"),
    Single("route-map ", r"(description|set (?:local-preference|metric|weight|origin|tag)\b)"),
    Single("route-map ", r"(set as-path prepend).*"),
    Single("line ", r"(exec-timeout|session-timeout|login|transport (?:input|output))\b"),
    Single("line ", r"access-class \S+ (in|out).*"),
    Single("policy-map ", r"(police)\b.*"),
    Single("crypto ", r"(encryption|integrity|prf|group|lifetime|mode|dpd|match|pki trustpoint)\b"),
    Single("crypto ", r"((?:set (?:transform-set|pfs|ikev2-profile))|authentication \S+|identity)"),
)


@dataclass(frozen=True)
class Reference:
    """A line that uses something by name; the expression's group is one name or several."""

    section: str
    line: str
    kind: str


REFERENCES = (
    Reference("interface ", r"ip access-group (\S+) (?:in|out)", "access list"),
    Reference("interface ", r"zone-member security (\S+)", "zone"),
    Reference("interface ", r"vrf forwarding (\S+)", "vrf"),
    Reference("interface ", r"service-policy (?:in|out)put (\S+)", "policy map"),
    Reference("control-plane", r"service-policy (?:in|out)put (\S+)", "policy map"),
    Reference("zone-pair ", r"service-policy type inspect (\S+)", "policy map"),
    Reference("policy-map ", r"class (?:type inspect )?(?!class-default)(\S+)", "class map"),
    Reference("class-map ", r"match access-group name (\S+)", "access list"),
    Reference("line ", r"access-class (\S+) (?:in|out)", "access list"),
    Reference("route-map ", r"match ip address prefix-list (.+)", "prefix list"),
    Reference("route-map ", r"match ip address (?!prefix-list)(.+)", "access list"),
    Reference("route-map ", r"match community (.+?)(?: exact-match)?$", "community list"),
    Reference("router bgp ", r"neighbor \S+ route-map (\S+) (?:in|out)", "route map"),
    Reference("router bgp ", r"neighbor \S+ prefix-list (\S+) (?:in|out)", "prefix list"),
)

# The first line of what can be used by name. Access and prefix lists count by their entries.
DEFINITIONS = (
    (re.compile(r"route-map (\S+) (?:permit|deny) \d+$"), "route map"),
    (re.compile(r"class-map (?:type inspect )?(?:match-\S+ )?(\S+)$"), "class map"),
    (re.compile(r"policy-map (?:type inspect )?(\S+)$"), "policy map"),
    (re.compile(r"zone security (\S+)$"), "zone"),
    (re.compile(r"vrf definition (\S+)$"), "vrf"),
    (re.compile(r"ip community-list (?:standard |expanded )?(\S+) "), "community list"),
)

# What the device prints about itself, and modes' ends, which say nothing.
SILENT = re.compile(
    r"!|end$|exit|Building configuration|Current configuration|version \d|boot-(start|end)-marker"
    r"|ntp clock-period|bgp asnotation dot$|do |configure "
)
# A line that says no more than its absence would, by the first word of its section: devices leave
# it out.
DEFAULTS = {
    "": re.compile(r"logging trap informational$|ip ssh (authentication-retries 3|time-out 120)$"),
    "interface": re.compile(r"no ip address$"),
    "route-map": re.compile(r"continue$"),
    "line": re.compile(r"exec-timeout 10 0$|login authentication default$"),
    "crypto": re.compile(
        r"lifetime 86400$|set security-association lifetime seconds 3600$|mode tunnel$"
        r"|revocation-check crl$"
    ),
}
# What a device takes and never prints: users of SNMPv3 are kept with their engine (RFC 3414, 4).
UNSEEN = re.compile(r"snmp-server user \S+ \S+ v3( |$)")
# Switched on unless said otherwise, so that the device prints that they are off.
ON_BY_DEFAULT = re.compile(
    r"(ip http (secure-)?server|bgp default ipv4-unicast|bfd echo|ip source-route"
    r"|ip bootp server|ip domain lookup|cdp run|ip redirects|ip proxy-arp|ip unreachables)$"
)
# Sections whose lines are in an order that counts.
ORDERED = ("policy-map ", "aaa group server ")
# Interfaces that exist because the configuration says so; others are ports of the chassis.
LOGICAL = re.compile(r"interface (Loopback|Tunnel|Port-channel|Vlan|BDI|VirtualPortGroup|\S+\.)")

# What a device holds of these kinds and its rendering does not mention is taken away. All else that
# no rendering mentions is somebody else's and stays: accounts, licences, routes of other VRFs.
OWNED = re.compile(
    r"ip access-list (extended|standard) |ip prefix-list |route-map |class-map |policy-map "
    r"|zone security |zone-pair |ip route (?!vrf )|router bgp |ip community-list "
)
# Likewise within a section that a rendering does mention.
OWNED_WITHIN = {
    "interface ": re.compile(
        r"(no )?(description|ip (address|mtu|access-group|nat|policy|tcp|verify)|mtu|zone-member"
        r"|vrf forwarding|bfd|service-policy|shutdown|tunnel)\b"
    ),
    "line ": re.compile(r"(no )?(access-class|exec-timeout|login|password|transport|rotary)\b"),
    "vrf definition ": re.compile(r"$^"),  # devices give theirs a family of their own
    "crypto pki trustpoint ": re.compile(r"$^"),  # and keys, when they enrol
}
_REMEMBERED = 1 << 16  # lines: the same ones stand in every stage, and on many devices

# A value that nobody may read, where no inventory names it.
SECRET = re.compile(
    r"(snmp-server community|.*\b(password|secret|key|key-string|md5)) (\d )?\S+( |$)"
)


@lru_cache(maxsize=_REMEMBERED)
def single(section: str, line: str) -> tuple[tuple[str, ...], str] | None:
    """What tells this setting from others, and how `no` names it; None if there can be many."""
    for number, pattern in _single_in(section.split(" ")[0]):
        found = pattern.match(line)
        if found:
            return (str(number), *found.groups("")), found[0]
    return None


@lru_cache
def _single_in(section: str) -> tuple[tuple[int, re.Pattern[str]], ...]:
    """What a section that begins with this word has one of, each compiled once."""
    return tuple(
        (number, re.compile(known.line))
        for number, known in enumerate(SINGLE)
        if known.section.split(" ")[0] == section
    )


@lru_cache(maxsize=_REMEMBERED)
def references(section: str, line: str) -> tuple[tuple[str, str], ...]:
    """The kind and name of everything that a line uses."""
    if section.startswith("zone-pair ") and line == section:
        words = section.split()
        return tuple(("zone", x) for w, x in pairwise(words) if w in _ZONE_WORDS)
    for known in REFERENCES:
        if section.startswith(known.section):
            found = re.match(known.line, line)
            if found:
                return tuple((known.kind, name) for name in found[1].split())
    return ()


_ZONE_WORDS = ("source", "destination")


def definition(line: str) -> tuple[str, str] | None:
    """The kind and name of what a line at the top makes."""
    for pattern, kind in DEFINITIONS:
        found = pattern.match(line)
        if found:
            return kind, found[1]
    return None
