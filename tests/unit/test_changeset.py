"""Change sets as files, as what `pcg diff` prints, and against what devices hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.diff import (
    ChangeSet,
    DeviceChange,
    load,
    plan,
    plan_running,
    residue,
    save,
    stale,
)
from pcg_netops.diff.planning import held, rendered
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.render import Artifact
from tests.conftest import Pcg
from tests.unit import test_changeset_iosxe, test_changeset_junos
from tests.unit.variants import STATELESS, every_stage

Edit = Callable[[Any], None]


def stages_of(platform: str) -> list[dict[str, str]]:
    """The files of an edge before and after its services move."""
    if platform == "iosxe":
        texts = map(test_changeset_iosxe.text_of, every_stage(STATELESS)[1:3])
        return [{"iosxe.conf": text} for text in texts]
    return [test_changeset_junos.files_of(device) for device in every_stage(STATELESS)[1:3]]


def change_of(platform: str) -> DeviceChange:
    states = [rendered(platform, files) for files in stages_of(platform)]
    change = plan("hq-border", platform, *states)
    assert change
    return change


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "change.json"
    devices = (change_of("iosxe"), change_of("junos").model_copy(update={"device": "other"}))
    save(
        ChangeSet(
            network="small",
            cutover="to-cloud",
            before="build",
            after="move",
            waves=(("other",), ("hq-border",)),
            devices=devices,
        ),
        path,
    )
    return path


def test_a_change_set_comes_back_as_it_was_saved(saved: Path) -> None:
    change = load(saved)
    assert change.digest == json.loads(saved.read_text())["digest"]
    assert change.device("hq-border") == change_of("iosxe")
    with pytest.raises(KeyError):
        change.device("none")


def _set(*path: str | int, to: Any) -> Edit:
    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return edit


def _swap(*path: str | int) -> Edit:
    def edit(document: Any) -> None:
        for step in path:
            document = document[step]
        document[0], document[1] = document[1], document[0]

    return edit


_FIRST = ("change", "devices", 0)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_set(*_FIRST, "remediation", 0, to="router bgp 1"), "hq-border remediation"),
        (_set(*_FIRST, "back_out", 0, to="reload"), "hq-border back_out"),
        (_swap(*_FIRST, "remediation"), "hq-border remediation"),
        (_set(*_FIRST, "base", "iosxe.conf", to=""), "hq-border base"),
        (_set(*_FIRST, "intended", "iosxe.conf", to=""), "hq-border intended"),
        (_set(*_FIRST, "secrets", to={"psn": "0" * 64}), "hq-border secrets"),
        (_set(*_FIRST, "platform", to="junos"), "hq-border platform"),
        (_swap("change", "waves"), "the head"),
        (_set("change", "after", to="back"), "the head"),
        (_set("digest", to="0" * 64), "the digest"),
        (_set("change", "devices", to=[]), "hq-border base"),
        (_swap("change", "devices"), "the digest"),
    ],
)
def test_an_altered_change_set_is_refused_and_says_where(
    saved: Path, edit: Edit, said: str
) -> None:
    document = json.loads(saved.read_text())
    edit(document)
    saved.write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"altered after it was made: .*{said}"):
        load(saved)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"digest": 1}', "\x00", '{"version": 2}', "nonsense"]
)
def test_what_is_no_change_set_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "change.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is not a change set"):
        load(path)


def test_a_change_set_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_a_change_set_of_another_version_is_refused(saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(InputError, match=r"change\.version"):
        load(saved)


def test_spaces_and_order_of_the_file_change_no_digest(saved: Path) -> None:
    digest = load(saved).digest
    document = json.loads(saved.read_text())
    saved.write_text(json.dumps(document, sort_keys=True))
    assert load(saved).digest == digest


# What a device says about itself, and what is somebody else's.
_IOSXE_NOISE = """Building configuration...

Current configuration : 4711 bytes
!
! Last configuration change at 10:00:01 UTC Sun Nov 22 2026 by somebody
! NVRAM config last updated at 10:00:01 UTC Sun Nov 22 2026
!
version 17.9
service timestamps log datetime msec
boot-start-marker
boot-end-marker
license udi pid C8000V sn 9SOMETHING
username somebody privilege 15 secret 9 $9$abcdefgh$ijklmnop
crypto pki certificate chain SELF
 certificate self-signed 01
  30820330 30820218
  quit
ip route vrf Mgmt-intf 0.0.0.0 0.0.0.0 198.18.7.1
ntp clock-period 17179869
"""
_JUNOS_NOISE = """## Last commit: 2026-11-22 10:00:01 UTC by somebody
set version 21.4R3
set system root-authentication encrypted-password "$6$abc"
set system login user somebody class super-user
set system syslog file messages any notice
set chassis aggregated-devices ethernet device-count 2
"""


def as_held(platform: str, files: dict[str, str]) -> dict[str, str]:
    """What a device would print that holds these files."""
    if platform == "junos":
        said = [x for x in files["junos.set"].splitlines() if x.startswith(("set", "deact"))]
        # Another order of the hierarchies, and without remarks, as `display set` has none.
        lines = sorted(said, key=lambda x: (x.split()[0] != "set", x.split()[1]))
        return {"junos.set": _JUNOS_NOISE + "".join(f"{line}\n" for line in lines)}
    text, numbered = files["iosxe.conf"], []
    for defaulted in (" no shutdown\n", "no service pad\n", " ip mtu 1500\n"):
        text = text.replace(defaulted, "")
    text = text.replace("interface Gig", "interface Gig").replace(
        " police 8000 conform", " police 8000  conform"
    )
    number, within = 0, False
    for line in text.splitlines():
        if not line.startswith(" "):
            within, number = line.startswith("ip access-list "), 10
        elif within:
            line, number = f" {number}{line}", number + 10 * ("remark" not in line)
        numbered.append(line)
        if line.startswith("interface GigabitEthernet"):
            numbered += [" negotiation auto", " no mop enabled"]
    return {"iosxe.conf": _IOSXE_NOISE + "\n".join(numbered) + "\n"}


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_what_a_device_says_about_itself_is_no_change(platform: str) -> None:
    old, new = stages_of(platform)
    now = held(platform, as_held(platform, old), [new, old])
    assert plan("x", platform, now, rendered(platform, old)) is None
    there = plan("x", platform, now, rendered(platform, new))
    planned = change_of(platform)
    assert there
    assert (there.base, there.intended) == (planned.base, planned.intended)
    assert sorted(there.remediation) == sorted(planned.remediation)


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_a_device_that_holds_something_else_is_stale(platform: str) -> None:
    change = change_of(platform)
    old, new = (as_held(platform, files) for files in stages_of(platform))
    assert stale(change, old) == ""
    assert residue(change, new) == ""
    assert stale(change, new) != ""
    (name,) = old
    drift = {"iosxe": "route-map mine permit 10\n", "junos": "set policy-options damping d\n"}
    drifted = {name: old[name].removesuffix("end\n") + drift[platform]}
    assert drift[platform].strip() in stale(change, drifted)


_SECRET_LINES = {
    "linux": ("router bgp 1\n neighbor 192.0.2.1 password {}\n", "pcg_secret_psn_", "hunter2"),
    "iosxe": ("router bgp 1\n neighbor 192.0.2.1 password {}\n", "pcg_secret_psn_", "7 08351F1B1D"),
    "junos": ("set protocols bgp group g authentication-key {}\n", "pcg_secret_psn_", '"$9$zYx"'),
}


_FILES = {"linux": "frr.conf", "iosxe": "iosxe.conf", "junos": "junos.set"}


@pytest.mark.parametrize("platform", _SECRET_LINES)
def test_a_secret_that_the_inventory_names_is_taken_as_that_one(platform: str) -> None:
    line, marker, value = _SECRET_LINES[platform]
    name = _FILES[platform]
    wanted = {name: line.format(marker)}
    now = held(platform, {name: line.format(value)}, [wanted])
    assert plan("x", platform, now, rendered(platform, wanted)) is None


@pytest.mark.parametrize("platform", _SECRET_LINES)
def test_a_secret_that_the_inventory_does_not_name_is_never_written_down(platform: str) -> None:
    line, _, value = _SECRET_LINES[platform]
    name = _FILES[platform]
    other = {"junos": "set protocols bgp group h type external\n"}
    wanted = {name: other.get(platform, "router bgp 1\n")}
    after = {"x": {name: Artifact("x", name, wanted[name])}}
    running = {"x": {name: line.format(value)}}
    with pytest.raises(InputErrors, match="a secret in clear") as refused:
        plan_running(running, after, after, {"x": platform})
    assert value.strip('"').split()[-1] not in str(refused.value)


def test_an_unsafe_change_is_refused_with_its_moment() -> None:
    # Without it each new neighbour is active at once, before its policies are entered.
    peer = " neighbor 192.0.2.1 remote-as 64500\n"
    with pytest.raises(InputErrors, match="without a policy in"):
        plan(
            "x",
            "iosxe",
            {"iosxe.conf": "router bgp 1\n"},
            {"iosxe.conf": f"router bgp 1\n{peer} neighbor 192.0.2.1 route-map a in\n"
             " neighbor 192.0.2.1 route-map a out\nroute-map a permit 10\n"},
        )  # fmt: skip


# The command


def on_platform(workspace: Path, platform: str) -> None:
    hosts = workspace / "inventory/hosts.yaml"
    hosts.write_text(
        re.sub(r"^(hq-border: \{)", rf"\1platform: {platform}, ", hosts.read_text(), flags=re.M)
    )


@pytest.mark.parametrize("platform", ["linux", "iosxe", "junos"])
def test_diff_writes_a_change_set_whose_digest_it_prints(
    workspace: Path, pcg: Pcg, platform: str
) -> None:
    on_platform(workspace, platform)
    done = pcg("diff", "--from", "build", "--to", "move", "--output", "change.json")
    assert done.code == 0, done.err
    change = load(workspace / "change.json")
    assert change.digest in done.out
    assert (change.before, change.after) == ("build", "move")
    assert [d.platform for d in change.devices if d.device == "hq-border"] == [platform]
    assert sorted(n for wave in change.waves for n in wave) == sorted(
        d.device for d in change.devices
    )


def test_diff_gives_the_same_bytes_every_time(workspace: Path, pcg: Pcg) -> None:
    for name in ("one.json", "two.json"):
        pcg("diff", "--from", "before", "--to", "move", "--output", name)
    assert (workspace / "one.json").read_bytes() == (workspace / "two.json").read_bytes()


def test_diff_shows_the_commands_both_ways(workspace: Path, pcg: Pcg) -> None:
    on_platform(workspace, "junos")
    done = pcg("diff", "--from", "before", "--to", "build", "--commands", "--host", "hq-border")
    assert done.out.splitlines() == [
        "# hq-border (junos): remediation",
        "activate protocols bgp group cloud-north",
        "activate protocols bgp group cloud-south",
        "# hq-border (junos): back-out",
        "deactivate protocols bgp group cloud-north",
        "deactivate protocols bgp group cloud-south",
    ]


def test_diff_names_the_files_that_are_replaced_whole(pcg: Pcg) -> None:
    done = pcg("diff", "--from", "before", "--to", "build", "--commands", "--host", "hq-border")
    assert done.out == "# hq-border (linux): frr.conf is replaced whole, both ways\n"


@pytest.mark.parametrize("platform", ["linux", "iosxe", "junos"])
def test_diff_with_what_devices_hold_is_empty_when_they_hold_it(
    workspace: Path, pcg: Pcg, platform: str
) -> None:
    on_platform(workspace, platform)
    assert pcg("render", "--phase", "move", "--out", "held").code == 0
    same = pcg("diff", "--running", "held", "--to", "move")
    assert (same.code, same.out) == (0, "")
    other = pcg("diff", "--running", "held", "--to", "before", "--host", "hq-border")
    planned = pcg("diff", "--from", "move", "--to", "before", "--host", "hq-border", "--commands")
    read = pcg("diff", "--running", "held", "--to", "before", "--host", "hq-border", "--commands")
    assert "+++ b/hq-border/" in other.out
    assert sorted(read.out.splitlines()) == sorted(planned.out.splitlines()) != []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("diff", "--to", "move"), "nothing to compare with"),
        (("diff", "--to", "move", "--running", "none"), "cannot be read"),
        (("diff", "--to", "move", "--from", "build", "--host", "hq-bordr"), "no device"),
        (("diff", "--to", "move", "--from", "build", "--output", "inventory"), "cannot be written"),
    ],
)
def test_diff_says_what_it_lacks(pcg: Pcg, arguments: tuple[str, ...], said: str) -> None:
    done = pcg(*arguments)
    assert done.code == 2
    assert said in done.err


def test_diff_refuses_what_is_not_text(workspace: Path, pcg: Pcg) -> None:
    (workspace / "held/hq-border").mkdir(parents=True)
    (workspace / "held/hq-border/frr.conf").write_bytes(b"\xff\xfe")
    done = pcg("diff", "--to", "move", "--running", "held", "--host", "hq-border")
    assert (done.code, "not text" in done.err) == (2, True)
