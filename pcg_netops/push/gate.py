"""Whether the network is well enough for a push to go on: read from the devices themselves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pcg_netops.errors import PushError
from pcg_netops.model.device import Device
from pcg_netops.push.driver import Session

Sessions = Mapping[str, frozenset[Session]]  # by device
_LAST_LINES = 10
_POLL_S = 0.1


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

    def try_services(self, changed: Sequence[str], go_on: Callable[[], None]) -> None:
        """Run the probe, if there is one, with the devices that were changed as its arguments.

        Raises PushError with its last words if it fails, and what `go_on` raises, which is called
        now and then: the probe is ended then.
        """
        if not self.probe:
            return
        try:
            code, said = self._run([self.probe, *changed], go_on)
        except TimeoutError:
            words = f"did not end within {self.patience_s:g} s"
        except OSError as error:
            words = f"cannot be run: {error.strerror}"
        else:
            if not code:
                return
            last = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
            words = f"failed with {code}:\n{last}"
        raise PushError(f"{self.probe} {words}", place="gate")

    def _run(self, arguments: list[str], go_on: Callable[[], None]) -> tuple[int, str]:
        """A program's exit code and what it printed. Raises TimeoutError and OSError."""
        deadline = time.monotonic() + self.patience_s
        with subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                while True:
                    try:
                        said, _ = process.communicate(timeout=_POLL_S)
                    except subprocess.TimeoutExpired:
                        go_on()
                        if time.monotonic() > deadline:
                            raise TimeoutError from None
                    else:
                        go_on()  # what ended the probe may have been Ctrl-C, which it gets too
                        return process.returncode, said
            except BaseException:
                process.kill()
                raise


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
