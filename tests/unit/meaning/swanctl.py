"""The tunnels in `swanctl.conf`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from tests.unit.meaning.facts import Tunnel

_GROUPS = {"modp2048": 14, "ecp256": 19, "ecp384": 20}
_CIPHER = re.compile(r"aes(128|256)(gcm16)?")


def read(text: str) -> dict[str, Any]:
    """Sections as dictionaries. Raises AssertionError where braces or lines are out of order."""
    top: dict[str, Any] = {}
    open_ = [top]
    for line in map(str.strip, text.splitlines()):
        if line == "}":
            open_.pop()
        elif line.endswith("{"):
            section: dict[str, Any] = {}
            assert line[:-1].strip() not in open_[-1], line
            open_[-1][line[:-1].strip()] = section
            open_.append(section)
        elif line:
            key, equals, value = line.partition(" = ")
            assert equals, line
            open_[-1][key] = value
    assert open_ == [top]
    return top


def tunnels_in(text: str, interfaces: Mapping[str, IPv4Interface]) -> frozenset[Tunnel]:
    """What charon would set up; `interfaces` are those of the device, by name."""
    top = read(text)
    return frozenset(
        _tunnel(connection, interfaces, top.get("authorities", {}))
        for connection in top["connections"].values()
    )


def _seconds(value: str) -> int:
    assert value.endswith("s"), value
    return int(value[:-1])


def _tunnel(
    connection: dict[str, Any],
    interfaces: Mapping[str, IPv4Interface],
    authorities: Mapping[str, dict[str, str]],
) -> Tunnel:
    local, remote = connection["local"], connection["remote"]
    (child,) = connection["children"].values()
    assert child["local_ts"] == child["remote_ts"] == "0.0.0.0/0", "all that is routed into it"
    assert child["if_id_in"] == child["if_id_out"]
    clear = f"ipsec{int(child['if_id_in']) - 1}"
    version = int(connection["version"])
    rekey, life = _seconds(child["rekey_time"]), _seconds(child["life_time"])
    lifetime = _seconds(connection["rekey_time"]) + _seconds(connection["over_time"])
    if not (rekey < life and _seconds(connection["rekey_time"]) < lifetime):
        life = 0  # keys that end before there are new ones
    actions = {child.get(k) for k in ("start_action", "dpd_action", "close_action")}
    authority = remote["cacerts"].removesuffix(".pem")
    known = remote["cacerts"].endswith(".pem") and local["certs"] == f"{local['id']}.pem"
    return Tunnel(
        clear=interfaces.get(clear, IPv4Interface(0)),
        local=IPv4Address(connection["local_addrs"]),
        remote=IPv4Address(connection["remote_addrs"]),
        identities=(local["id"], remote["id"]),
        initiates=actions == {"trap|start", "restart", "start"},
        version=version,
        ike=(*_ike(connection["proposals"].split("-"), version), lifetime),
        esp=(*_esp(child["esp_proposals"].split("-")), life),
        signature=re.sub(r"-(256|384|2048)$", "", remote["auth"]) if known else "",
        authority=authority,
        revocations=any(a["cacert"] == remote["cacerts"] for a in authorities.values()),
        dead_peer=_seconds(connection["dpd_delay"]),
    )


def _cipher(word: str) -> str:
    found = _CIPHER.fullmatch(word)
    assert found, word
    return f"aes-{found[1]}-{'gcm' if found[2] else 'cbc'}"


def _hash(word: str) -> str:
    return re.sub(r"^(prf)?sha(256|384)$", r"sha-\2", word)


def _ike(words: list[str], version: int) -> tuple[str, str, int]:
    cipher, *hashes, group = words
    combined = cipher.endswith("gcm16")
    wanted = 1 if combined or version == 1 else 2
    if len(hashes) != wanted or combined != hashes[0].startswith("prf"):
        hashes = ["none that is whole"]
    return _cipher(cipher), _hash(hashes[-1]), _GROUPS[group]


def _esp(words: list[str]) -> tuple[str, str | None, int]:
    cipher, *hashes = words
    group = _GROUPS[hashes.pop()] if hashes and hashes[-1] in _GROUPS else 0
    return _cipher(cipher), _hash(hashes[0]) if hashes else None, group
