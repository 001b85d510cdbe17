"""One node: a process that holds its namespaces, its own view of the file system, its start."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, TextIO

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded import ipsec, links
from pcg_netops.lab.embedded.build_plan import NodePlan
from pcg_netops.lab.embedded.file_view import View
from pcg_netops.lab.embedded.start_order import Order
from pcg_netops.lab.embedded.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MS_BIND,
    enter,
    mount,
    open_namespaces,
    set_hostname,
    unshare,
)
from pcg_netops.lab.machine.needs import NODE_ENVIRONMENT, too_large_for_nft
from pcg_netops.lab.protocol import Completed

# A new namespace inherits the machine's IPv4 settings: what matters is set, so that a lab behaves
# alike everywhere. PSN carries no IPv6; a kernel without it lacks those files.
_SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}
# What a container finds. No wait for duplicate addresses: a lab's are its own.
_CONTAINER_SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/all/accept_dad": "0",
    "ipv6/conf/default/accept_dad": "0",
}

_START = files("pcg_netops.lab.embedded").joinpath("node-start.sh").read_text()
_FRR_INIT = files("pcg_netops.lab.embedded").joinpath("frr-init.sh").read_text()
_FRR_SCRIPT = "/usr/lib/frr/frrinit.sh"
_START_TIMEOUT = 30.0
_LAST_LINES = 10
_HEALTH_POLL_S = 1.0
_EXIT_POLL_S = 0.05


class Node:
    """A running node. A method that says so moves the calling thread into the node for good."""

    def __init__(self, plan: NodePlan, log: BinaryIO) -> None:
        self.plan = plan
        self.powered = True
        self.holder = 0
        self.namespaces: tuple[int, ...] = (-1, -1, -1)
        self.groups: list[int] | None = None  # of what runs on it, unless they are ours
        self._warnings: list[str] = []
        self._environment = NODE_ENVIRONMENT | plan.environment
        self._view = View(plan)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._furnish: Callable[[], None] | None = None

    @property
    def network(self) -> int:
        """A descriptor of the network namespace."""
        return self.namespaces[0]

    def protect(self, protection: ipsec.Protection, credentials: Mapping[str, bytes]) -> None:
        """Before it boots, say who protects its tunnels' packets, and with which certificates."""
        self._furnish = lambda: ipsec.furnish(protection, credentials)
        self._environment |= ipsec.environment(protection, self.plan.tunnels)

    def create(self, network: int | None = None) -> None:
        """Make the namespaces and file system view. Moves the calling thread into the node.

        `network` is the namespace of the node whose network this one shares, if any.
        """
        unshare(CLONE_NEWNS | CLONE_NEWUTS | (0 if network else CLONE_NEWNET))
        if network:
            enter([network])
        set_hostname(self.plan.hostname or self.plan.name)
        self._view.make()
        if self.plan.daemons == "frr":
            self._install_init()
        self._set()
        # The holder is not waited for: it ends with the lab.
        self.holder = subprocess.Popen(
            ["sleep", "infinity"],
            env=NODE_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ).pid
        self.namespaces = open_namespaces(self.holder)

    def boot(self, order: Order) -> None:
        """Go through the stages of the start: raise the links, start what runs, run commands.

        Moves the calling thread into the node. The saved configuration is where daemons start from.
        """
        with self._stage(order, "create"):
            time.sleep(self.plan.delay)
        with self._stage(order, "create-links"):
            if not self.plan.network_of:
                links.raise_links(self.plan)
        with self._stage(order, "configure"):
            self._start()
            if order.together:
                self._hold_daemons(order)
            for command in self.plan.commands:
                self._execute(command)
        for stage, wait in (("healthy", self._wait_healthy), ("exit", self._wait_exit)):
            if order.is_awaited(self.plan.name, stage):
                wait()
                with self._stage(order, stage):
                    pass

    def told(self) -> list[str]:
        """What went wrong at the start without preventing it."""
        code = self._process.poll() if self._process else None
        ended = f"`{' '.join(self.plan.process)}` has ended with exit code {code}; see pcg lab logs"
        return [*self._warnings, *([ended] if code else [])]

    def forget(self) -> None:
        """Lose what a power cut loses, when nothing runs. Moves the calling thread there."""
        enter([self.network])
        links.forget_addresses_and_connections()
        enter(self.namespaces)
        self._run(["nft", "flush", "ruleset"], "", _START_TIMEOUT)
        self._view.forget()

    @contextmanager
    def _stage(self, order: Order, stage: str) -> Iterator[None]:
        """What the stage's own commands frame."""
        mine = [command for command in self.plan.stage_commands if command.stage == stage]
        with order.stage(self.plan, stage):
            enter(self.namespaces)
            for command in mine:
                if command.phase == "on-enter":
                    self._execute(command.argv)
            yield
            enter(self.namespaces)
            for command in mine:
                if command.phase == "on-exit":
                    self._execute(command.argv)

    def _start(self) -> None:
        """Start the daemons, or the process of the node's own."""
        if self._furnish:
            self._furnish()
        if self.plan.daemons == "saved":
            self._run_start(["sh", "-c", _START, "node-start"])
        elif self.plan.daemons == "frr":
            self._run_start([_FRR_SCRIPT, "start"])
        if self.plan.process:
            self._process = self._open(self.plan.process)

    def _hold_daemons(self, order: Order) -> None:
        """Let no routing daemon go on before every node's have started.

        Those that run would take the processor from those that start, and in a large lab lose
        again what sessions they have.
        """
        daemons = [int(file.read_text()) for file in Path("/run/frr").glob("*.pid")]
        _signal(daemons, signal.SIGSTOP)
        with order.meeting(self.plan):
            _signal(daemons, signal.SIGCONT)

    def _run_start(self, argv: Sequence[str]) -> None:
        done = self._run(argv, "", _START_TIMEOUT)
        if done.returncode:
            words = "\n".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
            raise LabError(
                f"did not start:\n{words}", place=self.plan.name, remedy=too_large_for_nft(words)
            )

    def _execute(self, argv: Sequence[str]) -> None:
        """Run a command of the topology, whose failure may be none."""
        try:
            done = self._run(argv, "", _START_TIMEOUT)
            said = (
                (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
            )
        except LabError as error:
            said = error.message
        if said and self.plan.strict:
            raise LabError(f"`{' '.join(argv)}`: {said}", place=self.plan.name)
        if said:
            self._warnings.append(f"`{' '.join(argv)}`: {said}")

    def _wait_healthy(self) -> None:
        """Return once the node's check is passed; at once where it has none."""
        check = self.plan.health
        if check is None:
            return
        failures, patience = 0, time.monotonic() + check.start_period
        while self._run(check.argv, "", check.timeout).returncode:
            if time.monotonic() > patience:
                failures += 1
            if failures > check.retries:
                raise LabError(f"is not healthy: `{' '.join(check.argv)}`", place=self.plan.name)
            time.sleep(min(check.interval, _HEALTH_POLL_S) if not failures else check.interval)

    def _wait_exit(self) -> None:
        while self._process and self._process.poll() is None:
            time.sleep(_EXIT_POLL_S)

    def _set(self) -> None:
        """Kernel settings of the node's network."""
        for setting, value in (_SETTINGS | (_CONTAINER_SETTINGS if self.plan.ipv6 else {})).items():
            path = Path("/proc/sys/net", setting)
            if path.exists():
                path.write_text(value)
        for name, value in self.plan.sysctls:
            path = Path("/proc/sys", *name.split("."))
            try:
                path.write_text(value)
            except OSError as error:
                self._warnings.append(f"sysctl {name}={value}: {error.strerror}")

    def _install_init(self) -> None:
        """Put our script where the commands of a topology look for FRR's."""
        script = Path("/run/frrinit.sh")
        script.write_text(_FRR_INIT)
        script.chmod(0o755)
        mount(str(script), _FRR_SCRIPT, flags=MS_BIND)

    def run(self, argv: Sequence[str], stdin: str, timeout: float) -> Completed:
        """Run a command to its end. Moves the calling thread into the node."""
        enter(self.namespaces)
        return self._run(argv, stdin, timeout)

    def process(self, number: int) -> int:
        """The number, as the agent counts, of a process that has this one on the node."""
        return number

    def _run(self, argv: Sequence[str], stdin: str, timeout: float) -> Completed:
        # Its words go into memory: a pipe would be held by what it leaves in the background.
        with _memory() as out, _memory() as err:
            try:
                process = subprocess.Popen(
                    argv,
                    env=self._environment,
                    cwd="/",
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    extra_groups=self.groups,
                    text=True,
                )
            except (OSError, ValueError) as error:
                raise LabError(f"cannot start `{argv[0]}`: {error}", place=self.plan.name) from None
            with process:
                try:
                    process.communicate(stdin, timeout)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, 9)
                    raise LabError(
                        f"`{' '.join(argv)}` did not end within {timeout:g} s",
                        place=self.plan.name,
                    ) from None
            out.seek(0)
            err.seek(0)
            return Completed(process.returncode, out.read(), err.read())

    def _open(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start what runs for as long as the node does."""
        try:
            return subprocess.Popen(
                argv,
                env=self._environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise LabError(f"cannot start `{argv[0]}`: {error}", place=self.plan.name) from None


def _memory() -> TextIO:
    return os.fdopen(os.memfd_create("said"), "w+", errors="replace")


def _signal(processes: Iterable[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # has died: what needs it will say so
            os.kill(process, number)
