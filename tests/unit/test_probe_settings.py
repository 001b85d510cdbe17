"""How often flows are probed: as finely as their limits ask for, and no more than can be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcg_netops.cutover.run import full_rate, probe_settings
from pcg_netops.design.flows import flows
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.flow import Flow, Protocol
from tests.conftest import REPOSITORY
from tests.organisations import write


def loaded(folder: Path) -> tuple[Workspace, tuple[Flow, ...]]:
    workspace = load_workspace(folder)
    return workspace, flows(workspace.network, workspace.services)


def test_the_demonstration_is_probed_at_every_rate_that_it_asks_for() -> None:
    workspace, traffic = loaded(REPOSITORY)
    found = probe_settings(workspace, traffic, 100)
    assert (found.udp_rate, found.connect_interval_ms, found.session_interval_ms) == (100, 50, 100)
    assert found.connect_intervals_ms == {"interforce-voice": 10}
    assert found.rates == {"interforce-voice": 100}
    assert full_rate(traffic, found.connect_intervals_ms) == 1000


@pytest.mark.parametrize("rate", [100, 1000])
def test_many_flows_take_half_a_processor_and_no_more(rate: int, tmp_path: Path) -> None:
    workspace, traffic = loaded(write(tmp_path / "organisation", 5))
    found = probe_settings(workspace, traffic, rate)
    udp = sum(flow.protocol is Protocol.UDP for flow in traffic)
    tcp = len(traffic) - udp
    share = udp * found.udp_rate * 120e-6 + tcp * 1000 / found.connect_interval_ms * 300e-6
    assert 0.4 < share <= 0.51
    assert full_rate(traffic, {flow.service for flow in traffic}) < 1000
