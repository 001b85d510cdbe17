"""One fake device of each maker, a change for it, and a push that is as in production."""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcg_netops.diff.iosxe.scope import managed
from pcg_netops.diff.junos.scope import managed as junos_managed
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.hosts import Entry
from pcg_netops.push.driver import Change, Running
from pcg_netops.push.runner import Pusher
from pcg_netops.push.secrets import Secrets
from tests.conftest import copy_small
from tests.fake_device import PASSWORD, USER, FakeDevice, serving
from tests.fakes import ios_tree, junos_tree
from tests.fakes.iosxe import FakeIosXe
from tests.fakes.junos import FakeJunos

GOLDEN = Path(__file__).parents[1] / "golden"
CANARY = "canary-4711-yellow"
SILENCE_S = 5.0
IOS_LINES = (
    "interface GigabitEthernet2",
    " description new",
    "router bgp 65001",
    " address-family ipv4",
    "  network 10.9.0.0 mask 255.255.0.0",
    " neighbor 10.30.1.1 password pcg_secret_bgp_",
    " neighbor 10.30.1.1 description new peer",
)
JUNOS_LINES = (
    "set interfaces ge-0/0/0 description new",
    "set protocols bgp group legacy-fw authentication-key pcg_secret_bgp_",
    "delete protocols bgp group cloud-south",
    "deactivate protocols bgp group cloud-north",
)


@dataclass(frozen=True)
class Maker:
    """A kind of fake device, what it starts from, a change, and what differs from a text."""

    platform: str
    device: Callable[..., FakeDevice]
    startup: str
    lines: tuple[str, ...]
    rows: Callable[[Running], list[str]]
    held: Callable[[Running, Sequence[str]], list[str]]  # of what texts manage, as they say it
    apply: Callable[[str, Sequence[str]], list[str]]

    def change(self, device: FakeDevice) -> Change:
        """The change, with what it leads from and to."""
        name = next(iter(self._running(device.running_text)))
        known = [device.running_text, "\n".join(self.apply(device.running_text, self.lines))]
        before, after = (self.held({name: text}, known) for text in known)
        return Change(
            lines=self.lines,
            from_intended=lambda running: _differing(self.held(running, known), after),
            from_base=lambda running: _differing(self.held(running, known), before),
            label="test",
        )

    def intended(self, device: FakeDevice) -> Sequence[str]:
        return self.apply(device.running_text, self.lines)

    def _running(self, text: str) -> Running:
        return {"iosxe.conf" if self.platform == "iosxe" else "junos.set": text}


def _differing(found: list[str], wanted: list[str]) -> str:
    extra = [f"+{row}" for row in found if row not in wanted]
    lacking = [f"-{row}" for row in wanted if row not in found]
    return "\n".join([*extra, *lacking])


def _ios_rows(running: Running) -> list[str]:
    body = running["iosxe.conf"].partition("version 17.9\n")
    return list(ios_tree.load(body[2] or body[0]).lines())


def _ios_held(running: Running, known: Sequence[str]) -> list[str]:
    named = [text.replace(CANARY, "pcg_secret_bgp_") for text in known]
    return managed(running["iosxe.conf"], named).splitlines()


def _ios_applied(text: str, lines: Sequence[str]) -> list[str]:
    tree = ios_tree.load(text)
    editor = ios_tree.Editor(tree)
    depth = 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        for _ in range(depth - indent if depth > indent else 0):
            editor.leave()
        editor.take(line.strip().replace("pcg_secret_bgp_", CANARY), "")
        depth = indent
    return list(tree.lines())


def _junos_rows(running: Running) -> list[str]:
    return [row for row in running["junos.set"].splitlines() if "set version" not in row]


def _junos_held(running: Running, known: Sequence[str]) -> list[str]:
    named = [text.replace(CANARY, "pcg_secret_bgp_") for text in known]
    return junos_managed(running["junos.set"], named).splitlines()


def _junos_applied(text: str, lines: Sequence[str]) -> list[str]:
    editor = junos_tree.Editor(junos_tree.load(text))
    for line in lines:
        editor.take(line.replace("pcg_secret_bgp_", CANARY))
    return list(editor.candidate.lines())


IOSXE = Maker(
    "iosxe",
    FakeIosXe,
    (GOLDEN / "iosxe/hq-border/iosxe.conf").read_text(),
    IOS_LINES,
    _ios_rows,
    _ios_held,
    _ios_applied,
)
JUNOS = Maker(
    "junos",
    FakeJunos,
    re.sub(r"(?m)^(edit|annotate|top).*\n", "", (GOLDEN / "junos/hq-border/junos.set").read_text()),
    JUNOS_LINES,
    _junos_rows,
    _junos_held,
    _junos_applied,
)


def pusher_to(
    workspace: Workspace, devices: Mapping[str, tuple[Maker, FakeDevice]], **extras: Any
) -> Pusher:
    """A pusher to devices that listen already; the key of each was made known."""
    known_hosts = workspace.root / f"known_hosts-{random.token_hex(4)}"
    known_hosts.write_text("".join(device.known_hosts_line for _, device in devices.values()))
    hosts = {
        name: Entry(
            hostname="127.0.0.1",
            port=device.port,
            username=USER,
            platform=maker.platform,
            data={},
        )
        for name, (maker, device) in devices.items()
    }
    arguments = {
        "password": PASSWORD,
        "known_hosts": known_hosts,
        "silence_s": SILENCE_S,
        "use_keys": False,
        "allow_agent": False,
    }
    secrets = Secrets(lambda _: CANARY)
    return Pusher(replace(workspace, hosts=hosts), lambda _: arguments | extras, secrets)


@contextmanager
def pushing(
    workspace: Workspace, devices: Mapping[str, tuple[Maker, FakeDevice]], **extras: Any
) -> Iterator[Pusher]:
    """The devices listen, and the pusher is logged in where it pushed, until the end."""
    with (
        serving([device for _, device in devices.values()]),
        closing(pusher_to(workspace, devices, **extras)) as pusher,
    ):
        yield pusher


def small_workspace(folder: Path) -> Workspace:
    return load_workspace(copy_small(folder / "workspace"))
