"""The demonstration's network, booted once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.cutover.bench import boot, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.steering import Stage, find_stage, stages
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.model.device import Device
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import REPOSITORY


@dataclass(frozen=True)
class Running:
    """The demonstration's network while both exchanges are up."""

    workspace: Workspace
    stage: Stage
    devices: Mapping[str, Device]
    artifacts: Artifacts
    lab: OwnedLab
    folder: Path

    def said(self, node: str, *argv: str) -> str:
        """What a command prints that has to succeed."""
        done = self.lab.run(node, argv)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    workspace = load_workspace(REPOSITORY)
    stage = find_stage(stages(workspace.cutover()[1], workspace.services), "p1")
    devices, artifacts = design(workspace, stage), render_stage(workspace, stage)
    folder = tmp_path_factory.mktemp("lab")
    with boot(workspace, devices, artifacts, folder) as lab:
        wait_converged(lab, devices)
        yield Running(workspace, stage, devices, artifacts, lab, folder)
