"""The demonstration's tunnels: what an eavesdropper sees, new keys, wrong certificates, pushes."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from pcg_netops.cutover.bench import pusher_for
from pcg_netops.errors import LabError, PushError
from pcg_netops.lab.embedded.pki import Authority
from pcg_netops.lab.protocol import Fault
from pcg_netops.render import Artifact, Artifacts
from tests.lab.demonstration.conftest import Running

pytestmark = pytest.mark.lab

GATEWAY, HUB, CARRIER = "pcg-a", "psnp-hub-a", "psn-core"
ETH_P_ALL, ETH_P_IP = 3, 0x0800
PATIENCE_S = 15.0


def bgp_session(running: Running) -> tuple[str, int]:
    """State of the BGP session inside the gateway's tunnel, and how often it was lost."""
    bgp = running.devices[GATEWAY].bgp
    assert bgp
    peer = next(s.peer_address for s in bgp.sessions if s.peer == HUB)
    text = running.said(GATEWAY, "vtysh", "-c", f"show bgp neighbors {peer} json")
    about = json.loads(text)[str(peer)]
    return about["bgpState"], about["connectionsDropped"]


def keys(running: Running, node: str) -> set[str]:
    """What marks the keys in use (the SPIs), of the tunnel's packets and of IKE."""
    lines = running.said(node, "swanctl", "--list-sas").splitlines()
    children = {line.split()[1] for line in lines if line.split()[0] in ("in", "out")}
    return children | {word for line in lines for word in line.split() if word[-3:-1] == "_i"}


def until(wanted: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_between_gateway_and_hub_only_ike_and_esp_are_on_the_wire(running: Running) -> None:
    (tunnel,) = running.devices[HUB].tunnels
    to_hub = next(i for i in running.devices[CARRIER].interfaces if i.peer == HUB)
    seen, packets = set(), 0
    with running.lab.socket(CARRIER, socket.AF_PACKET, socket.SOCK_DGRAM) as wire:
        wire.bind((to_hub.name, ETH_P_ALL))
        wire.settimeout(0.2)
        until_s = time.monotonic() + 2.0
        while time.monotonic() < until_s:
            try:
                data, (_, kind, *_) = wire.recvfrom(4096)
            except TimeoutError:
                continue
            if kind != ETH_P_IP:
                continue
            packets += 1
            ports = frozenset({int.from_bytes(data[20:22]), int.from_bytes(data[22:24])})
            seen.add(
                (
                    frozenset({IPv4Address(data[12:16]), IPv4Address(data[16:20])}),
                    data[9] if data[9] != socket.IPPROTO_UDP else (data[9], ports),
                )
            )
    ends = frozenset({tunnel.local, tunnel.remote})
    allowed = {
        (ends, socket.IPPROTO_ESP),
        *((ends, (socket.IPPROTO_UDP, frozenset({port}))) for port in (500, 4500)),
    }
    assert packets > 20, "BFD alone sends 20 packets a second each way"
    assert seen <= allowed
    assert bgp_session(running)[0] == "Established"


def test_bfd_tells_bgp_of_the_loss_of_every_link_and_tunnel(running: Running) -> None:
    for name, device in running.devices.items():
        if device.bgp is None:
            continue
        said = running.said(name, "vtysh", "-c", "show bgp neighbors json")
        for session in device.bgp.sessions:
            about = json.loads(said)[str(session.peer_address)]
            watch = about.get("peerBfdInfo", {})
            assert (watch.get("type"), watch.get("status")) == ("single hop", "Up"), (name, about)


def test_new_keys_are_made_while_bgp_runs_on(running: Running) -> None:
    before, lost = keys(running, GATEWAY), bgp_session(running)[1]
    running.said(GATEWAY, "swanctl", "--rekey", "--child", HUB)
    running.said(GATEWAY, "swanctl", "--rekey", "--ike", HUB)
    assert until(lambda: not before & keys(running, GATEWAY))
    time.sleep(0.5)  # longer than BFD takes to notice that nothing comes through
    assert bgp_session(running) == ("Established", lost)


def test_a_tunnel_whose_keys_cannot_be_renewed_is_given_up_and_comes_back(
    running: Running,
) -> None:
    fault = Fault("rekey", GATEWAY, value=HUB)
    with pytest.raises(LabError, match="has no tunnel to 'nowhere'"):
        running.lab.fault(Fault("rekey", GATEWAY, value="nowhere"))
    running.lab.fault(fault)
    assert until(lambda: bgp_session(running)[0] != "Established")
    assert "INSTALLED" not in running.said(GATEWAY, "swanctl", "--list-sas")
    running.lab.heal(fault)
    assert until(lambda: bgp_session(running)[0] == "Established")


def test_the_keys_of_a_run_are_on_its_nodes_alone(running: Running) -> None:
    listed = running.said(GATEWAY, "sh", "-c", "stat -c '%a %n' /etc/swanctl/private/*")
    assert listed.split() == ["600", f"/etc/swanctl/private/{GATEWAY}.key"]
    assert not running.lab.run(CARRIER, ["ls", "/etc/swanctl/private/"]).stdout
    for path in running.folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path


def _quietly(_: str) -> None:
    """Progress that nobody looks at."""


def _changed(running: Running, find: str, put: str) -> Artifacts:
    old = running.artifacts[GATEWAY]["swanctl.conf"]
    assert find in old.text
    return {GATEWAY: {old.name: Artifact(GATEWAY, old.name, old.text.replace(find, put))}}


def test_a_changed_tunnel_is_pushed_and_put_back(running: Running) -> None:
    pusher = pusher_for(running.workspace, running.lab)
    try:
        pusher.push(_changed(running, "dpd_delay = 10s", "dpd_delay = 7s"), [[GATEWAY]], _quietly)
        assert "dpd delay 7s" in running.said(GATEWAY, "swanctl", "--list-conns")
        old = {GATEWAY: {"swanctl.conf": running.artifacts[GATEWAY]["swanctl.conf"]}}
        pusher.push(old, [[GATEWAY]], _quietly)
        assert "dpd delay 10s" in running.said(GATEWAY, "swanctl", "--list-conns")
        with pytest.raises(PushError, match="pcg-a"):
            pusher.push(_changed(running, "aes128gcm16", "rot13"), [[GATEWAY]], _quietly)
        assert "dpd delay 10s" in running.said(GATEWAY, "swanctl", "--list-conns")
    finally:
        pusher.close()
    assert until(lambda: bgp_session(running)[0] == "Established")


def test_a_peer_with_a_certificate_of_another_authority_is_refused(running: Running) -> None:
    hub, gateway = "psnp-hub-b", "pcg-b"
    other = Authority("tunnels", "ecdsa-256")
    certificate, key = other.issue(hub)
    for name, content in ((f"x509/{hub}.pem", certificate), (f"private/{hub}.key", key)):
        argv = ["sh", "-c", f"cat >/etc/swanctl/{name}"]
        done = running.lab.run(hub, argv, stdin=content.decode())
        assert done.returncode == 0, done.stderr
    running.said(hub, "swanctl", "--load-creds", "--clear", "--noprompt")
    running.said(gateway, "swanctl", "--terminate", "--ike", hub, "--force")
    done = running.lab.run(gateway, ["swanctl", "--initiate", "--child", hub, "--timeout", "10"])
    assert done.returncode
    assert "generating INFORMATIONAL request 2 [ N(AUTH_FAILED) ]" in done.stdout
    assert "INSTALLED" not in running.said(gateway, "swanctl", "--list-sas")
