"""Faults of a running lab, each with the act that heals it. Runs in the agent.

What drops packets is a table of nftables in the node's own network, owned by a process of ours: the
node's `flush ruleset` leaves it alone, and it goes with that process (nft(8), `flags owner`).
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import IO

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded.node import Node
from pcg_netops.lab.embedded.syscalls import enter
from pcg_netops.lab.machine.needs import NODE_ENVIRONMENT
from pcg_netops.lab.protocol import Fault

_numbers = count()

Heal = Callable[[], None]

_TIMEOUT_S = 20.0
_EVERY = 100_000  # of so many packets, the share that is lost is counted
_FIRST = -500  # before every other hook
_FRR = "/usr/lib/frr"
_BURST = "16kb"
_QUEUE_MS = 400
# `ip` saves these of an interface: family, kind, and which of them.
_FORGOTTEN = (
    ("-6", "address", "scope", "global"),
    *((family, "route", "proto", by) for family in ("-4", "-6") for by in ("boot", "static")),
)


class Faults:
    """The faults of a lab that are not healed yet."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        processes_of: Callable[[Node], Sequence[int]],
        reach: Callable[[str, bool], None],
        power: Callable[[str, bool], None],
    ) -> None:
        """`processes_of` a node; `reach` is its SSH server and `power` its power, on or off."""
        self._nodes = nodes
        self._processes_of = processes_of
        self._reach = reach
        self._power = power
        self._heals: dict[tuple[str, str, str], tuple[Fault, Heal]] = {}

    def active(self) -> list[Fault]:
        """Those that are not healed, in the order they began."""
        return [fault for fault, _ in self._heals.values()]

    def begin(self, fault: Fault) -> None:
        """Raises LabError where it cannot be, or is already."""
        key = _key(fault)
        if key in self._heals:
            raise LabError(f"has the fault {fault.kind} already", place=fault.target)
        node = self._nodes[fault.node]
        match fault.kind:
            case "freeze":
                heal = self._freeze(node)
            case "power":
                self._power(fault.node, False)
                heal = partial(self._power, fault.node, True)
            case _:
                heal = _ACTS[fault.kind](node, fault)
        self._heals[key] = (fault, heal)

    def heal(self, fault: Fault) -> None:
        """End a fault, whatever value it had. Raises LabError if there is none."""
        key = _key(fault)
        if key not in self._heals:
            raise LabError(f"has no fault {fault.kind}", place=fault.target)
        _, heal = self._heals[key]
        heal()
        del self._heals[key]

    def _freeze(self, node: Node) -> Heal:
        """Stop every process, as a hung kernel would; the links stay up."""
        name = node.plan.name
        if node.plan.management:
            self._reach(name, False)
        stopped = list(self._processes_of(node))
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)

        def thaw() -> None:
            for process in stopped:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)
            if node.plan.management:
                self._reach(name, True)

        return thaw


def _key(fault: Fault) -> tuple[str, str, str]:
    return fault.kind, fault.node, fault.interface


def _ask(node: Node, *argv: str) -> str:
    """Run a command on a node that must succeed."""
    done = node.run(argv, "", _TIMEOUT_S)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise LabError(f"not available here: `{' '.join(argv)}`: {words}", place=node.plan.name)
    return done.stdout


def _link_down(node: Node, fault: Fault) -> Heal:
    """Both ends lose their carrier at once."""
    link = ("ip", "link", "set", fault.interface)
    restore = _kept(node, fault.interface)
    _ask(node, *link, "down")

    def heal() -> None:
        _ask(node, *link, "up")
        restore()

    return heal


def _kept(node: Node, interface: str) -> Heal:
    """What the kernel forgets of an interface that is down, and no daemon brings back."""

    def ip(
        *arguments: str,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
    ) -> None:
        subprocess.run(
            ["ip", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            env=NODE_ENVIRONMENT,
            timeout=_TIMEOUT_S,
            check=False,  # without IPv6, or without anything to restore
        )

    enter(node.namespaces)
    saved = []
    for *what, which, value in _FORGOTTEN:
        file = os.fdopen(os.memfd_create("kept"), "w+b")  # no pipe: `ip` reads it three times
        ip(*what, "save", "dev", interface, which, value, stdout=file)
        saved.append((what, file))

    def restore() -> None:
        enter(node.namespaces)
        for what, file in saved:
            with file:
                file.seek(0)
                ip(*what, "restore", stdin=file)

    return restore


def _carrier(node: Node, fault: Fault) -> Heal:
    """This end alone loses its carrier, and with it every packet.

    A cable's ends have one carrier in the kernel. But programs, FRR among them, take an interface
    for running only if it is not dormant either (RFC 2863), and that each end has for itself.
    """
    link = ("ip", "link", "set", "dev", fault.interface)
    join = _silent(node, fault)
    _ask(node, *link, "mode", "dormant", "state", "dormant")

    def heal() -> None:
        join()
        _ask(node, *link, "mode", "default", "state", "up")

    return heal


def _silent(node: Node, fault: Fault) -> Heal:
    """Everything is lost both ways, and the carrier stays."""
    return _drop(node, fault.interface, {"ingress": 100.0, "egress": 100.0})


def _loss(node: Node, fault: Fault) -> Heal:
    share = _number(fault, 0, 100, "a share of packets in per cent, such as 10")
    hooks = {"in": ["ingress"], "out": ["egress"]}.get(fault.direction, ["ingress", "egress"])
    return _drop(node, fault.interface, dict.fromkeys(hooks, share))


def _drop(
    node: Node, interface: str, shares: Mapping[str, float], matches: Sequence[str] = ("",)
) -> Heal:
    """Lose a share (per cent) of the packets at hooks of an interface, ARP included.

    With `matches` of nftables, only packets that fit one of these.
    """
    _ask(node, "ip", "link", "show", interface)
    table = f"netdev pcg-fault-{next(_numbers)}"
    lines = [f"add table {table} {{ flags owner; }}"]
    for hook, share in shares.items():
        lost = min(round(share * _EVERY / 100), _EVERY)
        which = f"numgen random mod {_EVERY} < {lost} " if lost < _EVERY else ""
        where = f'type filter hook {hook} device "{interface}" priority {_FIRST};'
        lines += [
            f"add chain {table} {hook} {{ {where} }}",
            *(f"add rule {table} {hook} {match}{which}drop" for match in matches),
        ]
    enter(node.namespaces)
    process = subprocess.Popen(
        ["nft", "--interactive"],
        env=NODE_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n".join([*lines, "list tables", ""]))
    process.stdin.flush()
    said = ""
    while not (line := process.stdout.readline()).startswith(f"table {table}"):
        said += line
        if not line or "Error" in line:
            process.kill()
            process.wait()
            raise LabError(f"not available here: {said.strip()}", place=node.plan.name)

    def heal() -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()

    return heal


def _mtu(node: Node, fault: Fault) -> Heal:
    """Larger packets are lost in silence, as on a path whose MTU is smaller than it seems."""
    size = int(_number(fault, 68, 65_535, "an MTU in bytes, such as 1300"))
    _ask(node, "ip", "link", "show", fault.interface)
    before = json.loads(_ask(node, "ip", "-j", "link", "show", fault.interface))[0]["mtu"]
    restore = _kept(node, fault.interface)  # IPv6 ends below 1280 bytes (RFC 8200, section 5)
    _ask(node, "ip", "link", "set", fault.interface, "mtu", str(size))

    def heal() -> None:
        _ask(node, "ip", "link", "set", fault.interface, "mtu", str(before))
        restore()

    return heal


def _rate(node: Node, fault: Fault) -> Heal:
    rate = _number(fault, 1, 10_000_000, "a rate in kbit/s, such as 2000")
    shaping = ("rate", f"{rate:g}kbit", "burst", _BURST, "latency", f"{_QUEUE_MS}ms")
    return _queue(node, fault.interface, "tbf", *shaping)


def _delay(node: Node, fault: Fault) -> Heal:
    delay = _number(fault, 0, 60_000, "a delay in ms, such as 50")
    return _queue(node, fault.interface, "netem", "delay", f"{delay:g}ms")


def _queue(node: Node, interface: str, *discipline: str) -> Heal:
    """Change how an interface sends."""
    _ask(node, "tc", "qdisc", "add", "dev", interface, "root", *discipline)
    return lambda: _discard(_ask(node, "tc", "qdisc", "del", "dev", interface, "root"))


def _kill(node: Node, fault: Fault) -> Heal:
    """A daemon of FRR dies; it is healed by a new one with the saved configuration."""
    daemon = fault.value
    process = os.pidfd_open(node.process(int(_ask(node, "cat", f"/run/frr/{daemon}.pid"))))
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [], _TIMEOUT_S)
    os.close(process)

    def restart() -> None:
        _ask(node, f"{_FRR}/{daemon}", "-d", "-u", "root", "-g", "root", "-P", "0")
        _ask(node, "vtysh", "-d", daemon, "-b")

    return restart


def _bgp_shut(node: Node, fault: Fault) -> Heal:
    """A session is shut, as by hand."""
    summary = json.loads(_ask(node, "vtysh", "-c", "show bgp summary json"))
    systems = {
        family["as"] for family in summary.values() if fault.value in family.get("peers", {})
    }
    if not systems:
        raise LabError(f"has no BGP session with '{fault.value}'", place=node.plan.name)
    context = ("vtysh", "-c", "configure terminal", "-c", f"router bgp {systems.pop()}")
    session = f"neighbor {fault.value} shutdown"
    _ask(node, *context, "-c", session)
    return lambda: _discard(_ask(node, *context, "-c", f"no {session}"))


def _rekey(node: Node, fault: Fault) -> Heal:
    """What the peer says about keys is lost, and new ones are wanted: the tunnel is given up.

    Behind address translation, IKE begins with four bytes of zero where ESP has its SPI (RFC 3948).
    """
    found = re.search(
        rf"^{re.escape(fault.value)}: .*\n  local: .*\n  remote: +(\S+)$",
        _ask(node, "swanctl", "--list-conns"),
        re.MULTILINE,
    )
    if not found:
        raise LabError(f"has no tunnel to '{fault.value}'", place=node.plan.name)
    source = f"ip saddr {found[1]} udp"
    matches = (f"{source} dport 500 ", f"{source} dport 4500 @th,64,32 0 ")
    way = json.loads(_ask(node, "ip", "-j", "route", "get", found[1]))[0]["dev"]
    mend = _drop(node, way, {"ingress": 100.0}, matches)
    _ask(node, "swanctl", "--rekey", "--ike", fault.value)
    return mend


def _number(fault: Fault, least: float, most: float, what: str) -> float:
    try:
        value = float(fault.value)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise LabError(f"the fault {fault.kind} needs {what}", place=fault.target)
    return value


def _discard(said: str) -> None:
    """What a command said that had to succeed and did."""


_ACTS: dict[str, Callable[[Node, Fault], Heal]] = {
    "link-down": _link_down,
    "carrier": _carrier,
    "silent": _silent,
    "loss": _loss,
    "mtu": _mtu,
    "rate": _rate,
    "delay": _delay,
    "kill": _kill,
    "bgp-shut": _bgp_shut,
    "rekey": _rekey,
}
