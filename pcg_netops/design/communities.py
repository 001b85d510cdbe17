"""The communities (RFC 1997) that routes are tagged with, and who refuses to tell which.

A gateway tags what it learns with the side it came from, an edge with the exchange. Neither tells
one domain or exchange what bears the tag of another, whatever the prefix lists would let through.
Tags are set anew at each border of the organisation and its exchanges: what others send is lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from pcg_netops.model.device import GRACEFUL_SHUTDOWN, CommunityList, PolicyEntry, Role
from pcg_netops.model.network import Network

DOMAINS = "from-domains"
EXCHANGES = "from-exchanges"
DRAINED = "graceful-shutdown"

_INSIDE, _FIRST_DOMAIN, _FIRST_EXCHANGE = 1000, 1001, 2001
_LARGEST_NUMBER = 65_535  # a community has room for a 16-bit AS number
_PRIVATE = 64_512  # RFC 6996, for organisations whose number does not fit


def side_tag(network: Network, domain: str | None) -> str:
    """Learned from this domain, or from inside."""
    names = list(network.domains)
    number = _FIRST_DOMAIN + names.index(domain) if domain else _INSIDE
    return f"{_authority(network)}:{number}"


def exchange_tag(network: Network, exchange: str) -> str:
    """Learned from a gateway of this exchange."""
    return f"{_authority(network)}:{_FIRST_EXCHANGE + list(network.exchanges).index(exchange)}"


def community_lists(network: Network, entries: Iterable[PolicyEntry]) -> tuple[CommunityList, ...]:
    """Every list that these entries match."""
    used = {entry.community_list for entry in entries}
    known = {
        DOMAINS: tuple(side_tag(network, name) for name in network.domains),
        EXCHANGES: tuple(exchange_tag(network, name) for name in network.exchanges),
        DRAINED: (GRACEFUL_SHUTDOWN,),
    }
    return tuple(CommunityList(name, known[name]) for name in sorted(known) if name in used)


def _authority(network: Network) -> int:
    """The AS number in whose name the tags are: the organisation's."""
    asn = network.nodes[network.with_role(Role.EDGE)[0]].asn
    return asn if asn <= _LARGEST_NUMBER else _PRIVATE
