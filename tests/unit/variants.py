"""Devices that differ in every way in which a change can: for properties of change sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Network
from typing import TypeVar

from hypothesis import strategies as st

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Bgp, Device, PolicyEntry, PrefixList, RoutingPolicy
from pcg_netops.model.firewall import Action, FilterRule, Firewall, Ports
from tests.conftest import SMALL

STATELESS, STATEFUL = "hq-border", "hospital"
Thing = TypeVar("Thing")


@cache
def every_stage(name: str) -> tuple[Device, ...]:
    """A device of the small workspace at each stage of its cutover."""
    workspace = load_workspace(SMALL)
    _, cutover = workspace.cutover()
    return tuple(design(workspace, s)[name] for s in stages(cutover, workspace.services))


@st.composite
def _some(draw: st.DrawFn, things: Sequence[Thing], at_least: int = 0) -> tuple[Thing, ...]:
    """Some of these, in any order."""
    ordered = draw(st.permutations(things))
    return tuple(ordered[: draw(st.integers(min(at_least, len(things)), len(things)))])


@st.composite
def _policy(draw: st.DrawFn, policy: RoutingPolicy) -> RoutingPolicy:
    entries = draw(_some(policy.entries, 1))
    return replace(policy, entries=tuple(draw(_entry(entry)) for entry in entries))


@st.composite
def _entry(draw: st.DrawFn, entry: PolicyEntry) -> PolicyEntry:
    return replace(
        entry,
        local_preference=draw(st.sampled_from((None, 100, 300))),
        med=draw(st.sampled_from((None, 0, 10))),
        prepend=draw(st.sampled_from((0, 0, 2))),
    )


@st.composite
def _bgp(draw: st.DrawFn, bgp: Bgp) -> Bgp:
    sessions = tuple(
        replace(
            session,
            up=draw(st.booleans()),
            maximum_prefixes=draw(st.sampled_from((10, 20))),
            bfd=draw(st.sampled_from((None, session.bfd))),
        )
        for session in draw(_some(bgp.sessions))
    )
    return replace(bgp, sessions=sessions, networks=draw(_some(bgp.networks)))


@st.composite
def _firewall(draw: st.DrawFn, device: Device) -> Firewall:
    firewall = device.firewall
    assert firewall
    added = (
        replace(rule, owner="added", protocol="tcp", ports=Ports(port, port))
        for port, rule in enumerate(firewall.rules, 8000)
        if rule.action is Action.PERMIT
    )
    known: tuple[FilterRule, ...] = (*firewall.rules, *added)
    # Denials stay ahead: elsewhere a filter by interface might say something else than the rules.
    rules = sorted(draw(_some(known, 1)), key=lambda rule: rule.action is Action.PERMIT)
    return replace(firewall, rules=tuple(rules))


@st.composite
def _lists(draw: st.DrawFn, lists: tuple[PrefixList, ...]) -> tuple[PrefixList, ...]:
    further = tuple(IPv4Network("10.77.0.0/22").subnets(new_prefix=24))
    found = []
    for known in lists:
        (template,) = known.entries[:1]
        entries = (*known.entries, *(replace(template, prefix=prefix) for prefix in further))
        found.append(replace(known, entries=draw(_some(entries, 1))))
    return tuple(found)


@st.composite
def _variant(draw: st.DrawFn, name: str) -> Device:
    device = draw(st.sampled_from(every_stage(name)))
    assert device.bgp
    return replace(
        device,
        bgp=draw(_bgp(device.bgp)),
        policies=tuple(draw(_policy(policy)) for policy in device.policies),
        prefix_lists=draw(_lists(device.prefix_lists)),
        firewall=draw(_firewall(device)),
    )


@st.composite
def pairs(draw: st.DrawFn, names: Sequence[str] = (STATELESS, STATEFUL)) -> tuple[Device, Device]:
    """A device twice, each time with some of its rules, sessions, policies and prefixes."""
    name = draw(st.sampled_from(names))
    return draw(_variant(name)), draw(_variant(name))
