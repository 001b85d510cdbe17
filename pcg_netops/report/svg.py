"""Timelines as SVG: what every service met over the whole rehearsal.

Each service is a picture of its own, so that each has its own text alternative; all share the scale
of `Scale` and hence the axis. Colours come from the page's style sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from pcg_netops.cutover.evidence import Evidence, ServiceTimeline, StepEvidence
from pcg_netops.report.words import count, listed, number, seconds

WIDTH = 1000
ROW = 30
AXIS = 108
_LABEL_ROOM = 13  # between two upright step names
_CHARACTER = 6.5
_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600)


@dataclass(frozen=True)
class Scale:
    """The common time axis: seconds since the rehearsal started, from 0 to `seconds`."""

    seconds: float
    bin_seconds: float
    first_bin_at: float

    @classmethod
    def of(cls, evidence: Evidence) -> Scale:
        """Long enough for every bin and every step."""
        bin_seconds = evidence.timeline.bin_ms / 1_000
        bins = max((len(service.sent) for service in evidence.timeline.services), default=0)
        ends = [step.at + step.seconds for step in evidence.steps]
        start = evidence.timeline.start_at
        end = max(evidence.seconds, start + bins * bin_seconds, *ends, 1e-3)
        return cls(end, bin_seconds, start)

    def x(self, at: float) -> float:
        """Where a moment is, in units of the picture."""
        return at / self.seconds * WIDTH

    def bin_x(self, index: int) -> float:
        """Where a bin starts."""
        return self.x(self.first_bin_at + index * self.bin_seconds)


@dataclass(frozen=True)
class _Run:
    """Bins [first, end) that look the same."""

    first: int
    end: int
    look: str


def axis_svg(evidence: Evidence, scale: Scale) -> Markup:
    """The steps by name and the time below them; marks where the prober was held up."""
    parts = []
    for step, at in zip(evidence.steps, _label_places(evidence.steps, scale), strict=True):
        start = scale.x(step.at)
        parts.append(
            Markup(
                '<path class="boundary" d="M{0:.1f} {1}v-10L{2:.1f} {3}"/>'
                '<text class="step" transform="translate({4:.1f} {5})rotate(-90)">{6}</text>'
            ).format(start, AXIS - 18, at, AXIS - 38, at + 4, AXIS - 42, _shortened(step.name))
        )
    every = next((tick for tick in _TICKS if scale.seconds / tick <= 12), _TICKS[-1])
    for at_second in range(0, int(scale.seconds) + 1, every):
        anchor = "end" if scale.x(at_second) > WIDTH - 20 else "middle" if at_second else "start"
        parts.append(
            Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{} s</text>').format(
                scale.x(at_second), AXIS - 4, anchor, at_second
            )
        )
    parts += [
        Markup('<rect class="stall" x="{:.1f}" y="{}" width="{:.1f}" height="4"/>').format(
            scale.x(stall.at), AXIS - 22, max(1.5, scale.x(stall.ms / 1_000))
        )
        for stall in evidence.stalls
    ]
    starts = listed(f"{step.name} at {seconds(step.at)}" for step in evidence.steps)
    return _picture(f"Steps on the time axis: {starts}", AXIS, parts)


def timeline_svg(
    timeline: ServiceTimeline,
    steps: Sequence[StepEvidence],
    scale: Scale,
    exchanges: Sequence[str],
) -> Markup:
    """One service: coloured by the exchange that answered, losses as marks as high as their share.

    `exchanges` decides which colour an exchange has.
    """
    parts = []
    for run in _runs(_looks(timeline)):
        x, width = scale.bin_x(run.first), scale.bin_x(run.end) - scale.bin_x(run.first)
        known = run.look in exchanges
        colour = f"exchange-{exchanges.index(run.look) % 6}" if known else run.look
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(
                colour, x, width, ROW - 1
            )
        )
        if known and width > _CHARACTER * len(run.look) + 8:
            parts.append(
                Markup('<text class="carrier" x="{:.1f}" y="12">{}</text>').format(x + 4, run.look)
            )
    boundaries = "".join(f"M{scale.x(step.at):.1f} 0v{ROW}" for step in steps)
    parts.append(Markup('<path class="boundary" d="{}"/>').format(boundaries))
    marks = "".join(_marks(timeline, scale))
    if marks:
        parts.append(Markup('<path class="lost" d="{}"/>').format(marks))
    return _picture(describe(timeline, scale), ROW, parts)


def describe(timeline: ServiceTimeline, scale: Scale) -> str:
    """The picture in words."""
    carried = [
        f"{run.look} from {seconds(run.first * scale.bin_seconds)}"
        for run in _runs(timeline.carrier)
        if run.look
    ]
    losing = [index for index, lost in enumerate(timeline.lost) if lost]
    where = ""
    if losing:
        first, end = losing[0] * scale.bin_seconds, (losing[-1] + 1) * scale.bin_seconds
        where = f" between {seconds(first)} and {seconds(end)}"
    return (
        f"{timeline.service}: {number(sum(timeline.lost))} of {count(sum(timeline.sent), 'probe')}"
        f" lost{where}; carried by {listed(carried)}"
    )


def _picture(title: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="timeline" role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>'
    ).format(WIDTH, height, title, Markup("").join(parts))


def _looks(timeline: ServiceTimeline) -> list[str]:
    """For each bin the exchange, or the style of a bin that has none."""
    return [
        carrier or ("unanswered" if sent else "unsent")
        for carrier, sent in zip(timeline.carrier, timeline.sent, strict=True)
    ]


def _runs(looks: Sequence[str]) -> Iterator[_Run]:
    first = 0
    for look, same in groupby(looks):
        end = first + len(list(same))
        yield _Run(first, end, look)
        first = end


def _marks(timeline: ServiceTimeline, scale: Scale) -> Iterator[str]:
    """A closed path for each run of bins that lost the same share, never too small to see."""
    heights = [
        f"{4 + (ROW - 4) * min(1.0, lost / max(sent, 1)):.0f}" if lost else ""
        for lost, sent in zip(timeline.lost, timeline.sent, strict=True)
    ]
    for run in _runs(heights):
        if run.look:
            width = max(2.0, scale.bin_x(run.end) - scale.bin_x(run.first))
            yield f"M{scale.bin_x(run.first):.1f} {ROW}v-{run.look}h{width:.1f}v{run.look}z"


def _label_places(steps: Sequence[StepEvidence], scale: Scale) -> list[float]:
    """Where step names stand: at the step's start, moved apart where steps are short."""
    places: list[float] = []
    for step in steps:
        places.append(max([scale.x(step.at), 6, *(last + _LABEL_ROOM for last in places[-1:])]))
    limit = WIDTH - 6.0
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - _LABEL_ROOM
    return places


def _shortened(name: str) -> str:
    return name if len(name) <= 11 else f"{name[:10]}…"
