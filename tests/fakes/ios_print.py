"""How an IOS-XE router prints what it was told: in its own order and words, with what it adds.

Sources, in our own words: Cisco IOS Security Command Reference, "access-list (IP extended)", for
the names of ports [K]; IP Addressing Services guide, "IP Access List Entry Sequence Numbering"
(numbers are printed from 16.x on), and "Refining an IP Access List" (one host is `host`, all are
`any`; in a standard list a host stands alone) [K]; Security guide, "Encrypted Preshared Key" and
`service password-encryption` (types 6 and 7; NTP prints the type last) [K]; QoS guide, "Traffic
Policing" (the burst that follows from the rate, and two spaces before `exceed-action`), and public
captures of both; RFC 5396 and `bgp asnotation dot`; `ip bgp-community new-format` (without it a
community is one number); SNMP guide, "SNMP Version 3" (users are not in the configuration);
public captures of `show running-config` of a C8000V for what a router says unasked, the order of
its sections, and the lines that it leaves out because they are defaults [K].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PORTS = {
    "tcp": {"179": "bgp", "80": "www", "25": "smtp", "22": "22", "53": "domain", "23": "telnet",
            "21": "ftp", "49": "tacacs", "514": "cmd", "110": "pop3", "7": "echo", "119": "nntp",
            "13": "daytime", "513": "login", "543": "klogin", "111": "sunrpc", "43": "whois"},
    "udp": {"53": "domain", "123": "ntp", "161": "snmp", "162": "snmptrap", "500": "isakmp",
            "4500": "non500-isakmp", "514": "syslog", "69": "tftp", "67": "bootps", "49": "tacacs",
            "68": "bootpc", "520": "rip", "137": "netbios-ns", "434": "mobile-ip", "7": "echo"},
}  # fmt: skip
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ahp"}
_ORDER = (
    "version", "service", "platform", "no service", "hostname", "boot", "vrf", "no logging",
    "logging buffered", "enable", "no aaa", "aaa", "clock", "no ip", "ip domain", "login on",
    "subscriber", "multilink", "crypto pki", "license", "memory", "diagnostic", "spanning",
    "username", "redundancy", "key chain", "class-map", "policy-map", "zone security", "zone-pair",
    "crypto", "interface", "router", "ip forward", "ip bgp", "ip community", "ip http", "ip route",
    "ip ssh", "ip access-list", "ip prefix-list", "logging", "route-map", "snmp-server", "tacacs",
    "radius", "control-plane", "banner", "line", "ntp", "call-home",
)  # fmt: skip
_UNASKED = """\
service call-home
platform qfp utilization monitor load 80
platform punt-keepalive disable-kernel-core
login on-success log
subscriber templating
multilink bundle-name authenticated
crypto pki trustpoint SLA-TrustPoint
 enrollment pkcs12
 revocation-check crl
crypto pki certificate chain SLA-TrustPoint
 certificate ca 01
  30820321 30820209 A0030201 02020101 300D0609 2A864886 F70D0101 0B050030
  \tquit
license udi pid C8000V sn 9AAAAAAAAAA
memory free low-watermark processor 63709
diagnostic bootup level minimal
spanning-tree extend system-id
redundancy
ip forward-protocol nd
ip tftp source-interface GigabitEthernet1
line aux 0
 stopbits 1
call-home
 contact-email-addr sch-smart-licensing@example.com
 profile "CiscoTAC-1"
  active
  destination transport-method http
"""
_DEFAULTS = re.compile(
    r" *(no shutdown|exec-timeout 10 0|login authentication default|logging trap informational"
    r"|ip ssh authentication-retries 3|ip ssh time-out 120|lifetime 86400|ip mtu 1500"
    r"|set security-association lifetime seconds 3600|snmp-server user \S+ \S+ v3 .*)"
)
_SECRET = re.compile(r"^( *(?:neighbor \S+ password|key-string|key)) (?!\d+$|\d )(\S+)")
_NTP_SECRET = re.compile(r"(ntp authentication-key \d+ \S+) (\S+)")
_AS = re.compile(r"(router bgp |remote-as |as-path prepend )((?:\d+ ?)+)")
_ENTRY = re.compile(r"( *(?:\d+ )?)(permit|deny) (.*)")
_VTY = re.compile(r"line vty (\d+) (\d+)")
_COMMUNITY = re.compile(r"(?<= )(\d+):(\d+)(?= |$)")

Section = tuple[str, tuple[str, ...]]  # a line at the margin and those below it


@dataclass(frozen=True)
class Habits:
    """How one router prints: what differs between releases, models and settings."""

    names: bool = True  # ports and protocols by name
    numbers: bool = True  # of the entries of access lists
    parts: bool = True  # `line vty 0 4` and the others apart
    unasked: bool = True  # what a router says of itself
    own_order: bool = True
    encrypted: bool = True  # keys, as type 7
    bursts: bool = True  # of policers
    dotted: bool = False  # `bgp asnotation dot`
    defaults: bool = False  # printed all the same, as by `show running-config all`


@dataclass(frozen=True)
class _Said:
    habits: Habits
    new_format: bool
    in_list: str = ""  # the kind of access list that a line is in

    def line(self, line: str) -> str | None:
        habits = self.habits
        if _DEFAULTS.fullmatch(line) and (not habits.defaults or "snmp-server user" in line):
            return None
        if self.in_list and (found := _ENTRY.fullmatch(line)):
            return self._entry(*found.groups())
        if habits.encrypted:
            line = _SECRET.sub(lambda f: f"{f[1]} 7 {_type_7(f[2])}", line)
            line = _NTP_SECRET.sub(lambda f: f"{f[1]} {_type_7(f[2])} 7", line)
        if habits.bursts and (found := re.match(r"( *police )(\d+) (conform.*)", line)):
            burst = max(int(found[2]) // 32, 1500)
            rest = found[3].replace(" exceed-action", "  exceed-action")
            return f"{found[1]}{found[2]} {burst} {burst} {rest} "
        if habits.dotted:
            line = _AS.sub(lambda f: f[1] + re.sub(r"\d+", _dotted, f[2]), line)
        if not self.new_format and re.match(r" *(set community|ip community-list)", line):
            line = _COMMUNITY.sub(lambda f: str(int(f[1]) * 65536 + int(f[2])), line)
        return line

    def _entry(self, start: str, action: str, rest: str) -> str:
        if not self.habits.numbers:
            start = re.sub(r"\d+ ", "", start)
        rest = re.sub(r"(\d+\.\d+\.\d+\.\d+) 0\.0\.0\.0", r"host \1", rest)
        rest = rest.replace("0.0.0.0 255.255.255.255", "any")
        if self.in_list == "standard":
            return f"{start}{action} {rest.removeprefix('host ')}"
        protocol = rest.split()[0]
        if self.habits.names:
            ports = _PORTS.get(protocol, {})
            rest = re.sub(
                r"\b(eq|range|neq|gt|lt)((?: \d+)+)",
                lambda f: f[1] + re.sub(r"\d+", lambda n: ports.get(n[0], n[0]), f[2]),
                rest,
            )
            words = rest.split(" ", 1)
            rest = f"{_PROTOCOLS.get(protocol, protocol)} {words[1]}"
        return f"{start}{action} {rest}"


def printed(text: str, habits: Habits) -> str:
    """A configuration, as its lines were entered, in the words of a router with these habits."""
    sections = list(_sections(text.splitlines()))
    if habits.unasked:
        sections += _sections(_UNASKED.splitlines())
    if habits.dotted:
        dot = (" bgp asnotation dot",)
        sections = [(h, (*dot, *b) if h.startswith("router bgp ") else b) for h, b in sections]
    if habits.own_order:
        sections.sort(key=lambda section: _place(section[0]))
    if habits.parts:
        sections = [part for section in sections for part in _parts(section)]
    new_format = any(head == "ip bgp-community new-format" for head, _ in sections)
    lines: list[str] = []
    for head, below in sections:
        kind = head.split()[2] if head.startswith("ip access-list ") else ""
        said = _Said(habits, new_format, kind)
        shown = [said.line(line) for line in (head, *_decorated(head, below, habits))]
        lines += [line for line in shown if line is not None]
        if below:
            lines.append("!")
    return "".join(f"{line}\n" for line in lines)


def _sections(lines: list[str]) -> Iterator[Section]:
    head, below = "", []
    banner = ""
    for line in lines:
        if banner:
            below.append(line)
            banner = "" if banner in line else banner
        elif line.startswith(" ") and head:
            below.append(line)
        elif line.strip() not in ("", "!", "end"):
            if head:
                yield head, tuple(below)
            head, below = line, []
            mark = line.split()[2][:2] if line.startswith("banner ") else ""
            banner = mark if mark and line.count(mark) < 2 else ""
    if head:
        yield head, tuple(below)


def _place(head: str) -> tuple[int, str]:
    """Longer beginnings are told before shorter ones; lists and ports are in order of name."""
    found = max((x for x in _ORDER if head.startswith(x)), key=len, default="")
    named = {"ip prefix-list": 3, "ip access-list": 4, "interface": 2}  # words up to the name
    name = " ".join(head.split()[: named[found]]) if found in named else ""
    return _ORDER.index(found) if found else len(_ORDER), name


def _parts(section: Section) -> Iterator[Section]:
    found = _VTY.fullmatch(section[0])
    if found and int(found[1]) <= 4 < int(found[2]):
        yield f"line vty {found[1]} 4", section[1]
        yield f"line vty 5 {found[2]}", section[1]
    else:
        yield section


def _decorated(head: str, below: tuple[str, ...], habits: Habits) -> Iterator[str]:
    """What a section says besides, and the marks between its parts."""
    if head.startswith("interface ") and not any(x.startswith(" ip address") for x in below):
        yield " no ip address"
    for line in below:
        if line.startswith((" address-family", "  !")):
            yield " !"
        yield line
    if not habits.unasked:
        return
    if head.startswith("interface GigabitEthernet"):
        yield from (" negotiation auto", " no mop enabled", " no mop sysid")
    elif head.startswith("line con"):
        yield " stopbits 1"
    elif head == "vrf definition Mgmt-intf":
        yield from (" !", " address-family ipv6", " exit-address-family")


def _type_7(value: str) -> str:
    """Something that stands for a value, and is not it."""
    return "".join(f"{ord(sign) ^ 0x5A:02X}" for sign in value)


def _dotted(found: re.Match[str]) -> str:
    number = int(found[0])
    return f"{number >> 16}.{number & 0xFFFF}" if number > 0xFFFF else found[0]
