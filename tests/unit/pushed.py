"""A small network whose changed devices are fakes, to be pushed to with `pcg push` itself."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import ChangeSet, plan_stages, residue, save, stale
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.push import Holds
from pcg_netops.push.trust import Trust, asked_for
from pcg_netops.render import render_stage
from tests.conftest import copy_small
from tests.fake_device import PASSWORD, USER, FakeDevice
from tests.unit.fake_network import CANARY, IOSXE, JUNOS, Maker

MAKERS = {"cloud-north": JUNOS, "health-net": IOSXE, "hq-border": IOSXE}
PHASES = ("before", "build")
WAVES = (("cloud-north",), ("health-net",), ("hq-border",))
ENVIRONMENT = {"AMBULANCE_BGP": CANARY, "ROUTER_PASSWORD": PASSWORD}


@dataclass(frozen=True)
class Network:
    """A workspace on disk, a change set of three devices, and where its devices will listen."""

    root: Path
    change: Path
    ssh_config: Path
    ports: Mapping[str, int]
    startups: Mapping[str, str]

    @cached_property
    def workspace(self) -> Workspace:
        return load_workspace(self.root)

    def new_devices(self, minute_s: float = 60.0) -> dict[str, FakeDevice]:
        """New devices, as before the push."""
        return {
            name: maker.device(name, self.startups[name], minute_s=minute_s, boot_s=0.05)
            for name, maker in MAKERS.items()
        }

    def devices(self) -> dict[str, FakeDevice]:
        """New devices where the workspace says that they are, whose keys are known."""
        devices = self.new_devices()
        for name, device in devices.items():
            device.port = self.ports[name]
        keys = "".join(device.known_hosts_line for device in devices.values())
        trust = Trust.of(self.workspace)
        trust.allow(asked_for(self.workspace))
        trust.known_hosts.write_text(keys)
        return devices

    def arguments(self, *more: str) -> list[str]:
        """Of `pcg`, to push the change set."""
        place = ["--workspace", str(self.root), "--ssh-config", str(self.ssh_config)]
        return ["push", *more, *place]


def network_in(folder: Path) -> Network:
    """The network between two phases. Its cloud-south is taken out of the change set."""
    root = copy_small(folder / "workspace")
    ports = {name: _free_port() for name in MAKERS}
    hosts = root / "inventory/hosts.yaml"
    text, config = hosts.read_text(), ""
    for name, maker in MAKERS.items():
        address = load_workspace(root).hosts[name].hostname
        login = "login: {password: env:ROUTER_PASSWORD}"
        said = f"platform: {maker.platform}, username: {USER}, {login}"
        text = text.replace(f"hostname: {address}", f"hostname: {address}, {said}")
        config += f"Host {address}\n  HostName 127.0.0.1\n  Port {ports[name]}\n"
    hosts.write_text(text)
    ssh_config = folder / "ssh_config"
    ssh_config.write_text(config)
    workspace = load_workspace(root)
    cutover, plan = workspace.cutover()
    both = [find_stage(stages(plan, workspace.services), phase) for phase in PHASES]
    before, after = (
        {name: files for name, files in render_stage(workspace, stage).items() if name in MAKERS}
        for stage in both
    )
    platforms = {name: maker.platform for name, maker in MAKERS.items()}
    change = ChangeSet(
        network=workspace.network.name,
        cutover=cutover,
        before=PHASES[0],
        after=PHASES[1],
        waves=WAVES,
        devices=plan_stages(before, after, platforms),
    )
    save(change, folder / "change.json")
    startups = {
        name: before[name][_file(maker)].text.replace("pcg_secret_bgp_", CANARY)
        for name, maker in MAKERS.items()
    }
    return Network(root, folder / "change.json", ssh_config, ports, startups)


def holding(change: ChangeSet, name: str, device: FakeDevice) -> str:
    """What a device holds, as it is in truth."""
    of_it, file = change.device(name), _file(MAKERS[name])
    running, saved = ({file: text} for text in (device.running_text, device.saved_text))
    if device.pending:
        return Holds.UNCONFIRMED
    if not stale(of_it, running):
        return Holds.OTHER if stale(of_it, saved) else Holds.BASE
    if residue(of_it, running):
        return Holds.OTHER
    return Holds.UNSAVED if residue(of_it, saved) else Holds.INTENDED


def let_time_pass(devices: dict[str, FakeDevice]) -> None:
    """Let every timer of a device be over, as it would be in the end."""
    deadline = time.monotonic() + 30
    while any(device.pending for device in devices.values()):
        for device in devices.values():
            device.hurry()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _file(maker: Maker) -> str:
    return "iosxe.conf" if maker is IOSXE else "junos.set"


def _free_port() -> int:
    """One that is bound again and again, so none that the kernel gives to others meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)  # below those that it gives
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
