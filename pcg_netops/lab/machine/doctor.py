"""What of a machine a lab needs, what makes it better, and the exact remedy for each lack.

The kernel is asked by trying, in namespaces of their own that end with the question.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pcg_netops.lab.machine.needs import (
    IPSEC_PROGRAMS,
    NODE_ENVIRONMENT,
    PROGRAMS,
    UNSHARE,
    is_there,
    namespaces_refused,
)

_TIMEOUT_S = 30.0
_OLDEST_LINUX = (5, 12)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Without what is `needed` no lab runs; `found` is in words."""

    name: str
    why: str
    needed: bool
    ok: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class _Feature:
    """Something of the kernel: the commands that try it, and the module that has it."""

    name: str
    why: str
    needed: bool
    commands: tuple[tuple[str, ...], ...]
    module: str
    stdin: str = ""


_FILTER = """
table ip t {
  chain c { type filter hook forward priority 0; ct state new accept
  }
  chain n { type nat hook postrouting priority 100; masquerade
  }
}
"""
_DROP = """
table netdev t {
  flags owner
  chain i { type filter hook ingress device "va" priority 0; }
  chain e { type filter hook egress device "va" priority 0; }
}
"""
_LINK = ("ip", "link", "add", "name", "va", "type", "veth", "peer", "name", "vb")
_FEATURES = (
    _Feature("veth", "links", True, (_LINK,), "veth"),
    _Feature(
        "bridge",
        "the management network",
        True,
        (("ip", "link", "add", "name", "br", "type", "bridge"),),
        "bridge",
    ),
    _Feature(
        "nftables",
        "filters with connection tracking and translation",
        True,
        (("nft", "-f", "-"),),
        "nf_tables",
        _FILTER,
    ),
    _Feature(
        "nftables netdev",
        "the faults silent and loss",
        False,
        (_LINK, ("nft", "-f", "-")),
        "nf_tables",
        _DROP,
    ),
    _Feature(
        "overlay",
        "nodes of others' topologies that write anywhere",
        False,
        (
            ("mount", "-t", "tmpfs", "none", "/run"),
            ("mkdir", "/run/u", "/run/w", "/run/m"),
            (
                *("mount", "-t", "overlay", "none", "/run/m", "-o"),
                "lowerdir=/etc,upperdir=/run/u,workdir=/run/w,userxattr",
            ),
        ),
        "overlay",
    ),
    _Feature(
        "tun",
        "IPsec in user space, where the kernel has no ESP",
        False,
        (("ip", "tuntap", "add", "mode", "tun", "name", "t0"),),
        "tun",
    ),
    _Feature(
        "ESP",
        "IPsec in the kernel",
        False,
        (
            (
                *("ip", "xfrm", "state", "add", "src", "192.0.2.1", "dst", "192.0.2.2"),
                *("proto", "esp", "spi", "1", "mode", "tunnel"),
                *("aead", "rfc4106(gcm(aes))", "0x" + "00" * 20, "128"),
            ),
        ),
        "esp4",
    ),
    _Feature(
        "netem",
        "the fault delay",
        False,
        (_LINK, ("tc", "qdisc", "add", "dev", "va", "root", "netem", "delay", "1ms")),
        "sch_netem",
    ),
    _Feature(
        "tbf",
        "the fault rate",
        False,
        (
            _LINK,
            (
                *("tc", "qdisc", "add", "dev", "va", "root"),
                *("tbf", "rate", "1mbit", "burst", "10kb", "latency", "50ms"),
            ),
        ),
        "sch_tbf",
    ),
)
_OPTIONAL_PROGRAMS = {
    "openssh-client": (("ssh",), "pcg lab ssh"),
    "graphviz": (("dot",), "the drawing in reports and of pcg lab graph"),
    "iputils-ping": (("ping",), "hosts that ping"),
    **{package: (programs, "IPsec tunnels") for package, programs in IPSEC_PROGRAMS.items()},
}


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other."""
    release = platform.release()
    version = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    yield Finding(
        "Linux",
        "mounts that are read-only as a whole",
        True,
        version >= _OLDEST_LINUX,
        release,
        "a kernel of 5.12 or later",
    )
    yield from _programs()
    namespaces = _namespaces()
    yield namespaces
    if namespaces.ok:
        yield from map(_feature, _FEATURES)


def _programs() -> Iterator[Finding]:
    for package, programs in PROGRAMS.items():
        yield _package(package, programs, "labs", needed=True)
    for package, (programs, why) in _OPTIONAL_PROGRAMS.items():
        yield _package(package, programs, why, needed=False)


def _package(package: str, programs: tuple[str, ...], why: str, *, needed: bool) -> Finding:
    path = NODE_ENVIRONMENT["PATH"]
    lacking = [program for program in programs if not is_there(program, path)]
    found = f"lacks {', '.join(lacking)}" if lacking else _version(package)
    remedy = f"as root: apt-get install --no-install-recommends {package}"
    return Finding(package, why, needed, not lacking, found, remedy)


def _version(package: str) -> str:
    """Debian's version, or a word where the program came otherwise."""
    question = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    try:
        done = subprocess.run(question, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except OSError:
        return "present"
    return done.stdout if done.returncode == 0 and done.stdout else "present"


def _run(argv: tuple[str, ...]) -> tuple[int, str]:
    """Run in namespaces as a lab has them; the exit code, and all that was said."""
    try:
        done = subprocess.run(
            [*UNSHARE, *argv],
            env=NODE_ENVIRONMENT | {"HOME": os.environ.get("HOME", "/")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError:
        return 1, "there is no unshare"
    except subprocess.TimeoutExpired:
        return 1, f"no answer in {_TIMEOUT_S:g} s"
    return done.returncode, done.stderr.strip()


def _namespaces() -> Finding:
    code, words = _run(("true",))
    remedy = namespaces_refused(words).remedy if code else ""
    why = "user, mount, PID, network, UTS and IPC namespaces, of which a lab is made"
    return Finding("namespaces", why, True, code == 0, words or "allowed", remedy)


# Runs the commands of a feature until one fails; the last one gets the input.
_TRY = """
import json, subprocess, sys
commands, text = json.loads(sys.argv[1])
for command in commands:
    last = command is commands[-1]
    done = subprocess.run(command, input=text if last else "", text=True, capture_output=True)
    if done.returncode:
        sys.exit((done.stderr or done.stdout).strip().splitlines()[0])
"""


def _feature(feature: _Feature) -> Finding:
    asked = json.dumps([feature.commands, feature.stdin])
    code, words = _run((sys.executable, "-I", "-c", _TRY, asked))
    remedy = f"as root: modprobe {feature.module}; or a kernel that has it"
    return Finding(
        f"kernel: {feature.name}",
        feature.why,
        feature.needed,
        code == 0,
        words.splitlines()[0] if words else "present" if code == 0 else "refused",
        remedy,
    )
