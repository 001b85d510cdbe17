"""Rules about what a device is meant to forward, asked of the design itself.

Their examples are filter rules in the words of `described`, of the device that the example names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network

from pcg_netops.audit.checks.addresses import BOGONS, EXAMPLE_PREFIXES
from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.audit.hardening.firewall_analysis import Kind, Passage, Verdict, analyse, described
from pcg_netops.audit.hardening.intent import Intent
from pcg_netops.design.addressing import INSIDE
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.model.firewall import ANY, Action, FilterRule
from pcg_netops.model.network import Profile


@dataclass(frozen=True)
class Audited:
    """A device at some stage of a cutover, in its workspace."""

    workspace: Workspace
    intent: Intent
    device: Device

    def place(self, owner: str = "") -> str:
        """Where what it does comes from: the service that owns a rule, or the host."""
        sources = self.workspace.sources
        if owner in sources.services[1].services:
            return sources.services[0].place("services", owner)
        return sources.hosts[0].place(self.device.name)


@lru_cache(maxsize=64)
def _verdicts(rules: tuple[FilterRule, ...], interfaces: tuple[str, ...]) -> tuple[Verdict, ...]:
    return tuple(analyse(rules, interfaces))


def _found(kind: Kind, audited: Audited) -> Iterator[tuple[FilterRule, str]]:
    """Each rule with that verdict, and what else is in it: the rules that decide instead."""
    device = audited.device
    if not device.firewall:
        return
    rules = device.firewall.rules
    for verdict in _verdicts(rules, tuple(i.name for i in device.interfaces)):
        if verdict.kind is kind:
            others = [f"'{described(rules[other])}'" for other in verdict.others]
            if more := verdict.count - len(others):
                others.append(f"{more} more")
            yield rules[verdict.rule], " and ".join(others)


def _problems(kind: Kind, words: str, remedy: str) -> Callable[[Audited], Iterator[Problem]]:
    """A check for rules with one verdict. `words` may name the device, the rule and the others."""

    def problems(audited: Audited) -> Iterator[Problem]:
        for rule, others in _found(kind, audited):
            message = words.format(device=audited.device.name, rule=described(rule), others=others)
            yield Problem(audited.place(rule.owner), message, remedy)

    return problems


def _correlated(audited: Audited) -> Iterator[Problem]:
    for rule, others in _found(Kind.CORRELATED, audited):
        fails_open = rule.action is Action.DENY
        yield Problem(
            audited.place(rule.owner),
            f"on '{audited.device.name}' the order alone decides between '{described(rule)}' and"
            f" {others}",
            "make them disjoint",
            Severity.WARNING if fails_open else Severity.NOTE,
        )


def _spoofed(audited: Audited) -> Iterator[Problem]:
    device = audited.device
    if not device.firewall:
        return
    interfaces = tuple(i.name for i in device.interfaces)
    default = FilterRule("what no rule names", device.firewall.default, ANY, ANY)
    rules = (*device.firewall.rules, default)
    found: dict[FilterRule, dict[str, list[IPv4Network]]] = {}
    passage = Passage(rules, interfaces)
    for interface, sources in _impossible(audited).items():
        if passage.of(interface, tuple(sources)):  # for most it is not, and one question is enough
            for source in sources:
                if rule := passage.of(interface, (source,)):
                    found.setdefault(rule, {}).setdefault(interface, []).append(source)
    for rule, by in found.items():
        seen = dict.fromkeys(source for sources in by.values() for source in sources)
        yield Problem(
            audited.place(rule.owner),
            f"'{device.name}' forwards from {', '.join(map(str, seen))} what comes in by"
            f" {', '.join(by)}, where none of these can be: '{described(rule)}'",
            "deny these before, or name the sources",
        )


def _impossible(audited: Audited) -> dict[str, list[IPv4Network]]:
    """For each interface to another autonomous system, sources that no packet from there has."""
    device, network = audited.device, audited.workspace.network
    bogons = list(BOGONS)
    if network.profile is Profile.PRODUCTION:
        bogons += EXAMPLE_PREFIXES
    zones = {i.name: i.zone for i in device.interfaces}
    found = {}
    for session in device.bgp.sessions if device.bgp else ():
        if device.bgp and session.peer_asn != device.bgp.asn:
            elsewhere = _elsewhere(audited, zones[session.interface])
            found[session.interface] = [*bogons, *elsewhere]
    return found


def _elsewhere(audited: Audited, zone: str) -> Iterator[IPv4Network]:
    """The sites that are not behind an interface to another autonomous system in that zone."""
    device, intent = audited.device, audited.intent
    if device.role is Role.PARTNER:
        yield from intent.sites_at.get(device.name, ())
    elif device.role is Role.EDGE:
        yield from intent.own
    elif device.role is Role.GATEWAY:
        sites = intent.network.sites.values()
        yield from (site.prefix for site in sites if (site.domain or INSIDE) != zone)
    # Which of them is behind what link of a core is for the routes to say.


def _unowned(audited: Audited) -> Iterator[Problem]:
    device, services = audited.device, audited.workspace.services.services
    for rule in device.firewall.rules if device.firewall else ():
        if rule.action is Action.PERMIT and (
            not rule.owner or (device.role is Role.GATEWAY and rule.owner not in services)
        ):
            yield Problem(
                audited.place(),
                f"no service owns '{described(rule)}' on '{device.name}'",
                "add the service to services.yaml, or remove the rule",
            )


def _rule(
    code: str,
    title: str,
    severity: Severity,
    rationale: str,
    source: str,
    device: str,
    wrong: str,
    right: str,
) -> Rule:
    return Rule(
        code, title, severity, rationale, source, Example(f"the filter of {device}", wrong, right)
    )


_AL_SHAER = "E. S. Al-Shaer and H. H. Hamed, IEEE TNSM 1(1), 2004"
_OUT = "eth1 > eth2"
_DISPATCH = f"dispatch: permit {_OUT}, 10.1.0.0/24 > 10.2.0.16/28, tcp 8443\n"

DEVICE_RULES: tuple[Check[Audited], ...] = (
    Check(
        _rule(
            "PCG501",
            "A filter rule never decides, and was meant to decide otherwise",
            Severity.ERROR,
            "Earlier rules match all that it matches, alone or together, and do the opposite with"
            " some of it. Whoever wrote it believes in something that does not happen.",
            f"{_AL_SHAER} (shadowing); NIST SP 800-41 revision 1",
            "cloud-north",
            f"dispatch: permit {_OUT}, 10.1.0.0/25 > 10.2.0.16/28, tcp 8443\n"
            f"telemetry: permit {_OUT}, 10.1.0.128/25 > 10.2.0.16/28, any\n"
            f"quarantine: deny {_OUT}, 10.1.0.0/24 > 10.2.0.16/28, tcp 8443\n",
            f"quarantine: deny {_OUT}, 10.1.0.0/26 > 10.2.0.16/28, tcp 8443\n{_DISPATCH}",
        ),
        _problems(
            Kind.SHADOWED,
            "'{device}' never gets to '{rule}': {others} decides before",
            "remove one of them, or part what they are for",
        ),
    ),
    Check(
        _rule(
            "PCG502",
            "A filter rule decides nothing that others do not decide in the same way",
            Severity.WARNING,
            "It can go without a difference, and it will be forgotten when the other is changed:"
            " then access stays that was to be withdrawn. Two services with the same addresses and"
            " ports make such rules.",
            f"{_AL_SHAER} (redundancy)",
            "cloud-north",
            f"{_DISPATCH}telemetry: permit {_OUT}, 10.1.0.0/26 > 10.2.0.16/28, tcp 8443\n",
            f"{_DISPATCH}telemetry: permit {_OUT}, 10.1.0.0/26 > 10.2.0.32/28, tcp 8443\n",
        ),
        _problems(
            Kind.REDUNDANT,
            "'{device}' needs no '{rule}': {others} decides the same",
            "remove it, or make one service of those that share it",
        ),
    ),
    Check(
        _rule(
            "PCG503",
            "The order alone decides between two filter rules",
            Severity.WARNING,
            "Each matches something that the other does not, and they do the opposite with what"
            " both match. If the permitting one is first (a warning), traffic passes that a rule"
            " denies; if the denying one is first (a note), the order is to be kept. A denial that"
            " lies wholly within a later permission is an exception to it, and no finding.",
            f"{_AL_SHAER} (correlation)",
            "cloud-north",
            f"{_DISPATCH}quarantine: deny {_OUT}, 10.1.0.7/32 > any, any\n",
            f"quarantine: deny {_OUT}, 10.1.0.7/32 > 10.2.0.16/28, tcp 8443\n{_DISPATCH}",
        ),
        _correlated,
    ),
    Check(
        _rule(
            "PCG504",
            "A filter rule permits anyone to reach anything",
            Severity.ERROR,
            "With every source, destination and port in it, a rule says nothing about a service,"
            " and makes those after it pointless.",
            "STIG V-216662; RFC 2979 section 2",
            "cloud-north",
            f"dispatch: permit {_OUT}, any > any, any\n",
            _DISPATCH,
        ),
        _problems(
            Kind.ANY_TO_ANY,
            "'{device}' lets anything pass: '{rule}'",
            "name who may reach what",
        ),
    ),
    Check(
        _rule(
            "PCG508",
            "Packets are forwarded whose source cannot be where they come from",
            Severity.ERROR,
            "The organisation's own addresses do not come in from an exchange, nor one domain's"
            " from another, and reserved ranges come from nowhere. What bears them is forged, or a"
            " sign of a loop. Ranges for examples count in a production network.",
            "BCP 38 (RFC 2827), RFC 3704, RFC 6890; STIG V-216665, V-217032",
            "hq-border",
            "own-traffic-in: permit eth2 > eth1, any > 10.1.0.0/24, any\n",
            "anti-spoofing: deny eth2 > any, 0.0.0.0/8|10.1.0.0/24|127.0.0.0/8|169.254.0.0/16|"
            "192.0.0.0/24|224.0.0.0/4|240.0.0.0/4 > any, any\n"
            "own-traffic-in: permit eth2 > eth1, any > 10.1.0.0/24, any\n",
        ),
        _spoofed,
    ),
    Check(
        _rule(
            "PCG509",
            "No service owns a filter rule of a gateway",
            Severity.ERROR,
            "A gateway is there for the services that are written down. When the service goes, its"
            " rules go; a rule without one stays for ever.",
            "STIG V-216663; NIST SP 800-41 revision 1 section 4.1",
            "cloud-north",
            _DISPATCH.replace("dispatch", "test-for-anne"),
            _DISPATCH,
        ),
        _unowned,
    ),
)
