"""The tunnels in a Junos configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface

from tests.unit.meaning.facts import Tunnel
from tests.unit.meaning.statements import Statement

_PRF = {"aes-128-gcm": "sha-256", "aes-256-gcm": "sha-384"}  # which the cipher brings with it
_ESTABLISH = {"immediately": True, "responder-only": False}


def tunnels_in(security: Statement, units: Mapping[str, IPv4Interface]) -> Iterator[Tunnel]:
    """Every VPN that is bound to an interface, with what it refers to."""
    phase1, phase2 = security.at("ike"), security.at("ipsec")
    for vpn in phase2.all("vpn"):
        gateway = _named(phase1, "gateway", vpn.at("ike").said("gateway"))
        policy = _named(phase1, "policy", gateway.said("ike-policy"))
        ike = _named(phase1, "proposal", policy.said("proposals"))
        protection = _named(phase2, "policy", vpn.at("ike").said("ipsec-policy"))
        esp = _named(phase2, "proposal", protection.said("proposals"))
        (interface,) = vpn.said("bind-interface")
        (external,) = gateway.said("external-interface")
        local = IPv4Address(gateway.said("local-address")[0])
        own = gateway.said("local-identity", "hostname")[0]
        certificate = policy.at("certificate")
        (authority,) = certificate.at("trusted-ca").said("ca-profile")
        profile = _named(security.at("pki"), "ca-profile", [authority])
        method = ike.said("authentication-method")[0]
        known = certificate.said("local-certificate") == [own]
        known = known and profile.said("ca-identity") == [authority]
        peers = gateway.at("dead-peer-detection")
        yield Tunnel(
            clear=units[interface],
            local=local if units[external].ip == local else IPv4Address(0),
            remote=IPv4Address(gateway.said("address")[0]),
            identities=(own, gateway.said("remote-identity", "hostname")[0]),
            initiates=_ESTABLISH[vpn.said("establish-tunnels")[0]],
            version={"v1-only": 1, "v2-only": 2}.get(gateway.said("version")[0], 0),
            ike=_ike(ike),
            esp=_esp(esp, protection),
            signature=method.split("-")[0] if known else "",
            authority=authority,
            revocations=bool(profile.at("revocation-check").all("crl")),
            dead_peer=int(peers.said("interval")[0]) if peers.all("always-send") else 0,
        )


def _named(parent: Statement, kind: str, names: list[str]) -> Statement:
    (name,) = names
    (found,) = parent.all(kind, name)
    return found


def _ike(proposal: Statement) -> tuple[str, str, int, int]:
    (cipher,) = proposal.said("encryption-algorithm")
    hashes = proposal.said("authentication-algorithm")
    assert bool(hashes) != (cipher in _PRF), "refused with GCM"
    (group,), (life,) = proposal.said("dh-group"), proposal.said("lifetime-seconds")
    return cipher, (hashes or [_PRF[cipher]])[0], int(group[5:]), int(life)


def _esp(proposal: Statement, policy: Statement) -> tuple[str, str | None, int, int]:
    (cipher,) = proposal.said("encryption-algorithm")
    hashes = proposal.said("authentication-algorithm")
    keys = policy.at("perfect-forward-secrecy").said("keys") or ["group0"]
    (life,) = proposal.said("lifetime-seconds")
    assert proposal.said("protocol") == ["esp"]
    known = {"hmac-sha-256-128": "sha-256", "hmac-sha-384-192": "sha-384"}
    return cipher, known[hashes[0]] if hashes else None, int(keys[0][5:]), int(life)
