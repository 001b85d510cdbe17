"""IPsec on a lab's nodes: who protects packets on this machine, and what each node's charon needs.

Where the kernel has ESP and XFRM interfaces it protects packets. Elsewhere charon does so itself
(`kernel-libipsec`), through a tun device that it names `ipsec0`: one tunnel for each node then.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pcg_netops.errors import LabError
from pcg_netops.files import write_private
from pcg_netops.lab.embedded.build_plan import NodePlan, TunnelPlan
from pcg_netops.lab.embedded.pki import Authority
from pcg_netops.lab.embedded.syscalls import CLONE_NEWNET, unshare
from pcg_netops.lab.machine.needs import NODE_ENVIRONMENT

if TYPE_CHECKING:  # every start of a lab imports this module
    from pcg_netops.model.device import Device

FOLDER = "/etc/swanctl"
_LABEL = "pcg-tunnel-"
_FOLDERS = "x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12"
_PROBE = (
    "link add ipsec0 type xfrm dev lo if_id 1",
    "xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel"
    f" aead rfc4106(gcm(aes)) 0x{20 * '00'} 128",
)
_CRYPTO = "random nonce pem pkcs1 pkcs8 x509 pubkey constraints openssl kdf"
# A packet of IKE is sent again after 0.3 s, as nodes of a lab start within seconds of each other;
# a peer is given up after 6 s. charon puts a route for everything into a table of its own when it
# protects packets itself: no packet carries the mark that would have it looked up. The plug-in
# updown is not loaded: it runs the programs that a configuration names.
_SETTINGS = """\
charon {{
    load = {crypto} {plugins} kernel-netlink socket-default vici
    threads = 16
    retransmit_timeout = 0.3
    retransmit_base = 1
    retransmit_tries = 20
    dos_protection = no
    filelog {{
        log {{
            path = /var/log/charon.log
            default = 1
            esp = 0
            flush_line = yes
        }}
    }}
    plugins {{
        kernel-libipsec {{
            allow_peer_ts = yes
        }}
        kernel-netlink {{
            fwmark = 0x7e57
            roam_events = no
        }}
    }}
}}
swanctl {{
    load = {crypto}
}}
"""


class Protection(StrEnum):
    """Who encrypts and decrypts packets."""

    KERNEL = "the kernel"
    DAEMON = "strongSwan in user space (kernel-libipsec)"


def labels_of(device: Device) -> dict[str, str]:
    """What the topology file says of a device's tunnels, one label for each."""
    mtus = {interface.name: interface.mtu for interface in device.interfaces}
    return {
        f"{_LABEL}{t.interface}": (
            f"{t.underlay} {mtus[t.interface]} {t.profile.authority} {t.profile.signature}"
        )
        for t in device.tunnels
    }


def plan_of(labels: Mapping[str, str]) -> tuple[TunnelPlan, ...]:
    """The tunnels that a node's labels tell of. Raises ValueError for labels of another kind."""
    found = []
    for label, text in labels.items():
        if label.startswith(_LABEL):
            underlay, mtu, authority, signature = text.split()
            interface = label.removeprefix(_LABEL)
            found.append(TunnelPlan(interface, underlay, int(mtu), authority, signature))
    return tuple(found)


def protection() -> Protection:
    """Who protects packets here. Call it in a thread that ends: it leaves for another network."""
    unshare(CLONE_NEWNET)
    for command in _PROBE:
        argv = ("ip", *command.split())
        done = subprocess.run(argv, capture_output=True, env=NODE_ENVIRONMENT, check=False)
        if done.returncode:
            return Protection.DAEMON
    return Protection.KERNEL


def require(protection: Protection, nodes: Iterable[NodePlan]) -> None:
    """Raise LabError if these nodes' tunnels cannot be had in this way."""
    if protection is Protection.KERNEL:
        return
    many = [node.name for node in nodes if len(node.tunnels) > 1]
    if many:
        raise LabError(
            f"more than one tunnel ends on {', '.join(many)}, and this machine's kernel has no ESP:"
            " strongSwan in user space serves one tunnel for each node",
            remedy="run where the kernel has ESP and XFRM interfaces (modprobe esp4"
            " xfrm_interface), or end each tunnel on a node of its own",
        )
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise LabError(
            "IPsec needs /dev/net/tun, since this machine's kernel has no ESP",
            remedy="as root: modprobe tun",
        )


def credentials(nodes: Iterable[NodePlan]) -> dict[str, dict[str, bytes]]:
    """For each node, the files of its certificates and keys, by an authority made just now."""
    authorities: dict[tuple[str, str], Authority] = {}
    found: dict[str, dict[str, bytes]] = {}
    for node in nodes:
        for authority, kind in {(t.authority, t.signature): None for t in node.tunnels}:
            if (authority, kind) not in authorities:
                authorities[authority, kind] = Authority(authority, kind)
            signer = authorities[authority, kind]
            certificate, key = signer.issue(node.name)
            found.setdefault(node.name, {}).update(
                {
                    f"x509ca/{authority}.pem": signer.certificate,
                    f"x509/{node.name}.pem": certificate,
                    f"private/{node.name}.key": key,
                }
            )
    return found


def furnish(protection: Protection, files: Mapping[str, bytes]) -> None:
    """Write what charon starts from into this thread's own `FOLDER`."""
    for folder in _FOLDERS.split():
        Path(FOLDER, folder).mkdir(mode=0o700, exist_ok=True)
    for name, content in files.items():
        path = Path(FOLDER, name)
        path.touch(mode=0o600)
        path.write_bytes(content)
    Path(NODE_ENVIRONMENT["STRONGSWAN_CONF"]).write_text(_settings(protection))


def environment(protection: Protection, tunnels: Iterable[TunnelPlan]) -> dict[str, str]:
    """What node-start.sh wants to know."""
    return {"TUNNELS": _ends(tunnels), "ESP": protection.name.lower()}


def write_startup(nodes: Iterable[NodePlan], target: str) -> None:
    """Write what containers' tunnels need to the folders that the nodes bind at `target`.

    There the node image's entry point finds who protects packets. Keys are their owner's alone.
    """
    ends = {node.name: node for node in nodes if node.tunnels}
    for name, issued in credentials(ends.values()).items():
        (folder,) = (Path(bind.source) for bind in ends[name].binds if bind.target == target)
        write_private(folder / "tunnels", _ends(ends[name].tunnels) + "\n")
        for protection in Protection:
            file = f"strongswan-{protection.name.lower()}.conf"
            write_private(folder / file, _settings(protection))
        for path, content in issued.items():
            (folder / "swanctl" / path).parent.mkdir(parents=True, exist_ok=True)
            write_private(folder / "swanctl" / path, content)


def _settings(protection: Protection) -> str:
    plugins = "kernel-libipsec" if protection is Protection.DAEMON else ""
    return _SETTINGS.format(crypto=_CRYPTO, plugins=plugins)


def _ends(tunnels: Iterable[TunnelPlan]) -> str:
    ends = (f"{t.interface} {t.underlay} {t.mtu} {number}" for number, t in enumerate(tunnels, 1))
    return "\n".join(ends)
