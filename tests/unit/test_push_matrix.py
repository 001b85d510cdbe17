"""Every fault at every stage on either maker's device, among three: all are changed, or none is.

Each test is one stage; in it each kind of fault strikes once, in a push of its own to three devices
of its own. The victim is in the second of three waves.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from pcg_netops import diff
from pcg_netops.diff import DeviceChange, load
from pcg_netops.errors import PushError
from pcg_netops.push import Holds, Operation, Timing, Unapproved, read_journal
from pcg_netops.push.driver import Running
from pcg_netops.push.secrets import Secrets
from tests.fake_device import PASSWORD, FakeDevice, Fault, Kind, serving
from tests.unit.fake_network import CANARY
from tests.unit.pushed import MAKERS, Network, holding, network_in

VICTIMS = {"iosxe": "health-net", "junos": "cloud-north"}
# Where a push is: a line that the victim is sent then, and how often it was sent by then. "first"
# and "last" are lines of the change.
STAGES: dict[str, dict[str, tuple[str, int]]] = {
    "iosxe": {
        "facts": ("^show version$", 1),
        "archive": ("^show archive$", 1),
        "base": ("^show running-config$", 1),
        "health": ("^show ip bgp summary$", 1),
        "arm": ("^configure terminal revert timer", 1),
        "apply": ("first", 1),
        "apply-last": ("last", 1),
        "leave": ("^end$", 2),
        "verify": ("^show running-config$", 2),
        "gate": ("^show ip bgp summary$", 2),
        "confirm": ("^configure confirm$", 1),
        "save": ("^write memory$", 1),
        "saved": ("^show startup-config$", 1),
        "revert": ("^configure revert now$", 1),
    },
    "junos": {
        "facts": ("^show version", 1),
        "room": ("^show system storage", 1),
        "base": (r"^show configuration \| display set", 1),
        "health": ("show bgp summary", 1),
        "stage": ("^configure exclusive$", 1),
        "load": ("first", 1),
        "check": ("^commit check$", 1),
        "apply": ("^commit confirmed", 1),
        "verify": (r"show configuration \| display set", 2),
        "gate": ("show bgp summary", 2),
        "confirm": ("^commit comment .* confirmed", 1),
        "leave": ("^exit configuration-mode", 1),
        "revert": (r"^rollback [1-9]", 1),
    },
}
HARMLESS = (Kind.LATE, Kind.PROMPT, Kind.CHUNKED)
AT_LOGIN = (Kind.REFUSE_LOGIN, Kind.CHANGED_KEY, Kind.CHUNKED)
KINDS = [kind for kind in Kind if kind not in AT_LOGIN]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return network_in(tmp_path_factory.mktemp("matrix"))


@pytest.fixture(autouse=True)
def _compare_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are of the same devices, and comparing takes most of their time."""
    for name in ("residue", "stale"):
        for module in ("pcg_netops.push.driver", "tests.unit.pushed"):
            monkeypatch.setattr(f"{module}.{name}", partial(_compared, getattr(diff, name)))


_known: dict[tuple[object, ...], str] = {}


def _compared(
    compare: Callable[[DeviceChange, Running], str], change: DeviceChange, running: Running
) -> str:
    key = (compare, change.device, change.base_digest, *running.items())
    if key not in _known:
        _known[key] = compare(change, running)
    return _known[key]


@dataclass
class Trial:
    """A push to three devices, on one of which something goes wrong."""

    network: Network
    folder: Path
    victim: str
    kind: Kind
    faults: list[Fault]
    error: Exception | None = None
    devices: dict[str, FakeDevice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.devices = self.network.new_devices()
        self.devices[self.victim].faults = self.faults

    def run(self) -> None:
        """Push, and let devices put back what they would put back in the end."""
        hosts = dict(self.network.workspace.hosts)
        for name, device in self.devices.items():
            place = {"hostname": "127.0.0.1", "port": device.port}
            hosts[name] = hosts[name].model_copy(update=place)
        known_hosts = self.folder / "known_hosts"
        self.folder.mkdir()
        known_hosts.write_text("".join(d.known_hosts_line for d in self.devices.values()))
        hangs = self.kind in (Kind.HANG, Kind.HANG_AFTER)
        arguments = {
            "password": PASSWORD,
            "known_hosts": known_hosts,
            "silence_s": 3.0 if hangs else 30.0,
            "use_keys": False,
            "allow_agent": False,
        }
        others = [name for name in MAKERS if name != self.victim]
        change = load(self.network.change)
        change = change.model_copy(update={"waves": ((others[0],), (self.victim,), (others[1],))})
        operation = Operation(
            replace(self.network.workspace, hosts=hosts),
            lambda _: arguments,
            folder=self.folder / "pushes",
            secrets=Secrets(lambda _: CANARY),
            timing=Timing(120, 30.0, 30.0),
            settle_s=1.0,
        )
        with closing(operation):
            try:
                operation.start(change, Unapproved("a trial"))
            except Exception as error:
                self.error = error
        deadline = time.monotonic() + 30
        for device in self.devices.values():
            while device.pending or not device.listening:
                device.hurry()
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def problem(self) -> str:
        """What should not have happened, if anything."""
        said = "".join(traceback.format_exception(self.error)) if self.error else ""
        (journal,) = self.folder.glob("pushes/*/journal.jsonl")
        if CANARY in said + journal.read_text():
            return "tells a secret"
        if self.error and not isinstance(self.error, PushError):
            return said
        if self.error and len(self.faults) == 1 and self.kind in HARMLESS:
            return f"no reason to fail: {said}"
        change = load(self.network.change)
        held = {n: holding(change, n, device) for n, device in self.devices.items()}
        last = read_journal(journal)[-1]
        told = {n: Holds.BASE if h == Holds.UNCONFIRMED else h for n, h in last.holds.items()}
        if last.act != "end" or told != held:
            return f"the journal tells {last}, and devices hold {held}: {said}"
        everywhere = set(held.values())
        if everywhere == {Holds.BASE}:
            return "" if self.error else "said to be done, and is not"
        if everywhere == {Holds.INTENDED}:
            return f"done, and said to have failed: {said}" if self.error else ""
        unsaved = everywhere == {Holds.INTENDED, Holds.UNSAVED} and held[self.victim] == "unsaved"
        if unsaved and self.kind is Kind.DISK_FULL and self.error:
            return ""
        return f"parted: {held}: {said}"


def check(trials: list[Trial], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    devices = [device for trial in trials for device in trial.devices.values()]
    with serving(devices), ThreadPoolExecutor(len(trials)) as pool:
        list(pool.map(Trial.run, trials))
    assert {trial.kind.name: trial.problem() for trial in trials if trial.problem()} == {}
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("platform", "stage"), [(p, s) for p, stages in STAGES.items() for s in stages]
)
def test_a_fault_leaves_every_device_changed_or_none(
    network: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture, platform: str, stage: str
) -> None:
    victim = VICTIMS[platform]
    lines = load(network.change).device(victim).remediation
    typed = [line.strip() for line in lines if line.strip().split()[0] not in ("exit", "end")]
    at, nth = STAGES[platform][stage]
    at = {"first": f"^ *{re.escape(typed[0])}$", "last": f"^ *{re.escape(typed[-1])}$"}.get(at, at)
    trials = []
    for kind in KINDS:
        faults = [Fault(kind, at=at, nth=nth, seconds=0.1)]
        if stage == "revert":  # which takes another fault to come to
            faults.append(Fault(Kind.DROP_AFTER, at="show (ip )?bgp summary", nth=2))
        trials.append(Trial(network, tmp_path / kind.name, victim, kind, faults))
    check(trials, caplog)


@pytest.mark.parametrize("platform", VICTIMS)
def test_a_device_that_cannot_be_logged_in_to_keeps_all_as_they_were(
    network: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture, platform: str
) -> None:
    victim = VICTIMS[platform]
    trials = [Trial(network, tmp_path / k.name, victim, k, [Fault(k)]) for k in AT_LOGIN]
    check(trials, caplog)
    assert [trial.error is None for trial in trials] == [False, False, True]
