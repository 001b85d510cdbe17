"""Nornir tasks: what a push does on one device, each usable from anybody's playbook.

They raise PushError, which Nornir keeps as the host's failure. A connection that broke is opened
anew by the next task.
"""

from __future__ import annotations

from typing import cast

from nornir.core.task import Result, Task

from pcg_netops.errors import PushError
from pcg_netops.platforms import platform_named
from pcg_netops.push.connection import CONNECTION
from pcg_netops.push.driver import Change, Driver, Stale
from pcg_netops.push.preflight import unfit


def driver_of(task: Task) -> Driver:
    """The host's driver, logged in. Raises PushError if that is not possible."""
    driver = cast(Driver, task.host.get_connection(CONNECTION, task.nornir.config))
    if driver.broken:
        task.host.close_connection(CONNECTION)
        driver = cast(Driver, task.host.get_connection(CONNECTION, task.nornir.config))
    return driver


def facts(task: Task) -> Result:
    """What the device is; it fails if the device cannot undo a change by itself now."""
    return Result(host=task.host, result=driver_of(task).facts())


def unchanged(task: Task, change: Change) -> Result:
    """Compare what runs with what the change was made for. Raises Stale with the difference."""
    if drift := driver_of(task).drift(change):
        raise Stale(
            f"was changed since this was planned:\n{drift}",
            place=task.host.name,
            remedy="plan again",
        )
    return Result(host=task.host, changed=False)


def preflight(task: Task, change: Change) -> Result:
    """What the device is, if it is fit for a change and holds what that was made for.

    Raises PushError naming what speaks against it, Stale if that is what it holds.
    """
    found = facts(task)
    if wrong := "; ".join(unfit(task.host.platform or "", found.result, change)):
        raise PushError(wrong, place=task.host.name)
    unchanged(task, change)
    return found


def sessions(task: Task) -> Result:
    """The routing sessions that are up."""
    return Result(host=task.host, result=driver_of(task).sessions())


def stage(task: Task, change: Change) -> Result:
    """Have the device check the change. Changes nothing that runs."""
    platform = platform_named(task.host.platform or "")
    if change.files and not platform.delivered:
        raise PushError(
            f"nothing was sent: files for {platform.title} are rendered, not pushed",
            place=task.host.name,
            remedy="load the rendered files with the device's own tools (docs/platforms.md)",
        )
    driver_of(task).stage(change)
    return Result(host=task.host, changed=False)


def arm(task: Task, seconds: int) -> Result:
    """Have the device keep what runs now, and put it back unless `confirm` comes in time."""
    driver_of(task).arm(seconds)
    return Result(host=task.host, changed=False)


def apply(task: Task, change: Change, seconds: int) -> Result:
    """Apply the staged change and prove that the device runs it."""
    driver_of(task).apply(change, seconds)
    verify(task, change)
    return Result(host=task.host, changed=True)


def verify(task: Task, change: Change) -> Result:
    """Compare what runs with what was sent. Raises PushError unless the difference is empty."""
    if residue := driver_of(task).residue(change):
        raise PushError(
            f"took the change, but the device still differs:\n{residue}",
            place=task.host.name,
            remedy="somebody else may have changed the device; look at it and plan again",
        )
    return Result(host=task.host, changed=False)


def differing(task: Task, change: Change) -> Result:
    """How what runs differs from what a change would make of it; "" for not at all."""
    found = driver_of(task).residue(change)
    return Result(host=task.host, result=found, diff=found, changed=False)


def extend(task: Task, change: Change, seconds: int) -> Result:
    """Let the time after which the device puts everything back begin anew."""
    driver_of(task).extend(change, seconds)
    return Result(host=task.host, changed=False)


def confirm(task: Task, change: Change) -> Result:
    """Keep what runs, also for the device's next start."""
    driver_of(task).confirm(change)
    return Result(host=task.host, changed=True)


def revert(task: Task, change: Change) -> Result:
    """Put back what ran before the push, now."""
    driver_of(task).revert(change)
    return Result(host=task.host, changed=True)
