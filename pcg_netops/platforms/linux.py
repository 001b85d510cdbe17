"""Linux gateways and routers: FRR for routing, nftables for filtering, strongSwan for tunnels."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from importlib.resources import files

from pcg_netops.model.device import Device
from pcg_netops.platforms.base import ArtifactKind, Delivery, Platform, always
from pcg_netops.platforms.features import Feature
from pcg_netops.platforms.rulesets import ruleset
from pcg_netops.platforms.strongswan import SWANCTL, tunnels_view

# Its log and the file that it hands to vtysh would show secrets to others.
_RELOAD = "python3 /usr/lib/frr/frr-reload.py --log-level error"
_HEADINGS = ("Lines To Delete", "Lines To Add")
_ALONE = re.compile(r"\{ ([^{},\n]+) \}")


def _frr_residue(printed: str, _: str) -> str:
    """What `frr-reload.py --test` would still change: the lines below its two headings."""
    pending = False
    lines = []
    for line in map(str.strip, printed.splitlines()):
        pending = pending or line in _HEADINGS
        if pending and line and set(line) != {"="} and line not in _HEADINGS:
            lines.append(line)
    return "\n".join(lines)


def _nft_residue(running: str, wanted: str) -> str:
    """Both texts are the device's own listing, so any difference is a real one.

    But for a set of one range, into which nft has merged adjacent prefixes: loaded from a listing,
    as the guard does when it puts back, it is listed without its braces.
    """
    before, after = (_ALONE.sub(r"\1", text).split("\n") for text in (wanted, running))
    return "\n".join(difflib.unified_diff(before, after, "wanted", "running", lineterm="", n=0))


def _has(part: str) -> Callable[[Device], bool]:
    """Whether a device's management plane has that part."""
    return lambda device: bool(getattr(device.management, part, ()))


def _view(device: Device) -> Mapping[str, object]:
    return {**tunnels_view(device), "ruleset": ruleset(device)}


_SPELLS = {
    Feature.INTERFACES: "`interface`, `ip address`; the MTU is the link's own",
    Feature.LOOPBACK: "`interface lo`",
    Feature.SESSIONS: "`neighbor`, a `route-map` in each direction",
    Feature.SHUTDOWN: "`neighbor … shutdown`",
    Feature.BFD: "`bfd profile`",
    Feature.TTL_SECURITY: "nftables: `ip ttl set 255` out, `ip ttl 255` in",
    Feature.TCP_MD5: "`neighbor … password`",
    Feature.NEXT_HOP_SELF: "`next-hop-self`",
    Feature.REFLECTION: "`route-reflector-client`, `next-hop-self force`",
    Feature.MAXIMUM_PREFIXES: "`maximum-prefix`",
    Feature.PREFIX_LISTS: "`ip prefix-list`, `description`",
    Feature.LOCAL_PREFERENCE: "`set local-preference`",
    Feature.MED: "`set metric`",
    Feature.PREPEND: "`set as-path prepend`",
    Feature.COMMUNITIES: "`bgp community-list`, `set community`",
    Feature.GRACEFUL_SHUTDOWN: "community `graceful-shutdown`",
    Feature.ORIGINATION: "`network`, `no bgp network import-check`",
    Feature.STATELESS: "nftables `forward` chain",
    Feature.STATEFUL: "nftables `forward` chain, `ct state`",
    Feature.RESET: "`reject with tcp reset`",
    Feature.DESTINATION_NAT: "`dnat`",
    Feature.SOURCE_NAT: "`snat`",
    Feature.USERS: "`sysusers.conf`, `tmpfiles.conf`: accounts and `authorized_keys.d`",
    Feature.RADIUS: "`pam-sshd`, `pam_radius_auth.conf`",
    Feature.IDLE: "`sshd.conf`: `ChannelTimeout`; `issue.net`",
    Feature.NTP: "`chrony.conf`, `chrony.keys`: SHA-256",
    Feature.SYSLOG: "`rsyslog.conf`: RFC 5424",
    Feature.SNMP: "`snmpd.conf`: `createUser … SHA-256 … AES`",
    Feature.CONTROL_PLANE: "nftables `input` chain, `limit rate`",
    Feature.STATIC_ROUTES: "`ip route`",
    Feature.TUNNELS: (
        "strongSwan: `swanctl.conf`, bound to an XFRM interface of the host by `if_id`"
    ),
    Feature.MANAGEMENT: "nftables `input` chain; the interface and its SSH server are the host's",
}

_REFUSES = {
    Feature.TACACS: "Debian 12 has no module of PAM for it",
    Feature.TCP_AO: "FRR 8.4 has TCP MD5 alone, and the kernel has TCP-AO from 6.7 on",
}

# Rendered and not pushed: the lab runs none of the daemons that read them.
_MANAGEMENT_FILES: Mapping[str, Callable[[Device], bool]] = {
    "sshd.conf": always,
    "issue.net": always,
    "sysusers.conf": _has("users"),
    "tmpfiles.conf": _has("users"),
    "pam-sshd": _has("aaa"),
    "pam_radius_auth.conf": _has("aaa"),
    "chrony.conf": _has("ntp"),
    "chrony.keys": _has("ntp"),
    "rsyslog.conf": _has("syslog"),
    "snmpd.conf": _has("snmp"),
}

LINUX = Platform(
    name="linux",
    title="FRR, nftables and strongSwan",
    netmiko_type="linux",
    staging="/run/pcg/staged",
    artifacts=(
        ArtifactKind(
            name="nftables.conf",
            template="linux/nftables.conf.j2",
            delivery=Delivery(
                saved="/var/lib/pcg/nftables.conf",
                validate="nft -c -f {file}",
                apply="nft -f {file}",
                read_back="nft -s list ruleset",
                # The same program's listing of the same file, loaded into an empty namespace.
                reference="unshare --net sh -c 'nft -f \"$0\" && nft -s list ruleset' {file}",
                residue=_nft_residue,
                running="nft -s list ruleset",
            ),
        ),
        ArtifactKind(
            name="frr.conf",
            template="linux/frr.conf.j2",
            delivery=Delivery(
                saved="/var/lib/pcg/frr.conf",
                # Only vtysh knows every command; only frr-reload.py knows what it would change.
                validate=f"vtysh -C -f {{file}} && {_RELOAD} --test {{file}}",
                apply="sh /run/pcg/staged/guard load-frr {file}",
                read_back=f"{_RELOAD} --test {{file}}",
                reference=None,
                residue=_frr_residue,
                running="vtysh -c 'show running-config no-header'",
            ),
        ),
        *(
            ArtifactKind(name=name, template=f"linux/{name}.j2", delivery=None, wanted=wanted)
            for name, wanted in _MANAGEMENT_FILES.items()
        ),
        SWANCTL,
    ),
    spells=_SPELLS,
    refuses=_REFUSES,
    concealed=re.compile(r"(neighbor \S+ password )\S+"),
    view=_view,
    guard=files("pcg_netops.platforms").joinpath("linux-guard.sh").read_text(),
)
