"""Playbooks of anybody's: our tasks and plug-ins with stock Nornir, on devices that speak SSH."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.filter import F
from nornir.core.inventory import Hosts
from nornir.core.task import AggregatedResult, Result, Task
from rich.console import Console

import pcg_netops.nornir as ours
from pcg_netops.diff import DeviceChange, load
from pcg_netops.errors import InputError, PushError
from pcg_netops.nornir import Journaled, Progress, context
from pcg_netops.push import read_journal
from tests.conftest import SMALL
from tests.fake_device import FakeDevice, Fault, Kind, serving
from tests.unit.pushed import ENVIRONMENT, Network, holding, network_in

PUBLIC = (
    "Journaled PcgInventory Progress WavesRunner apply arm collect confirm diff extend preflight"
    " push render revert stage verify"
)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    found = network_in(tmp_path)
    monkeypatch.chdir(found.root)
    yield found
    context._known.clear()


def nornir(network: Network, dry_run: bool = False, **options: object) -> Nornir:
    """Stock Nornir on the workspace's own files."""
    return InitNornir(
        config_file="inventory/config.yaml",
        dry_run=dry_run,
        user_defined={"pcg": {"ssh_config": str(network.ssh_config)}},
        logging={"enabled": False},
        **options,
    )


def said(result: AggregatedResult) -> dict[str, str]:
    return {name: str(multi[0].result) for name, multi in result.items()}


def held(network: Network, devices: dict[str, FakeDevice]) -> set[str]:
    return {holding(network_change(network), name, device) for name, device in devices.items()}


def network_change(network: Network):  # type: ignore[no-untyped-def]

    return load(network.change)


def test_the_public_names_are_these() -> None:
    assert sorted(PUBLIC.split()) == sorted(ours.__all__)
    for name in ours.__all__:
        assert getattr(ours, name).__doc__, name


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, pcg_netops.nornir;"
        "print([m for m in ('pydantic', 'pyroute2', 'netmiko', 'rich', 'hier_config', 'asyncssh')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_rendering_gives_the_files_and_writes_them_once(network: Network) -> None:
    nr = nornir(network)
    first = nr.run(task=ours.render, phase="build", out="out")
    assert not first.failed
    assert set(first["hq-border"][0].result) >= {"iosxe.conf"}
    assert "+hostname hq-border" in first["hq-border"][0].diff
    assert all(multi[0].changed for multi in first.values())
    again = nr.run(task=ours.render, phase="build", out="out")
    assert not any(multi[0].changed or multi[0].diff for multi in again.values())
    text = (network.root / "out/hq-border/iosxe.conf").read_text()
    assert text == again["hq-border"][0].result["iosxe.conf"]


def test_a_dry_run_writes_nothing_and_says_what_it_would(network: Network) -> None:
    done = nornir(network, dry_run=True).run(task=ours.render, phase="build", out="out")
    assert done["hq-border"][0].changed
    assert not (network.root / "out").exists()


def test_an_edit_of_the_workspace_counts_at_once(network: Network) -> None:
    nr = nornir(network).filter(name="hq-border")
    template = network.root / "templates/iosxe/iosxe.conf.j2"
    template.write_text(template.read_text().replace("hostname {{", "hostname new-{{"))
    before = nr.run(task=ours.render, phase="build")["hq-border"][0].result["iosxe.conf"]
    template.write_text(template.read_text().replace("hostname new-{{", "hostname newer-{{"))
    after = nr.run(task=ours.render, phase="build")["hq-border"][0].result["iosxe.conf"]
    assert before.replace("hostname new-", "hostname newer-") == after


def test_what_is_wrong_is_a_failed_result_and_no_traceback(network: Network) -> None:
    done = nornir(network).run(task=ours.render, phase="none")
    assert done.failed
    assert "Traceback" not in str(said(done))
    assert "no phase 'none'" in said(done)["hq-border"]


def test_the_difference_between_phases_is_shown_and_planned(network: Network) -> None:
    done = nornir(network).run(task=ours.diff, before="before", after="build")
    changed = {name for name, multi in done.items() if multi[0].changed}
    assert {"hq-border", "cloud-north", "health-net"} <= changed
    found = done["hq-border"][0]
    assert isinstance(found.result, DeviceChange)
    assert found.diff.startswith("--- running/hq-border/iosxe.conf")


def test_the_difference_from_what_runs_is_read_from_the_device(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        chosen = nr.filter(F(name="hq-border") | F(name="cloud-north"))
        done = chosen.run(task=ours.diff, after="build")
        running = chosen.run(task=ours.collect)
        same = chosen.run(task=ours.diff, after="before")
    assert not done.failed, said(done)
    assert all(multi[0].changed for multi in done.values())
    assert not any(multi[0].changed for multi in same.values()), said(same)
    assert "hostname hq-border" in running["hq-border"][0].result["iosxe.conf"]


def test_a_push_changes_every_host_and_is_journaled(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        ready = nr.run(task=ours.push, change=network.change, dry_run=True)
        assert said(ready)["hq-border"].startswith("ready: version")
        assert held(network, devices) == {"base"}
        done = nr.run(task=ours.push, change=network.change, unapproved="a drill")
        assert held(network, devices) == {"intended"}
        again = nr.run(task=ours.push, change=network.change, unapproved="a drill")
    assert not done.failed, said(done)
    assert {n for n, multi in done.items() if multi[0].changed} == set(devices)
    assert said(done)["legacy-fw"] == "None"
    assert again.failed
    assert "was changed since this was planned" in said(again)["hq-border"]
    journal = min(network.root.glob("build/ambulance/pushes/2*/journal.jsonl"))
    assert said(done)["hq-border"].endswith(str(journal))


def test_nornirs_own_dry_run_counts_for_a_push(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network, dry_run=True) as nr:
        nr.run(task=ours.push, change=str(network.change))
        nr.run(task=ours.stage, change=network.change)
        nr.run(task=ours.arm)
    assert held(network, devices) == {"base"}


def test_a_push_of_a_filtered_inventory_leaves_the_others(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        chosen = nr.filter(name="hq-border")
        done = chosen.run(task=ours.push, change=network.change, unapproved="a drill")
    assert not done.failed, said(done)
    of = {name: holding(network_change(network), name, device) for name, device in devices.items()}
    assert of == {"hq-border": "intended", "health-net": "base", "cloud-north": "base"}


def test_one_host_that_refuses_puts_all_back_and_each_result_says_so(network: Network) -> None:
    devices = network.devices()
    devices["hq-border"].faults.append(Fault(Kind.REJECT, at="router bgp"))
    with serving(list(devices.values())), nornir(network) as nr:
        done = nr.run(task=ours.push, change=network.change, unapproved="a drill")
    assert done.failed
    assert held(network, devices) == {"base"}
    assert "as it was before" in said(done)["cloud-north"]


def test_a_host_that_failed_before_keeps_the_others_from_being_pushed_to(network: Network) -> None:
    def checked(task: Task) -> None:
        if task.host.name == "hq-border":
            raise PushError("is not as it should be", place=task.host.name)

    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        nr.run(task=checked)
        done = nr.run(task=ours.push, change=network.change, unapproved="a drill")
        assert (
            "failed in an earlier task: hq-border; nothing was pushed" in said(done)["health-net"]
        )
        forced = nr.run(task=ours.push, change=network.change, unapproved="x", on_failed=True)
        assert "nothing was pushed" in said(forced)["hq-border"]
        assert held(network, devices) == {"base"}
        nr.data.reset_failed_hosts()
        assert not nr.run(task=ours.push, change=network.change, unapproved="a drill").failed
    assert held(network, devices) == {"intended"}


def test_a_push_within_a_task_is_refused_and_never_takes_another_ones_outcome(
    network: Network,
) -> None:
    def own(task: Task, only: str) -> None:
        if task.host.name == only:
            task.run(task=ours.push, change=network.change, unapproved="a drill")

    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        done = nr.run(task=own, only="hq-border")
    assert "run it on its own" in str(done["hq-border"][1].result)
    assert held(network, devices) == {"base"}


def test_a_defect_in_a_push_is_met_once_and_not_by_every_host(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def defective(*_: object) -> None:
        begun.append(1)
        raise RuntimeError("a defect")

    monkeypatch.setattr("pcg_netops.push.Operation.start", defective)
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        done = nr.run(task=ours.push, change=network.change, unapproved="a drill")
    assert len(begun) == 1
    assert len(done.failed_hosts) == len(done)
    assert sum("broke off" in text for text in said(done).values()) == len(done) - 1


def test_what_is_collected_can_be_shown_to_anybody(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as every:
        nr = every.filter(filter_func=lambda host: host.name in devices)
        shown = nr.run(task=ours.collect)
    assert not shown.failed, said(shown)
    texts = {name: "".join(multi[0].result.values()) for name, multi in shown.items()}
    assert " password (not shown)\n" in texts["hq-border"]
    assert " authentication-key (not shown)\n" in texts["cloud-north"]
    assert not [text for text in texts.values() if "password 7" in text or "$9$" in text]
    for name, device in devices.items():
        kept = set(texts[name].splitlines()) & set(device.running_text.splitlines())
        assert len(kept) > 50, "all else is as the device tells it"


def test_a_push_by_hand_goes_through_the_same_tasks(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        nr = nr.filter(name="hq-border")
        change = network_change(network).device("hq-border")
        for task, options in (
            (ours.preflight, {"change": change}),
            (ours.stage, {"change": change}),
            (ours.arm, {"seconds": 120}),
            (ours.apply, {"change": network.change}),
            (ours.extend, {"change": network.change}),
            (ours.verify, {"change": network.change}),
            (ours.revert, {"change": network.change}),
        ):
            done = nr.run(task=task, **options)
            assert not done.failed, (task.__name__, said(done))
        assert holding(network_change(network), "hq-border", devices["hq-border"]) == "base"
        for task in (ours.arm, ours.apply, ours.confirm):
            options = {} if task is ours.arm else {"change": change}
            assert not nr.run(task=task, **options).failed
    assert holding(network_change(network), "hq-border", devices["hq-border"]) == "intended"


# --- plug-ins ------------------------------------------------------------------------------------


def of_the_intent(tmp_path: Path) -> Nornir:
    return InitNornir(
        inventory={"plugin": "PcgInventory", "options": {"workspace": str(SMALL)}},
        logging={"enabled": False},
    )


def test_the_inventory_has_groups_defaults_and_the_intent(tmp_path: Path) -> None:
    nr = of_the_intent(tmp_path)
    assert set(nr.filter(F(role="gateway")).inventory.hosts) == {
        "legacy-fw", "cloud-north", "cloud-south",
    }  # fmt: skip
    assert set(nr.filter(F(exchange="cloud") & F(role="gateway")).inventory.hosts) == {
        "cloud-north", "cloud-south",
    }  # fmt: skip
    assert set(nr.filter(F(groups__contains="everything")).inventory.hosts) == {"hq-border"}
    host = nr.inventory.hosts["hospital"]
    assert (host.platform, host["asn"]) == ("linux", 65005)


def ran(nr: Nornir, **options: object) -> tuple[list[str], AggregatedResult]:
    order: list[str] = []

    def one(task: Task) -> Result:
        order.append(task.host.name)
        if task.host.name == "legacy-fw":
            return Result(host=task.host, failed=True, exception=RuntimeError("broken"))
        return Result(host=task.host)

    return order, nr.with_runner(ours.WavesRunner(**options)).run(task=one)  # type: ignore[arg-type]


def test_waves_follow_the_change_and_stop_at_a_failure(network: Network) -> None:
    nr = nornir(network)
    order, done = ran(nr, change=network.change, num_workers=1)
    assert order[:3] == ["cloud-north", "health-net", "hq-border"]
    order, done = ran(nornir(network), waves=[["legacy-fw"], ["hospital", "hq-border"]])
    assert order == ["legacy-fw"]
    assert "not begun, as this failed: legacy-fw" in said(done)["hospital"]
    assert done.failed


def test_hosts_that_carry_for_one_another_are_never_worked_on_together(network: Network) -> None:
    runner = ours.WavesRunner(never_together=[["cloud-north", "cloud-south"]], canary=False)
    hosts = nornir(network).inventory.hosts
    batches = [[host.name for host in batch] for batch in runner._batches(dict(hosts))]
    assert not any({"cloud-north", "cloud-south"} <= set(batch) for batch in batches)
    assert sorted(name for batch in batches for name in batch) == sorted(hosts)


def test_the_runner_is_found_by_its_name(network: Network) -> None:
    nr = nornir(network, runner={"plugin": "pcg_waves", "options": {"canary": True}})
    assert not nr.run(task=ours.render, phase="build").failed


def test_progress_and_journal_tell_of_every_host(network: Network, tmp_path: Path) -> None:
    journal = Journaled(tmp_path / "tonight.jsonl")
    console = Console(record=True, width=100)
    with Progress(console=console) as shown:
        nr = nornir(network).with_processors([shown, journal])
        nr.run(task=ours.render, phase="build")
        nr.run(task=ours.render, phase="none")
    journal.close()
    assert "hospital: render: no phase 'none'" in console.export_text()
    records = read_journal(tmp_path / "tonight.jsonl")
    assert len(records) == 2 * 2 * 6
    assert {record.note for record in records} == {"render"}
    assert sum(bool(record.failed) for record in records) == 6


# --- where a task works --------------------------------------------------------------------------


def test_the_inventory_and_the_configuration_say_the_same_or_nothing_is_done(
    network: Network,
) -> None:
    """A drill must not go to the network itself because one of two switches was forgotten."""
    nr = InitNornir(
        inventory={"plugin": "PcgInventory", "options": {"workspace": "."}},
        user_defined={"pcg": {"lab": True}},
        logging={"enabled": False},
    )
    for task, options in (
        (ours.collect, {}),
        (ours.diff, {"after": "build"}),
        (ours.push, {"change": network.change, "unapproved": "a drill"}),
    ):
        done = nr.run(task=task, on_failed=True, **options)
        assert "the inventory says lab: False, user_defined says True" in said(done)["hq-border"]


def test_our_inventory_alone_says_where_its_workspace_is(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    devices = network.devices()
    nr = InitNornir(
        inventory={"plugin": "PcgInventory", "options": {"workspace": str(network.root)}},
        user_defined={"pcg": {"ssh_config": str(network.ssh_config)}},
        logging={"enabled": False},
    )
    with serving(list(devices.values())), nr:
        done = nr.filter(name="hq-border").run(task=ours.collect)
    assert not done.failed, said(done)


def test_another_ssh_configuration_is_another_way(network: Network) -> None:
    devices = network.devices()
    with serving(list(devices.values())), nornir(network) as nr:
        assert not nr.filter(name="hq-border").run(task=ours.collect).failed
    elsewhere = network.ssh_config.with_name("elsewhere")
    elsewhere.write_text(network.ssh_config.read_text().replace("127.0.0.1", "127.0.0.9"))
    nr = nornir(network)
    nr.config.user_defined["pcg"] = {"ssh_config": str(elsewhere)}
    assert "cannot log in" in said(nr.filter(name="hq-border").run(task=ours.collect))["hq-border"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("hostname", "192.0.2.99", "is no host of the workspace"),
        ("platform", "linux", "is 'linux' in this inventory, and 'iosxe' on what it works on"),
    ],
)
def test_a_host_that_the_workspace_does_not_have_so_is_refused(
    network: Network, field: str, value: str, why: str
) -> None:
    nr = nornir(network).filter(name="hq-border")
    setattr(nr.inventory.hosts["hq-border"], field, value)
    assert why in said(nr.run(task=ours.collect))["hq-border"]


def test_each_run_of_a_push_has_its_own_outcome_whichever_host_comes_first(
    network: Network,
) -> None:
    """A host that one run leaves out must not take that one's outcome for the next one's."""
    devices = network.devices()
    with nornir(network) as nr:
        nr.inventory.hosts = Hosts(reversed(nr.inventory.hosts.items()))  # hospital is first
        nr.data.failed_hosts.add("hospital")
        before = nr.run(task=ours.push, change=network.change, unapproved="a drill")
        nr.data.reset_failed_hosts()
        with serving(list(devices.values())):
            done = nr.run(task=ours.push, change=network.change, unapproved="a drill")
    assert before.failed
    assert "hospital" not in before
    assert not done.failed, said(done)
    assert {name for name, multi in done.items() if multi[0].changed} == set(devices)


def test_a_journal_of_tasks_is_gone_on_with(network: Network, tmp_path: Path) -> None:
    for count in (1, 2):
        journal = Journaled(tmp_path / "deep/tonight.jsonl")
        nornir(network).with_processors([journal]).run(task=ours.render, phase="build")
        journal.close()
        assert len(read_journal(tmp_path / "deep/tonight.jsonl")) == count * 12
    (tmp_path / "deep/tonight.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="not as it was written"):
        Journaled(tmp_path / "deep/tonight.jsonl")
