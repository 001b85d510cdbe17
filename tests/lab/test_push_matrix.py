"""Every fault at every stage of a push to a real Linux router: all are changed, or none is.

What `tests/unit/test_push_matrix.py` is for the makers' stand-ins. A fault strikes as the journal
says that an act begins, and is over after a moment. The victim is in the second of three waves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.cutover.bench import boot, pusher_for, reaching, wait_converged, wait_watched
from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import ChangeSet, plan_stages
from pcg_netops.errors import LabError, PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.protocol import Fault
from pcg_netops.model.device import Device
from pcg_netops.push import Operation, Timing, Unapproved
from pcg_netops.push.journal import Act, Journal
from pcg_netops.push.practice import lab_secrets
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import copy_small

pytestmark = pytest.mark.lab

VICTIM = "health-net"
WAVES = (("cloud-north", "cloud-south"), (VICTIM,), ("hq-border",))
NODES = [name for wave in WAVES for name in wave]
ACTS = (Act.PREFLIGHT, Act.STAGE, Act.ARM, Act.APPLY, Act.GATE, Act.CONFIRM)
AWAY_S = 1.0
SETTLED_S = 60.0


@dataclass(frozen=True)
class Network:
    """Real routers, a change of three of them, and what they hold before and after it."""

    workspace: Workspace
    lab: OwnedLab
    change: ChangeSet
    before: Artifacts
    devices: Mapping[str, Device]
    states: tuple[list[str], list[str]]

    def put_back(self) -> None:
        with closing(pusher_for(self.workspace, self.lab)) as pusher:
            pusher.push({name: self.before[name] for name in NODES}, [NODES], lambda _: None)


def held(lab: OwnedLab) -> list[str]:
    """What the routers run, and would start from."""
    commands = (
        ["vtysh", "-c", "show running-config"],
        ["nft", "-s", "list", "ruleset"],
        ["sh", "-c", "cat /var/lib/pcg/*.conf"],
    )
    return [lab.run(node, command).stdout for node in NODES for command in commands]


def booted(folder: Path) -> tuple[Network, OwnedLab]:
    """A lab of its own, whose routers have been pushed to once: that is how they are kept."""
    workspace = load_workspace(copy_small(folder / "workspace"))
    name, cutover = workspace.cutover()
    both = [find_stage(stages(cutover, workspace.services), p) for p in ("before", "build")]
    before, after = (render_stage(workspace, stage) for stage in both)
    part = [{name: files[name] for name in NODES} for files in (before, after)]
    change = ChangeSet(
        network=workspace.network.name,
        cutover=name,
        before=both[0].name,
        after=both[1].name,
        waves=WAVES,
        devices=plan_stages(part[0], part[1], dict.fromkeys(NODES, "linux")),
    )
    devices = design(workspace, both[0])
    (folder / "lab").mkdir()
    lab = boot(workspace, devices, before, folder / "lab")
    wait_converged(lab, devices)
    with closing(pusher_for(workspace, lab)) as pusher:
        pusher.push(part[1], WAVES, lambda _: None)
        new = held(lab)
        pusher.push(part[0], WAVES, lambda _: None)
        old = held(lab)
    assert old != new
    return Network(workspace, lab, change, before, devices, (old, new)), lab


def power(lab: OwnedLab) -> Callable[[], None]:
    lab.power_off([VICTIM])
    return lambda: lab.power_on([VICTIM])


def freeze(lab: OwnedLab) -> Callable[[], None]:
    lab.fault(Fault("freeze", VICTIM))
    return lambda: lab.heal(Fault("freeze", VICTIM))


def unreachable(lab: OwnedLab) -> Callable[[], None]:
    lab.run(VICTIM, ["ip", "link", "set", "eth0", "down"])
    return lambda: _run(lab, ["ip", "link", "set", "eth0", "up"])


def no_saving(lab: OwnedLab) -> Callable[[], None]:
    in_the_way = "/var/lib/pcg/frr.conf.new"  # what is kept for the next start goes there
    _run(lab, ["ln", "-s", "/nowhere/file", in_the_way])
    return lambda: _run(lab, ["rm", "-f", in_the_way])


def _run(lab: OwnedLab, argv: list[str]) -> None:
    with suppress(LabError):  # of a node that is off
        lab.run(VICTIM, argv)


BreakIt = Callable[[OwnedLab], Callable[[], None]]
FAULTS: tuple[BreakIt, ...] = (power, freeze, unreachable, no_saving)


@pytest.fixture
def strikes(monkeypatch: pytest.MonkeyPatch) -> dict[Path, Callable[[Act, Collection[str]], None]]:
    """What happens as an act begins that a journal in one of these folders tells of."""
    found: dict[Path, Callable[[Act, Collection[str]], None]] = {}
    before = Journal.before

    def told(journal: Journal, act: Act, devices: Collection[str] = (), note: str = "") -> None:
        before(journal, act, devices, note)
        for folder, strike in list(found.items()):
            if journal._path.is_relative_to(folder):
                strike(act, devices)

    monkeypatch.setattr(Journal, "before", told)
    return found


def test_a_fault_leaves_every_router_changed_or_none(
    tmp_path: Path, strikes: dict[Path, Callable[[Act, Collection[str]], None]]
) -> None:
    """Each kind in a lab of its own, all labs at the same time."""

    def all_stages(fault: BreakIt) -> dict[str, str]:
        folder = tmp_path / fault.__name__
        folder.mkdir()
        network, lab = booted(folder)
        with lab:
            return dict(tried(network, fault, folder, strikes))

    with ThreadPoolExecutor(len(FAULTS)) as pool:
        wrong = dict(zip(FAULTS, pool.map(all_stages, FAULTS), strict=True))
    assert not any(wrong.values()), {fault.__name__: said for fault, said in wrong.items() if said}


def tried(
    network: Network,
    fault: BreakIt,
    folder: Path,
    strikes: dict[Path, Callable[[Act, Collection[str]], None]],
) -> Iterator[tuple[str, str]]:
    """The fault at each stage in turn; the stages at which it leaves what it should not."""
    for act in ACTS:
        error = struck(network, fault, act, folder / act, strikes)
        deadline = time.monotonic() + SETTLED_S
        while (found := held(network.lab)) not in network.states or pending(network.lab):
            if time.monotonic() > deadline:
                yield act, f"{error}\n{_differing(found, network.states)}"
                return
            time.sleep(0.3)
        if (found == network.states[1]) is (error is not None):
            yield act, f"ended with: {error}, and holds the {'old' if not error else 'new'} state"
        if found == network.states[1]:
            network.put_back()
        wait_converged(network.lab, network.devices)
        wait_watched(network.lab, network.devices)


def pending(lab: OwnedLab) -> bool:
    """Whether any router still waits for a confirmation."""
    return any(lab.run(name, ["test", "-e", "/run/pcg/guard"]).returncode == 0 for name in NODES)


def struck(
    network: Network,
    fault: BreakIt,
    act: Act,
    folder: Path,
    strikes: dict[Path, Callable[[Act, Collection[str]], None]],
) -> PushError | None:
    """Push; the fault strikes once, as that act begins on the victim, and is over soon."""
    ended: list[threading.Timer] = []

    def strike(of: Act, devices: Collection[str]) -> None:
        if of is act and VICTIM in devices and not ended:
            over = threading.Timer(AWAY_S, fault(network.lab))
            over.start()
            ended.append(over)

    strikes[folder] = strike
    operation = Operation(
        network.workspace,
        reaching(network.lab),
        folder=folder / "pushes",
        secrets=lab_secrets(network.lab.known_hosts.parent),
        timing=Timing(20, 10.0, 40.0),
        settle_s=3.0,
    )
    error = None
    with closing(operation):
        try:
            operation.start(network.change, Unapproved("a trial"))
        except PushError as found:
            error = found
    assert ended, f"the push never came to {act}: {error}"
    ended[0].join()
    return error


def _differing(found: list[str], states: tuple[list[str], ...]) -> str:
    alike = [[a == b for a, b in zip(found, state, strict=True)] for state in states]
    return f"of {NODES}, three texts each: as before {alike[0]}, as after {alike[1]}"
