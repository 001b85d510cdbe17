"""How strongSwan spells a tunnel, and how a device proves what its daemon has loaded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from pcg_netops.model.device import Device
from pcg_netops.model.ipsec import Encryption, Group, Hash, IpsecProfile
from pcg_netops.platforms.base import ArtifactKind, Delivery

_GROUPS = {Group.MODP_2048: "modp2048", Group.ECP_256: "ecp256", Group.ECP_384: "ecp384"}


@dataclass(frozen=True)
class Proposals:
    """What stands in `swanctl.conf` for a profile."""

    ike: str
    esp: str
    signature: str


def proposals_of(profile: IpsecProfile) -> Proposals:
    """The profile's algorithms in strongSwan's words."""
    ike, esp = profile.ike, profile.esp
    prf = f"prf{_hash(ike.hash)}"
    integrity = prf if ike.encryption.combined else f"{_hash(ike.hash)}-{prf}"
    if ike.version == 1:
        integrity = _hash(ike.hash)
    after = f"-{_hash(esp.hash)}" if esp.hash else ""
    return Proposals(
        f"{_cipher(ike.encryption)}-{integrity}-{_GROUPS[ike.group]}",
        f"{_cipher(esp.encryption)}{after}-{_GROUPS[esp.group]}",
        profile.signature.value,
    )


def _cipher(encryption: Encryption) -> str:
    return f"aes{encryption.bits}{'gcm16' if encryption.combined else ''}"


def _hash(value: Hash) -> str:
    return f"sha{value.bits}"


def tunnels_view(device: Device) -> Mapping[str, object]:
    """What the template needs besides the device."""
    return {
        "proposals": {t.interface: proposals_of(t.profile) for t in device.tunnels},
        "authorities": {
            t.profile.authority: t.profile.crl for t in device.tunnels if t.profile.crl
        },
    }


def _residue(running: str, wanted: str) -> str:
    """Both texts are the file and the daemon's own listing of its connections."""
    texts = (wanted.split("\n"), running.split("\n"))
    return "\n".join(difflib.unified_diff(*texts, "wanted", "running", lineterm="", n=0))


_TRY = "sh /run/pcg/staged/guard try-tunnels {file}"

SWANCTL = ArtifactKind(
    name="swanctl.conf",
    template="linux/swanctl.conf.j2",
    wanted=lambda device: bool(device.tunnels),
    delivery=Delivery(
        saved="/var/lib/pcg/swanctl.conf",
        validate=f"{_TRY} >/dev/null",
        apply="cp {file} /etc/swanctl/swanctl.conf && swanctl --load-all --noprompt >/dev/null",
        # The daemon lists connections without their proposals; the file it loaded has those.
        read_back="cat /etc/swanctl/swanctl.conf; swanctl --list-conns",
        reference=f"cat {{file}}; {_TRY}",
        residue=_residue,
        running="[ ! -e /etc/swanctl/swanctl.conf ] || cat /etc/swanctl/swanctl.conf",
    ),
)
