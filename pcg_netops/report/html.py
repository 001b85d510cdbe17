"""Writes the two files of a rehearsal: `evidence.json` for programs, `index.html` for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from pcg_netops.cutover.evidence import Evidence
from pcg_netops.files import write_whole
from pcg_netops.report import svg, view, words
from pcg_netops.report.topology import draw

_TEMPLATES = Path(__file__).parent / "templates"
_PAGE = "index.html.j2"


def write_report(evidence: Evidence, out: Path) -> None:
    """Write `evidence.json` and `index.html` into the folder `out`, each all or nothing.

    The evidence is written first. Raises as `write_whole` does.
    """
    data = evidence.model_dump_json(indent=1) + "\n"
    write_whole(out / "evidence.json", data)
    digest = hashlib.sha256(data.encode()).hexdigest()
    write_whole(out / "index.html", render_page(evidence, digest))


def render_page(evidence: Evidence, digest: str) -> str:
    """The page; `digest` is the SHA-256 of `evidence.json`.

    Its templates are ours, never the workspace's: whoever proposes a change does not word the
    verdict on it.
    """
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters.update(
        count=words.count,
        diff=diff_markup,
        duration=words.duration,
        listed=words.listed,
        number=words.number,
        outage=lambda flow: words.outage([flow]),
        push_time=view.push_time,
        seconds=words.seconds,
        when=words.when,
    )
    exchanges = view.exchanges(evidence)
    scale = svg.Scale.of(evidence)
    timelines = [
        (service, svg.timeline_svg(service, evidence.steps, scale, exchanges))
        for service in evidence.timeline.services
    ]
    return environment.get_template(_PAGE).render(
        evidence=evidence,
        digest=digest,
        sentence=view.sentence(evidence),
        reasons=view.reasons(evidence),
        figures=view.figures(evidence),
        matrix=view.matrix(evidence),
        detailed=view.detailed(evidence),
        other_misses=view.other_misses(evidence),
        forbidden=view.forbidden(evidence),
        artifacts=view.artifacts(evidence),
        links=view.links(evidence),
        exchanges=exchanges,
        axis=svg.axis_svg(evidence, scale),
        timelines=timelines,
        topology=draw(evidence.lab, exchanges),
    )


def diff_markup(text: str) -> Markup:
    """A unified diff with its additions and removals marked up."""
    return Markup("").join(
        Markup("<{0}>{1}</{0}>").format(tag, "".join(line for _, line in lines))
        for tag, lines in groupby(_tagged(text), lambda tagged: tagged[0])
    )


def _tagged(text: str) -> Iterator[tuple[str, str]]:
    """Each line of a diff with its element. Before the first hunk `+++` and `---` name files."""
    tags = {"+": "ins", "-": "del", "@": "b"}
    in_hunk = False
    for line in text.splitlines(keepends=True):
        in_hunk = in_hunk or line.startswith("@@")
        yield tags.get(line[0], "span") if in_hunk else "b", line
