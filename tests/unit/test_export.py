"""A lab as a folder for containerlab, and as manifests for Clabernetes."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pcg_netops.errors import InputError, InputErrors
from pcg_netops.lab.embedded.layout import STARTUP, lay_out, make_plan
from pcg_netops.lab.export.clabernetes import Api, manifests
from pcg_netops.lab.export.folder import File, files_of
from pcg_netops.lab.topology.file import load
from tests.conftest import REPOSITORY, Pcg

OFFICIAL = REPOSITORY.parent / "shared" / "data"  # schemas that are not ours to keep
_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample lab@example\n"
)


@pytest.fixture
def own(workspace: Path) -> Path:
    """A workspace with the files of the node image."""
    shutil.copytree(REPOSITORY / "simulations/node", workspace / "simulations/node")
    return workspace


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def data_of(config_map: dict[str, Any]) -> dict[str, bytes]:
    text = {key: value.encode() for key, value in config_map.get("data", {}).items()}
    binary = config_map.get("binaryData", {})
    return text | {key: base64.b64decode(value) for key, value in binary.items()}


def test_the_folder_for_containerlab_holds_all_that_its_nodes_need(own: Path, pcg: Pcg) -> None:
    (own / "key.pub").write_text(_KEY)
    done = pcg("lab", "export", "out", "--to", "containerlab", "--ssh-key", "key.pub")
    assert done.code == 0, done.err
    topology = load(own / "out/topology.clab.yml")
    plan = make_plan(lay_out(topology, own / "out"), "", own, strict=True)
    routers = [node for node in plan.nodes if node.daemons]
    assert routers
    for node in routers:
        (startup,) = (Path(bind.source) for bind in node.binds if bind.target == STARTUP)
        assert startup.is_relative_to(own / "out")
        assert {"frr.conf", "nftables.conf", "authorized_keys"} <= {
            f.name for f in startup.iterdir()
        }
        assert not any(file.stat().st_mode & 0o077 for file in startup.iterdir())
    image = {path.name for path in (own / "out/image").iterdir()}
    assert {"Dockerfile", "pcg-node", "node-start.sh"} <= image
    said = (own / "out/README.md").read_text()
    assert "containerlab deploy -t topology.clab.yml" in said
    assert "docker build -t pcg-netops/node:latest image" in said


def test_an_export_overwrites_nothing(own: Path, pcg: Pcg) -> None:
    (own / "out").mkdir()
    (own / "out/mine").touch()
    done = pcg("lab", "export", "out", "--to", "containerlab")
    assert done.code == 2
    assert "not an empty folder" in done.err
    assert [path.name for path in (own / "out").iterdir()] == ["mine"]


def test_a_private_key_is_not_given_away(own: Path, pcg: Pcg) -> None:
    (own / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    done = pcg("lab", "export", "out", "--to", "containerlab", "--ssh-key", "key")
    assert done.code == 2
    assert "not a public key" in done.err
    assert not (own / "out").exists()


@pytest.mark.parametrize("api", ["c9s", "legacy"])
def test_manifests_bring_every_file_to_its_node(api: str, own: Path, pcg: Pcg) -> None:
    assert pcg("lab", "export", "flat", "--to", "containerlab").code == 0
    image = "registry.example/pcg-netops/node:7"
    options = ("--to", "clabernetes", "--api", api, "--image", image, "--namespace", "lab-1")
    assert pcg("lab", "export", "out", *options).code == 0
    (namespace,) = documents(own / "out/00-namespace.yaml")
    maps = {m["metadata"]["name"]: m for m in documents(own / "out/10-files.yaml")}
    (resource,) = documents(own / "out/20-topology.yaml")
    assert namespace["metadata"]["name"] == "lab-1"
    assert {m["metadata"]["namespace"] for m in maps.values()} == {"lab-1"}
    assert resource["apiVersion"] == str({"c9s": Api.C9S, "legacy": Api.LEGACY}[api])
    nodes = yaml.safe_load(resource["spec"]["definition"]["containerlab"])["topology"]["nodes"]
    mounted = resource["spec"]["deployment"]["filesFromConfigMap"]
    assert {name for name, node in nodes.items() if "binds" in node} == mounted.keys()
    for node, mounts in mounted.items():
        assert {mount["filePath"].rpartition("/")[0] for mount in mounts} == {f"startup/{node}"}
        assert {nodes[node]["image"]} == {image}
        for mount in mounts:
            content = data_of(maps[mount["configMapName"]])[mount["configMapPath"]]
            flat = (own / "flat" / mount["filePath"]).read_bytes()
            # Passwords are random for each export.
            assert len(content.splitlines()) == len(flat.splitlines())
    assert "docker push " + image in (own / "out/README.md").read_text()


def test_an_end_system_has_no_management_in_a_cluster_either(own: Path, pcg: Pcg) -> None:
    assert pcg("lab", "export", "out", "--to", "clabernetes").code == 0
    (resource,) = documents(own / "out/20-topology.yaml")
    nodes = yaml.safe_load(resource["spec"]["definition"]["containerlab"])["topology"]["nodes"]
    hosts = [node for node in nodes.values() if "mgmt-ipv4" not in node]
    assert hosts
    for node in hosts:
        assert "network-mode" not in node
        assert node["exec"][0] == "ip link set dev eth0 down"


_OFFICE = """
name: Office
topology:
  defaults: {kind: linux, image: alpine:3}
  groups: {site: {env: {SITE: north}}}
  nodes:
    pc:
      group: site
      binds:
        - tool:/bin/tool
        - table:/srv/table
        - /lib/modules:/lib/modules
        - __clabNodeName__.conf:/etc/own.conf
      exec: [sh -c 'echo $$SITE is ${SITE_OF_NOBODY:=here}']
      startup-delay: 3
      stages: {create: {wait-for: [{node: server, stage: create}]}}
    server:
  links:
    - endpoints: ["pc:eth1", "server:eth1"]
"""


# What a cluster cannot run.
_LINKS = """\
    - type: veth
      endpoints: [{node: pc, interface: eth2, mac: "02:00:00:00:00:01"}, "server:eth2"]
    - {type: dummy, endpoint: {node: pc, interface: stub}}
    - endpoints: ["pc:oob", "mgmt-net:pc-oob"]
"""


def office(folder: Path, text: str = _OFFICE) -> Path:
    (folder / "pc.conf").write_text("of pc alone\n")
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o755)
    (folder / "table").mkdir()
    (folder / "table/a.bin").write_bytes(b"\0\xff")
    (folder / "table/a-bin").write_text("text\n")
    path = folder / "office.clab.yml"
    path.write_text(text)
    return path


def test_a_lab_of_others_is_exported_and_what_has_no_effect_is_said(
    tmp_path: Path, pcg: Pcg
) -> None:
    path = office(tmp_path)
    out = tmp_path / "out"
    done = pcg("lab", "export", str(out), "--to", "clabernetes", "--topology", str(path))
    assert done.code == 0, done.err
    assert "left out: stages (pc)" in done.out
    assert "left out: startup-delay (pc)" in done.out
    assert "taken from the machine it runs on: pc: /lib/modules\n" in done.out
    (config_map,) = documents(out / "10-files.yaml")
    (resource,) = documents(out / "20-topology.yaml")
    mounts = {
        m["filePath"]: (data_of(config_map)[m["configMapPath"]], m["mode"])
        for m in resource["spec"]["deployment"]["filesFromConfigMap"]["pc"]
    }
    assert mounts == {
        "pc.conf": (b"of pc alone\n", "read"),
        "tool": (b"#!/bin/sh\n", "execute"),
        "table/a-bin": (b"text\n", "read"),
        "table/a.bin": (b"\0\xff", "read"),
    }
    nodes = yaml.safe_load(resource["spec"]["definition"]["containerlab"])["topology"]["nodes"]
    assert nodes["pc"]["env"] == {"SITE": "north"}
    assert nodes["pc"]["exec"] == ["sh -c 'echo $$SITE is here'"]
    assert nodes["pc"].keys().isdisjoint({"group", "stages", "startup-delay"})


def test_a_folder_says_what_it_takes_from_the_machine(
    tmp_path: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = office(tmp_path, _OFFICE + _LINKS), tmp_path / "out"
    done = pcg("lab", "export", str(out), "--to", "containerlab", "--topology", str(path))
    assert done.code == 0, done.err
    assert "taken from the machine it runs on: pc: /lib/modules" in done.out
    assert (out / "table/a.bin").read_bytes() == b"\0\xff"
    assert (out / "tool").stat().st_mode & 0o111
    assert (out / "pc.conf").read_text() == "of pc alone\n"
    before = load(path)
    monkeypatch.setenv("SITE", "elsewhere")
    after = load(out / "topology.clab.yml")
    assert after.topology.nodes == before.topology.nodes
    assert [link.ends for link in after.links] == [link.ends for link in before.links]


_CANNOT = """
name: x
topology:
  nodes:
    Core_1: {kind: linux, image: alpine:3}
    lan: {kind: bridge}
    pc: {kind: linux, image: alpine:3, network-mode: host}
  links:
    - type: vxlan
      endpoint: {node: pc, interface: eth1}
      remote: 192.0.2.1
      vni: 1
      dst-port: 4789
    - endpoints: ["pc:eth2", "mgmt-net:pc2"]
"""


def test_all_that_a_cluster_cannot_run_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text(_CANNOT)
    topology = load(tmp_path / "x.yml", trusted=True)
    big = File("firmware.bin", b"\xff" * 900_000, False)
    with pytest.raises(InputError) as caught:
        manifests(topology, {"pc": [big]}, Api.C9S, "Lab_1")
    said = caught.value.message
    for words in ("Core_1:", "lan: kind bridge", "pc: network-mode host", "link pc:eth1"):
        assert words in said
    assert "link pc:eth2 – mgmt-net:pc2" in said
    assert "pc: firmware.bin has 900000 bytes" in said
    assert "namespace Lab_1" in said


def test_files_that_one_config_map_cannot_hold_are_shared_among_several(tmp_path: Path) -> None:
    path = office(tmp_path)
    files = [File(f"table/{number}", b"x" * 400_000, False) for number in range(5)]
    found = manifests(load(path), {"pc": files}, Api.C9S, "lab")
    maps = [data_of(m) for m in yaml.safe_load_all(found.files["10-files.yaml"])]
    assert [len(one) for one in maps] == [2, 2, 1]
    assert all(sum(map(len, one.values())) <= 1 << 20 for one in maps)


def test_a_missing_file_and_one_outside_are_both_named(tmp_path: Path) -> None:
    text = _OFFICE.replace("tool:/bin/tool", "none:/bin/tool").replace("table:/", "../table:/")
    path = office(tmp_path, text.replace("server:\n", "server: {binds: ['gone:/gone']}\n"))
    with pytest.raises(InputErrors) as caught:
        files_of(load(path), tmp_path)
    assert len(caught.value.errors) == 2


def as_vendor(workspace: Path, host: str, data: str) -> None:
    """Give a host of the small workspace `data`, in the place of its own."""
    path = workspace / "inventory/hosts.yaml"
    lines = path.read_text().splitlines()
    lines = [f"{line[:-1]}, {data}}}" if line.startswith(f"{host}:") else line for line in lines]
    path.write_text("\n".join(lines) + "\n")


_C8000V = "platform: iosxe, data: {lab_kind: cisco_c8000v, lab_image: 'vrnetlab/c8000v:17'}"


def test_a_vendors_image_boots_from_its_own_rendering(own: Path, pcg: Pcg) -> None:
    as_vendor(own, "hq-border", _C8000V)
    assert pcg("lab", "export", "out", "--to", "containerlab").code == 0
    topology = load(own / "out/topology.clab.yml")
    node = topology.nodes["hq-border"]
    assert node
    assert (node.kind, node.image) == ("cisco_c8000v", "vrnetlab/c8000v:17")
    assert node.startup_config == "startup/hq-border/iosxe.conf"
    text = (own / "out" / node.startup_config).read_text()
    assert "interface GigabitEthernet2" in text
    assert "pcg_secret_" not in text
    assert [file.name for file in (own / "out/startup/hq-border").iterdir()] == ["iosxe.conf"]
    # Its stand-in runs in a rehearsal still, in the topology file of which nothing changes.
    assert pcg("lab", "topology").code == 0
    (written,) = (own / "simulations").glob("*/topology.clab.yml")
    assert "cisco" not in written.read_text()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_C8000V.replace("iosxe", "junos"), "is of platform iosxe, and the host of junos"),
        (_C8000V.replace("cisco_c8000v", "arista_ceos"), "'arista_ceos' has no rendering"),
        ("platform: iosxe, data: {lab_kind: cisco_c8000v}", "lab_kind needs lab_image"),
    ],
)
def test_a_vendors_image_that_cannot_be_is_refused(
    data: str, said: str, own: Path, pcg: Pcg
) -> None:
    as_vendor(own, "hq-border", data)
    done = pcg("lab", "export", "out", "--to", "containerlab")
    assert done.code == 2
    assert said in done.err
    assert "hq-border" in done.err


# --- the official schemas, where they lie beside this checkout ----------------------------------

official = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason="the official schemas do not lie beside this checkout"
)


@official
def test_manifests_fit_the_schema_of_the_resource(own: Path, pcg: Pcg) -> None:
    assert pcg("lab", "export", "out", "--to", "clabernetes").code == 0
    definition = yaml.safe_load((OFFICIAL / "c9s.run_topologies.yaml").read_text())
    (version,) = definition["spec"]["versions"]
    (resource,) = documents(own / "out/20-topology.yaml")
    group, _, name = resource["apiVersion"].partition("/")
    assert (group, name) == (definition["spec"]["group"], version["name"])
    schema = closed(version["schema"]["openAPIV3Schema"])
    jsonschema.Draft4Validator(schema).validate(resource)


def closed(schema: Any) -> Any:
    """The schema, with properties refused that it does not name."""
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema:
        made["properties"] = {key: closed(value) for key, value in schema["properties"].items()}
        made.setdefault("additionalProperties", False)
    return made


@official
@pytest.mark.parametrize("of_others", [False, True])
def test_topologies_fit_the_schema_of_containerlab(of_others: bool, own: Path, pcg: Pcg) -> None:
    given = ("--topology", str(office(own, _OFFICE + _LINKS))) if of_others else ()
    assert pcg("lab", "export", "out", "--to", "containerlab", *given).code == 0
    schema = json.loads((OFFICIAL / "clab.schema.json").read_text())
    (topology,) = documents(own / "out/topology.clab.yml")
    # Its patterns for IPv6 zones are of another dialect than Python's.
    schema = json.loads(json.dumps(schema).replace(r"(%[\\p{N}\\p{L}]+)?", ""))
    jsonschema.validate(topology, schema)
