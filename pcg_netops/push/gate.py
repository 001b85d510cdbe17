"""Whether the network is well enough for a push to go on: read from the devices themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pcg_netops.errors import PushError
from pcg_netops.model.device import Device
from pcg_netops.push.driver import Session

Sessions = Mapping[str, frozenset[Session]]  # by device
_LAST_LINES = 10


@dataclass(frozen=True)
class Health:
    """Which sessions have to be up.

    What was up before the push and is part of the plan stays up after every wave. Once the whole
    change has been made, all of the plan is. Sessions get `patience_s` to come up, and so does
    `probe` to end: a program of the site's own that tries its services.
    """

    planned: Sessions = field(default_factory=dict)
    patience_s: float = 30.0
    whole: bool = True  # whether the push makes the whole change
    probe: str = ""

    def missing(self, before: Sessions, now: Sessions, *, complete: bool) -> dict[str, str]:
        """What is not up on which device, and has to be."""
        lacking = {}
        for device, up in now.items():
            wanted = self.planned.get(device, frozenset())
            if not (complete and self.whole):
                wanted &= before.get(device, frozenset())
            if wanted - up:
                lacking[device] = ", ".join(map(str, sorted(wanted - up)))
        return lacking

    def try_services(self, changed: Sequence[str]) -> None:
        """Run the probe, if there is one, with the devices that were changed as its arguments.

        Raises PushError with its last words if it fails.
        """
        if not self.probe:
            return
        try:
            done = subprocess.run(
                [self.probe, *changed],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=self.patience_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            words = f"did not end within {self.patience_s:g} s"
        except OSError as error:
            words = f"cannot be run: {error.strerror}"
        else:
            if not done.returncode:
                return
            last = "\n".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
            words = f"failed with {done.returncode}:\n{last}"
        raise PushError(f"{self.probe} {words}", place="gate")


def planned_sessions(devices: Mapping[str, Device]) -> dict[str, frozenset[Session]]:
    """The sessions that a stage's design wants up."""
    return {
        name: frozenset(
            Session(kind, str(session.peer_address))
            for session in device.bgp.sessions
            if session.up
            for kind in ("BGP", *(["BFD"] if session.bfd else []))
        )
        for name, device in devices.items()
        if device.bgp
    }
