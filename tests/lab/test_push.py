"""A push to real devices: all or nothing is staged, what arrives is proved, strangers are found."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.cutover.bench import boot, pusher_for, reaching, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.steering import Stage, stages
from pcg_netops.diff import changed_files
from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.platforms.linux import LINUX
from pcg_netops.push.practice import lab_secrets
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import copy_small

pytestmark = pytest.mark.lab

NODES = ("hq-border", "legacy-fw", "cloud-north", "cloud-south", "health-net", "hospital")


@dataclass(frozen=True)
class Running:
    """The small network, booted in its first stage."""

    workspace: Workspace
    lab: OwnedLab
    named: Mapping[str, Stage]

    def rendered(self, stage: str) -> Artifacts:
        return render_stage(self.workspace, self.named[stage])

    def state(self) -> dict[str, tuple[str, ...]]:
        """What every device runs, and would start from."""
        commands = (
            ["vtysh", "-c", "show running-config"],
            ["nft", "-s", "list", "ruleset"],
            ["sh", "-c", "cat /var/lib/pcg/*"],
        )
        return {node: tuple(self.lab.run(node, c).stdout for c in commands) for node in NODES}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    workspace = load_workspace(copy_small(tmp_path_factory.mktemp("push") / "workspace"))
    _, cutover = workspace.cutover()
    all_stages = stages(cutover, workspace.services)
    devices, artifacts = design(workspace, all_stages[0]), render_stage(workspace, all_stages[0])
    with boot(workspace, devices, artifacts, tmp_path_factory.mktemp("lab")) as lab:
        wait_converged(lab, devices)
        yield Running(workspace, lab, {stage.name: stage for stage in all_stages})


@pytest.fixture
def pusher(running: Running) -> Iterator[Pusher]:
    with closing(pusher_for(running.workspace, running.lab)) as pusher:
        yield pusher


@pytest.fixture(scope="module")
def built(running: Running) -> list[str]:
    """What is said while the next stage is pushed to every device; later pushes begin there."""
    said: list[str] = []
    with closing(pusher_for(running.workspace, running.lab)) as pusher:
        pusher.push(running.rendered("build"), [NODES[1:], NODES[:1]], said.append)
    return said


def _quiet(_: str) -> None:
    pass


def _refused(pusher: Pusher, artifacts: Artifacts, *names: str) -> str:
    with pytest.raises(PushError) as error:
        pusher.push({name: artifacts[name] for name in names}, [names], _quiet)
    return str(error.value)


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("frr.conf.j2", "router bogus 7", "router bogus 7"),
        ("nftables.conf.j2", "table inet bogus { chain x { type filter hok forward } }", "hok"),
    ],
)
def test_a_rejected_line_is_named_and_nothing_is_changed_anywhere(
    running: Running, pusher: Pusher, tmp_path: Path, template: str, line: str, said: str
) -> None:
    """The device's own validation finds it before anything is applied, on any device."""
    spoiled = copy_small(tmp_path / "workspace")
    path = spoiled / "templates/linux" / template
    condition = '{% if device.name == "hospital" %}' + line + "\n{% endif %}\n"
    path.write_text(path.read_text() + condition)
    artifacts = render_stage(load_workspace(spoiled), running.named["build"])
    text = artifacts["hospital"][template.removesuffix(".j2")].text
    number = text.splitlines().index(line) + 1
    before = running.state()

    words = _refused(pusher, artifacts, *NODES)

    assert words.startswith("stage: hospital: ")
    assert said in words
    assert str(number) in words, words
    assert words.endswith("remedy: nothing was changed")
    assert not any(f"\n{node}: " in words or f"stage: {node}" in words for node in NODES[:-1])
    assert running.state() == before


def test_a_device_with_another_host_key_is_refused(running: Running, pusher: Pusher) -> None:
    known_hosts = running.lab.known_hosts
    right = known_hosts.read_text()
    address_of = {line.split()[0].split(",")[1]: line.split()[0] for line in right.splitlines()}
    key_of = {name: line.split(maxsplit=1)[1] for name, line in _by_name(right)}
    key_of["hospital"] = key_of["health-net"]
    before = running.state()
    with _replaced(known_hosts, "".join(f"{address_of[n]} {k}\n" for n, k in key_of.items())):
        words = _refused(pusher, running.rendered("build"), "health-net", "hospital")
    assert words.startswith("stage: hospital: cannot log in: ")
    assert "another host key than the one that you trust" in words
    assert running.state() == before


def test_a_device_with_an_unknown_host_key_is_refused(running: Running, pusher: Pusher) -> None:
    known_hosts = running.lab.known_hosts
    others = "".join(f"{x}\n" for n, x in _by_name(known_hosts.read_text()) if n != "hospital")
    with _replaced(known_hosts, others):
        words = _refused(pusher, running.rendered("build"), "hospital")
    assert words.startswith("stage: hospital: cannot log in: ")
    assert "not found in known_hosts" in words


def _by_name(known_hosts: str) -> list[tuple[str, str]]:
    return [(line.split()[0].split(",")[1], line) for line in known_hosts.splitlines()]


@contextmanager
def _replaced(path: Path, text: str) -> Iterator[None]:
    right = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(right)


def test_what_is_pushed_runs_and_is_kept_for_the_next_start(
    running: Running, built: list[str], pusher: Pusher
) -> None:
    artifacts = running.rendered("build")
    assert built == [
        f"staging on {', '.join((*NODES[1:], NODES[0]))}",
        f"applying on {', '.join(NODES[1:])}",
        "applying on hq-border",
    ]
    values = lab_secrets(running.lab.known_hosts.parent)
    for node in NODES:
        delivered = artifacts[node].keys() & LINUX.delivered
        assert delivered >= {"frr.conf", "nftables.conf"}
        for name in delivered:
            artifact = artifacts[node][name]
            kept = running.lab.run(node, ["cat", f"/var/lib/pcg/{name}"]).stdout
            assert kept == values.fill(artifact.text), node
            mode = running.lab.run(node, ["stat", "-c", "%a", f"/var/lib/pcg/{name}"]).stdout
            assert mode == "600\n"
    wait_converged(running.lab, design(running.workspace, running.named["build"]))
    again = running.state()
    pusher.push(artifacts, [NODES], _quiet)
    assert running.state() == again, "the same push changes nothing"


@pytest.mark.usefixtures("built")
def test_a_push_removes_what_somebody_added_by_hand(running: Running, pusher: Pusher) -> None:
    artifacts = running.rendered("build")
    before = running.state()
    stranger = ["vtysh", "-c", "configure", "-c", "ip prefix-list stranger permit 10.9.0.0/16"]
    assert running.lab.run("hospital", stranger).returncode == 0
    assert running.lab.run("hospital", ["nft", "add", "table", "inet", "stranger"]).returncode == 0
    assert running.state() != before
    pusher.push({"hospital": artifacts["hospital"]}, [["hospital"]], _quiet)
    assert running.state() == before


@pytest.mark.parametrize(
    ("change", "file", "difference"),
    [
        ("nft add table inet stranger", "nftables.conf", "+table inet stranger {"),
        (
            "vtysh -c configure -c 'ip prefix-list stranger permit 10.9.0.0/16'",
            "frr.conf",
            "ip prefix-list stranger",
        ),
    ],
    ids=["filter", "routing"],
)
@pytest.mark.usefixtures("built")
def test_a_change_behind_our_back_while_we_push_is_found(
    running: Running, pusher: Pusher, change: str, file: str, difference: str
) -> None:
    """Somebody works on the device at the same time: what is read back is not what was sent."""
    artifacts = running.rendered("build")
    before = running.state()
    meddle = f"while sleep 0.02; do {change}; done >/dev/null 2>&1 & echo $!"
    meddler = running.lab.run("hospital", ["sh", "-c", meddle]).stdout.strip()
    try:
        words = _refused(pusher, {"hospital": {file: artifacts["hospital"][file]}}, "hospital")
    finally:
        assert running.lab.run("hospital", ["kill", "-9", meddler]).returncode == 0
    assert words.startswith(
        f"apply: hospital: took the change, but the device still differs:\n{file}:\n"
    ), words
    assert difference in words
    assert words.endswith("remedy: every device is back as it was before")
    pusher.push({"hospital": artifacts["hospital"]}, [["hospital"]], _quiet)
    assert running.state() == before


def test_when_one_wave_fails_every_device_is_put_back(running: Running, pusher: Pusher) -> None:
    """One of a later wave accepts the change, and does not then run it as it was sent."""
    first, spoilt = ("cloud-north", "health-net"), "hospital"
    old, new = running.rendered("before"), running.rendered("build")
    pusher.push({name: old[name] for name in (*first, spoilt)}, [(*first, spoilt)], _quiet)
    before = running.state()
    sound = new[spoilt]["frr.conf"]
    # FRR's own default, which it takes and then does not show.
    text = sound.text.replace("delay-timer 1", "delay-timer 5")
    assert text != sound.text
    artifacts = new | {spoilt: new[spoilt] | {"frr.conf": replace(sound, text=text)}}
    said: list[str] = []
    with pytest.raises(PushError, match=r"^apply: hospital: took the change, but") as caught:
        pusher.push(artifacts, [first, [spoilt], ["hq-border"]], said.append)
    assert caught.value.remedy == "every device is back as it was before"
    assert said[1:] == [
        "applying on cloud-north, health-net",
        "applying on hospital",
        "reverting on hq-border",
        "reverting on hospital",
        "reverting on cloud-north, health-net",
    ]
    now = running.state()
    assert {node for node in NODES if now[node] != before[node]} <= {spoilt}
    routing, filters, kept = now[spoilt]
    assert (routing, kept) == (before[spoilt][0], before[spoilt][2])
    (delivery,) = (kind.delivery for kind in LINUX.artifacts if kind.name == "nftables.conf")
    assert delivery
    assert delivery.residue(filters, before[spoilt][1]) == ""


def test_traffic_leaves_a_gateway_that_is_drained_and_comes_back(
    running: Running, pusher: Pusher
) -> None:
    """The edge prefers cloud-south, and so does the core for what is published."""
    stage = running.named["move"]
    drained = replace(stage, drained=("cloud-south",))
    held: Artifacts = {}
    for now, gateway in ((stage, "cloud-south"), (drained, "cloud-north"), (stage, "cloud-south")):
        wanted = render_stage(running.workspace, now)
        changed = changed_files(held, wanted)
        pusher.push(changed, [list(changed)], _quiet)
        held = wanted
        devices = design(running.workspace, now)
        wait_converged(running.lab, devices)
        ways = {
            "hq-border": IPv4Address("10.2.0.17"),  # a service of the ward
            "health-net": IPv4Address("10.1.0.65"),  # published by the headquarters
        }
        for node, target in ways.items():
            (to_gateway,) = (i.name for i in devices[node].interfaces if i.peer == gateway)
            _wait_until_routed(running.lab, node, target, to_gateway)


def _wait_until_routed(lab: OwnedLab, node: str, target: IPv4Address, interface: str) -> None:
    deadline = time.monotonic() + 10
    while f" dev {interface} " not in (
        way := lab.run(node, ["ip", "route", "get", str(target)]).stdout
    ):
        assert time.monotonic() < deadline, (node, way)
        time.sleep(0.1)


def test_a_device_that_has_no_power_is_named(running: Running) -> None:
    def in_haste(name: str) -> dict[str, Any]:
        return reaching(running.lab)(name) | {"dial": partial(running.lab.connect, name, timeout=2)}

    running.lab.power_off(["hospital"])
    secrets = lab_secrets(running.lab.known_hosts.parent)
    try:
        with closing(Pusher(running.workspace, in_haste, secrets)) as pusher:
            words = _refused(pusher, running.rendered("build"), "health-net", "hospital")
    finally:
        running.lab.power_on(["hospital"])
    assert words.startswith("stage: hospital: ")
    assert "Traceback" not in words
    assert words.endswith("remedy: nothing was changed")


def _with_communities(artifacts: Artifacts, *numbers: int) -> Artifacts:
    """The border router's files, whose community list has these, in this order."""
    files = artifacts["hq-border"]
    lines = [
        f"bgp community-list standard from-exchanges seq {5 * at} permit 65001:{number}"
        for at, number in enumerate(numbers, 1)
    ]
    kept = [
        line
        for line in files["frr.conf"].text.splitlines()
        if not line.startswith("bgp community-list standard from-exchanges ")
    ]
    at = next(i for i, line in enumerate(kept) if line.startswith("bgp community-list "))
    text = "\n".join([*kept[:at], *lines, "!", *kept[at:]]) + "\n"
    changed = replace(files["frr.conf"], text=text)
    return {"hq-border": {**files, "frr.conf": changed}}


def test_an_entry_that_changes_under_its_number_arrives_and_goes_back(
    running: Running, pusher: Pusher, built: list[str]
) -> None:
    """frr-reload.py of FRR 8.4 ends with 1, though what runs is what was meant."""
    artifacts = running.rendered("build")
    for numbers in ((2001, 2002), (2002, 2001), (3001, 2001), (2001, 3001, 2002), (2001, 2002)):
        pusher.push(_with_communities(artifacts, *numbers), [["hq-border"]], _quiet)
        shown = running.lab.run("hq-border", ["vtysh", "-c", "show running-config"]).stdout
        for at, number in enumerate(numbers, 1):
            assert (
                f"community-list standard from-exchanges seq {5 * at} permit 65001:{number}"
                in shown
            )
        assert shown.count("community-list standard from-exchanges ") == len(numbers)
