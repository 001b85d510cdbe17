"""What devices print in other words than we write, or with more: one text for each meaning.

Sources: Cisco IOS Security Command Reference, "access-list (IP extended)", for the names [K]; IOS
QoS Command Reference, "police", for the bursts that a device adds [K]; RFC 5396 for AS numbers with
a dot, RFC 1997 and RFC 8326 for communities with names.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TCP = (
    "bgp 179 chargen 19 cmd 514 connectedapps-plain 15001 connectedapps-tls 15002 daytime 13"
    " discard 9 domain 53 echo 7 exec 512 finger 79 ftp 21 ftp-data 20 gopher 70 hostname 101"
    " ident 113 irc 194 klogin 543 kshell 544 login 513 lpd 515 msrpc 135 nntp 119 onep-plain 15001"
    " onep-tls 15002 pim-auto-rp 496 pop2 109 pop3 110 smtp 25 sunrpc 111 syslog 514 tacacs 49"
    " talk 517 telnet 23 time 37 uucp 540 whois 43 www 80"
)
_UDP = (
    "biff 512 bootpc 68 bootps 67 discard 9 dnsix 195 domain 53 echo 7 isakmp 500 mobile-ip 434"
    " nameserver 42 netbios-dgm 138 netbios-ns 137 netbios-ss 139 non500-isakmp 4500 ntp 123"
    " pim-auto-rp 496 rip 520 ripv6 521 snmp 161 snmptrap 162 sunrpc 111 syslog 514 tacacs 49"
    " talk 517 tftp 69 time 37 who 513 xdmcp 177"
)
_PROTOCOLS = "ahp 51 eigrp 88 esp 50 gre 47 igmp 2 ipinip 4 nos 94 ospf 89 pcp 108 pim 103"


def _table(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_PORTS = {"tcp": _table(_TCP), "udp": _table(_UDP)}
_NUMBERS = {number: name for name, number in _table(_PROTOCOLS).items()}
_ENTRY = re.compile(r"(?:no )?(?:\d+ )?(?:permit|deny) (\S+)")
_PORT = re.compile(r"\b(eq|neq|lt|gt|range)((?: [a-z][a-z0-9-]*| \d+)+)")
_AS_COMMAND = re.compile(
    r"(?:no )?(?:router bgp|neighbor \S+ (?:remote-as|local-as)|set as-path prepend"
    r"|bgp confederation (?:identifier|peers))\b"
)
_DOTTED = re.compile(r"(?<![\w.])(\d{1,5})\.(\d{1,5})(?![\w.])")
_COMMUNITIES = re.compile(r"set community |ip community-list standard \S+ (?:permit|deny) ")
_COMMUNITY = re.compile(r"(?<= )(?:(\d+)|(\d+:\d+))(?= |$)")
_WELL_KNOWN = {
    "65535:0": "gshut",
    "65535:65281": "no-export",
    "65535:65282": "no-advertise",
    "65535:65283": "local-AS",
}
# An address whose wildcard bits say that it is one host, or any.
_HOST = re.compile(r"(?<= )(\d+\.\d+\.\d+\.\d+) 0\.0\.0\.0(?= |$)")
_LONE = re.compile(r"((?:permit|deny) )host (?=\S+( log)?$)")  # as standard lists have one
_ANY = "0.0.0.0 255.255.255.255"
_ROUTE_MAP = re.compile(r"(route-map \S+)(?: (permit|deny))?(?: (\d+))?")
_POLICE = re.compile(r"police (cir )?(\d+)((?: (?:bc |be )?\d+)*)(.*)")
_SMALLEST_BURST = 1500  # bytes; else what passes in 1/4 s: a bit rate / 8 / 4
_OTHER_WORDS = frozenset(["log", "log-input", "established", "fragments", "dscp", "precedence"])


# What people write there is kept as it is.
_FREE = re.compile(r"(.*?\b(?:description|remark|snmp-server (?:location|contact)))\s+(.*)")


@lru_cache(maxsize=1 << 16)
def words_of(line: str) -> str:
    """A command with one space between its words, but for a text of people's own."""
    text = line.strip()
    free = _FREE.fullmatch(text) if "  " in text or "\t" in text else None
    return f"{' '.join(free[1].split())} {free[2]}" if free else " ".join(text.split())


@lru_cache(maxsize=1 << 16)
def as_we_write(text: str) -> str:
    """A command in our words; the same one for every spelling that a device knows of it."""
    if entry := _ENTRY.match(text):
        text = _LONE.sub(r"\1", _HOST.sub(r"host \1", text.replace(_ANY, "any")))
        ports = _PORTS.get(entry[1])
        if ports:
            return _PORT.sub(lambda found: _numbered(found, ports), text)
        if entry[1] in _NUMBERS:
            return f"{text[: entry.start(1)]}{_NUMBERS[entry[1]]}{text[entry.end(1) :]}"
    elif _AS_COMMAND.match(text):
        return _DOTTED.sub(lambda found: str(int(found[1]) * 65536 + int(found[2])), text)
    elif entry := _ROUTE_MAP.fullmatch(text):
        return f"{entry[1]} {entry[2] or 'permit'} {entry[3] or 10}"
    elif _COMMUNITIES.match(text):
        return _COMMUNITY.sub(_community, text)
    elif policer := _POLICE.fullmatch(text):
        return _policer(policer)
    return text


def _community(found: re.Match[str]) -> str:
    """As two numbers, or by its name: a device may print all of it as one number."""
    number = found[2] or f"{int(found[1]) >> 16}:{int(found[1]) & 0xFFFF}"
    return _WELL_KNOWN.get(number, number)


def _policer(found: re.Match[str]) -> str:
    """Without the bursts that a device has by itself, and which it adds as it prints."""
    cir, rate, bursts, rest = found.groups("")
    default = str(max(int(rate) // 32, _SMALLEST_BURST))
    if set(re.findall(r"\d+", bursts)) <= {default}:
        bursts = ""
    return f"police {cir}{rate}{bursts}{rest}"


def _numbered(found: re.Match[str], ports: dict[str, str]) -> str:
    words = found[2].split()
    names: list[str] = []
    for at, word in enumerate(words):
        if word in _OTHER_WORDS:  # the ports have ended
            return " ".join([found[1], *names, *words[at:]])
        names.append(ports.get(word, word))
    return " ".join([found[1], *names])
