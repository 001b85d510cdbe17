"""A production network of another shape, with platforms mixed: checked, rendered, meant."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.inventory.compose import compose
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Device, Role
from pcg_netops.model.firewall import FilterRule
from pcg_netops.model.hosts import Entry
from pcg_netops.model.services import Services
from tests.conftest import COUNTY, REPOSITORY, Pcg
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import differences
from tests.unit.meaning.test_meaning import READERS, rendered
from tests.unit.test_docs import fields


def stage_devices() -> Iterator[tuple[str, Device]]:
    workspace = load_workspace(COUNTY)
    _, cutover = workspace.cutover()
    for stage in stages(cutover, workspace.services):
        for device in design(workspace, stage).values():
            if device.role is not Role.HOST:
                yield stage.name, device


def test_it_has_the_findings_of_its_calendar_and_no_others(workspace: Path, pcg: Pcg) -> None:
    shutil.rmtree(workspace / "inventory")
    shutil.copytree(COUNTY / "inventory", workspace / "inventory")
    done = pcg("check")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[:2] for line in done.out.splitlines() if not line.startswith(" ")] == [
        ["note", "PCG101"],  # accepted by name
        ["note", "PCG112"],
        ["County", "Hospitals"],
    ]
    assert "19 nodes, 10 services, 1 cutover: no errors, 2 notes" in done.out


def test_every_device_means_on_its_own_platform_what_it_asks_for_at_every_stage() -> None:
    found = list(stage_devices())
    assert {device.platform for _, device in found} == set(READERS)
    seen: set[Device] = set()
    for stage, device in found:
        if device not in seen:
            seen.add(device)
            said = READERS[device.platform](rendered(device, device.platform))
            assert differences(facts_of(device), said) == [], f"{device.name} at {stage}"


@pytest.mark.parametrize("site", ["main", "theatres"])
def test_sites_behind_one_edge_reach_one_another(site: str) -> None:
    workspace = load_workspace(COUNTY)
    edge = next(device for _, device in stage_devices() if device.name == "main-edge")
    prefix = workspace.network.sites[site].prefix
    (own,) = (i.name for i in edge.interfaces if i.address.ip in prefix)
    assert edge.firewall

    def between(rule: FilterRule) -> bool:
        return rule.owner == "between-own-sites" and own in (rule.from_interfaces or ())

    (rule,) = filter(between, edge.firewall.rules)
    assert rule.from_interfaces == rule.to_interfaces
    assert prefix in (rule.sources or ())
    assert prefix in (rule.destinations or ())


def said(data: Any, model: type[BaseModel]) -> set[str]:
    """Every field that is written down below some model's data, as the documents name them."""
    known = {path for path, _ in fields(model)}

    def walk(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, part in value.items():
                for name in (key, "<name>"):
                    longer = f"{path}.{name}".removeprefix(".")
                    if any(f"{each}.".startswith(f"{longer}.") for each in known):
                        yield longer
                        yield from walk(part, longer)
        elif isinstance(value, list):
            for part in value:
                yield from walk(part, f"{path}[]")

    return set(walk(data, ""))


@pytest.mark.parametrize(
    ("file", "model"),
    [("services.yaml", Services), ("cutovers/hub-to-regional.yaml", Cutover)],
)
def test_it_uses_every_field_there_is(file: str, model: type[BaseModel]) -> None:
    data, _ = compose(file, (COUNTY / "inventory" / file).read_text())
    assert {path for path, _ in fields(model)} <= said(data, model)


def test_its_hosts_use_every_field_there_is() -> None:
    used: set[str] = set()
    for file in ("hosts", "groups"):
        data, _ = compose(file, (COUNTY / f"inventory/{file}.yaml").read_text())
        for entry in data.values():
            used |= entry.keys()
    assert used == set(Entry.model_fields)


def test_nothing_in_it_is_of_the_demonstration() -> None:
    texts = "".join(path.read_text() for path in sorted((COUNTY / "inventory").rglob("*.yaml")))
    demonstration = load_workspace(REPOSITORY).network
    for name in (*demonstration.nodes, *demonstration.exchanges, *demonstration.domains):
        assert f"{name}:" not in texts
