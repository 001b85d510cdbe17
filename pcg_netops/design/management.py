"""The management plane of one device."""

from __future__ import annotations

from ipaddress import IPv4Address

from pcg_netops.model.device import Aaa, LocalUser, Management, Ntp, Snmp
from pcg_netops.model.network import Network
from pcg_netops.model.secret import Secret

MANAGEMENT_INTERFACE = "eth0"
_MINUTE_MS = 60_000


def manage(network: Network, address: IPv4Address) -> Management:
    """How the device with this management address is administered."""
    plane = network.management
    aaa, ntp, snmp = plane.aaa, plane.ntp, plane.snmp
    return Management(
        interface=MANAGEMENT_INTERFACE,
        address=address,
        network=network.pools.management,
        users=tuple(LocalUser(name, user.keys) for name, user in sorted(plane.users.items())),
        aaa=Aaa(aaa.protocol, aaa.servers, Secret(aaa.secret)) if aaa else None,
        idle_minutes=plane.exec_timeout // _MINUTE_MS,
        banner=plane.banner,
        ntp=Ntp(ntp.servers, ntp.key, Secret(ntp.secret)) if ntp else None,
        syslog=plane.syslog,
        snmp=Snmp(snmp.user, snmp.managers, Secret(snmp.authentication), Secret(snmp.privacy))
        if snmp
        else None,
    )
