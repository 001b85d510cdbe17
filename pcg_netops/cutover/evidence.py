"""`evidence.json`: everything a rehearsal measured, typed and versioned.

Times called `at` are seconds since the rehearsal started; outages are milliseconds. A figure that
could not be measured is None, which is never a pass.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from pcg_netops.model.base import Model


class Verdict(StrEnum):
    """The outcome of a check, a step or the whole rehearsal; the worst part decides."""

    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    INCOMPLETE = "incomplete"  # something could not be checked


def worst(verdicts: list[Verdict]) -> Verdict:
    """A miss fails the whole; without a miss, anything unchecked makes it incomplete."""
    for verdict in (Verdict.FAIL, Verdict.INCOMPLETE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


class StepKind(StrEnum):
    """What a step of the rehearsal does."""

    BASELINE = "baseline"
    MOVE = "move"  # a stage of the plan is pushed
    FAILURE = "failure"  # the new exchange loses power
    RECOVERY = "recovery"
    ROLL_BACK = "roll-back"
    REDO = "redo"


class FlowEvidence(Model):
    """One flow during one step."""

    flow: str
    protocol: str
    direction: str
    intended: str  # gateway
    seen: tuple[str, ...]  # gateways that carried it once the step had settled
    sent: int
    lost: int
    lost_forward: int | None  # never reached the server; None where that cannot be told (TCP)
    lost_return: int | None  # reached it, but the answer did not come back
    interval_ms: float  # time between two probes, as planned
    resolution_ms: float  # the longest there was; a loss-free flow was interrupted for less
    outage_ms: float  # worst single gap, 0 when no probe was lost
    stalled_ms: float  # part of that gap during which the prober itself was held up
    sessions_opened: int
    sessions_lost: int  # established sessions that broke, also those that had just been opened
    verdict: Verdict
    reason: str


class ServiceEvidence(Model):
    """One service during one step; its worst flow decides."""

    service: str
    carrier: str  # exchange that is meant to carry it
    moved: bool  # this step moves it
    limit_ms: float  # what the worst outage is held against; 0 for a planned step
    outage_ms: float
    lost: int
    sent: int
    sessions_lost: int
    verdict: Verdict
    flows: tuple[FlowEvidence, ...]


class ForbiddenEvidence(Model):
    """Traffic that must not pass, sent on purpose."""

    name: str
    kind: str
    detail: str
    blocked: bool | None
    reason: str

    @property
    def verdict(self) -> Verdict:
        """A pass only if it was really tried and did not get through."""
        if self.blocked is None:
            return Verdict.INCOMPLETE
        return Verdict.PASS if self.blocked else Verdict.FAIL


class DiffEvidence(Model):
    """What a push changed in one file."""

    device: str
    file: str
    sha256: str
    text: str


class StepEvidence(Model):
    """One step of the rehearsal."""

    name: str
    kind: StepKind
    stage: str
    phase: str
    title: str
    window: str
    at: float
    push_seconds: float | None
    settle_seconds: (
        float | None
    )  # from the end of the push, or the fault, to every flow as intended
    seconds: float
    services: tuple[ServiceEvidence, ...]
    forbidden: tuple[ForbiddenEvidence, ...]
    diffs: tuple[DiffEvidence, ...]
    problems: tuple[str, ...]
    verdict: Verdict


class ServiceTimeline(Model):
    """Probes of one service over the whole rehearsal, in bins of equal length."""

    service: str
    sent: tuple[int, ...]
    lost: tuple[int, ...]
    carrier: tuple[str, ...]  # exchange seen in each bin, "" where none answered


class Timeline(Model):
    """All services over the whole rehearsal."""

    bin_ms: int
    start_at: float  # when the first bin began
    services: tuple[ServiceTimeline, ...]


class NodeEvidence(Model):
    """A node of the lab, for the picture."""

    name: str
    role: str
    title: str
    group: str  # exchange, domain, or the organisation


class LinkEvidence(Model):
    """A link of the lab, for the picture."""

    ends: tuple[str, str]
    zone: str
    mtu: int
    tunnel: bool = False


class LabEvidence(Model):
    """What ran, and on what."""

    backend: str
    boot_seconds: float
    memory_mb: float
    processes: int
    kernel: str
    cpus: int
    versions: dict[str, str]
    ipsec: str = ""  # who encrypted the packets of tunnels; "" where there are none
    nodes: tuple[NodeEvidence, ...]
    links: tuple[LinkEvidence, ...]


class DeviceEvidence(Model):
    """Whose bytes ran: the device's own, or those of a stand-in made from the same design."""

    device: str
    platform: str  # in production
    ran: str  # in the lab


class StallEvidence(Model):
    """A moment at which the prober itself was held up by the machine."""

    at: float
    ms: float


class Evidence(Model):
    """The whole of a rehearsal."""

    version: Literal[1] = 1
    organisation: str
    cutover: str
    title: str
    run: str
    started: datetime
    seconds: float
    verdict: Verdict
    problems: tuple[str, ...]
    lab: LabEvidence
    steps: tuple[StepEvidence, ...]
    timeline: Timeline
    stalls: tuple[StallEvidence, ...]
    artifacts: dict[str, str]  # "stage/device/file" -> SHA-256
    devices: tuple[DeviceEvidence, ...] = ()
    # "stage/device/file" -> SHA-256 of files for production that a stand-in ran instead of
    not_run: Annotated[dict[str, str], Field(default_factory=dict)]
    fidelity: tuple[str, ...]  # what stands in for the real thing, in plain words
