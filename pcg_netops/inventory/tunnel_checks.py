"""What contradicts itself in the tunnels of `network.yaml` and the cables that they cross."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.contradiction import contradiction, dangling
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.ipsec import BUILT_IN_PROFILES
from pcg_netops.model.network import Link, Network


def check_tunnels(file: YamlFile, network: Network) -> Iterator[InputError]:
    """Every contradiction in tunnels, profiles and underlays."""
    for name in network.ipsec_profiles.keys() & BUILT_IN_PROFILES.keys():
        yield contradiction(
            f"IPsec profile '{name}' is built in and cannot mean anything else",
            place=file.place("ipsec_profiles", name),
            remedy="give yours another name",
        )
    used: set[frozenset[str]] = set()
    for index, link in enumerate(network.links):
        if link.tunnel and link.underlay:
            yield contradiction(
                "a link is a tunnel or the cable below one, not both",
                place=file.place("links", index, "underlay"),
                remedy="give the cable a line of its own",
            )
        elif link.tunnel and network.nodes.keys() >= set(link.between):
            wrong = list(_check_way(file, network, link, "links", index))
            yield from wrong
            if not wrong:
                carrier = network.carrier_of(link)
                far = [carrier] if carrier else [link.between[1]]
                used |= {frozenset((end, node)) for end in link.between for node in far}
    for index, link in enumerate(network.links):
        if link.underlay and not link.tunnel and frozenset(link.between) not in used:
            yield contradiction(
                f"no tunnel crosses the cable between {' and '.join(link.between)}",
                place=file.place("links", index, "underlay"),
                remedy="remove 'underlay', or add the tunnel",
            )


def _check_way(file: YamlFile, network: Network, link: Link, *path: Key) -> Iterator[InputError]:
    assert link.tunnel
    profiles = (*BUILT_IN_PROFILES, *network.ipsec_profiles)
    yield from dangling(
        file, "IPsec profile", link.tunnel.profile, profiles, *path, "tunnel", "profile"
    )
    carriers, ends = network.carriers(link), " and ".join(link.between)
    over = link.tunnel.over
    if over is not None:
        unknown = list(dangling(file, "node", over, network.nodes, *path, "tunnel", "over"))
        yield from unknown
        if not unknown and over not in carriers:
            yield contradiction(
                f"the tunnel cannot cross '{over}', which is no core that {ends} are cabled to",
                place=file.place(*path, "tunnel", "over"),
                remedy="add the cables under 'links', with 'underlay: true' if they carry nothing"
                " else",
            )
    elif not carriers:
        yield contradiction(
            f"the tunnel has no way: {ends} share no cable for it and no core",
            place=file.place(*path),
            remedy="add the cables that it crosses under 'links', with 'underlay: true' if they"
            " carry nothing else",
        )
    elif len(carriers) > 1:
        yield contradiction(
            f"the tunnel between {ends} has several ways:"
            f" {', '.join(name or 'their own cable' for name in carriers)}",
            place=file.place(*path),
            remedy="choose a node with 'tunnel: {over: …}'",
        )
