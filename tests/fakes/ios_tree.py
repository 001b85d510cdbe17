"""A small interpreter of IOS-XE's configuration mode: where a line belongs, what it changes.

Sources: the modes' prompts and the submodes that a line of a parent may leave a child for, Cisco
"IOS XE 17 configuration fundamentals" [S]; a single value replaces the last one, and a numbered
entry of a prefix list does not ("%Insertion failed - seq # exists") [K].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# For each mode: the lines that open a mode below it, and the first words of its other lines.
_GLOBAL_WORDS = """
    aaa access-list alias archive banner bfd boot class-map clock control-plane crypto enable
    errdisable event file flow hostname interface ip ipv6 key license line lldp logging login
    memory no ntp object-group parameter-map platform policy-map privilege radius redundancy
    route-map router
    service snmp-server spanning-tree tacacs track transceiver username version vlan vrf zone
    zone-pair
"""
_MODES: dict[str, tuple[dict[str, str], str]] = {
    "config": (
        {
            r"interface \S+": "config-if",
            r"router bgp \d+": "config-router",
            r"router ospf \d+": "config-router",
            r"ip access-list extended \S+": "config-ext-nacl",
            r"ip access-list standard \S+": "config-std-nacl",
            r"route-map \S+( (permit|deny)( \d+)?)?": "config-route-map",
            r"class-map .+": "config-cmap",
            r"policy-map .+": "config-pmap",
            r"zone security \S+": "config-sec-zone",
            r"zone-pair security .+": "config-sec-zone-pair",
            r"vrf definition \S+": "config-vrf",
            r"line (con|aux) .+": "config-line",
            r"control-plane": "config-cp",
            r"archive": "config-archive",
            r"key chain \S+( \S+)?": "config-keychain",
            r"tacacs server \S+": "config-server-tacacs",
            r"radius server \S+": "config-radius-server",
            r"aaa group server \S+ \S+": "config-sg",
            r"parameter-map type \S+ .+": "config-profile",
            r"crypto ikev2 \S+ .+": "config-ikev2",
            r"crypto ipsec transform-set .+": "cfg-crypto-trans",
            r"crypto ipsec profile \S+": "ipsec-profile",
            r"crypto pki trustpoint \S+": "ca-trustpoint",
            r"ip ssh pubkey-chain": "conf-ssh-pubkey",
        },
        _GLOBAL_WORDS,
    ),
    "config-if": (
        {},
        "description ip mtu shutdown vrf bfd zone-member service-policy speed duplex negotiation "
        "tunnel load-interval cdp lldp delay bandwidth",
    ),
    "config-router": (
        {r"address-family \S+.*": "config-router-af"},
        "bgp neighbor network timers redistribute maximum-paths distance passive-interface",
    ),
    "config-router-af": (
        {},
        "neighbor network redistribute maximum-paths aggregate-address bgp table-map",
    ),
    "config-ext-nacl": ({}, "permit deny remark 0123456789"),
    "config-std-nacl": ({}, "permit deny remark 0123456789"),
    "config-route-map": ({}, "match set description continue"),
    "config-cmap": ({}, "match description"),
    "config-pmap": ({r"class .+": "config-pmap-c"}, "description"),
    "config-pmap-c": (
        {},
        "police inspect drop pass bandwidth priority shape set service-policy",
    ),
    "config-sec-zone": ({}, "description"),
    "config-sec-zone-pair": ({}, "description service-policy"),
    "config-vrf": ({r"address-family \S+": "config-vrf-af"}, "rd description route-target"),
    "config-vrf-af": ({}, "route-target import export"),
    "config-line": (
        {},
        "access-class login transport exec-timeout logging session-timeout privilege stopbits "
        "authorization accounting motd-banner absolute-timeout length",
    ),
    "config-cp": ({}, "service-policy"),
    "config-archive": (
        {r"log config": "config-archive-log-cfg"},
        "path maximum time-period write-memory",
    ),
    "config-archive-log-cfg": ({}, "logging hidekeys notify record"),
    "config-keychain": ({r"key \d+": "config-keychain-key"}, "description"),
    "config-keychain-key": (
        {},
        "key-string cryptographic-algorithm send-lifetime accept-lifetime send-id recv-id "
        "include-tcp-options accept-ao-mismatch",
    ),
    "config-server-tacacs": ({}, "address key timeout port single-connection"),
    "config-radius-server": ({}, "address key timeout retransmit"),
    "config-sg": ({}, "server ip"),
    "config-profile": ({}, "log alert max-incomplete tcp udp icmp one-minute audit-trail"),
    "config-ikev2": (
        {},
        "encryption integrity prf group proposal match identity authentication lifetime dpd pki "
        "keyring peer aaa",
    ),
    "cfg-crypto-trans": ({}, "mode"),
    "ipsec-profile": ({}, "set responder-only description"),
    "ca-trustpoint": ({}, "enrollment subject-name revocation-check rsakeypair ecdsa usage"),
    "conf-ssh-pubkey": ({r"username \S+": "conf-ssh-pubkey-user"}, ""),
    "conf-ssh-pubkey-user": ({r"key-string": "conf-ssh-pubkey-data"}, "key-hash"),
    "conf-ssh-pubkey-data": ({}, "ssh-rsa ssh-ed25519 ecdsa-sha2-nistp256 AAAA"),
}
_OPENERS = {
    mode: [(re.compile(pattern), below) for pattern, below in openers.items()]
    for mode, (openers, _) in _MODES.items()
}
_WORDS = {mode: frozenset(words.split()) for mode, (_, words) in _MODES.items()}
# "ip ..." is a line of the interface or of the whole device.
_INTERFACE_IP = re.compile(
    r"ip (address|mtu|access-group|nat|verify|tcp|unreachables|proxy-arp|redirects|ospf)\b"
)
# A new line takes the place of an old one that begins with the same of these.
_SINGLE = re.compile(
    r"hostname|description|ip address|ip mtu|mtu|vrf forwarding|zone-member security|bfd interval"
    r"|ip access-group(?= \S+ in$)|ip access-group(?= \S+ out$)|bgp router-id|path|maximum"
    r"|neighbor \S+ (remote-as|description|maximum-prefix|timers|password|ttl-security"
    r"|update-source|fall-over|ao)"
    r"|neighbor \S+ route-map(?= \S+ in$)|neighbor \S+ route-map(?= \S+ out$)"
    r"|set (local-preference|metric|as-path prepend|community|transform-set|ikev2-profile)"
    r"|ip prefix-list \S+ description|access-class|login|transport input|exec-timeout|police"
    r"|service-policy (type inspect|input|output)|ip ssh version|rd|key-string|version"
)
_PREFIXES = re.compile(r"(ip prefix-list \S+ )(?:seq (\d+) )?((?:permit|deny) .*)")
_SEQUENCE = re.compile(r"ip prefix-list \S+ seq \d+")
_SAY_NOTHING_ALONE = frozenset(
    {"ip", "interface", "hostname", "neighbor", "permit", "deny", "match", "set", "router"}
)
_DEFAULTS_SHOWN = frozenset(
    {
        "ip http server",
        "ip http secure-server",
        "service pad",
        "bgp default ipv4-unicast",
        "bfd echo",
        "ip domain lookup",
    }
)


@dataclass
class Section:
    """A line's children, in order."""

    below: dict[str, Section] = field(default_factory=dict)

    def copy(self) -> Section:
        return Section({line: section.copy() for line, section in self.below.items()})

    def lines(self, depth: int = 0) -> Iterator[str]:
        for line, section in _in_ranges(self.below) if depth == 0 else self.below.items():
            yield " " * depth + line
            if section.below or isinstance(section, AccessList):
                yield from section.lines(depth + 1)
            if line.startswith("address-family"):
                yield " " * depth + "exit-address-family"
            if depth == 0 and (section.below or isinstance(section, AccessList)):
                yield "!"


_VTY = re.compile(r"line vty (\d+)(?: (\d+))?")


def _in_ranges(below: dict[str, Section]) -> Iterator[tuple[str, Section]]:
    """Terminal lines are kept one by one and printed in ranges, last [K]."""
    yield from ((line, section) for line, section in below.items() if not _VTY.fullmatch(line))
    numbers = sorted(int(found[1]) for found in map(_VTY.fullmatch, below) if found)
    begun: list[int] = []
    for number in [*numbers, -1]:
        if begun and (
            number != begun[-1] + 1 or below[f"line vty {number}"] != below[f"line vty {begun[0]}"]
        ):
            last = f" {begun[-1]}" if len(begun) > 1 else ""
            yield f"line vty {begun[0]}{last}", below[f"line vty {begun[0]}"]
            begun = []
        begun.append(number)


@dataclass
class Entry:
    """An entry of an access list, and the remarks that come and go with it."""

    number: int
    said: str
    remarks: list[str] = field(default_factory=list)


@dataclass
class AccessList(Section):
    """Entries by their numbers. A remark belongs to its number's entry, or to the next [K]."""

    entries: list[Entry] = field(default_factory=list)
    early: dict[int, list[str]] = field(default_factory=dict)  # remarks of entries to come; 0: next

    def copy(self) -> AccessList:
        entries = [Entry(e.number, e.said, list(e.remarks)) for e in self.entries]
        return AccessList({}, entries, {n: list(remarks) for n, remarks in self.early.items()})

    def lines(self, depth: int = 0) -> Iterator[str]:
        for entry in self.entries:
            for said in (*entry.remarks, entry.said):
                yield f"{' ' * depth}{entry.number} {said}"
        for number, remarks in sorted(self.early.items()):
            yield from (f"{' ' * depth}{f'{number} ' * bool(number)}{said}" for said in remarks)

    def take(self, line: str, negated: bool) -> None:
        """Carry out one line below `ip access-list`. Raises LineError."""
        first, _, rest = line.partition(" ")
        number, said = (int(first), rest) if first.isdigit() else (0, line)
        entry = next((e for e in self.entries if number == e.number or said == e.said), None)
        if negated and entry:
            if said == "remark":
                entry.remarks.clear()
            else:
                self.entries.remove(entry)
        elif negated and any(said in remarks for remarks in self.early.values()):
            self.early = {n: [r for r in of if r != said] for n, of in self.early.items()}
        elif negated:
            raise LineError("% Can't delete: no such entry\n")
        elif said.startswith("remark "):
            remarks = entry.remarks if entry and number else self.early.setdefault(number, [])
            remarks.append(said)
        elif entry and number == entry.number:
            raise LineError("% Duplicate sequence number\n")
        elif not entry:
            last = self.entries[-1].number if self.entries else 0
            number = number or last // 10 * 10 + 10
            remarks = self.early.pop(number, []) or self.early.pop(0, [])
            self.entries.append(Entry(number, said, remarks))
            if number < last:
                self.entries.sort(key=lambda e: e.number)

    def resequence(self, first: int, step: int) -> None:
        for place, entry in enumerate(self.entries):
            entry.number = first + place * step


class LineError(Exception):
    """A line that the device refuses, with its own words."""


def invalid(line: str, prompt: str) -> LineError:
    """The caret stands below the word that was not understood: here always the first."""
    return LineError(f"{' ' * len(prompt)}^\n% Invalid input detected at '^' marker.\n\n")


class Editor:
    """One session in configuration mode, on the tree that runs."""

    def __init__(self, root: Section) -> None:
        self._root = root
        self._path: list[tuple[str, Section]] = [("config", root)]
        self._lines: list[Section] = []  # terminal lines that are being set together

    @property
    def mode(self) -> str:
        return self._path[-1][0]

    def leave(self) -> bool:
        """One mode up; whether that leaves configuration mode."""
        self._path.pop()
        return not self._path

    def take(self, line: str, prompt: str, lost: bool = False) -> None:
        """Carry out one line. Raises LineError; `lost` takes the line and does nothing."""
        words = line.strip()
        if words in ("", "!") or words.startswith("!"):
            return
        if words in ("exit-address-family", "exit-vrf"):
            self._path.pop()
            return
        positive = words.removeprefix("no ").removeprefix("default ").strip()
        while not self._knows(positive):
            if len(self._path) == 1:
                raise invalid(line, prompt)
            self._path.pop()
        if positive in _SAY_NOTHING_ALONE:
            raise LineError("% Incomplete command.\n\n")
        self._carry_out(self._path[-1][1], positive, words.partition(" ")[0], lost)

    def _carry_out(self, here: Section, positive: str, first: str, lost: bool) -> None:
        """Do what a line says that is one of this mode; `first` may be `no` or `default`."""
        negated = first == "no"
        if self.mode == "config" and (lines := _VTY.fullmatch(positive)):
            self._terminals(range(int(lines[1]), int(lines[2] or lines[1]) + 1), negated, lost)
        elif self.mode == "config-line" and self._lines:
            for section in self._lines:
                (self._remove if negated else self._add)(section, positive, lost)
        elif isinstance(here, AccessList):
            if not lost:
                here.take(positive, negated)
        elif positive.startswith("ip access-list resequence "):
            self._resequence(positive, lost)
        elif first == "default":
            for old in (positive, f"no {positive}") if not lost else ():
                here.below.pop(old, None)
        elif negated:
            self._remove(here, positive, lost)
        else:
            self._add(here, positive, lost)

    def _terminals(self, numbers: range, negated: bool, lost: bool) -> None:
        names = [f"line vty {number}" for number in numbers]
        if negated:
            if numbers[0] <= 4:
                raise LineError("% Can't delete last 5 VTY lines\n")
            for name in names:
                if not lost:
                    self._root.below.pop(name, None)
            return
        held = self._root.below
        self._lines = [held.get(name) or Section() for name in names]
        if not lost:
            held.update(zip(names, self._lines, strict=True))
        self._path.append(("config-line", Section()))

    def _resequence(self, line: str, lost: bool) -> None:
        name, first, step = line.split()[3:]
        found = [s for header, s in self._root.below.items() if header.split()[-1:] == [name]]
        lists = [section for section in found if isinstance(section, AccessList)]
        if not lists:
            raise LineError("% Access list does not exist\n")
        if not lost:
            lists[0].resequence(int(first), int(step))

    def _knows(self, line: str) -> bool:
        mode = self.mode
        if any(pattern.fullmatch(line) for pattern, _ in _OPENERS[mode]):
            return True
        first = line.split()[0]
        if mode == "config-if" and first == "ip":
            return bool(_INTERFACE_IP.match(line))
        if mode == "config" and first == "ip":
            return not _INTERFACE_IP.match(line)
        if first.isdigit():
            return "0123456789" in _WORDS[mode]
        return first in _WORDS[mode]

    def _add(self, here: Section, line: str, lost: bool) -> None:
        below = next((b for p, b in _OPENERS[self.mode] if p.fullmatch(line)), None)
        if below:
            made = AccessList if below in ("config-ext-nacl", "config-std-nacl") else Section
            section = here.below.get(line) or made()
            if not lost:
                here.below[line] = section
            self._path.append((below, section))
            self._lines = []
            return
        line = _numbered(here, line)
        sequence = _SEQUENCE.match(line) if line.startswith("ip prefix-list ") else None
        if sequence and line not in here.below:
            taken = next((old for old in here.below if old.startswith(sequence[0] + " ")), None)
            if taken:
                raise LineError(f"%Insertion failed - seq # exists: {taken[15:]}\n")
        if lost:
            return
        here.below.pop(f"no {line}", None)
        if line in _DEFAULTS_SHOWN and not line.startswith("ip http "):  # printed on and off
            return  # it is the default, and defaults are not shown
        if line == "shutdown" and self.mode != "config-if":
            raise LineError("% Incomplete command.\n\n")
        single = _SINGLE.match(line)
        old = next((o for o in here.below if _same(o, line)), None) if single else None
        if old:  # in the old one's place
            here.below = {line if o == old else o: s for o, s in here.below.items()}
        else:
            here.below.setdefault(line, Section())

    def _remove(self, here: Section, line: str, lost: bool) -> None:
        if _SEQUENCE.fullmatch(line):
            raise LineError("% Incomplete command.\n\n")
        gone = [old for old in here.below if old == line or old.startswith(f"{line} ")]
        if (found := _PREFIXES.fullmatch(line)) and not found[2]:
            gone = [old for old in here.below if _without_number(old) == line]
        if lost:
            return
        for old in gone:
            del here.below[old]
        if re.fullmatch(r"neighbor \S+", line):  # its lines in each family go with it
            for section in here.below.values():
                for old in [x for x in section.below if x.startswith(f"{line} ")]:
                    del section.below[old]
        if line in _DEFAULTS_SHOWN:
            here.below[f"no {line}"] = Section()


def _without_number(line: str) -> str:
    found = _PREFIXES.fullmatch(line)
    return f"{found[1]}{found[3]}" if found else line


def _numbered(here: Section, line: str) -> str:
    """An entry of a prefix list gets the next number, and is taken once."""
    found = _PREFIXES.fullmatch(line)
    if not found or found[2]:
        return line
    held = [old for old in map(_PREFIXES.fullmatch, here.below) if old and old[1] == found[1]]
    same = [old[0] for old in held if old[3] == found[3]]
    number = max((int(old[2]) for old in held), default=0) // 5 * 5 + 5
    return same[0] if same else f"{found[1]}seq {number} {found[3]}"


def _same(old: str, new: str) -> bool:
    """Whether both give a value to the same single-valued line."""
    before, now = _SINGLE.match(old), _SINGLE.match(new)
    if not before or not now or before[0] != now[0]:
        return False
    directed = ("ip access-group", "route-map")
    return not now[0].endswith(directed) or old.split()[-1] == new.split()[-1]


def load(text: str) -> Section:
    """The tree that a whole configuration makes. Raises LineError for a line it does not know."""
    root = Section()
    editor = Editor(root)
    for line in text.splitlines():
        words = line.strip()
        if words == "end":
            break
        if line and not line.startswith((" ", "!")):
            editor = Editor(root)
        if words == "exit":
            editor.leave()
        elif words:
            try:
                editor.take(words, "")
            except LineError as error:
                raise LineError(f"{line}: {error}") from None
    return root
