"""Topologies that others wrote for containerlab: what is read from them, and what is refused."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.errors import InputError
from pcg_netops.lab.background.supervisor import published, record_of
from pcg_netops.lab.embedded.build_plan import Health, LinkPlan, NodePlan, Plan, Wait
from pcg_netops.lab.embedded.layout import Layout, lay_out, make_plan
from pcg_netops.lab.export import inventories
from pcg_netops.lab.topology.definitions import NodeDefinition, TopologyBody
from pcg_netops.lab.topology.demands import what_it_does
from pcg_netops.lab.topology.file import load
from pcg_netops.lab.topology.inheritance import settled
from pcg_netops.lab.topology.support import StandIn, stand_in
from pcg_netops.lab.topology.variables import expand, magic

_LEAF_AND_HOSTS = """
name: campus
prefix: __lab-name
mgmt:
  network: oob
  ipv4-subnet: 172.31.0.0/24
  ipv4-gw: 172.31.0.254
  ipv4-range: 172.31.0.128/25
topology:
  defaults:
    kind: linux
    env: {SITE: north, LEVEL: 1}
    labels: {owner: tests}
  kinds:
    linux:
      image: alpine:${ALPINE_RELEASE:=3}
      env: {LEVEL: 2, DEBUG: true}
  groups:
    routers:
      image: quay.io/frrouting/frr:10.5.1
      binds: [__clabNodeName__/daemons:/etc/frr/daemons:ro]
      env: {LEVEL: 3}
  nodes:
    leaf:
      group: routers
      env: {LEVEL: 4}
      binds: [leaf/frr.conf:/etc/frr/frr.conf]
      mgmt-ipv4: 172.31.0.129
      aliases: [gateway.example]
    pc1:
      exec: [ip address add 192.0.2.2/24 dev eth1, echo __clabNodeName__ of __clabLabName__]
      ports: [2222:22]
    pc2:
  links:
    - endpoints: [leaf:eth1, pc1:eth1]
    - type: veth
      endpoints:
        - {node: leaf, interface: eth2, mac: "02:00:00:00:00:01"}
        - {node: pc2, interface: eth1}
      mtu: 1400
    - type: dummy
      endpoint: {node: leaf, interface: stub}
    - type: mgmt-net
      endpoint: {node: pc2, interface: oob1}
      host-interface: port9
"""


@pytest.fixture
def campus(tmp_path: Path) -> Layout:
    folder = tmp_path / "leaf"
    folder.mkdir()
    for name in ("daemons", "frr.conf"):
        (folder / name).touch()
    return _laid_out(tmp_path, _LEAF_AND_HOSTS)


def _laid_out(folder: Path, text: str, *accepted: str) -> Layout:
    path = folder / "lab.clab.yml"
    path.write_text(text)
    return lay_out(load(path), folder, accepted)


def _planned(layout: Layout) -> Plan:
    return make_plan(layout, "key", Path("/run/of/lab"), strict=False)


def _node(layout: Layout, name: str) -> NodePlan:
    return next(node for node in _planned(layout).nodes if node.name == name)


# --- inheritance ---------------------------------------------------------------------------------


def test_a_node_inherits_the_most_specific_value(campus: Layout) -> None:
    leaf, pc2 = campus.nodes["leaf"], campus.nodes["pc2"]
    assert (leaf.kind, leaf.image) == ("linux", "quay.io/frrouting/frr:10.5.1")
    assert leaf.env == {"SITE": "north", "LEVEL": "4", "DEBUG": "true"}
    assert (pc2.kind, pc2.image) == ("linux", "alpine:3")
    assert pc2.env == {"SITE": "north", "LEVEL": "2", "DEBUG": "true"}
    assert pc2.labels == {"owner": "tests"}


def test_lists_add_up_and_binds_of_one_target_replace_each_other() -> None:
    body = TopologyBody.model_validate(
        {
            "defaults": {"kind": "linux", "exec": ["a"], "binds": ["x:/t", "y:/u"]},
            "kinds": {"linux": {"exec": ["b", "a"], "group": "g"}},
            "groups": {"g": {"exec": ["c"], "binds": ["z:/t:ro"]}},
            "nodes": {"n": {"exec": ["d"], "mgmt-ipv4": "192.0.2.1"}, "empty": None},
        }
    )
    node = settled(body, "n")
    assert node.exec == ("a", "b", "c", "d")
    assert node.binds == ("z:/t:ro", "y:/u")
    # A node of which nothing is said is of the group of all, not of its kind's.
    assert settled(body, "empty").group == "g"


def test_a_kind_may_come_from_the_group() -> None:
    body = TopologyBody.model_validate(
        {
            "groups": {"hosts": {"kind": "linux", "image": "debian"}},
            "nodes": {"n": {"group": "hosts"}},
        }
    )
    assert settled(body, "n").kind == "linux"


_LEVEL = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["a", "b", "c"]),
        "user": st.sampled_from(["u", "v"]),
        "env": st.dictionaries(st.sampled_from("XYZ"), st.sampled_from("123")),
        "exec": st.lists(st.sampled_from(["p", "q", "r"]), max_size=3),
    },
)


@given(_LEVEL, _LEVEL, _LEVEL, _LEVEL)
def test_every_value_comes_from_the_first_level_that_has_it(
    own: dict[str, Any], group: dict[str, Any], kind: dict[str, Any], defaults: dict[str, Any]
) -> None:
    body = TopologyBody.model_validate(
        {
            "defaults": defaults,
            "kinds": {"linux": kind},
            "groups": {"g": group},
            "nodes": {"n": own | {"kind": "linux", "group": "g"}},
        }
    )
    node, levels = settled(body, "n"), (own, group, kind, defaults)
    assert node.image == next((level["image"] for level in levels if "image" in level), None)
    assert node.user == next((level["user"] for level in levels if "user" in level), None)
    merged: dict[str, str] = {}
    for level in reversed(levels):
        merged |= level.get("env", {})
    assert node.env == merged
    commands = [command for level in reversed(levels) for command in level.get("exec", ())]
    assert node.exec == tuple(dict.fromkeys(commands))


# --- variables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$A ${A} ${A}b", "1 1 1b"),
        ("${NONE} $NONE", "$NONE $NONE"),
        ("${NONE:=x} ${NONE:-x} ${NONE-x} ${NONE=x}", "x x x x"),
        ("${EMPTY:=x}|${EMPTY=x}|${A:=x}", "x||1"),
        ("${A:+y}${NONE:+y}", "y"),
        ("${NONE:=a/b:3.19 c}", "a/b:3.19 c"),
        ("${NONE:=$A}${NONE:=${A}}", "11"),
        ("$$A $1 ${1} $( $", "$A $1 ${1} $( $"),
    ],
)
def test_variables_of_the_environment_follow_containerlab(text: str, said: str) -> None:
    assert expand(text, {"A": "1", "EMPTY": ""}) == said


@given(st.text(alphabet=st.characters(exclude_characters="$", codec="utf-8")))
def test_text_without_a_variable_stays_as_it_is(text: str) -> None:
    assert expand(text, {"A": "1"}) == text


def test_containerlab_s_own_variables_are_put_in(campus: Layout) -> None:
    assert _node(campus, "pc1").commands[-1] == ("echo", "pc1", "of", "clab-campus")
    folder = Path("/x/clab-lab")
    assert magic("__clabDir__ __clabNodeDir__", folder, "n") == "/x/clab-lab /x/clab-lab/n"


def test_the_name_of_a_lab_may_hold_the_branch(tmp_path: Path) -> None:
    text = "name: lab-__gitBranch__-__gitHash__\ntopology: {nodes: {}}\n"
    assert _laid_out(tmp_path, text).topology.name == "lab-none-none"


def test_a_key_without_a_value_says_nothing(tmp_path: Path) -> None:
    layout = _laid_out(
        tmp_path,
        "name: x\nmgmt:\ntopology:\n  defaults:\n  kinds: {linux: {image: alpine}}\n  groups:\n"
        "  nodes:\n    n: {kind: linux, exec: , binds: , stages: , env: {A: }, labels: {b: }}\n"
        "  links:\n",
    )
    node = layout.nodes["n"]
    assert (node.image, node.exec, node.env, node.labels) == ("alpine", (), {"A": ""}, {"b": ""})


def test_merge_keys_and_words_of_older_yaml_are_read(tmp_path: Path) -> None:
    text = """
name: old
topology:
  nodes:
    a: &base {kind: linux, image: alpine, env: {FLAG: yes, TIME: 10:30}}
    b: {<<: *base, privileged: on}
"""
    nodes = _laid_out(tmp_path, text).nodes
    assert nodes["b"].env == {"FLAG": "yes", "TIME": "10:30"}
    assert nodes["b"].privileged is True


def test_a_template_of_go_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lab.clab.yml:2: is a template of the Go language"):
        _laid_out(tmp_path, "name: x\n{{ range .leaves }}\n")


# --- the plan ------------------------------------------------------------------------------------


def test_management_addresses_are_those_given_and_the_next_free_ones(campus: Layout) -> None:
    assert {name: str(address) for name, address in campus.addresses.items()} == {
        "leaf": "172.31.0.129",
        "pc1": "172.31.0.130",
        "pc2": "172.31.0.131",
    }
    plan = _planned(campus)
    assert (plan.gateway, plan.nodes[0].management) == ("172.31.0.254/24", "172.31.0.129/24")


def test_without_a_management_network_containerlab_s_own_is_used(tmp_path: Path) -> None:
    layout = _laid_out(
        tmp_path,
        "name: x\ntopology:\n  nodes:\n    n: {kind: linux, image: alpine}\n"
        "    m: {kind: linux, image: alpine, network-mode: none}\n",
    )
    assert str(layout.addresses["n"]) == "172.20.20.2"
    assert str(layout.addresses6["n"]) == "3fff:172:20:20::2"
    assert "m" not in layout.addresses


def test_an_exhausted_management_network_is_an_error(tmp_path: Path) -> None:
    nodes = "".join(f"    n{i}: {{kind: linux, image: alpine}}\n" for i in range(6))
    text = f"name: x\nmgmt: {{ipv4-subnet: 192.0.2.0/29}}\ntopology:\n  nodes:\n{nodes}"
    with pytest.raises(InputError, match="too few addresses for 6 nodes"):
        _laid_out(tmp_path, text)


def test_nodes_know_their_files_and_each_other(campus: Layout, tmp_path: Path) -> None:
    leaf = _node(campus, "leaf")
    assert [(Path(b.source), b.target, b.read_only) for b in leaf.binds] == [
        (tmp_path / "leaf/daemons", "/etc/frr/daemons", True),
        (tmp_path / "leaf/frr.conf", "/etc/frr/frr.conf", False),
    ]
    assert (leaf.daemons, _node(campus, "pc1").daemons) == ("frr", "")
    hosts = dict(leaf.files)["/etc/hosts"]
    assert "172.31.0.129 campus-leaf leaf gateway.example\n" in hosts
    assert "172.31.0.131 campus-pc2 pc2\n" in hosts


def test_every_kind_of_link_becomes_a_cable(campus: Layout) -> None:
    assert _planned(campus).links == (
        LinkPlan(("leaf", "pc1"), ("eth1", "eth1"), 9500),
        LinkPlan(("leaf", "pc2"), ("eth2", "eth1"), 1400, ("02:00:00:00:00:01", None)),
        LinkPlan(("leaf", ""), ("stub", ""), 9500),
        LinkPlan(("pc2", "mgmt-net"), ("oob1", ""), 9500),
    )


_START = """
name: start
topology:
  nodes:
    db:
      kind: linux
      image: debian
      env-files: [db.env]
      env: {MODE: own}
      cmd: sleep 5
      startup-delay: 2
      healthcheck: {test: [CMD-SHELL, "test -e /run/up"], interval: 1, retries: 2}
      dns: {servers: [192.0.2.53], search: [example]}
      sysctls: {net.ipv4.ip_forward: 0}
      tmpfs: {/scratch: }
    web:
      kind: linux
      image: debian
      network-mode: container:db
      stages:
        create: {wait-for: [{node: db, stage: healthy}]}
        configure:
          exec: [{command: echo ready, phase: on-exit}, {command: "true", phase: on-enter}]
    logs:
      kind: linux
      image: debian
      network-mode: none
      stages:
        create-links: {exec: {on-enter: [echo old spelling]}}
"""


def test_the_start_of_a_node_is_planned(tmp_path: Path) -> None:
    (tmp_path / "db.env").write_text("MODE=file\nexport NAME='a b' # c\n")
    layout = _laid_out(tmp_path, _START)
    db, web, logs = _planned(layout).nodes
    assert db.environment == {"MODE": "own", "NAME": "a b", "CLAB_INTFS": "0"}
    assert (db.process, db.delay, db.tmpfs) == (("sleep", "5"), 2, ("/scratch",))
    assert db.sysctls == (("net.ipv4.ip_forward", "0"),)
    assert dict(db.files)["/etc/resolv.conf"] == "nameserver 192.0.2.53\nsearch example\n"
    assert db.health == Health(("sh", "-c", "test -e /run/up"), 1, 30, 2, 0)
    assert (web.network_of, web.management) == ("db", None)
    assert web.waits == (Wait("create", "db", "healthy"),)
    assert [(c.phase, c.argv) for c in web.stage_commands] == [
        ("on-exit", ("echo", "ready")),
        ("on-enter", ("true",)),
    ]
    assert [(c.stage, c.argv) for c in logs.stage_commands] == [
        ("create-links", ("echo", "old", "spelling"))
    ]


def test_files_that_are_missing_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        _planned(_laid_out(tmp_path, _LEAF_AND_HOSTS))
    assert "leaf/daemons: node 'leaf': the bind's source does not exist" in str(error.value)
    with pytest.raises(InputError, match=r"db.env: node 'db': the env-file does not exist"):
        _planned(_laid_out(tmp_path, _START))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("node: db, stage: healthy", "node: bd, stage: healthy", "waits for 'bd', which does not"),
        (
            "      cmd: sleep 5\n",
            "      stages: {create: {wait-for: [{node: web, stage: create}]}}\n",
            "never starts: ",
        ),
        ("node: db, stage: healthy", "node: logs, stage: exit", "exit of 'logs', which has no cmd"),
        ("container:db", "container:dbs", "shares the network of 'dbs', which does not exist"),
    ],
)
def test_waits_and_shares_that_can_never_be_are_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert _START.count(old) == 1
    with pytest.raises(InputError) as error:
        _laid_out(tmp_path, _START.replace(old, new))
    assert said in str(error.value)


def test_waits_in_both_directions_are_no_ring_where_the_stages_allow_it(tmp_path: Path) -> None:
    text = """
name: x
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {stages: {configure: {wait-for: [{node: b, stage: create}]}}}
    b: {stages: {configure: {wait-for: [{node: a, stage: create}]}}}
"""
    assert len(_laid_out(tmp_path, text).nodes) == 2


# --- what runs here ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "runs_as"),
    [
        ("quay.io/frrouting/frr:10.5.1", StandIn.FRR),
        ("frrouting/frr", StandIn.FRR),
        ("example.org:5000/lab/my-frr:1@sha256:00ff", StandIn.FRR),
        ("alpine", StandIn.HOST),
        ("wbitt/network-multitool:3.22.2", StandIn.HOST),
        ("docker.io/library/debian:12", StandIn.HOST),
        ("pcg-netops/node:latest", StandIn.OWN),
        ("nginx:stable-alpine", None),
        ("node:22", None),
        ("affrront/tool", None),
    ],
)
def test_images_have_equivalents_or_none(image: str, runs_as: StandIn | None) -> None:
    assert stand_in(image) is runs_as


_MIXED = """
name: mixed
topology:
  nodes:
    spine: {kind: nokia_srlinux, image: ghcr.io/nokia/srlinux:25.3}
    web: {kind: linux, image: nginx:1, cpu: 2, restart-policy: never}
    pc: {kind: linux, image: alpine, memory: 1Gb}
    br: {kind: bridge}
  links:
    - endpoints: ["spine:ethernet-1/1", "pc:eth1"]
    - endpoints: ["pc:eth2", "host:pc-eth2"]
    - {type: vxlan, endpoint: {node: pc, interface: eth3}, remote: 192.0.2.7, vni: 9, dst-port: 9}
    - endpoints: ["br:p1", "pc:eth4"]
"""


def test_all_that_cannot_run_is_named_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        _laid_out(tmp_path, _MIXED)
    assert str(error.value) == (
        "mixed: this lab needs what only containers give; nothing was started:\n"
        "  spine: kind nokia_srlinux (image ghcr.io/nokia/srlinux:25.3) runs in a container only\n"
        "  web: image nginx:1 has no equivalent among this machine's programs\n"
        "  link pc:eth2 – host:pc-eth2: joins the machine's own network, which a lab never does\n"
        "  link pc:eth3: leads to 192.0.2.7, another machine, which a lab never reaches\n"
        "  remedy: deploy the file with containerlab, which runs containers: "
        "containerlab deploy -t FILE; or let Linux hosts of this machine stand in for images: "
        "--as-host nginx:1"
    )


def test_an_image_may_be_accepted_as_a_host_and_what_is_not_honoured_is_listed(
    tmp_path: Path,
) -> None:
    lines = _MIXED.splitlines(keepends=True)
    text = "".join(line for line in lines if "spine" not in line and "host:" not in line)
    text = "".join(line for line in text.splitlines(keepends=True) if "vxlan" not in line)
    layout = _laid_out(tmp_path, text, "nginx:1")
    assert layout.runs_as("web") is StandIn.HOST
    assert layout.ignored == (
        "cpu (web): no limits are set",
        "restart-policy (web): what ends stays ended",
        "memory (pc): no limits are set",
    )
    assert [node.is_bridge for node in _planned(layout).nodes] == [False, False, True]
    assert "br" not in layout.addresses


_UNHEARD = """
name: unheard
topology:
  kinds: {linux: {image: pcg-netops/node}}
  nodes:
    r: {kind: linux, mgmt-ipv6: "3fff:172:20:20::9", dns: {servers: [192.0.2.1]}, env: {A: b}}
    pc:
      {kind: linux, image: a, network-mode: "container:r", mgmt-ipv4: 172.20.20.9, ports: ["8:8"]}
  links:
    - {endpoints: ["r:eth1", "r:eth2"], labels: {cable: blue}}
    - {type: mgmt-net, endpoint: {node: r, interface: eth3}, host-interface: r-eth3}
"""


def test_what_a_node_of_ours_or_a_link_cannot_have_is_listed(tmp_path: Path) -> None:
    layout = _laid_out(tmp_path, _UNHEARD, "a")
    assert layout.ignored == (
        "mgmt-ipv6 (r): IPv6 is off on a node of our own image",
        "dns (r): a node of our own image resolves no names",
        "mgmt-ipv4 (pc): not with network-mode container:r",
        "ports (pc): not with network-mode container:r",
        "labels of links: containerlab has no use for them either",
        "host-interface of links to mgmt-net: nothing of a lab is made on the machine",
    )
    assert _node(layout, "r").environment["A"] == "b"


@pytest.mark.parametrize("port", ["80000:80", "80", "x:80", "::1:80:80"])
def test_a_port_that_cannot_be_published_is_named(tmp_path: Path, port: str) -> None:
    layout = _laid_out(
        tmp_path,
        f'name: x\ntopology: {{nodes: {{n: {{kind: linux, image: a, ports: ["{port}"]}}}}}}\n',
        "a",
    )
    if port == "80":
        assert list(published(layout, "n")) == [("127.0.0.1", 80, 80)]
        return
    with pytest.raises(InputError, match=f"^node 'n': '{port}' is not a port to publish"):
        list(published(layout, "n"))


def test_a_full_disk_is_told_with_the_file(campus: Layout, tmp_path: Path) -> None:
    record = record_of(campus, tmp_path / "lab.clab.yml", {}, "netns")
    campus.folder.mkdir()
    place = campus.folder / "nornir-simple-inventory.yml"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        with (
            pytest.raises(OSError, match=re.escape(str(place))),
            inventories.written(record, campus, tmp_path),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not campus.folder.exists()


def test_a_link_in_the_labs_folder_is_not_followed(campus: Layout, tmp_path: Path) -> None:
    record = record_of(campus, tmp_path / "lab.clab.yml", {}, "netns")
    outside = tmp_path.parent / "outside"
    outside.write_text("theirs")
    campus.folder.mkdir()
    (campus.folder / "ansible-inventory.yml").symlink_to(outside)
    with inventories.written(record, campus, tmp_path):
        assert "ansible_user" in (campus.folder / "ansible-inventory.yml").read_text()
    assert outside.read_text() == "theirs"


def test_each_key_of_a_node_is_honoured_or_listed(tmp_path: Path) -> None:
    """A key that is new in the model must be put on one of the two sides."""
    honoured = {
        *("kind", "image", "group", "labels", "mgmt_ipv4", "mgmt_ipv6", "network_mode"),
        *("hostname", "aliases", "dns", "ports", "binds", "tmpfs", "env", "env_files", "sysctls"),
        *("entrypoint", "cmd", "exec", "stages", "startup_delay", "healthcheck", "privileged"),
        *("cap_add", "username", "password"),
    }
    example: dict[str, Any] = {
        **dict.fromkeys(("image_pull_policy", "runtime", "restart_policy", "user"), "x"),
        **dict.fromkeys(("cpu_set", "memory", "shm_size", "cgroupns_mode", "position"), "x"),
        **dict.fromkeys(("cgroup_parent", "pid_mode", "license", "link_apply_mode"), "x"),
        **dict.fromkeys(("startup_config", "type"), "x"),
        **dict.fromkeys(("auto_remove", "enforce_startup_config"), True),
        **{name: {"a": 1} for name in ("certificate", "config", "extras")},
        **dict.fromkeys(("devices", "security_opts", "volumes"), ("a:/b",)),
        "suppress_startup_config": True,
        "components": ({"slot": 1},),
        "credentials": {"username": "u"},
        "cpu": 1.0,
    }
    assert honoured | set(example) == set(NodeDefinition.model_fields)
    path = tmp_path / "x.yml"
    path.write_text("name: x\ntopology: {nodes: {n: {kind: linux, image: alpine}}}\n")
    topology = load(path)
    node = NodeDefinition(kind="linux", image="alpine", **example)
    body = topology.topology.model_copy(update={"nodes": {"n": node}})
    layout = lay_out(topology.model_copy(update={"topology": body}), tmp_path)
    for name in example:
        listed = [said for said in layout.ignored if said.startswith(name.replace("_", "-") + " (")]
        assert len(listed) == 1, name


# --- what a topology asks of the machine ------------------------------------------------------

ASKING = {
    "a folder of the machine": ("binds: ['/srv:/mnt']", "sees /srv as /mnt, and may change it"),
    "a folder of the machine to read": ("binds: ['/srv:/mnt:ro']", "sees /srv as /mnt, read-only"),
    "a folder above its own": ("binds: ['../b:/mnt']", "sees ../b as /mnt"),
    "a file at home": ("binds: ['~/.ssh:/mnt']", "sees ~/.ssh as /mnt"),
    "a way out by a link": ("binds: ['out/b:/mnt']", "sees out/b as /mnt"),
    "a file of variables": ("env-files: [/srv/env]", "takes variables from /srv/env"),
    "a start from elsewhere": ("startup-config: /srv/r.cfg", "starts from /srv/r.cfg"),
    "a licence": ("license: ../key", "is licensed by ../key"),
    "a command for the machine": (
        "stages: {create: {exec: [{command: id, target: host}]}}",
        "runs on the machine itself: id",
    ),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_a_topology_asks_for_outside_its_folder_needs_trust(name: str, tmp_path: Path) -> None:
    line, said = ASKING[name]
    (tmp_path / "lab").mkdir()
    (tmp_path / "b").touch()
    (tmp_path / "lab" / "out").symlink_to("..")
    path = tmp_path / "lab" / "lab.clab.yml"
    path.write_text(
        f"name: x\ntopology: {{nodes: {{a: {{kind: linux, image: alpine, {line}}}}}}}\n"
    )
    with pytest.raises(InputError, match=re.escape(f"node 'a' {said}")) as refused:
        lay_out(load(path), path.parent)
    assert "--trust" in refused.value.remedy
    trusted = lay_out(load(path), path.parent, trusted=True)
    assert any(said in line for line in what_it_does(trusted))


def test_a_variable_of_the_environment_needs_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.clab.yml"
    path.write_text("name: ${CI_TOKEN:=x}\ntopology: {nodes: {a: {kind: linux, image: alpine}}}\n")
    assert load(path).name == "x"
    monkeypatch.setenv("CI_TOKEN", "secret")
    with pytest.raises(InputError, match="takes variables of the environment: CI_TOKEN") as error:
        load(path)
    assert "secret" not in str(error.value)
    assert load(path, trusted=True).name == "secret"
