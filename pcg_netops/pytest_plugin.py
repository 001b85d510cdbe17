"""Fixtures for anybody's tests: a workspace, and its network running as a lab.

    def test_the_edge_knows_a_way_to_the_records(pcg_lab):
        found = pcg_lab.run("dc1-edge1", ["ip", "route", "get", "198.51.100.129"])
        assert " via " in found.stdout

`pcg_workspace` and `pcg_phase` in the ini file choose the folder (default: the root of the tests)
and the phase (default: the first).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pcg_netops.inventory.workspace import Workspace
    from pcg_netops.lab.controller import OwnedLab


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our two ini settings."""
    parser.addini("pcg_workspace", "folder that holds inventory/ and templates/", default=".")
    parser.addini("pcg_phase", "phase whose configuration the lab boots with", default="")


@pytest.fixture(scope="session")
def pcg_workspace(pytestconfig: pytest.Config) -> Workspace:
    """The workspace under test."""
    from pcg_netops.inventory.workspace import load_workspace

    return load_workspace(pytestconfig.rootpath / pytestconfig.getini("pcg_workspace"))


@pytest.fixture(scope="session")
def pcg_lab(
    pcg_workspace: Workspace,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OwnedLab]:
    """The workspace's network, booted once for the session, every route in every kernel."""
    from pcg_netops.cutover.bench import boot, wait_converged
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import find_stage, stages
    from pcg_netops.push.practice import stand_ins
    from pcg_netops.render import render_stage

    _, cutover = pcg_workspace.cutover()
    all_stages = stages(cutover, pcg_workspace.services)
    phase = pytestconfig.getini("pcg_phase")
    stage = find_stage(all_stages, phase) if phase else all_stages[0]
    network = stand_ins(pcg_workspace)
    devices = design(network, stage)
    folder = tmp_path_factory.mktemp("lab")
    with boot(network, devices, render_stage(network, stage), folder) as lab:
        wait_converged(lab, devices)
        yield lab
