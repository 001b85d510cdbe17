"""Devices within what a platform's timers can be."""

from __future__ import annotations

from dataclasses import replace

from pcg_netops.model.device import Device


def slow_enough(device: Device, platform: str) -> Device:
    """IOS-XE is not as fast as BFD inside the demonstration's tunnels is meant to be."""
    if platform != "iosxe" or device.bgp is None:
        return device
    sessions = tuple(
        replace(s, bfd=replace(s.bfd, interval_ms=max(s.bfd.interval_ms, 50)) if s.bfd else None)
        for s in device.bgp.sessions
    )
    return replace(device, bgp=replace(device.bgp, sessions=sessions))
