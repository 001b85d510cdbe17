"""What a cutover file says that the network, the services or its own phases contradict."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.contradiction import contradiction, dangling
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Role
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services


def check_cutover(
    network: Network, services: Services, file: YamlFile, cutover: Cutover
) -> Iterator[InputError]:
    """Every contradiction between a cutover and the network and services that it moves."""
    for field in ("from_exchange", "to_exchange"):
        yield from dangling(file, "exchange", getattr(cutover, field), network.exchanges, field)
    for name, phase in cutover.phases.items():
        for field in ("exchanges", "allow_lists"):
            for index, exchange in enumerate(getattr(phase, field)):
                path = ("phases", name, field, index)
                yield from dangling(file, "exchange", exchange, network.exchanges, *path)
    for name, request in cutover.requests.items():
        at: tuple[Key, ...] = ("requests", name)
        yield from dangling(file, "phase", request.needed_by, cutover.phases, *at, "needed_by")
        if request.site:
            yield from dangling(file, "site", request.site, network.sites, *at, "site")
    if cutover.from_exchange == cutover.to_exchange:
        yield contradiction(
            f"the cutover is from '{cutover.from_exchange}' to itself",
            place=file.place("to_exchange"),
            remedy="name the exchange that services move to",
        )
    else:
        yield from _check_drains(network, services, file, cutover)
        yield from _check_moves(services, file, cutover)
    yield from _check_rehearsal(file, cutover)


def _check_drains(
    network: Network, services: Services, file: YamlFile, cutover: Cutover
) -> Iterator[InputError]:
    """A gateway can be drained if another of its exchange is there for what that carries."""
    left = set(services.services)
    for name, phase in cutover.phases.items():
        before = bool(left)
        left -= {service for wave in phase.waves for service in wave.move}
        carrying = {
            cutover.from_exchange: before,
            cutover.to_exchange: len(left) < len(services.services),
        }
        for index, gateway in enumerate(phase.drain):
            path: tuple[Key, ...] = ("phases", name, "drain", index)
            yield from dangling(file, "gateway", gateway, network.with_role(Role.GATEWAY), *path)
        for exchange, carries in carrying.items():
            gateways = network.exchanges[exchange].gateways if exchange in network.exchanges else ()
            if carries and gateways and set(gateways) <= set(phase.drain):
                yield contradiction(
                    f"phase '{name}' drains every gateway of exchange '{exchange}',"
                    " which carries services",
                    place=file.place("phases", name, "drain"),
                    remedy="leave a gateway, or move the services in an earlier phase",
                )


def _check_moves(services: Services, file: YamlFile, cutover: Cutover) -> Iterator[InputError]:
    """Each service moves at most once, and only between exchanges that are up."""
    active: set[str] = set()
    moved: dict[str, str] = {}
    unknown: list[InputError] = []
    for name, phase in cutover.phases.items():
        path: tuple[Key, ...] = ("phases", name)
        now = set(phase.exchanges) or active
        if active and now - active and active - now:
            yield contradiction(
                f"phase '{name}' brings up {', '.join(sorted(now - active))}"
                f" and withdraws {', '.join(sorted(active - now))}",
                place=file.place(*path, "exchanges"),
                remedy="make before break: use two phases",
            )
        active = now
        for number, wave in enumerate(phase.waves):
            for index, service in enumerate(wave.move):
                place = (*path, "waves", number, "move", index)
                unknown += dangling(file, "service", service, services.services, *place)
                if service in moved:
                    yield contradiction(
                        f"service '{service}' was moved by phase '{moved[service]}' already",
                        place=file.place(*place),
                        remedy="remove one of the two",
                    )
                moved[service] = name
        for exchange in (cutover.from_exchange, cutover.to_exchange):
            carried = [
                s for s in services.services if (s in moved) == (exchange == cutover.to_exchange)
            ]
            if carried and exchange not in active and not unknown:
                yield contradiction(
                    f"phase '{name}' leaves {', '.join(carried)} on exchange '{exchange}',"
                    " which is not up",
                    place=file.place(*path),
                    remedy="move services while both are up, or keep it in 'exchanges'",
                )
    yield from unknown


def _check_rehearsal(file: YamlFile, cutover: Cutover) -> Iterator[InputError]:
    names = list(cutover.phases)
    unknown: list[InputError] = []
    for field in ("fail_after", "roll_back"):
        wanted = getattr(cutover.rehearsal, field)
        unknown += dangling(file, "phase", wanted, names, "rehearsal", field)
    yield from unknown
    if unknown:
        return
    fails, undone = cutover.rehearsal.fail_after, cutover.rehearsal.roll_back
    if not 0 < names.index(undone) <= names.index(fails):
        yield contradiction(
            f"phase '{undone}' cannot be undone after phase '{fails}'",
            place=file.place("rehearsal", "roll_back"),
            remedy="choose a phase after the first and not later than 'fail_after'",
        )
    exchanges: tuple[str, ...] = ()
    for name, phase in cutover.phases.items():
        exchanges = phase.exchanges or exchanges
        if name == fails and not {cutover.from_exchange, cutover.to_exchange} <= set(exchanges):
            yield contradiction(
                f"in phase '{fails}' there is no back-up: only {', '.join(exchanges)} is up",
                place=file.place("rehearsal", "fail_after"),
                remedy="choose a phase in which both exchanges are up",
            )
