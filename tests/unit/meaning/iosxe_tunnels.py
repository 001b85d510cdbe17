"""The tunnels in an IOS-XE configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface

from tests.unit.meaning.blocks import Block, number, value, values
from tests.unit.meaning.facts import Tunnel


def tunnels_in(
    top: list[Block], interfaces: Mapping[str, list[Block]], at: Mapping[str, IPv4Interface]
) -> Iterator[Tunnel]:
    """Every tunnel interface that is protected, with what its profiles lead to."""
    for name, lines in interfaces.items():
        profile = value(lines, "tunnel protection ipsec profile ")
        if profile is None or value(lines, "tunnel mode ") != "ipsec ipv4":
            continue
        ipsec = _below(top, f"crypto ipsec profile {profile}")
        ike = _below(top, f"crypto ikev2 profile {value(ipsec, 'set ikev2-profile ')}")
        signatures = {v for w in ("local", "remote") for v in values(ike, f"authentication {w} ")}
        trustpoint = value(ike, "pki trustpoint ") or ""
        store = _below(top, f"crypto pki trustpoint {trustpoint}")
        own = value(ike, "identity local fqdn ") or ""
        keys = {"ecdsa-sig": "eckeypair", "rsa-sig": "rsakeypair"}
        (signature,) = signatures if len(signatures) == 1 else {""}
        known = signature in keys and value(store, f"{keys[signature]} ") == own
        yield Tunnel(
            clear=at[name],
            local=at[value(lines, "tunnel source ") or ""].ip,
            remote=IPv4Address(value(lines, "tunnel destination ") or ""),
            identities=(own, value(ike, "match identity remote fqdn ") or ""),
            initiates="responder-only" not in {b.text for b in ipsec},
            version=2,
            ike=(*_proposal(top), number(ike, "lifetime ", 86_400)),
            esp=_esp(top, ipsec),
            signature=signature.removesuffix("-sig") if known else "",
            authority=trustpoint,
            revocations=value(store, "revocation-check ") == "crl",
            dead_peer=int((value(ike, "dpd ") or "0").split()[0]),
        )


def _below(top: list[Block], text: str) -> list[Block]:
    return next((b.below for b in top if b.text == text), [])


def _proposal(top: list[Block]) -> tuple[str, str, int]:
    """The first proposal of the only policy: what is offered."""
    policies = [b.below for b in top if b.text.startswith("crypto ikev2 policy ")]
    assert len(policies) == 1
    proposal = _below(top, f"crypto ikev2 proposal {value(policies[0], 'proposal ')}")
    found = re.fullmatch(r"aes-(gcm|cbc)-(\d+)", value(proposal, "encryption ") or "")
    if not found:
        return "", "", 0
    word = "prf " if found[1] == "gcm" else "integrity "
    hash_ = re.sub(r"^sha(\d+)$", r"sha-\1", value(proposal, word) or "none")
    return f"aes-{found[2]}-{found[1]}", hash_, number(proposal, "group ", 0)


def _esp(top: list[Block], ipsec: list[Block]) -> tuple[str, str | None, int, int]:
    chosen = value(ipsec, "set transform-set ")
    group = value(ipsec, "set pfs ") or "group0"
    life = number(ipsec, "set security-association lifetime seconds ", 3_600)
    for block in top:
        words = block.text.split()
        if words[:3] == ["crypto", "ipsec", "transform-set"] and words[3] == chosen:
            kind, bits, *hashes = words[4:]
            if [b.text for b in block.below] != ["mode tunnel"]:
                break
            cipher = f"aes-{bits}-{'gcm' if kind == 'esp-gcm' else 'cbc'}"
            hash_ = re.sub(r"^esp-sha(\d+)-hmac$", r"sha-\1", hashes[0]) if hashes else None
            return cipher, hash_, int(group.removeprefix("group")), life
    return "", None, 0, 0
