"""`pcg audit`: every hardening rule against every device at every stage asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pcg_netops.audit.finding import Finding, Rule
from pcg_netops.audit.hardening.configuration import Configuration, statements_in
from pcg_netops.audit.hardening.device_rules import DEVICE_RULES, Audited
from pcg_netops.audit.hardening.exposure_rules import EXPOSURE_RULES
from pcg_netops.audit.hardening.filter_rules import FILTER_RULES
from pcg_netops.audit.hardening.intent import Intent
from pcg_netops.audit.hardening.login_rules import LOGIN_RULES
from pcg_netops.audit.hardening.monitoring_rules import MONITORING_RULES
from pcg_netops.audit.hardening.routing_rules import ROUTING_RULES
from pcg_netops.audit.hardening.spelling import Spelling, TextRule
from pcg_netops.audit.hardening.waiving import EXPIRED, UNUSED, Occurrence, Waiving, waived
from pcg_netops.design.devices import Designer
from pcg_netops.design.steering import Stage, stages
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import platform_named
from pcg_netops.platforms.base import ArtifactKind
from pcg_netops.render import Artifact, StageRenderer

TEXT_RULES: tuple[TextRule, ...] = (
    *LOGIN_RULES,
    *EXPOSURE_RULES,
    *MONITORING_RULES,
    *ROUTING_RULES,
    *FILTER_RULES,
)
AUDIT_RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *(rule.rule for rule in TEXT_RULES),
            *(check.rule for check in DEVICE_RULES),
            EXPIRED.rule,
            UNUSED.rule,
        ),
        key=lambda rule: rule.code,
    )
)


def _by_file() -> dict[str, list[tuple[TextRule, Spelling]]]:
    """What each kind of file is held to."""
    found: dict[str, list[tuple[TextRule, Spelling]]] = {}
    for rule in TEXT_RULES:
        for spelling in rule.spellings:
            found.setdefault(spelling.file, []).append((rule, spelling))
    return found


_OF_FILE = _by_file()


@dataclass(frozen=True)
class Moment:
    """A stage of one of the workspace's cutovers. `label` is how messages call it."""

    stage: Stage
    label: str


def moments(workspace: Workspace) -> tuple[Moment, ...]:
    """Every stage of every cutover."""
    several = len(workspace.cutovers) > 1
    return tuple(
        Moment(stage, f"{name}:{stage.name}" if several else stage.name)
        for name, cutover in workspace.cutovers.items()
        for stage in stages(cutover, workspace.services)
    )


def audit_stages(workspace: Workspace, chosen: Sequence[Moment]) -> tuple[Finding, ...]:
    """Everything found at those stages, the worst first; what is found at several comes once.

    Raises InputErrors if something cannot be rendered.
    """
    auditor = _Auditor(workspace)
    found = [occurrence for moment in chosen for occurrence in auditor.at(moment)]
    labels = [moment.label for moment in chosen]
    findings: list[Finding] = []
    if workspace.sources.waivers:
        everything = len(chosen) == len(moments(workspace))
        subject = Waiving(*workspace.sources.waivers, tuple(found), everything)
        found = list(waived(subject))
        findings += [*EXPIRED.findings(subject), *UNUSED.findings(subject)]
    findings += _once(found, labels)
    return tuple(sorted(findings, key=lambda finding: (finding.severity.rank, finding.code)))


class _Auditor:
    """Remembers what it found, for most devices stay as they are from one stage to the next."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._intent = Intent(workspace.network, workspace.services)
        self._designer = Designer(workspace)
        self._renderer = StageRenderer(workspace)
        self._latest: dict[str, tuple[Device, tuple[Finding, ...]]] = {}

    def at(self, moment: Moment) -> Iterator[Occurrence]:
        """What each device has at a stage."""
        artifacts = self._renderer.render(moment.stage)
        for name, device in self._designer.design(moment.stage).items():
            if device.role is Role.HOST:
                continue
            latest = self._latest.get(name)
            if latest is None or (latest[0] is not device and latest[0] != device):
                latest = (device, tuple(self._of(device, artifacts[name])))
                self._latest[name] = latest
            for finding in latest[1]:
                yield Occurrence(finding, name, moment.stage, moment.label)

    def _of(self, device: Device, artifacts: Mapping[str, Artifact]) -> Iterator[Finding]:
        for check in DEVICE_RULES:
            yield from check.findings(Audited(self._workspace, self._intent, device))
        for kind in platform_named(device.platform).artifacts:
            # A file that this device does not have is one that says nothing.
            text = artifacts[kind.name].text if kind.name in artifacts else ""
            yield from self._text(device, kind, text)

    def _text(self, device: Device, kind: ArtifactKind, text: str) -> Iterator[Finding]:
        place = f"{device.name}/{kind.name}"
        configuration = Configuration(
            kind.name,
            statements_in(kind.name, text),
            device,
            self._intent,
        )
        for text_rule, spelling in _OF_FILE.get(kind.name, ()):
            if device.role in text_rule.roles:
                for fault in spelling.faults(configuration):
                    yield Finding(
                        text_rule.rule.code,
                        text_rule.rule.severity,
                        f"{place}:{fault.line}" if fault.line else place,
                        fault.message,
                        f"{fault.remedy} (templates/{kind.template})",
                    )


def _once(found: Sequence[Occurrence], labels: Sequence[str]) -> Iterator[Finding]:
    """Each finding with the stages that it is found at, if those are not all."""
    first: dict[tuple[str, str, str], Finding] = {}
    at: dict[tuple[str, str, str], list[str]] = {}
    for occurrence in found:
        finding = occurrence.finding
        key = (finding.code, finding.place.partition(":")[0], finding.message)
        first.setdefault(key, finding)
        if occurrence.label not in at.setdefault(key, []):
            at[key].append(occurrence.label)
    for key, finding in first.items():
        if len(at[key]) == len(labels):
            yield finding
        else:
            yield replace(finding, message=f"{finding.message} (at {', '.join(at[key])})")
