"""Which exchange carries which service at each stage of a cutover, and through which gateway."""

from __future__ import annotations

from dataclasses import dataclass

from pcg_netops.errors import InputError
from pcg_netops.model.cutover import Cutover, Window
from pcg_netops.model.device import Role
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services


@dataclass(frozen=True)
class Stage:
    """The state in which a phase, or one wave of it, leaves the network."""

    name: str  # "p2", or "p4.3" for the third of several waves
    phase: str
    title: str
    window: Window
    exchanges: tuple[str, ...]
    allow_lists: tuple[str, ...]
    carriers: dict[str, str]  # service -> exchange
    moved: tuple[str, ...]  # services whose carrier this stage changes
    drained: tuple[str, ...] = ()  # gateways that ask everybody to prefer another

    def ranking(self, service: str) -> tuple[str, ...]:
        """The exchanges in the order in which the service uses them: its carrier, then back-ups."""
        carrier = self.carriers[service]
        return (carrier, *(name for name in self.exchanges if name != carrier))


def stages(cutover: Cutover, services: Services) -> tuple[Stage, ...]:
    """Every stage of the cutover in order; the first is the state before anything moves."""
    carriers = dict.fromkeys(services.services, cutover.from_exchange)
    exchanges: tuple[str, ...] = ()
    allow_lists: tuple[str, ...] = ()
    found = []
    for phase_name, phase in cutover.phases.items():
        exchanges = phase.exchanges or exchanges
        allow_lists = phase.allow_lists or allow_lists
        waves = [(wave.window, wave.move) for wave in phase.waves] or [(phase.window, ())]
        for number, (window, moved) in enumerate(waves, 1):
            carriers = carriers | dict.fromkeys(moved, cutover.to_exchange)
            name = f"{phase_name}.{number}" if len(waves) > 1 else phase_name
            found.append(
                Stage(
                    name,
                    phase_name,
                    phase.title,
                    window,
                    exchanges,
                    allow_lists,
                    carriers,
                    moved,
                    phase.drain,
                )
            )
    return tuple(found)


def find_stage(all_stages: tuple[Stage, ...], name: str) -> Stage:
    """A stage by its name, or a phase's last stage. Raises InputError for any other name."""
    for stage in reversed(all_stages):
        if name in (stage.name, stage.phase):
            return stage
    raise InputError(
        f"no phase '{name}'", remedy=f"choose one of: {', '.join(s.name for s in all_stages)}"
    )


def gateway_order(network: Network, edge: str, exchanges: tuple[str, ...]) -> tuple[str, ...]:
    """The gateways an edge uses for a service with this ranking of exchanges, best first."""
    return tuple(
        gateway
        for exchange in exchanges
        for gateway in network.nodes[edge].prefers
        if gateway in network.exchanges[exchange].gateways
    )


def linked(network: Network, first: str, second: str) -> bool:
    """Whether routing runs between two nodes over a link of theirs."""
    return any({first, second} == set(link.between) for link in network.links if not link.underlay)


def outbound_gateway(network: Network, stage: Stage, service: str, edge: str) -> str:
    """The gateway that connections from behind this edge take when nothing has failed.

    An edge without a link to the carrier's best gateway uses its own link to another one of the
    same exchange. Without any such link it takes the choice of the nearest edges that have one, on
    every way there is; of several, the one with the lowest router ID, which is the first in order.
    """
    choice = _own_choice(network, stage, service, edge)
    if choice:
        return choice
    edges = network.with_role(Role.EDGE)
    asked, waiting, choices = {edge}, [edge], {}
    while waiting:
        one = waiting.pop()
        for other in edges:
            if other in asked or not linked(network, one, other):
                continue
            asked.add(other)
            if choice := _own_choice(network, stage, service, other):
                choices[other] = choice
            else:
                waiting.append(other)
    best = next((choices[name] for name in edges if name in choices), None)
    return best or _in_use(network, stage, service, edge)[0]


def _own_choice(network: Network, stage: Stage, service: str, edge: str) -> str | None:
    """The gateway of the carrier that an edge has a link to and likes best, if there is one."""
    order = _in_use(network, stage, service, edge)
    return next((gateway for gateway in order if linked(network, edge, gateway)), None)


def inbound_gateway(network: Network, stage: Stage, service: str, home: str) -> str:
    """The gateway that partners' connections to a published range take when nothing has failed."""
    return _in_use(network, stage, service, home)[0]


def _in_use(network: Network, stage: Stage, service: str, edge: str) -> tuple[str, ...]:
    """The carrier's gateways that are not drained, in an edge's order."""
    order = gateway_order(network, edge, stage.ranking(service)[:1])
    return tuple(gateway for gateway in order if gateway not in stage.drained)
