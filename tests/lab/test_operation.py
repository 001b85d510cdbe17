"""A change set pushed to real routers, broken off, unwound, backed out and resumed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pcg_netops.cutover.bench import boot, reaching, wait_converged
from pcg_netops.cutover.plan import waves
from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import ChangeSet, plan_stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.push import Operation, PushFailed, Unapproved, Watcher, read_journal
from pcg_netops.push.driver import Stale
from pcg_netops.push.practice import lab_secrets
from pcg_netops.render import render_stage
from tests.conftest import copy_small

pytestmark = pytest.mark.lab

EDGE = "hq-border"
LOG_IN_EVERY_S = 0.3


class DiedError(BaseException):
    """The controller is gone; nothing catches this."""


def test_a_push_is_unwound_backed_out_and_resumed_while_everybody_can_log_in(
    tmp_path: Path,
) -> None:
    workspace = load_workspace(copy_small(tmp_path / "workspace"))
    name, cutover = workspace.cutover()
    both = [find_stage(stages(cutover, workspace.services), p) for p in ("before", "build")]
    before, after = (render_stage(workspace, stage) for stage in both)
    changes = plan_stages(before, after, dict.fromkeys(after, "linux"))
    order = waves(workspace.network, both[0], both[1], [c.device for c in changes])
    change = ChangeSet(
        network=workspace.network.name,
        cutover=name,
        before=both[0].name,
        after=both[1].name,
        waves=order,
        devices=changes,
    )
    nodes = [device.device for device in changes]
    devices = design(workspace, both[0])
    (tmp_path / "lab").mkdir()
    with boot(workspace, devices, before, tmp_path / "lab") as lab:
        wait_converged(lab, devices)
        secrets = lab_secrets(lab.known_hosts.parent)

        @contextmanager
        def operation(say: Callable[[str], None] = print) -> Iterator[Operation]:
            made = Operation(workspace, reaching(lab), secrets=secrets, watch=Watcher(say))
            with closing(made):
                yield made

        def dies(text: str) -> None:
            if text == f"applying on {EDGE}":
                raise DiedError

        def broken_off() -> None:
            with operation(dies) as dying, pytest.raises(DiedError):
                dying.start(change, Unapproved("a drill"))

        with logging_in(lab, nodes) as attempts:
            as_before = running(lab, nodes)
            with operation() as first:
                facts = first.check(change)
                assert all(fact.version.startswith("8.") and fact.clock for fact in facts.values())
                assert running(lab, nodes) == as_before
            broken_off()
            assert running(lab, nodes) != as_before
            with operation() as second:
                second.unwind()
                assert running(lab, nodes) == as_before
            in_the_way = "/var/lib/pcg/frr.conf.new"  # what is kept for the next start goes there
            saved = startup(lab, nodes)
            assert lab.run(EDGE, ["ln", "-s", "/nowhere/file", in_the_way]).returncode == 0
            with operation() as spoiling, pytest.raises(PushFailed) as failed:
                spoiling.start(change, Unapproved("a drill"))
            assert failed.value.place == "confirm"
            assert failed.value.remedy == "every device is back as it was before"
            assert (running(lab, nodes), startup(lab, nodes)) == (as_before, saved)
            assert lab.run(EDGE, ["rm", in_the_way]).returncode == 0
            broken_off()
            with operation() as third:
                journal = third.resume()
                assert set(read_journal(journal)[-1].holds.values()) == {"intended"}
                assert pending(lab, nodes) == []
                with pytest.raises(Stale, match="was changed since this was planned"):
                    third.check(change)
        assert len(attempts) > len(nodes)
        assert [refused for refused in attempts if refused] == []


def running(lab: OwnedLab, nodes: list[str]) -> list[str]:
    commands = (["vtysh", "-c", "show running-config"], ["nft", "-s", "list", "ruleset"])
    return [lab.run(node, command).stdout for node in nodes for command in commands]


def startup(lab: OwnedLab, nodes: list[str]) -> list[str]:
    files = ("/var/lib/pcg/nftables.conf", "/var/lib/pcg/frr.conf")
    return [lab.run(node, ["cat", *files]).stdout for node in nodes]


def pending(lab: OwnedLab, nodes: list[str]) -> list[str]:
    return [n for n in nodes if lab.run(n, ["test", "-e", "/run/pcg/guard"]).returncode == 0]


@contextmanager
def logging_in(lab: OwnedLab, nodes: list[str]) -> Iterator[list[str]]:
    """Connects to every node's SSH server all the time; "" for each that answers."""
    attempts: list[str] = []
    end = threading.Event()

    def knock() -> None:
        while not end.wait(LOG_IN_EVERY_S):
            for node in nodes:
                try:
                    with lab.connect(node) as connection:
                        connection.settimeout(5)
                        banner = connection.recv(4)
                    attempts.append("" if banner == b"SSH-" else f"{node}: {banner!r}")
                except OSError as error:
                    attempts.append(f"{node}: {error}")

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield attempts
    finally:
        end.set()
        thread.join()
