"""How Junos prints its configuration: in blocks or as `set`, in its own order, with its marks.

Sources, in our own words: Junos "CLI User Guide" (`show configuration`, `| display set`: a
`deactivate` follows what it is about, values of a list come one by one; `## Last commit`,
`## SECRET-DATA`, `inactive:`, `protect:`; text is quoted where it holds more than a word) [S];
public captures of SRX configurations for the order of the hierarchy and for what a gateway says
that nobody asked for [K]; "Protecting Configuration Secrets" (`$9$`) [S]; SNMP guide, "Configure
SNMPv3" (a password is kept as the key that follows from it) [S].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.junos_tree import Path, Statements

_ORDER = {
    name: place
    for place, name in enumerate(
        (
            "version", "groups", "apply-groups", "system", "chassis", "security", "interfaces",
            "snmp", "forwarding-options", "policy-options", "firewall", "routing-instances",
            "routing-options", "protocols", "access", "applications",
        )
    )
}  # fmt: skip
_UNASKED = """\
system root-authentication encrypted-password "$6$abc/def.ghi"
system login user netops uid 2001
system login user netops class super-user
system login user netops authentication encrypted-password "$6$xyz"
system services netconf ssh
system services web-management https system-generated-certificate
system syslog file messages any notice
system syslog file interactive-commands interactive-commands any
system license autoupdate url https://ae1.juniper.net/junos/key_retrieval
system max-configurations-on-flash 5
chassis alarm management-ethernet link-down ignore
security log mode stream
security screen ids-option untrust-screen icmp ping-death
interfaces ge-0/0/9 unit 0 family inet dhcp
protocols lldp interface all
"""
_SECRETS = re.compile(
    r"(secret|value|authentication-key|authentication-password|privacy-password)$"
)
_KEYS = {"authentication-password": "authentication-key", "privacy-password": "privacy-key"}
# Words that are followed by the name of what they begin.
_NAMES = """
    group neighbor term policy policy-statement filter policer unit user class security-zone pool
    rule rule-set address address-set application key-chain proposal gateway vpn ca-profile host
    route community prefix-list route-filter-list from-zone to-zone policy-map file key server
    radius-server tacplus-server security-name security-model view ids-option authentication-key
    ssh-rsa ssh-ed25519 ssh-ecdsa
"""
_NAMED = frozenset(_NAMES.split())
_TEXT = re.compile(r"[\w./:*@+~,-]+")


@dataclass(frozen=True)
class Habits:
    """How one gateway prints: what differs between releases and settings."""

    blocks: bool = False  # `show configuration`, not `| display set`
    own_order: bool = True
    unasked: bool = True
    encrypted: bool = True
    marks_last: bool = False  # `deactivate` after everything, as in a file of our own
    protected: bool = False  # `protect:` before what somebody protected


def printed(statements: Statements, habits: Habits) -> str:
    """A configuration in the words of a gateway with these habits."""
    paths = list(statements.paths)
    if habits.unasked:
        paths += [tuple(_words(line)) for line in _UNASKED.splitlines()]
    shown = [tuple(_shown(path, habits)) for path in paths]
    if habits.own_order:
        shown.sort(key=lambda path: _ORDER.get(path[0], len(_ORDER)))
    inactive = list(statements.inactive)
    if habits.blocks:
        return _head(habits) + _blocks(shown, set(inactive), habits)
    lines = ["set version 21.4R3.15"]
    lines += [" ".join(["set", *path]) for path in _apart(shown)]
    for path in inactive:
        last = max(n for n, line in enumerate(lines) if _begins(line, path))
        at = len(lines) if habits.marks_last else last + 1
        lines.insert(at, " ".join(["deactivate", *path]))
    return "\n".join([*lines, ""])


def _begins(line: str, path: Path) -> bool:
    return f"{line} ".startswith(" ".join(["set", *path, ""]))


def _apart(paths: list[Path]) -> Iterator[Path]:
    """The settings of an NTP key come one by one."""
    for path in paths:
        if path[:3] == ("system", "ntp", "authentication-key") and len(path) > 6:
            yield path[:6]
            yield (*path[:4], *path[6:])
        else:
            yield path


def _words(line: str) -> list[str]:
    return re.findall(r'"[^"]*"|\S+', line)


def _shown(path: Path, habits: Habits) -> Iterator[str]:
    is_user = path[:3] == ("snmp", "v3", "usm")
    for before, word in zip(("", *path), path, strict=False):
        bare = word.strip('"')
        if habits.encrypted and _SECRETS.match(before) and path[-1] == word:
            yield f'"$9${"".join(f"{ord(c):x}" for c in bare)}"'
        elif is_user and habits.encrypted and word in _KEYS:
            yield _KEYS[word]
        else:
            yield bare if _TEXT.fullmatch(bare) else f'"{bare}"'


def _head(habits: Habits) -> str:
    return "## Last commit: 2026-11-20 10:11:12 UTC by netops\nversion 21.4R3.15;\n"


def _blocks(paths: list[Path], inactive: set[Path], habits: Habits) -> str:
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for path in paths:
        at = tree
        for word in path:
            at = at.setdefault(word, {})
    marked = {tuple(_shown(path, habits)) for path in inactive}
    return "".join(f"{line}\n" for line in _block(tree, (), marked, habits))


def _block(
    tree: dict[str, dict],  # type: ignore[type-arg]
    path: Path,
    inactive: set[Path],
    habits: Habits,
) -> Iterator[str]:
    indent = "    " * len(path)
    for word, below in tree.items():
        yield from _statement([word], below, (*path, word), indent, inactive, habits)


def _statement(
    words: list[str],
    below: dict[str, dict],  # type: ignore[type-arg]
    path: Path,
    indent: str,
    inactive: set[Path],
    habits: Habits,
) -> Iterator[str]:
    mark = "inactive: " if path in inactive else ""
    if habits.protected and len(path) == 2 and path[0] == "protocols":
        mark += "protect: "
    if words[-1] in _NAMED and below and path not in inactive:
        for name, its in below.items():
            more = [*words, name]
            yield from _statement(more, its, (*path, name), indent, inactive, habits)
        return
    said = " ".join(words)
    if not below:
        is_secret = "$9$" in said or "$6$" in said
        yield f"{indent}{mark}{said};{' ## SECRET-DATA' if is_secret else ''}"
    elif all(not its for its in below.values()) and words[-1] in ("import", "export", "members"):
        values = list(below)
        listed = f"[ {' '.join(values)} ]" if len(values) > 1 else values[0]
        yield f"{indent}{mark}{said} {listed};"
    else:
        yield f"{indent}{mark}{said} {{"
        for word, its in below.items():
            deeper = _statement([word], its, (*path, word), f"{indent}    ", inactive, habits)
            yield from deeper
        yield f"{indent}}}"
