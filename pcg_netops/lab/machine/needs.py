"""What a lab needs of the machine, and what it says when that is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

from pcg_netops.errors import EnvironmentLack

# The environment of everything that runs on a node, wherever `pcg` itself was started from.
NODE_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108  the node's own
    "TERM": "dumb",
    "STRONGSWAN_CONF": "/etc/swanctl/strongswan.conf",
}

UNSHARE = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--uts", "--ipc"),
    *("--fork", "--mount-proc", "--kill-child"),
)

IPSEC_PROGRAMS = {
    "strongswan-charon": ("/usr/lib/ipsec/charon",),
    "strongswan-swanctl": ("swanctl",),
    "libcharon-extra-plugins": ("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so",),
    "libstrongswan-standard-plugins": ("/usr/lib/ipsec/plugins/libstrongswan-openssl.so",),
}
PROGRAMS = {
    "frr": ("zebra", "bgpd", "bfdd", "vtysh"),
    "frr-pythontools": ("frr-reload.py",),
    "nftables": ("nft",),
    "iproute2": ("ip", "tc"),
    "util-linux": ("unshare", "setsid"),
    "bash": ("bash",),
}

# Settings that forbid an ordinary user what a lab is made of: file, the value that forbids, remedy.
_FORBIDDING = (
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
# How many neighbours the kernel knows at most, of all network namespaces together.
_NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
_OTHERWISE = (
    "run on a machine, or in a container, where this user may make user, mount, PID and network "
    "namespaces (`unshare -Urnmp --fork --mount-proc true` must succeed)"
)


def require_programs(*, ipsec: bool = False) -> None:
    """Raise EnvironmentLack naming every missing program with its Debian package."""
    wanted = PROGRAMS | (IPSEC_PROGRAMS if ipsec else {})
    path = NODE_ENVIRONMENT["PATH"]
    missing = {
        package: lacking
        for package, programs in wanted.items()
        if (lacking := [program for program in programs if not is_there(program, path)])
    }
    if missing:
        listed = "; ".join(
            f"{', '.join(programs)} (Debian package {package})"
            for package, programs in missing.items()
        )
        raise EnvironmentLack(
            f"the lab needs programs that are missing: {listed}",
            remedy=f"as root: apt-get install {' '.join(missing)}",
        )


def too_large_for_nft(words: str) -> str:
    """What to do where nft's one transaction is larger than this machine lets it send; or ""."""
    if "Message too long" not in words:
        return ""
    return (
        "the ruleset does not fit into a socket's buffer, and no node may ask for a larger one:"
        " as root on this machine: sysctl -w net.core.wmem_default=4194304"
    )


def is_there(program: str, path: str) -> bool:
    """Whether a command is in the path, or a file that is no command (a plug-in) is there."""
    return bool(shutil.which(program, path=path)) or Path("/", program).is_file()


def crowding(cables: int, nodes: int) -> str:
    """A warning where the kernel cannot know the neighbours at both ends of so many cables.

    In a container it does not say how many it can know.
    """
    wanted = 2 * cables + nodes
    limit = int(_NEIGHBOURS.read_text()) if _NEIGHBOURS.exists() else wanted
    if wanted <= limit:
        return ""
    return (
        f"this lab may have {wanted} neighbours at a time and the kernel has room for {limit}:"
        " packets get lost and sessions flap; as root:"
        f" sysctl -w net.ipv4.neigh.default.gc_thresh3={2 * wanted}"
        f" net.ipv4.neigh.default.gc_thresh2={wanted}"
    )


def namespaces_refused(words: str) -> EnvironmentLack:
    """The error for a failed `unshare`, by its own words and the settings that explain it."""
    for setting, forbids, remedy in _FORBIDDING:
        path = Path("/proc/sys", setting)
        if path.exists() and path.read_text().strip() == forbids:
            reason = f"{setting.replace('/', '.')} is {forbids}"
            return EnvironmentLack(
                f"the lab needs namespaces that this user may not make: {words} ({reason})",
                remedy=f"as root: {remedy}",
            )
    return EnvironmentLack(
        f"the lab needs namespaces that this user may not make: {words}", remedy=_OTHERWISE
    )
