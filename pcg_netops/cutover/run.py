"""One rehearsal while it runs: where the network is, and what can be done to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from pcg_netops.cutover.bench import wait_converged, wait_watched
from pcg_netops.cutover.evidence import DiffEvidence, StepEvidence
from pcg_netops.cutover.judge import unsettled
from pcg_netops.cutover.plan import on_backup, waves
from pcg_netops.design.devices import design
from pcg_netops.design.flows import intended_gateway
from pcg_netops.design.steering import Stage
from pcg_netops.diff import changed_files, diff_artifacts
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Device
from pcg_netops.model.flow import Flow, Protocol
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.injection import Injector
from pcg_netops.probes.settings import ProbeSettings
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage

_SETTLE_LIMIT_S = 20.0
_SETTLE_POLL_S = 0.05
_SETTLED_PROBES = 4  # answered in a row through the intended gateway
_BEFORE_FAULT_S = 0.6  # at the full rate, so that the fault meets a steady stream
_FAST_LIMIT_MS = 500  # services that may be gone for less are probed at the full rate
_FULL_RATE = 1000
_FAST_CONNECT_MS = 10
# What one probe takes of a processor, both ends and the way between them (docs/benchmarks.md), and
# how much of one all of them may take: beyond it the prober holds itself up.
_UDP_S = 120e-6
_CONNECT_S = 300e-6
_SHARE = 0.5


@dataclass(frozen=True)
class Progress:
    """What the rehearsal tells while it runs."""

    say: Callable[[str], None]
    step_done: Callable[[StepEvidence], None]
    # Within it whoever wants the rehearsal to stop raises KeyboardInterrupt, once, and not outside.
    stoppable: Callable[[], AbstractContextManager[None]] = nullcontext


def probe_settings(workspace: Workspace, traffic: Sequence[Flow], udp_rate: int) -> ProbeSettings:
    """Probes that can tell a tight limit from a miss, as often as the prober can send them all.

    With many flows, those of services with time to spare are probed less often. How often each was
    is in the evidence.
    """
    services = workspace.services.services
    fast = [name for name, service in services.items() if service.max_outage < _FAST_LIMIT_MS]
    plain = ProbeSettings(udp_rate=udp_rate)
    tight = sum(_cost(flow, udp_rate, _FAST_CONNECT_MS) for flow in traffic if flow.service in fast)
    others = sum(
        _cost(flow, udp_rate, plain.connect_interval_ms)
        for flow in traffic
        if flow.service not in fast
    )
    stretch = max(1.0, others / (_SHARE - tight)) if tight < _SHARE else others / _SHARE + 1
    faster = max(1.0, tight / _SHARE)
    rate = max(1, int(udp_rate / stretch))
    return ProbeSettings(
        udp_rate=rate,
        rates=dict.fromkeys(fast, max(1, int(udp_rate / faster))),
        connect_interval_ms=round(plain.connect_interval_ms * stretch),
        connect_intervals_ms=dict.fromkeys(fast, round(_FAST_CONNECT_MS * faster)),
        session_interval_ms=min(1000, round(plain.session_interval_ms * stretch)),
    )


def _cost(flow: Flow, udp_rate: int, connect_ms: int) -> float:
    """The share of a processor that a flow's probes take."""
    if flow.protocol is Protocol.UDP:
        return udp_rate * _UDP_S
    return 1000 / connect_ms * _CONNECT_S


def full_rate(traffic: Sequence[Flow], fast: Collection[str]) -> int:
    """Packets/s of each UDP flow of the fast services while something fails."""
    flows = sum(flow.service in fast and flow.protocol is Protocol.UDP for flow in traffic)
    return min(_FULL_RATE, int(_SHARE / _UDP_S / flows)) if flows else _FULL_RATE


@dataclass
class Run:
    """The state of a rehearsal. Acts raise PushError or LabError when they do not succeed."""

    workspace: Workspace
    cutover: Cutover
    flows: tuple[Flow, ...]
    lab: OwnedLab
    probes: Probes
    settings: ProbeSettings
    pusher: Pusher
    injector: Injector
    progress: Progress
    started: float  # monotonic s
    stage: Stage  # where the network is now
    since_ns: int  # where the current step's probes begin
    artifacts: dict[str, Artifacts] = field(default_factory=dict)
    _devices: dict[str, Mapping[str, Device]] = field(default_factory=dict)

    def rendered(self, stage: Stage) -> Artifacts:
        """A stage's artifacts, rendered once."""
        if stage.name not in self.artifacts:
            self.artifacts[stage.name] = render_stage(self.workspace, stage)
        return self.artifacts[stage.name]

    def designed(self, stage: Stage) -> Mapping[str, Device]:
        """A stage's devices, designed once."""
        if stage.name not in self._devices:
            self._devices[stage.name] = design(self.workspace, stage)
        return self._devices[stage.name]

    def push(self, stage: Stage) -> float:
        """Bring the network to a stage, make before break; seconds it took."""
        begun = time.monotonic()
        changed = changed_files(self.rendered(self.stage), self.rendered(stage))
        if changed:
            order = waves(self.workspace.network, self.stage, stage, changed)
            self.pusher.push(changed, order, self.progress.say)
        self.stage = stage
        return round(time.monotonic() - begun, 2)

    def cut_power(self) -> None:
        """Cut the power of every gateway of the new exchange, at one instant."""
        wait_watched(self.lab, self.designed(self.stage))
        self._probe_fast_services(full_rate(self.flows, self.settings.connect_intervals_ms))
        time.sleep(_BEFORE_FAULT_S)
        gateways = self.workspace.network.exchanges[self.cutover.to_exchange].gateways
        self.pusher.forget(gateways)
        self.since_ns = self.probes.mark()
        self.lab.power_off(gateways)

    def restore_power(self) -> float:
        """Bring the failed exchange back as a planned move; seconds that its pushes took.

        First, services are held where they are. Were they to return by themselves, traffic would
        arrive before the exchange is reachable from the far side.
        """
        stage = self.stage
        held = on_backup(self.cutover, stage)
        seconds = self.push(held)
        self.lab.power_on(self.workspace.network.exchanges[self.cutover.to_exchange].gateways)
        wait_converged(self.lab, self.designed(held))
        self._probe_fast_services(None)
        return round(seconds + self.push(stage), 2)

    def settle(self, stage: Stage, since_ns: int) -> tuple[float | None, dict[str, str]]:
        """Wait until every flow answers through its intended gateway; seconds, or the reasons."""
        network, services = self.workspace.network, self.workspace.services
        intended = {
            flow.name: intended_gateway(network, services, stage, flow) for flow in self.flows
        }
        begun = time.monotonic()
        while True:
            latest = self.probes.latest(_SETTLED_PROBES)
            reasons = unsettled(network, intended, latest, since_ns)
            taken = time.monotonic() - begun
            if not reasons:
                return round(taken, 2), {}
            if taken > _SETTLE_LIMIT_S:
                return None, reasons
            time.sleep(_SETTLE_POLL_S)

    def diffs(self, before: Stage, after: Stage) -> tuple[DiffEvidence, ...]:
        """What differs between two stages, for the evidence."""
        new = self.rendered(after)
        return tuple(
            DiffEvidence(
                device=diff.device,
                file=diff.name,
                sha256=new[diff.device][diff.name].digest,
                text=diff.text,
            )
            for diff in diff_artifacts(self.rendered(before), new)
        )

    def _probe_fast_services(self, rate: int | None) -> None:
        """Set the UDP rate of the services with the tightest limits; None is their usual one.

        Their TCP is always fast.
        """
        for name in self.settings.connect_intervals_ms:
            traffic = self.workspace.services.services[name].traffic
            if any(kind.protocol is Protocol.UDP for kind in traffic):
                usual = self.settings.rates.get(name, self.settings.udp_rate)
                self.probes.set_rate(name, rate or usual)
