"""The embedded lab: nodes are Linux namespaces, made as root or as an ordinary user alike.

Everything of a lab lives in namespaces that end with its first process, and that ends when this
process closes its control socket or dies. Nothing is made on the machine itself, and a lab sees of
it only what `enclosure` shows.
"""

from __future__ import annotations

import os
import socket as sockets
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pcg_netops.errors import InputError, LabError, PcgError
from pcg_netops.lab.background.folders import logs_in
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.embedded.build_plan import Plan, enclosed, sources_of
from pcg_netops.lab.embedded.enclosure import Enclosure
from pcg_netops.lab.embedded.layout import Layout, lay_out, make_plan
from pcg_netops.lab.machine.needs import (
    NODE_ENVIRONMENT,
    crowding,
    namespaces_refused,
    require_programs,
)
from pcg_netops.lab.topology.definitions import Topology

_INIT = "pcg_netops.lab.embedded.init"
_MODULES = (
    "pcg_netops.lab.embedded.agent",
    "pcg_netops.lab.embedded.ssh_server",
    "pcg_netops.probes.worker",
)
_END_PATIENCE = 2.0
_LAST_LINES = 5


class NetnsLab(OwnedLab):
    """A running lab (`Lab`) of this process. As a context manager it is down afterwards."""

    backend = "netns"

    def __init__(self, run_dir: Path, sources: Iterable[tuple[str, bool]] = ()) -> None:
        super().__init__(run_dir)
        self._log = run_dir / "agent.log"
        logs = logs_in(run_dir)
        logs.mkdir(exist_ok=True)
        _compile_modules()
        enclosure = Enclosure.of(logs, sources).file()
        self._control, theirs = sockets.socketpair(sockets.AF_UNIX, sockets.SOCK_SEQPACKET)
        # The agent watches this process itself too: a copy of the socket in a fork must not
        # keep the lab alive.
        ourselves = os.pidfd_open(os.getpid())
        inherited = (enclosure, theirs.fileno(), ourselves)
        with theirs, self._log.open("wb") as log:
            self._first = subprocess.Popen(
                [sys.executable, "-P", "-m", _INIT, *map(str, inherited)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=NODE_ENVIRONMENT | {"PYTHONPATH": _python_path()},
                cwd="/",
                start_new_session=True,
            )
        os.close(ourselves)
        os.close(enclosure)

    @classmethod
    def up(
        cls,
        topology: Topology,
        base_dir: Path,
        run_dir: Path,
        *,
        accepted: Collection[str] = (),
        strict: bool = True,
        trusted: bool = False,
    ) -> Self:
        """Build and start a lab; returns when every node serves, before routes have converged.

        Binds of the topology are relative to `base_dir`. Logs and the public host keys go to
        `run_dir`. For `accepted`, `trusted` and `strict` see `lay_out` and `make_plan`. Raises
        EnvironmentLack, LabError (naming node and daemon) or InputError.
        """
        require_programs()
        return cls.start(
            lay_out(topology, base_dir, accepted, trusted=trusted), run_dir, strict=strict
        )

    @classmethod
    def start(
        cls, layout: Layout, run_dir: Path, *, strict: bool = True, keep: bool = False
    ) -> Self:
        """The same, of a topology that is laid out already."""
        # What is wrong is said before all else.
        plan = make_plan(layout, "", run_dir, strict=strict)
        if any(node.tunnels for node in plan.nodes):
            require_programs(ipsec=True)
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            lab = cls(run_dir.resolve(), sources_of(plan))
        except OSError as error:
            raise InputError(f"cannot use the run folder: {error}", place=str(run_dir)) from None
        try:
            key, folder = lab._public_key(), logs_in(lab._log.parent)
            lab._build(enclosed(make_plan(layout, key, folder, strict=strict, keep=keep)))
        except BaseException:
            lab.down()
            raise
        return lab

    def down(self) -> None:
        """End everything; returns when the kernel has ended the last process. Idempotent."""
        self._control.close()
        try:
            self._first.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            self._first.kill()  # and with it, by --kill-child, the whole PID namespace
            self._first.wait()

    def _build(self, plan: Plan) -> None:
        answer, _ = self._call("up", plan=asdict(plan))
        crowded = crowding(len(plan.links), len(plan.nodes))
        keys, self.warnings = answer["keys"], (*filter(None, [crowded]), *answer["warnings"])
        self.failures = tuple(answer["failures"])
        addresses = {n.name: n.management.split("/")[0] for n in plan.nodes if n.management}
        self._know(addresses, keys)

    @property
    def first_process(self) -> int:
        """The process, on the machine, that all of the lab ends with."""
        return self._first.pid

    def hand_over(self, call: sockets.socket) -> None:
        """Have the agent serve the call at the other end of this stream socket."""
        try:
            sockets.send_fds(self._control, [b"."], [call.fileno()])
        except OSError:
            raise self._ended() from None

    def fileno(self) -> int:
        """Readable when the lab has ended by itself."""
        return self._control.fileno()

    def _ended(self) -> PcgError:
        if self._control.fileno() < 0:
            return LabError("the lab is down")
        self.down()
        words = "\n".join(self._log.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:])
        if words.startswith("unshare: "):
            return namespaces_refused(words)
        return LabError(f"the lab has ended: {words or 'its first process was killed'}")


def _compile_modules() -> None:
    """Have Python keep its compiled form of what only a lab imports, which cannot write it itself.

    Without, every start of a lab would compile it anew, which takes longer than all else.
    """
    found = find_spec("asyncssh")
    if not found or not found.origin or not found.cached or Path(found.cached).exists():
        return
    if os.access(Path(found.origin).parent, os.W_OK):
        subprocess.run(
            [sys.executable, "-P", "-c", f"import {', '.join(_MODULES)}"],
            env=NODE_ENVIRONMENT | {"PYTHONPATH": _python_path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            check=False,  # the lab itself says what is wrong
        )


def _python_path() -> str:
    """Where the agent finds the same modules as this process, however it was started."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
