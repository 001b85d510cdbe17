"""A stranger's workspace is refused or does no harm, whichever command reads it.

Every case is a few files laid over a good workspace. Around it lies what is not the workspace's: a
file, a folder, a token in the environment. No command shows or changes any of it, each ends soon,
and what it says is a message.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.templating import worker
from tests.conftest import Pcg

CANARY = "CANARY4711"
NETWORK = "inventory/network.yaml"
SERVICES = "inventory/services.yaml"
HOSTS = "inventory/hosts.yaml"
CUTOVER = "inventory/cutovers/to-cloud.yaml"
FRR = "templates/linux/frr.conf.j2"
LAB = "simulations/ambulance"
TOPOLOGY = "simulations/other/other.clab.yml"

READ = (
    ("check",),
    ("render",),
    ("diff", "--from", "before", "--to", "build"),
    ("audit", "--phase", "build"),
    ("lab", "topology"),
)
PLAN = ("diff", "--from", "before", "--to", "build", "--output", "change.json")
PUSH = ("push", "change.json", "--phase", "build", "--dry-run", "--unapproved", "a drill")
PUSHED = tuple(word for word in PUSH if word != "--dry-run")
RUNNING = ("diff", "--running", "running", "--to", "build", "--host", "hq-border")
RENDERING = (*READ, PLAN)
ACT = (PLAN, PUSH, ("hosts", "trust"), ("rehearse",))
UP = (("lab", "up", TOPOLOGY),)
START = (
    *UP,
    ("lab", "export", "exported", "--to", "clabernetes", "--topology", TOPOLOGY),
)


Layer = Callable[[Path, Path], None]
"""Lays a part of a case over a workspace; the second folder is outside."""


def text(path: str, content: str | bytes) -> Layer:
    def lay(workspace: Path, _: Path) -> None:
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    return lay


def edit(path: str, old: str, new: str) -> Layer:
    def lay(workspace: Path, outside: Path) -> None:
        file = workspace / path
        before = file.read_text()
        assert old in before
        file.write_text(before.replace(old, new.replace("OUTSIDE", str(outside))))

    return lay


def append(path: str, more: str) -> Layer:
    def lay(workspace: Path, outside: Path) -> None:
        with (workspace / path).open("a") as file:
            file.write(more.replace("OUTSIDE", str(outside)))

    return lay


def link(path: str, target: str) -> Layer:
    """A symbolic link in place of what was there."""

    def lay(workspace: Path, outside: Path) -> None:
        place = workspace / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            place.rename(outside.parent / f"was-{place.name}")
        place.unlink(missing_ok=True)
        place.symlink_to(target.replace("OUTSIDE", str(outside)))

    return lay


def special(path: str, make: Callable[[Path], object]) -> Layer:
    def lay(workspace: Path, _: Path) -> None:
        place = workspace / path
        place.unlink(missing_ok=True)
        make(place)

    return lay


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # its whole path is longer than a socket's may be
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def topology(nodes: str, more: str = "") -> Layer:
    """A lab of somebody else: `a` with these lines, which stand below it."""
    lines = "\n".join(f"      {line}" for line in nodes.splitlines())

    def lay(workspace: Path, outside: Path) -> None:
        node = f"    a:\n      kind: linux\n      image: alpine\n{lines}\n"
        whole = f"name: other\n{more}topology:\n  nodes:\n{node}"
        text(TOPOLOGY, whole.replace("OUTSIDE", str(outside)))(workspace, outside)

    return lay


@dataclass(frozen=True)
class Case:
    """What is laid over the workspace, and what at least one command says of it."""

    layers: tuple[Layer, ...]
    says: str = ""
    commands: tuple[tuple[str, ...], ...] = READ
    refused: bool = True
    """By every command of `commands`; else each is free to end well."""


def refused(*layers: Layer, says: str, by: tuple[tuple[str, ...], ...] = READ + ACT) -> Case:
    return Case(layers, says, by)


def harmless(*layers: Layer, by: tuple[tuple[str, ...], ...] = READ) -> Case:
    return Case(layers, "", by, refused=False)


OUT = "leads out of"
CASES = {
    # What leads out of the workspace.
    "services are a link to a file outside": refused(link(SERVICES, "OUTSIDE/secret"), says=OUT),
    "the network is a link to a file outside": refused(link(NETWORK, "OUTSIDE/secret"), says=OUT),
    "hosts are a link to a file outside": refused(link(HOSTS, "OUTSIDE/secret"), says=OUT),
    "a cutover is a link to a file outside": refused(link(CUTOVER, "OUTSIDE/secret"), says=OUT),
    "a second cutover is a link to a file outside": refused(
        link("inventory/cutovers/more.yaml", "OUTSIDE/secret"), says=OUT, by=READ
    ),
    "waivers are a link to a file outside": refused(
        link("inventory/waivers.yaml", "OUTSIDE/secret"), says=OUT, by=(("check",), ("audit",))
    ),
    "the cutovers are a link to a folder outside": refused(
        link("inventory/cutovers", "OUTSIDE/folder"), says=OUT
    ),
    "the inventory is a link to a folder outside": refused(
        link("inventory", "OUTSIDE/folder"), says=OUT
    ),
    "services are a link to the environment": refused(
        link(SERVICES, "/proc/self/environ"), says=OUT
    ),
    "a relative link leads out": refused(link(SERVICES, "../../outside/secret"), says=OUT),
    "a link leads out by a link of the workspace": refused(
        link("here", "."), link(SERVICES, "../here/../outside/secret"), says=OUT
    ),
    "services are an endless device": refused(link(SERVICES, "/dev/zero"), says=OUT),
    "a link goes round": refused(link(SERVICES, "services.yaml"), says="link"),
    "services are a pipe that nobody writes to": refused(
        special(SERVICES, os.mkfifo), says="regular file"
    ),
    "services are a socket": refused(special(SERVICES, _socket), says="regular file"),
    "services are a folder": refused(special(SERVICES, Path.mkdir), says="directory"),
    "a template is a link to a file outside": refused(
        link(FRR, "OUTSIDE/secret"), says=OUT, by=RENDERING
    ),
    "a template is a link to the environment": refused(
        link(FRR, "/proc/self/environ"), says=OUT, by=RENDERING
    ),
    "a template is a pipe": refused(special(FRR, os.mkfifo), says="regular file", by=RENDERING),
    "a maker's templates are a link to a folder outside": refused(
        link("templates/linux", "OUTSIDE/folder"), says=OUT, by=RENDERING
    ),
    "a template includes a link to a file outside": refused(
        link("templates/linux/more.j2", "OUTSIDE/secret"),
        append(FRR, '{% include "linux/more.j2" %}\n'),
        says=OUT,
        by=RENDERING,
    ),
    "a template includes a path outside": refused(
        append(FRR, '{% include "OUTSIDE/secret" %}\n'), says="no such template", by=RENDERING
    ),
    "a template includes a path with dots": refused(
        append(FRR, '{% include "../../outside/secret" %}\n'), says="no such template", by=RENDERING
    ),
    "the startup folder of a node is a link": refused(
        link(f"{LAB}/startup/hq-border", "OUTSIDE/folder"), says=OUT, by=(("lab", "topology"),)
    ),
    "the startup folder is a link": refused(
        link(f"{LAB}/startup", "OUTSIDE/folder"), says=OUT, by=(("lab", "topology"),)
    ),
    "the topology file is a link": refused(
        link(f"{LAB}/topology.clab.yml", "OUTSIDE/secret"), says=OUT, by=(("lab", "topology"),)
    ),
    "the folder of runs is a link": refused(
        link("build", "OUTSIDE/folder"), says=OUT, by=(("rehearse",),)
    ),
    "the folder of pushes is a link": refused(
        link("build", "OUTSIDE/folder"),
        says=OUT,
        by=(PUSH,),
    ),
    # What a template can do.
    "a template never ends": refused(
        append(
            FRR, "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        ),
        says="frr.conf.j2",
        by=(("check",),),
    ),
    "a template makes an endless text": refused(
        append(FRR, '{{ "x" * 10 ** 10 }}'), says="frr.conf.j2", by=(("check",), ("render",))
    ),
    "a template doubles a text": refused(
        append(
            FRR,
            "{% set n = namespace(t='x') %}"
            "{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
        ),
        says="frr.conf.j2",
        by=(("check",),),
    ),
    "a template pads a number": refused(
        append(FRR, '{{ "%2000000000d" % 1 }}'), says="frr.conf.j2", by=(("check",),)
    ),
    "a template includes itself": refused(
        append(FRR, '{% include "linux/frr.conf.j2" %}'), says="frr.conf.j2", by=(("check",),)
    ),
    "a template calls itself": refused(
        append(FRR, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        says="frr.conf.j2",
        by=(("check",),),
    ),
    "a template looks for Python's classes": refused(
        append(FRR, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        says="frr.conf.j2",
        by=(("check",), ("render",)),
    ),
    "a template looks for Python's modules": refused(
        append(FRR, "{{ cycler.__init__.__globals__.os.popen('env').read() }}"),
        says="frr.conf.j2",
        by=(("check",), ("render",)),
    ),
    "a template looks behind a format": refused(
        append(FRR, "{{ '{0.__class__.__init__.__globals__}'.format(device) }}"),
        says="frr.conf.j2",
        by=(("check",), ("render",)),
    ),
    "a template writes to the terminal": harmless(
        append(FRR, '! {{ "\\x1b]0;owned\\x07\\x9b31m\\u202e" }}\n')
    ),
    "a report's template is the workspace's": harmless(
        text("templates/report/index.html.j2", "verdict: PASS " + CANARY), by=(("check",),)
    ),
    # What a file can say.
    "aliases make a file of gigabytes": refused(
        append(SERVICES, "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 9))),
        says="services.yaml",
    ),
    "a tag makes an object": refused(
        append(SERVICES, "x: !!python/object/apply:os.system [id]\n"), says="services.yaml"
    ),
    "a file is a million lines long": refused(
        append(SERVICES, "#\n" * 10**6), says="services.yaml"
    ),
    "a file is no text": refused(text(SERVICES, b"\xff\xfe\x00"), says="services.yaml"),
    "a name turns the reading direction": refused(
        edit(SERVICES, "title: Dispatch", "title: Dis\u202epatch"), says="services.yaml"
    ),
    "the network's name is a path": refused(
        edit(NETWORK, "name: ambulance", "name: ../../outside/folder"), says="network.yaml"
    ),
    "a node's name is a path": refused(
        edit(NETWORK, "  hospital: {role", "  ../hospital: {role"), says="network.yaml"
    ),
    "a device's name is an option": refused(
        append(HOSTS, "-oProxyCommand=id: {hostname: 198.18.7.61}\n"), says="hosts.yaml"
    ),
    "an address is an option": refused(
        edit(HOSTS, "198.18.7.60", "-oProxyCommand=id"), says="hosts.yaml"
    ),
    "a title is a piece of a page": harmless(
        edit(SERVICES, "title: Dispatch", "title: '<script>alert(1)</script>'")
    ),
    "a title ends a line of a configuration": refused(
        edit(SERVICES, "title: Dispatch", 'title: "a\\n!\\nrouter bgp 1"'), says="services.yaml"
    ),
    "a secret is a file of the person who pushes": refused(
        edit(NETWORK, "env:AMBULANCE_BGP", "file:OUTSIDE/secret"),
        says="OUTSIDE/secret",
        by=(PUSH,),
    ),
    "a password is a file of the person who pushes": refused(
        edit(HOSTS, "198.18.7.60}", "198.18.7.60, login: {password: 'file:OUTSIDE/secret'}}"),
        says="OUTSIDE/secret",
        by=(PUSH,),
    ),
    "a password is a token of the pipeline": refused(
        edit(HOSTS, "198.18.7.60}", "198.18.7.60, login: {password: 'env:CI_JOB_TOKEN'}}"),
        says="CI_JOB_TOKEN",
        by=(PUSH,),
    ),
    # What commands write and compare with, beside what they read.
    "runs are to go to a folder outside": refused(
        link("build", "OUTSIDE/folder"), says=OUT, by=(PUSHED, ("rehearse",))
    ),
    "runs of the network are to go to a folder outside": refused(
        link("build/ambulance", "OUTSIDE/folder"), says=OUT, by=(PUSHED, ("rehearse",))
    ),
    "the last push is a folder outside": refused(
        link("build/ambulance/pushes/20300101T000000-000000Z", "OUTSIDE/folder"),
        says=OUT,
        by=(PUSHED, ("push", "--resume"), ("push", "--unwind"), ("push", "--abandon", "a drill")),
    ),
    "the lock of pushes is a file outside": refused(
        link("build/ambulance/push.lock", "OUTSIDE/secret"), says=OUT, by=(PUSHED,)
    ),
    "a device's rendering is to go to a folder outside": refused(
        link("rendered/hq-border", "OUTSIDE/folder"),
        says=OUT,
        by=(("render", "--out", "rendered"),),
    ),
    "a rendered file is to replace one outside": harmless(
        link("rendered/MANIFEST", "OUTSIDE/secret"), by=(("render", "--out", "rendered"),)
    ),
    "what runs is a folder outside": refused(
        link("running/hq-border", "OUTSIDE/folder"), says=OUT, by=(RUNNING,)
    ),
    "what runs is a file outside": refused(
        link("running/hq-border/frr.conf", "OUTSIDE/secret"), says=OUT, by=(RUNNING,)
    ),
    "an import is to go to a file outside": refused(
        link(SERVICES, "OUTSIDE/secret"),
        text("register.csv", "name,title\nx,X\n"),
        says=OUT,
        by=(("import", "services", "register.csv"),),
    ),
    # What a topology asks for.
    "a node binds a folder of the machine": refused(
        topology("binds: ['OUTSIDE/folder:/mnt']"), says="--trust", by=UP
    ),
    "a node binds its way out": refused(
        topology("binds: ['../../../outside/folder:/mnt:ro']"), says="--trust", by=UP
    ),
    "a node binds a link": refused(
        topology("binds: ['there:/mnt']"),
        link("simulations/other/there", "OUTSIDE/folder"),
        says="there",
        by=START,
    ),
    "a node takes variables from a file outside": refused(
        topology("env-files: ['OUTSIDE/secret']"), says="--trust", by=UP
    ),
    "a node starts from a file outside": refused(
        topology("startup-config: OUTSIDE/secret"), says="--trust", by=UP
    ),
    "an exported node binds a folder of the machine": harmless(
        topology("binds: ['OUTSIDE/folder:/mnt']"), by=START[1:]
    ),
    "a lab's name is a path": refused(
        text(TOPOLOGY, "name: ../../../outside/folder\ntopology: {nodes: {a: {kind: linux}}}\n"),
        says="name",
        by=START,
    ),
    "a node's name leads out": refused(
        text(TOPOLOGY, "name: other\ntopology: {nodes: {../a: {kind: linux}}}\n"),
        says="../a",
        by=START,
    ),
    "a topology is a link to a file outside": refused(
        link(TOPOLOGY, "OUTSIDE/secret"), says="other.clab.yml", by=START
    ),
    "the folder of a lab is a link": refused(
        topology("binds: []"),
        link("simulations/other/clab-other", "OUTSIDE/folder"),
        says="clab-other",
        by=UP,
    ),
}


def kept(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """All that lies in a folder: what it holds and when it was changed."""
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.lstat().st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is not the workspace's."""
    monkeypatch.setenv("CI_JOB_TOKEN", CANARY)
    monkeypatch.setenv("AMBULANCE_BGP", "not-a-secret-at-all")
    folder = tmp_path / "outside"
    (folder / "folder").mkdir(parents=True)
    (folder / "secret").write_text(f"root:{CANARY}:1::\n")
    (folder / "folder" / "kept.yaml").write_text(f"{CANARY}: {CANARY}\n")
    return folder


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rendering may take less than a user's, so that the tests do."""
    monkeypatch.setattr(worker, "SECONDS", 2)
    worker.end()
    yield
    worker.end()


@pytest.fixture
def no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started: what would be, has been taken for good."""

    def begin(*_: object, **__: object) -> None:
        raise AssertionError("taken for good")

    monkeypatch.setattr("pcg_netops.cutover.rehearsal.rehearse", begin)
    monkeypatch.setattr("pcg_netops.lab.background.supervisor.start", begin)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("no_lab")
def test_a_strangers_workspace_does_no_harm(
    name: str, workspace: Path, outside: Path, pcg: Pcg
) -> None:
    case = CASES[name]
    assert pcg(*PLAN).code == 0
    assert pcg("secrets", "allow", "env:AMBULANCE_BGP").code == 0
    for layer in case.layers:
        layer(workspace, outside)
    before = kept(outside)
    for command in case.commands:
        began = time.monotonic()
        done = pcg(*command)
        assert time.monotonic() - began < 60
        said = done.out + done.err
        assert done.code in ((2, 3) if case.refused else (0, 1)), (command, said)
        assert "Traceback" not in said
        assert CANARY not in said
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
        assert kept(outside) == before, command
        if case.refused:
            assert case.says.replace("OUTSIDE", str(outside)) in done.err, (command, done.err)
            assert len(done.err) < 4000, (command, done.err[:8000])
    assert not [
        path
        for path in workspace.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and CANARY.encode() in path.read_bytes()
        and path.name != "index.html.j2"
    ]
