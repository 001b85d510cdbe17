"""Whatever a user does wrong gives one clear message, exit code 2 or 3, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PCG, REPOSITORY, Pcg

NETWORK = "inventory/network.yaml"
SERVICES = "inventory/services.yaml"
HOSTS = "inventory/hosts.yaml"
CUTOVER = "inventory/cutovers/to-cloud.yaml"
AUTHENTICATED = "authentication: {secret: bgp}\n"
FRR = "templates/linux/frr.conf.j2"
FIELDS = "\n  remedy: write fields as 'name: value', one on each line"
FIELD_HELP = "\n  remedy: see docs/workspace.md for what this field takes"


@dataclass(frozen=True)
class Wrong:
    """A file in which `old` became `new`; `at` is the text at which the message has to point."""

    file: str
    old: str
    new: str
    at: str
    said: str

    def __str__(self) -> str:
        return self.said.splitlines()[0]


def _id(value: str | list[str]) -> str:
    return "" if isinstance(value, str) else " ".join(value)


def _errors(place: str, said: str) -> str:
    return f"error: {place}: {said}\n"


def _place(path: Path, file: str, text: str) -> str:
    """`file:line:column` of the last place at which the text stands."""
    content = path.read_text(encoding="utf-8")
    before = content[: content.rindex(text)]
    return f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


MISTAKES = [
    Wrong(
        NETWORK,
        AUTHENTICATED,
        AUTHENTICATED + "management:\n  syslog: [192.0.2.1]\n",
        "192.0.2.1",
        "192.0.2.1 is not in the management network 198.18.7.0/24\n"
        "  remedy: devices reach management by their management interface alone",
    ),
    Wrong(
        NETWORK,
        AUTHENTICATED,
        AUTHENTICATED + "management:\n  ntp: {servers: [198.18.7.200], secret: npt}\n",
        "secret: npt",
        "no secret named 'npt'\n  remedy: known: bgp",
    ),
    Wrong(
        NETWORK,
        AUTHENTICATED,
        AUTHENTICATED + "management:\n  exec_timeout: 11 min\n",
        "exec_timeout",
        "'management.exec_timeout': is not 1 to 10 whole minutes (got '11 min')" + FIELD_HELP,
    ),
    Wrong(
        NETWORK,
        AUTHENTICATED,
        AUTHENTICATED + f"management:\n  users: {{ops: {{keys: [ssh-rsa {'A' * 64}]}}}}\n",
        "ssh-rsa",
        "'management.users.ops.keys.0': is not a public key as ssh-keygen writes it"
        f" (got 'ssh-rsa {'A' * 51})" + FIELD_HELP,
    ),
    Wrong(
        NETWORK,
        AUTHENTICATED,
        AUTHENTICATED + "management:\n  banner: 'Welcome ^C'\n",
        "banner",
        "'management.banner': has not the form ^[A-Za-z0-9 .,:()-]{1,200}$"
        " (got 'Welcome ^C')" + FIELD_HELP,
    ),
    Wrong(
        CUTOVER,
        "  build:\n",
        "  build:\n    drain: [cloud-suoth]\n",
        "cloud-suoth",
        "no gateway named 'cloud-suoth'\n  remedy: did you mean 'cloud-south'?",
    ),
    Wrong(
        CUTOVER,
        "  move:\n",
        "  move:\n    drain: [cloud-north, cloud-south]\n",
        "drain:",
        "phase 'move' drains every gateway of exchange 'cloud', which carries services\n"
        "  remedy: leave a gateway, or move the services in an earlier phase",
    ),
    Wrong(
        SERVICES,
        "criticality: 1",
        "criticalty: 1",
        "criticalty",
        "unknown field 'services.dispatch.criticalty'\n  remedy: did you mean 'criticality'?",
    ),
    Wrong(
        NETWORK,
        "pools:",
        "pool:",
        "pool:",
        "unknown field 'pool'\n  remedy: did you mean 'pools'?",
    ),
    Wrong(
        SERVICES,
        "    criticality: 1\n",
        "",
        "dispatch:",
        "field 'services.dispatch.criticality' is missing\n  remedy: add 'criticality:' here",
    ),
    Wrong(
        SERVICES,
        "    title: Dispatch",
        "\ttitle: Dispatch",
        "\ttitle: Dispatch",
        "indented with a tab\n  remedy: YAML takes spaces only: replace the tab",
    ),
    Wrong(
        CUTOVER,
        "telemetry, dispatch",
        "telemetry, dispach",
        "dispach",
        "no service named 'dispach'\n  remedy: did you mean 'dispatch'?",
    ),
    Wrong(
        NETWORK,
        "10.20.0.32/28",
        "10.20.0.24/29",
        "health: 10.20.0.24/29",
        "the health pool of 'cloud-south' (10.20.0.24/29) overlaps the health pool of 'cloud-north'"
        " (10.20.0.16/28)\n  remedy: give each its own range",
    ),
    Wrong(
        SERVICES,
        "prefix: 10.2.0.32/28",
        "prefix: 10.2.0.16/29",
        "prefix: 10.2.0.16/29",
        "service 'telemetry' (10.2.0.16/29) overlaps service 'dispatch' (10.2.0.16/28)"
        "\n  remedy: give each its own range",
    ),
    Wrong(
        NETWORK,
        "cloud-north, health-net]",
        "cloud-nroth, health-net]",
        "cloud-nroth",
        "no node named 'cloud-nroth'\n  remedy: did you mean 'cloud-north'?",
    ),
    Wrong(
        NETWORK,
        "  - {between: [hq-border, legacy-fw]}\n",
        "",
        "legacy-fw: {role",
        "gateway 'legacy-fw' has no link to an edge\n  remedy: add it under 'links'",
    ),
    Wrong(
        NETWORK,
        "  - {between: [health-net, hospital], mtu: 1400, note: Rented circuit}\n",
        "",
        "hospital: {role",
        "partner 'hospital' has no link to a core of domain 'health'"
        "\n  remedy: add it under 'links'",
    ),
    Wrong(
        NETWORK,
        "[hq-border, legacy-fw]",
        "[hq-border, legacy-fw",
        "}\n  - {between: [hq-border, cloud-north]",
        "is not YAML: did not find expected ',' or ']'\n  remedy: correct the line",
    ),
    Wrong(
        NETWORK,
        "10.20.0.32/28",
        "10.20.0.33/28",
        "health: 10.20.0.33/28",
        "'nodes.cloud-south.nat.health': is no IPv4 network (got '10.20.0.33/28')"
        "\n  remedy: did you mean '10.20.0.32/28'?",
    ),
    Wrong(
        SERVICES,
        "    owner: Control room\n",
        "    owner: Control room\n    owner: Somebody\n",
        "owner: Somebody",
        "'owner' stands here a second time\n  remedy: keep one of the two",
    ),
    Wrong(
        NETWORK,
        "domains:\n  health: {title: Health network}",
        "domains: [health]",
        "domains:",
        f"'domains' holds a list where fields are expected{FIELDS}",
    ),
    Wrong(
        SERVICES,
        "max_outage: 1 s",
        "max_outage: 1 sec",
        "max_outage: 1 sec",
        "'services.dispatch.max_outage': is not a duration such as 300 ms, 1 s, 15 min or 1 h"
        f" (got '1 sec'){FIELD_HELP}",
    ),
    Wrong(
        SERVICES,
        "ports: 9000-9010",
        "ports: 9010-9000",
        "ports: 9010-9000",
        "'services.telemetry.traffic.0.ports': is not within 1-65535, lowest first"
        f" (got '9010-9000'){FIELD_HELP}",
    ),
    Wrong(
        CUTOVER,
        "move: [telemetry, dispatch]}",
        "move: [telemetry, dispatch, telemetry]}",
        "telemetry]",
        "service 'telemetry' was moved by phase 'move' already\n  remedy: remove one of the two",
    ),
    Wrong(
        CUTOVER,
        "    exchanges: [cloud]\n",
        "    exchanges: [legacy]\n",
        "leave:",
        "phase 'leave' leaves dispatch, telemetry on exchange 'cloud', which is not up"
        "\n  remedy: move services while both are up, or keep it in 'exchanges'",
    ),
    Wrong(
        CUTOVER,
        "fail_after: move",
        "fail_after: leave",
        "fail_after: leave",
        "in phase 'leave' there is no back-up: only cloud is up"
        "\n  remedy: choose a phase in which both exchanges are up",
    ),
    *(
        Wrong(
            file,
            old,
            old + new,
            "port",
            "port 2022: the filters of devices refuse log-ins on any but 22\n"
            "  remedy: have the devices listen on 22, and remove 'port'; a port that is"
            " forwarded belongs in the SSH configuration file",
        )
        for file, old, new in (
            (HOSTS, "hostname: 198.18.7.20", ", port: 2022"),
            ("inventory/groups.yaml", "everything: {", "port: 2022"),
            ("inventory/defaults.yaml", "platform: linux\n", "port: 2022\n"),
        )
    ),
    Wrong(
        HOSTS,
        "198.18.7.20",
        "firewall.example",
        "hostname: firewall.example",
        "'firewall.example' of 'legacy-fw' cannot be a management address"
        "\n  remedy: choose one in 198.18.7.0/24 above its first, the manager's",
    ),
    Wrong(
        HOSTS,
        "198.18.7.20",
        "198.18.7.10",
        "legacy-fw:",
        "'legacy-fw' and 'hq-border' share the address 198.18.7.10"
        "\n  remedy: give each its own management address",
    ),
    Wrong(
        NETWORK,
        "[health-net, hospital]",
        "[hospital, hospital]",
        "between: [hospital, hospital]",
        "'links.6.between': names 'hospital' twice (got ['hospital', 'hospital'])" + FIELD_HELP,
    ),
    Wrong(
        NETWORK,
        "node: hospital",
        "node: health-net",
        "node: health-net",
        "site 'ward' is of domain 'health', but its node 'health-net' has the role core"
        "\n  remedy: put it behind a node whose role is 'partner', or correct its 'domain'",
    ),
    Wrong(
        NETWORK,
        "node: hq-border",
        "node: hospital",
        "node: hospital, prefix: 10.1",
        "site 'hq' is of the organisation, but its node 'hospital' has the role partner"
        "\n  remedy: put it behind a node whose role is 'edge', or correct its 'domain'",
    ),
    Wrong(
        NETWORK,
        "prefix: 10.1.0.0/24",
        'prefix: "2001:db8::/64"',
        'prefix: "2001',
        "'sites.hq.prefix': is IPv6, which every domain forbids: write an IPv4 address or network"
        " (got '2001:db8::/64')" + FIELD_HELP,
    ),
    Wrong(
        NETWORK,
        "health: {title: Health network}",
        "health: {title: Health network, ipv6: allowed}",
        "ipv6: allowed",
        "'domains.health.ipv6': 'forbidden' is expected (got 'allowed')" + FIELD_HELP,
    ),
    Wrong(
        SERVICES,
        "traffic: [{protocol: tcp, ports: 8443}]",
        "traffic: [{protocol: tcp, ports: 8443}, {protocol: tcp, ports: 8000-9000}]",
        "traffic: [{protocol: tcp, ports: 8443}, ",
        "'services.dispatch.traffic': has tcp 8443 twice (got [{'protocol': 'tcp', 'ports': 8443},"
        " {'protocol': 'tcp', 'po)" + FIELD_HELP,
    ),
    Wrong(
        SERVICES,
        "traffic: [{protocol: tcp, ports: 8443}]\n    sites: [hq]\n    prefix: 10.2.0.16/28\n",
        "traffic: [{protocol: udp, ports: 9000}]\n    sites: [hq]\n    prefix: 10.2.0.32/28\n",
        "traffic: [{protocol: udp, ports: 9000-9010}]",
        "'dispatch' and 'telemetry' both have udp 9000 of 10.2.0.32/28"
        "\n  remedy: make one service of the two, or give each its own range",
    ),
    Wrong(
        CUTOVER,
        "to_exchange: cloud",
        "to_exchange: legacy",
        "to_exchange: legacy",
        "the cutover is from 'legacy' to itself\n  remedy: name the exchange that services move to",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_in_a_file_is_named_with_its_place_and_remedy(
    workspace: Path, pcg: Pcg, mistake: Wrong
) -> None:
    path = workspace / mistake.file
    text = path.read_text(encoding="utf-8")
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new, 1), encoding="utf-8")
    done = pcg("check")
    assert done.err == _errors(_place(path, mistake.file, mistake.at), mistake.said)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            b"", f": the file holds nothing where fields are expected{FIELDS}", id="empty"
        ),
        pytest.param(
            b"# to do\n",
            f": the file holds nothing where fields are expected{FIELDS}",
            id="comment",
        ),
        pytest.param(
            b"- a\n- b\n", f": the file holds a list where fields are expected{FIELDS}", id="list"
        ),
        pytest.param(
            b"hello\n",
            f": the file holds a single value where fields are expected{FIELDS}",
            id="text",
        ),
        pytest.param(
            b"services:\n  mail: {title: caf\xe9}\n",
            ":2: byte 0xe9 is not UTF-8\n  remedy: save it as UTF-8 text",
            id="Latin-1",
        ),
    ],
)
def test_a_file_of_another_kind_is_named(
    workspace: Path, pcg: Pcg, content: bytes, said: str
) -> None:
    (workspace / SERVICES).write_bytes(content)
    done = pcg("check")
    assert done.err == f"error: {SERVICES}{said}\n"
    assert done.code == 2


def test_a_missing_file_is_named(workspace: Path, pcg: Pcg) -> None:
    (workspace / SERVICES).unlink()
    done = pcg("check")
    assert done.err == (
        f"error: {SERVICES}: no such file\n"
        "  remedy: every workspace has this file: add it, or copy it from 'pcg init FOLDER'\n"
    )
    assert done.code == 2


def test_a_folder_where_a_file_is_expected_is_named(workspace: Path, pcg: Pcg) -> None:
    (workspace / SERVICES).unlink()
    (workspace / SERVICES).mkdir()
    done = pcg("check")
    assert done.err == (
        f"error: {SERVICES}: cannot be read: Is a directory\n"
        "  remedy: it must be a file that you may read\n"
    )
    assert done.code == 2


@pytest.mark.parametrize("name", [".", "nowhere", "a-file"])
def test_a_folder_that_is_no_workspace_is_named(workspace: Path, pcg: Pcg, name: str) -> None:
    shutil.rmtree(workspace / "inventory")
    (workspace / "a-file").touch()
    done = pcg("check", "--workspace", name)
    assert done.err == (
        f"error: {(workspace / name).resolve()}: is not a workspace: it has no folder 'inventory'\n"
        "  remedy: change to a workspace, name one with --workspace, or make one:"
        " pcg init FOLDER\n"
    )
    assert done.code == 2


def test_a_workspace_without_a_cutover_is_told(workspace: Path, pcg: Pcg) -> None:
    (workspace / CUTOVER).unlink()
    done = pcg("check")
    assert done.err == (
        "error: inventory/cutovers: no cutover file\n  remedy: add one named <cutover>.yaml\n"
    )
    assert done.code == 2


def test_mistakes_of_several_files_are_told_together(workspace: Path, pcg: Pcg) -> None:
    (workspace / SERVICES).write_text("[]\n", encoding="utf-8")
    (workspace / HOSTS).unlink()
    done = pcg("check")
    assert [line for line in done.err.splitlines() if line.startswith("error: ")] == [
        f"error: {SERVICES}: the file holds a list where fields are expected",
        f"error: {HOSTS}: no such file",
    ]
    assert done.code == 2


def test_a_phase_that_brings_up_one_exchange_and_withdraws_the_other_is_refused(
    workspace: Path, pcg: Pcg
) -> None:
    path = workspace / CUTOVER
    text = path.read_text(encoding="utf-8")
    both, one = "    exchanges: [legacy, cloud]\n", "    exchanges: [cloud]\n"
    path.write_text(text.replace(both, one, 1).replace(one, one + "    # last\n", 1))
    done = pcg("check")
    place = _place(path, CUTOVER, "exchanges: [cloud]\n    # last")
    assert done.err.startswith(
        f"error: {place}: phase 'build' brings up cloud and withdraws legacy\n"
        "  remedy: make before break: use two phases\n"
    )
    assert done.code == 2


TEMPLATE_HELP = "\n  remedy: correct the template, or copy it from a new workspace: pcg init FOLDER"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "hostname {{ device.name }}",
            "hostname {{ device.nmae }}",
            "cannot be rendered for 'hq-border': 'pcg_netops.model.device.Device object' has no"
            f" attribute 'nmae'{TEMPLATE_HELP}",
            id="undefined variable",
        ),
        pytest.param(
            "hostname {{ device.name }}",
            "hostname {{ device.name + 1 }}",
            "cannot be rendered for 'hq-border': can only concatenate str (not \"int\") to str"
            f"{TEMPLATE_HELP}",
            id="type",
        ),
        pytest.param(
            "hostname {{ device.name }}",
            "hostname {{ device.name | shout }}",
            "No filter named 'shout'.\n  remedy: correct the template",
            id="filter",
        ),
        pytest.param(
            "hostname {{ device.name }}",
            "hostname {{ device.name }",
            "unexpected '}'\n  remedy: correct the template",
            id="syntax",
        ),
    ],
)
def test_a_wrong_line_of_a_template_is_named(
    workspace: Path, pcg: Pcg, old: str, new: str, said: str
) -> None:
    path = workspace / FRR
    text = path.read_text(encoding="utf-8")
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    done = pcg("check")
    assert done.err == f"error: {FRR}:{line}: {said}\n"
    assert done.code == 2


def test_a_missing_template_is_named(workspace: Path, pcg: Pcg) -> None:
    (workspace / FRR).unlink()
    done = pcg("check")
    assert done.err == (
        f"error: {FRR}: no such template\n  remedy: copy it from a new workspace: pcg init FOLDER\n"
    )
    assert done.code == 2


STAGES = "\n  remedy: choose one of: before, build, move, leave"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["render", "--phase", "mvoe"], f"no phase 'mvoe'{STAGES}"),
        (["diff", "--from", "before", "--to", "p9"], f"no phase 'p9'{STAGES}"),
        (
            ["render", "--host", "legacy-f"],
            "no device 'legacy-f'\n  remedy: did you mean 'legacy-fw'?",
        ),
        (
            ["diff", "--from", "before", "--to", "move", "--host", "x"],
            "no device 'x'\n  remedy: known: cloud-north, cloud-south, health-net, hospital,"
            " hq-border, legacy-fw",
        ),
        (
            ["render", "--cutover", "to-clod"],
            "no cutover 'to-clod'\n  remedy: did you mean 'to-cloud'?",
        ),
        (
            ["rehearse", "--cutover", "to-clod"],
            "no cutover 'to-clod'\n  remedy: did you mean 'to-cloud'?",
        ),
        (
            ["init", "inventory"],
            "inventory: the folder is not empty\n  remedy: name a new one: nothing was changed",
        ),
        (
            ["init", "a-file"],
            "a-file: cannot be written: File exists\n  remedy: choose another folder",
        ),
        (
            ["rehearse", "--build", "a-file"],
            "a-file/ambulance: cannot be written: Not a directory"
            "\n  remedy: name another folder with --build",
        ),
    ],
    ids=_id,
)
def test_a_wrong_name_on_the_command_line_is_told(
    workspace: Path, pcg: Pcg, arguments: list[str], said: str
) -> None:
    (workspace / "a-file").touch()
    before = sorted(workspace.rglob("*"))
    done = pcg(*arguments)
    assert done.err == f"error: {said}\n"
    assert (done.code, done.out) == (2, "")
    assert sorted(workspace.rglob("*")) == before


def test_several_cutovers_have_to_be_told_apart(workspace: Path, pcg: Pcg) -> None:
    shutil.copy(workspace / CUTOVER, workspace / "inventory/cutovers/again.yaml")
    done = pcg("render")
    assert done.err == (
        "error: the workspace has several cutovers\n"
        "  remedy: choose one with --cutover: again, to-cloud\n"
    )
    assert done.code == 2


def test_a_folder_that_cannot_be_written_is_named(workspace: Path, pcg: Pcg) -> None:
    (workspace / "a-file").touch()
    done = pcg("render", "--out", "a-file")
    assert done.err == (
        "error: a-file/hq-border/nftables.conf: cannot be written: Not a directory\n"
        "  remedy: make room or give permission there, or name another folder\n"
    )
    assert done.code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rehears"], "No such command 'rehears'. Did you mean 'rehearse'"),
        (["render", "--phse", "move"], "No such option: --phse (Possible options:"),
        (["diff", "--from", "before"], "Missing option '--to'."),
        (["rehearse", "--rate", "0"], "Invalid value for '--rate': "),
    ],
    ids=_id,
)
def test_an_unknown_command_or_option_is_told(pcg: Pcg, arguments: list[str], said: str) -> None:
    done = pcg(*arguments)
    assert said in done.err
    assert "Traceback" not in done.err
    assert (done.code, done.out) == (2, "")


def _rehearse_where(
    preparation: str, workspace: Path, build: Path
) -> subprocess.CompletedProcess[str]:
    """`pcg rehearse` in namespaces that a shell command has prepared."""
    return subprocess.run(
        [
            *("unshare", "-Urm", "sh", "-c", f'{preparation} && exec "$@"', "sh"),
            *(*PCG, "rehearse", "--workspace", str(workspace), "--build", str(build)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )


@pytest.mark.lab
@pytest.mark.parametrize(
    ("preparation", "said"),
    [
        pytest.param(
            "echo 0 > /proc/sys/user/max_user_namespaces",
            "error: the lab needs namespaces that this user may not make: unshare:"
            " No space left on device (user.max_user_namespaces is 0)\n"
            "  remedy: as root: sysctl -w user.max_user_namespaces=15000\n",
            id="no permission for namespaces",
        ),
        pytest.param(
            "mount -t tmpfs none /usr/lib/frr",
            "error: the lab needs programs that are missing: zebra, bgpd, bfdd (Debian package"
            " frr); frr-reload.py (Debian package frr-pythontools)\n"
            "  remedy: as root: apt-get install frr frr-pythontools\n",
            id="missing daemons",
        ),
    ],
)
def test_what_the_machine_lacks_is_told(
    workspace: Path, tmp_path: Path, preparation: str, said: str
) -> None:
    done = _rehearse_where(preparation, workspace, tmp_path / "build")
    assert done.stderr == said
    assert (done.returncode, done.stdout) == (3, "")
