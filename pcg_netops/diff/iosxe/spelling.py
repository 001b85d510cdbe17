"""What devices print in other words than we write: names of ports, AS numbers, ranges of lines.

Sources: Cisco IOS Security Command Reference, "access-list (IP extended)", for the names [K];
RFC 5396 for AS numbers with a dot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
_VTY = re.compile(r"line vty (\d+)(?: (\d+))?$")
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
        ports = _PORTS.get(entry[1])
        if ports:
            return _PORT.sub(lambda found: _numbered(found, ports), text)
        if entry[1] in _NUMBERS:
            return f"{text[: entry.start(1)]}{_NUMBERS[entry[1]]}{text[entry.end(1) :]}"
    elif _AS_COMMAND.match(text):
        return _DOTTED.sub(lambda found: str(int(found[1]) * 65536 + int(found[2])), text)
    return text


def _numbered(found: re.Match[str], ports: dict[str, str]) -> str:
    words = found[2].split()
    names: list[str] = []
    for at, word in enumerate(words):
        if word in _OTHER_WORDS:  # the ports have ended
            return " ".join([found[1], *names, *words[at:]])
        names.append(ports.get(word, word))
    return " ".join([found[1], *names])


def ranges_joined(lines: Iterable[str]) -> list[str]:
    """Terminal lines that are printed in parts, `line vty 0 4` and `5 15`, as the one range."""
    found = list(lines)
    if sum(line.startswith("line vty ") for line in found) < 2:
        return found
    joined: list[str] = []
    parts: list[tuple[int, int, list[str]]] = []
    for head, below in _sections(found):
        match = _VTY.match(head.rstrip())
        if not match:
            joined += _said(parts)
            parts = []
            joined += [head, *below]
            continue
        first, last = int(match[1]), int(match[2] or match[1])
        said = [line for line in below if line.strip() not in ("", "!")]
        if parts and parts[-1][1] + 1 == first and parts[-1][2] == said:
            parts[-1] = (parts[-1][0], last, said)
        else:
            parts.append((first, last, said))
    return [*joined, *_said(parts)]


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each line at the margin, with the lines that are indented below it."""
    head, below = None, []
    for line in lines:
        if line.startswith(" ") or (head is not None and _VTY.match(head) and line.strip() == "!"):
            below.append(line)
            continue
        if head is not None:
            yield head, below
        head, below = line, []
    if head is not None:
        yield head, below


def _said(parts: list[tuple[int, int, list[str]]]) -> Iterator[str]:
    for first, last, below in parts:
        yield f"line vty {first} {last}" if last != first else f"line vty {first}"
        yield from below
