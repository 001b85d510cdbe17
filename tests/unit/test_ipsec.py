"""Tunnels from intent to a lab: what contradicts itself, who can encrypt, who signs."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.errors import LabError
from pcg_netops.inventory.workspace import load_workspace, read_workspace
from pcg_netops.lab.embedded.build_plan import NodePlan, TunnelPlan
from pcg_netops.lab.embedded.ipsec import Protection, credentials, labels_of, plan_of, require
from pcg_netops.lab.embedded.pki import Authority
from pcg_netops.model.device import Device
from pcg_netops.platforms.strongswan import proposals_of
from tests.conftest import REPOSITORY
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import differences
from tests.unit.meaning.test_meaning import READERS, rendered
from tests.unit.test_audit import change

CABLES = """
links:
  - {between: [hq-border, legacy-fw]}
  - {between: [hq-border, cloud-north]}
  - {between: [hq-border, cloud-south]}
  - {between: [legacy-fw, health-net]}
  - {between: [cloud-south, health-net]}
  - {between: [health-net, hospital]}
"""
DIRECT = """\
  - {between: [cloud-north, health-net], underlay: true}
  - {between: [cloud-north, health-net], mtu: 1438, tunnel: %s}
"""
LEGACY = "{profile: foundation}"


def devices(workspace: Path) -> dict[str, Device]:
    loaded = load_workspace(workspace)
    return design(loaded, stages(loaded.cutover()[1], loaded.services)[1])


def errors(workspace: Path, part: str) -> list[str]:
    change(workspace, "network.yaml", part)
    return [error.message for error in read_workspace(workspace).errors]


def test_a_tunnel_over_a_cable_of_its_own_has_no_routing_below_it(workspace: Path) -> None:
    assert errors(workspace, CABLES + DIRECT % "true") == []
    found = devices(workspace)
    (near,), (far,) = found["cloud-north"].tunnels, found["health-net"].tunnels
    assert (near.local, near.remote) == (far.remote, far.local)
    assert (near.initiates, far.initiates) == (True, False)
    for name, tunnel in (("cloud-north", near), ("health-net", far)):
        device = found[name]
        assert device.bgp
        assert not device.static_routes
        assert tunnel.underlay not in {session.interface for session in device.bgp.sessions}
        assert tunnel.interface in {session.interface for session in device.bgp.sessions}


@pytest.mark.parametrize("tunnel", ["true", LEGACY])
@pytest.mark.parametrize("platform", ["linux", "junos"])
def test_either_built_in_profile_means_the_same_on_each_platform(
    workspace: Path, tunnel: str, platform: str
) -> None:
    change(workspace, "network.yaml", CABLES + DIRECT % tunnel)
    gateway = devices(workspace)["cloud-north"]
    assert differences(facts_of(gateway), READERS[platform](rendered(gateway, platform))) == []


def test_a_tunnel_that_crosses_a_core_leads_nowhere_else() -> None:
    loaded = load_workspace(REPOSITORY)
    found = design(loaded, stages(loaded.cutover()[1], loaded.services)[0])
    (tunnel,) = found["psnp-hub-a"].tunnels
    (route,) = found["psnp-hub-a"].static_routes
    assert route.prefix == IPv4Network(tunnel.remote)
    carrier = {i.peer: i for i in found["psn-core"].interfaces}
    assert route.gateway == carrier["psnp-hub-a"].address.ip
    assert tunnel.remote in carrier["pcg-a"].address.network
    assert found["psn-core"].bgp
    assert "psnp-hub-a" not in {session.peer for session in found["psn-core"].bgp.sessions}


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ("  - {between: [cloud-north, health-net], tunnel: true}", "the tunnel has no way"),
        (
            DIRECT % "{over: hospital}",
            "cannot cross 'hospital', which is no core that cloud-north and health-net are cabled",
        ),
        (DIRECT % "{over: nowhere}", "no node named 'nowhere'"),
        (DIRECT % "{profile: primee}", "no IPsec profile named 'primee'"),
        (
            "  - {between: [cloud-north, health-net], tunnel: true, underlay: true}",
            "a tunnel or the cable below one, not both",
        ),
        (
            "  - {between: [cloud-north, health-net]}\n"
            "  - {between: [cloud-south, hospital], underlay: true}",
            "no tunnel crosses the cable between cloud-south and hospital",
        ),
    ],
)
def test_what_contradicts_itself_is_said(workspace: Path, links: str, said: str) -> None:
    assert any(said in message for message in errors(workspace, CABLES + links))


def test_a_built_in_profile_cannot_mean_anything_else(workspace: Path) -> None:
    part = """
ipsec_profiles:
  prime:
    ike: {encryption: aes-128-gcm, hash: sha-256, group: 19, lifetime: 24 h}
    esp: {encryption: aes-128-gcm, group: 19, lifetime: 8 h}
    signature: ecdsa-256
"""
    assert errors(workspace, part) == [
        "IPsec profile 'prime' is built in and cannot mean anything else"
    ]


@pytest.mark.parametrize(
    "esp",
    [
        "{encryption: aes-128-cbc, group: 19, lifetime: 8 h}",
        "{encryption: aes-128-gcm, hash: sha-256, group: 19, lifetime: 8 h}",
        "{encryption: aes-128-gcm, group: 19, lifetime: 1500 ms}",
    ],
)
def test_a_proposal_that_is_none_is_refused(workspace: Path, esp: str) -> None:
    part = f"""
ipsec_profiles:
  ours:
    ike: {{encryption: aes-128-gcm, hash: sha-256, group: 19, lifetime: 24 h}}
    esp: {esp}
    signature: ecdsa-256
"""
    assert len(errors(workspace, part)) == 1


def test_the_recommended_profile_in_strongswan_s_words(workspace: Path) -> None:
    change(workspace, "network.yaml", CABLES + DIRECT % "true")
    (tunnel,) = devices(workspace)["cloud-north"].tunnels
    spelled = proposals_of(tunnel.profile)
    assert (spelled.ike, spelled.esp) == ("aes128gcm16-prfsha256-ecp256", "aes128gcm16-ecp256")


def test_ios_xe_and_stateless_junos_refuse_what_they_cannot_do(workspace: Path) -> None:
    change(workspace, "network.yaml", CABLES + DIRECT % LEGACY)
    core = devices(workspace)["health-net"]
    with pytest.raises(Exception, match="IKE version 1 with cloud-north: only version 2"):
        rendered(core, "iosxe")
    with pytest.raises(Exception, match="forwarding packet by packet knows no IPsec"):
        rendered(core, "junos")


def test_time_cannot_come_through_a_tunnel(workspace: Path) -> None:
    part = """
secrets: {clock: env:CLOCK}
management: {ntp: {servers: [10.2.0.9], secret: clock}}
"""
    said = errors(workspace, CABLES + DIRECT % "true" + part)
    assert said == ["10.2.0.9 is not in the management network 198.18.7.0/24"]


# --- the lab ------------------------------------------------------------------------------------


def _plan(name: str, count: int = 1) -> NodePlan:
    ends = [TunnelPlan(f"ipsec{i}", "eth1", 1338, "tunnels", "ecdsa-256") for i in range(count)]
    return NodePlan(name=name, tunnels=tuple(ends))


def test_the_topology_s_labels_tell_of_a_device_s_tunnels() -> None:
    loaded = load_workspace(REPOSITORY)
    found = design(loaded, stages(loaded.cutover()[1], loaded.services)[0])
    (plan,) = plan_of(labels_of(found["pcg-a"]) | {"pcg-role": "gateway"})
    (tunnel,) = found["pcg-a"].tunnels
    assert plan == TunnelPlan("ipsec0", tunnel.underlay, 1338, "tunnels", "ecdsa-256")
    assert json.dumps(labels_of(found["pcg-a"])), "plain text, as containerlab wants it"


def test_without_esp_in_the_kernel_a_second_tunnel_on_a_node_is_refused_by_name() -> None:
    nodes = [_plan("one"), _plan("two", 2)]
    require(Protection.KERNEL, nodes)
    with pytest.raises(LabError, match="more than one tunnel ends on two") as refused:
        require(Protection.DAEMON, nodes)
    assert "modprobe" in refused.value.remedy


def test_every_node_has_a_key_of_its_own_and_one_authority() -> None:
    files = credentials([_plan("one"), _plan("two")])
    assert files["one"]["x509ca/tunnels.pem"] == files["two"]["x509ca/tunnels.pem"]
    assert files["one"]["private/one.key"] != files["two"]["private/two.key"]
    authority = x509.load_pem_x509_certificate(files["one"]["x509ca/tunnels.pem"])
    for name in ("one", "two"):
        certificate = x509.load_pem_x509_certificate(files[name][f"x509/{name}.pem"])
        certificate.verify_directly_issued_by(authority)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value.get_values_for_type(x509.DNSName) == [name]
        key = load_pem_private_key(files[name][f"private/{name}.key"], None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"
        assert key.public_key() == certificate.public_key()


def test_an_authority_of_another_run_has_another_key() -> None:
    first, second = (
        x509.load_pem_x509_certificate(Authority("a", "rsa-2048").certificate) for _ in range(2)
    )
    assert first.public_key() != second.public_key()
