"""Nornir tasks: upload, validate on the device, arm its guard, apply, read back, confirm or revert.

Each takes the host's artifacts and is usable from anybody's playbook. They raise PushError, which
Nornir keeps as the host's failure.
"""

from __future__ import annotations

import shlex

from nornir.core.task import Result, Task

from pcg_netops.errors import PushError
from pcg_netops.platforms import platform_named
from pcg_netops.platforms.base import Delivery
from pcg_netops.push.connection import CONNECTION, DeviceConnection
from pcg_netops.render import Artifact

HostArtifacts = dict[str, Artifact]


def _device(task: Task) -> DeviceConnection:
    connection = task.host.get_connection(CONNECTION, task.nornir.config)
    assert isinstance(connection, DeviceConnection)
    return connection


def _guard(task: Task) -> str:
    """The path of the guard script on the device."""
    return f"{platform_named(task.host.platform or '').staging}/guard"


def _files(task: Task, artifacts: HostArtifacts) -> list[tuple[Delivery, str, Artifact]]:
    """How each file that a push carries is delivered, the path of its upload, and the artifact.

    Raises PushError for a platform whose files are rendered and not pushed yet.
    """
    platform = platform_named(task.host.platform or "")
    if not platform.delivered:
        raise PushError(
            f"nothing was sent: files for {platform.title} are rendered, not pushed",
            place=task.host.name,
            remedy="load the rendered files with the device's own tools (docs/platforms.md)",
        )
    return [
        (kind.delivery, f"{platform.staging}/{kind.name}", artifacts[kind.name])
        for kind in platform.artifacts
        if kind.delivery and kind.name in artifacts
    ]


def stage(task: Task, artifacts: HostArtifacts) -> Result:
    """Upload every file and have the device itself validate it. Changes nothing that runs."""
    files = _files(task, artifacts)
    device = _device(task)
    platform = platform_named(task.host.platform or "")
    device.upload(_guard(task), platform.guard)
    for delivery, path, artifact in files:
        device.upload(path, artifact.text)
        device.run(delivery.validate.format(file=shlex.quote(path)))
    return Result(host=task.host, changed=False)


def arm(task: Task, seconds: int) -> Result:
    """Have the device keep what runs now, and put it back unless `confirm` comes in time."""
    _device(task).run(f"sh {_guard(task)} arm {seconds:d}")
    return Result(host=task.host, changed=False)


def apply(task: Task, artifacts: HostArtifacts) -> Result:
    """Apply the staged files and prove that the device runs them."""
    device = _device(task)
    for delivery, path, _ in _files(task, artifacts):
        device.run(delivery.apply.format(file=shlex.quote(path)))
    verify(task, artifacts)
    return Result(host=task.host, changed=True)


def confirm(task: Task, artifacts: HostArtifacts) -> Result:
    """Keep what runs, also for the device's next start."""
    device = _device(task)
    saved = [(path, delivery.saved) for delivery, path, _ in _files(task, artifacts)]
    for path, target in saved:
        device.run(f"cp {path} {target}.new")
    device.run(f"sh {_guard(task)} confirm")
    for _, target in saved:
        device.run(f"mv {target}.new {target}")
    return Result(host=task.host, changed=True)


def revert(task: Task) -> Result:
    """Put back what ran before the push, now."""
    _device(task).run(f"sh {_guard(task)} revert")
    return Result(host=task.host, changed=True)


def verify(task: Task, artifacts: HostArtifacts) -> Result:
    """Compare what runs with the staged files. Raises PushError unless the difference is empty."""
    device = _device(task)
    for delivery, path, artifact in _files(task, artifacts):
        quoted = shlex.quote(path)
        running = device.run(delivery.read_back.format(file=quoted))
        wanted = device.run(delivery.reference.format(file=quoted)) if delivery.reference else ""
        residue = delivery.residue(running, wanted)
        if residue:
            raise PushError(
                f"{artifact.name} was applied, but the device still differs:\n{residue}",
                place=task.host.name,
                remedy="somebody else may have changed the device; look at it and push again",
            )
    return Result(host=task.host, changed=False)
