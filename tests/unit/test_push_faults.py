"""Whatever goes wrong, a device is changed and confirmed or it is as it was; no secret shows."""

from __future__ import annotations

import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace
from tests.fake_device import Fault, Kind, serving
from tests.unit.fake_network import CANARY, IOSXE, JUNOS, Maker, pusher_to, small_workspace

MAKERS = {"iosxe": IOSXE, "junos": JUNOS}
# Where a push is, by a line that the device is sent then.
STAGES = {
    "iosxe": {
        "stage": "^show archive$",
        "arm": "^configure terminal revert timer",
        "apply": "^description new$",
        "apply-last": "^neighbor .* description new peer$",
        "leave": "^end$",
        "verify": "^show running-config$",
        "confirm": "^configure confirm$",
        "save": "^write memory$",
    },
    "junos": {
        "stage": "^configure exclusive$",
        "load": "^delete protocols",
        "check": "^commit check$",
        "apply": "^commit confirmed",
        "verify": r"^run show configuration \| display set",
        "confirm": "^commit comment .* confirmed",
        "leave": "^exit configuration-mode",
    },
}
KINDS = [kind for kind in Kind if kind not in (Kind.REFUSE_LOGIN, Kind.CHANGED_KEY, Kind.CHUNKED)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return small_workspace(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize(
    ("platform", "stage"), [(p, s) for p, stages in STAGES.items() for s in stages]
)
def test_a_fault_leaves_the_change_confirmed_or_everything_as_it_was(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, platform: str, stage: str
) -> None:
    """One device for each kind of fault, which strikes at this stage; each is a push of its own."""
    caplog.set_level(logging.DEBUG)
    maker, at = MAKERS[platform], STAGES[platform][stage]
    trials = [Trial(maker, Fault(kind, at=at, seconds=0.1)) for kind in KINDS]
    with serving([trial.device for trial in trials]), ThreadPoolExecutor(len(trials)) as pool:
        list(pool.map(lambda trial: trial.run(workspace), trials))
    assert {trial.kind.name: trial.problem() for trial in trials if trial.problem()} == {}
    assert CANARY not in caplog.text


class Trial:
    """A push to a device on which one thing goes wrong."""

    def __init__(self, maker: Maker, fault: Fault) -> None:
        self.maker, self.kind = maker, fault.kind
        self.device = maker.device("hq-border", maker.startup, boot_s=0.05)
        self.device.faults.append(fault)
        self.before = self.device.running_text
        self.intended = maker.intended(self.device)
        self.error: Exception | None = None

    def run(self, workspace: Workspace) -> None:
        """Push, and let the device put back what it would put back in the end."""
        devices = {"hq-border": (self.maker, self.device)}
        hangs = self.kind in (Kind.HANG, Kind.HANG_AFTER)
        change = {"hq-border": self.maker.change(self.device)}
        with closing(pusher_to(workspace, devices, silence_s=0.3 if hangs else 10.0)) as pusher:
            try:
                pusher.push_changes(change, [["hq-border"]], lambda _: None)
            except Exception as error:
                self.error = error
        deadline = time.monotonic() + 5
        while self.device.pending or not self.device.listening:
            self.device.hurry()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def problem(self) -> str:
        """What should not have happened, if anything."""
        now = sorted(self._rows(self.device.running_text))
        saved = sorted(self._rows(self.device.saved_text))
        before, intended = sorted(self._rows(self.before)), sorted(self.intended)
        if self.error is None:
            return "" if now == saved == intended else "said to be done and is not"
        if not isinstance(self.error, PushError):
            return repr(self.error)
        said = "".join(traceback.format_exception(self.error))
        if CANARY in said:
            return f"tells a secret: {said}"
        if self.kind in (Kind.LATE, Kind.PROMPT):
            return f"no reason to fail: {said}"
        if self.error.place != "confirm":
            return "" if now == saved == before else f"not as it was: {said}"
        lasting = self.kind in (Kind.LOSE, Kind.REJECT, Kind.REBOOT, Kind.DISK_FULL)
        if not lasting or now not in (before, intended):
            return f"should have been confirmed: {said}"
        return ""

    def _rows(self, text: str) -> list[str]:
        return self.maker.rows({"iosxe.conf": text, "junos.set": text})
