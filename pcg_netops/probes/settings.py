"""How flows are probed, and what that asks of the machine."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.model import flow as model
from pcg_netops.probes.wire import MAX_RATE, Spec, most_files

MS = 1_000_000
S = 1_000_000_000


@dataclass(frozen=True)
class ProbeSettings:
    """How probes are sent. Raises InputError for values that would not measure what they claim."""

    udp_rate: int = 100  # packets per second of each UDP flow
    rates: Mapping[str, int] = field(default_factory=dict)  # the same, for single services
    udp_deadline_ms: int = 1000
    connect_interval_ms: int = 50
    connect_intervals_ms: Mapping[str, int] = field(default_factory=dict)  # for single services
    connect_deadline_ms: int = 800
    session_interval_ms: int = 100
    session_dead_ms: int = 3000

    def __post_init__(self) -> None:
        for rate in (self.udp_rate, *self.rates.values()):
            interval_of(rate)
        if not 0 < self.connect_deadline_ms < 1000:
            raise InputError(
                f"connect_deadline_ms is {self.connect_deadline_ms}",
                place="probe settings",
                remedy="choose 1 to 999: after 1000 ms the kernel repeats a lost SYN",
            )
        for name in ("udp_deadline_ms", "connect_interval_ms", "session_interval_ms"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1", place="probe settings")
        if self.session_dead_ms <= self.session_interval_ms:
            raise InputError(
                "session_dead_ms must be more than session_interval_ms", place="probe settings"
            )


def require_files(specs: Sequence[Spec]) -> None:
    """Raise EnvironmentLack where the worker may need more files than it may open.

    A worker that ran out of files would end in the middle, when most is lost on the
    network.
    """
    needed = most_files(specs)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and needed > most:
        raise EnvironmentLack(
            f"probes of {len(specs)} flows can need {needed} files at once, and this machine lets"
            f" a process open {most}",
            remedy=f"raise the limit: ulimit -Hn {needed}, or LimitNOFILE= of its service",
        )


def interval_of(rate: int) -> int:
    """The ns between two of so many packets/s. Raises InputError for a rate that cannot be sent."""
    if not 1 <= rate <= MAX_RATE:
        raise InputError(
            f"a rate of {rate} packets/s cannot be sent",
            place="probe settings",
            remedy=f"choose 1 to {MAX_RATE}",
        )
    return S // rate


def spec_of(flow: model.Flow, settings: ProbeSettings) -> Spec:
    """A flow as the worker is asked for it."""
    udp = flow.protocol == model.Protocol.UDP
    rate = settings.rates.get(flow.service, settings.udp_rate)
    connect_ms = settings.connect_intervals_ms.get(flow.service, settings.connect_interval_ms)
    return Spec(
        name=flow.name,
        service=flow.service,
        protocol=flow.protocol.value,
        client=flow.client,
        source=str(flow.source),
        target=str(flow.target),
        port=flow.port,
        server=flow.server,
        server_address=str(flow.server_address),
        interval_ns=interval_of(rate) if udp else connect_ms * MS,
        deadline_ns=(settings.udp_deadline_ms if udp else settings.connect_deadline_ms) * MS,
        session_interval_ns=settings.session_interval_ms * MS,
        session_dead_ns=settings.session_dead_ms * MS,
    )
