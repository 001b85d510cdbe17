"""Whatever a workspace's own templates say of FRR and nftables, the daemons print it their own way.

Each form is pushed to a router and taken away again: the push judges by what runs, and would fail
if the daemons' own words were taken for another configuration. Forms are from FRR's user guide and
nft(8), such as have several spellings, defaults that are not printed, and orders of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from pcg_netops.cutover.bench import boot, pusher_for, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import copy_small

pytestmark = pytest.mark.lab

NODE = "hq-border"
FRR = {
    "a prefix list without numbers": "ip prefix-list odd permit 192.0.2.0/24\n",
    "a prefix list whose order counts": (
        "ip prefix-list odd seq 7 deny 192.0.2.0/25 le 32\nip prefix-list odd seq 9 permit any\n"
    ),
    "a prefix with host bits": "ip prefix-list odd seq 5 permit 192.0.2.77/24\n",
    "an IPv6 prefix list": "ipv6 prefix-list odd seq 5 permit 2001:DB8:0:0::/32 le 64\n",
    "a list of communities by name": (
        "bgp community-list standard odd seq 5 permit no-export\n"
        "bgp community-list standard odd seq 10 permit no-advertise\n"
    ),
    "a community list without numbers": (
        "bgp community-list standard odd permit 65001:9\n"
        "bgp community-list standard odd deny 65001:8\n"
    ),
    "an expanded community list": "bgp community-list expanded odd seq 5 permit 65001:1..\n",
    "a large community list": "bgp large-community-list standard odd seq 5 permit 65001:1:2\n",
    "a list of paths": "bgp as-path access-list odd seq 5 permit ^65001_\n",
    "an access list": (
        "access-list odd seq 5 permit 192.0.2.0/24\naccess-list odd seq 10 deny any\n"
    ),
    "a route map with all that goes on": (
        "route-map odd permit 10\n description all  the rest\n match ip address prefix-list none\n"
        " on-match next\n set community 65001:1 no-export additive\nexit\n"
        "route-map odd deny 20\n match as-path none\nexit\n"
    ),
    "a route map that calls another": (
        "route-map odd permit 10\n call other\n on-match goto 20\nexit\n"
        "route-map odd permit 20\nexit\n"
        "route-map other permit 10\nexit\n"
    ),
    "a route with a tag": "ip route 198.51.100.0/24 Null0 tag 7 200\n",
    "a route to nowhere": "ip route 198.51.101.0/24 blackhole\n",
    "logs": "log syslog informational\nlog timestamp precision 3\n",
    "a switch that is on by default": "ip nht resolve-via-default\n",
}
# frr-reload.py compares words: what FRR prints in others, or leaves out, can never be seen to have
# arrived. Such a push fails, names the lines, and everything is as it was.
OTHER_WORDS = {
    "a community by number": "bgp community-list standard odd seq 5 permit 65535:65282\n",
    "a route map that continues": (
        "route-map odd permit 10\n continue 20\nexit\nroute-map odd permit 20\nexit\n"
    ),
    "a route with a mask": "ip route 198.51.100.0 255.255.255.0 Null0\n",
    "a BFD profile with defaults": "bfd\n profile odd\n  detect-multiplier 3\n exit\nexit\n",
}
NFTABLES = {
    "ports by name": "tcp dport { ssh, http, bgp } counter accept",
    "a range and single ports": "udp dport { 53, 60-61, 62 } accept",
    "adjacent prefixes": "ip saddr { 192.0.2.0/25, 192.0.2.128/25 } accept",
    "an address with host bits": "ip saddr 192.0.2.77/24 accept",
    "states in another order": "ct state related,established accept",
    "a limit": "icmp type echo-request limit rate over 10/second burst 5 packets drop",
    "a comment": 'meta l4proto tcp accept comment "asked for by Ann"',
    "a protocol by number": "meta l4proto 50 accept",
    "a refusal": "tcp dport 113 reject with tcp reset",
    "a mark in hexadecimal": "meta mark set 0xA",
    "a negation": "ip daddr != 192.0.2.1 tcp flags & (syn | ack) == syn accept",
}


@dataclass(frozen=True)
class Router:
    """A router of a network that is up, what it runs, and what pushes to it."""

    lab: OwnedLab
    artifacts: Artifacts
    pusher: Pusher

    def push(self, file: str, text: str) -> None:
        files = dict(self.artifacts[NODE])
        files[file] = replace(files[file], text=text)
        self.pusher.push({NODE: files}, [[NODE]], lambda _: None)

    def shown(self) -> tuple[str, ...]:
        commands = (["vtysh", "-c", "show running-config"], ["nft", "-s", "list", "ruleset"])
        return tuple(self.lab.run(NODE, command).stdout for command in commands)

    def there_and_back(self, file: str, text: str) -> None:
        before = self.shown()
        self.push(file, text)
        held = self.shown()
        assert held != before
        self.push(file, text)  # what runs is what was meant: nothing changes
        assert self.shown() == held
        self.push(file, self.artifacts[NODE][file].text)
        assert self.shown() == before


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    workspace = load_workspace(copy_small(tmp_path_factory.mktemp("printed") / "workspace"))
    first = stages(workspace.cutover()[1], workspace.services)[0]
    devices, artifacts = design(workspace, first), render_stage(workspace, first)
    with (
        boot(workspace, devices, artifacts, tmp_path_factory.mktemp("lab")) as lab,
        closing(pusher_for(workspace, lab)) as pusher,
    ):
        wait_converged(lab, devices)
        yield Router(lab, artifacts, pusher)


def test_frr_prints_it_its_own_way_and_gives_it_up(router: Router) -> None:
    """All at once, each with names of its own; what is wrong with one is in the push's words."""
    forms = [text.replace("odd", f"odd{number}") for number, text in enumerate(FRR.values())]
    router.there_and_back("frr.conf", router.artifacts[NODE]["frr.conf"].text + "".join(forms))


@pytest.mark.parametrize("form", OTHER_WORDS)
def test_what_frr_never_prints_is_refused_by_its_line(router: Router, form: str) -> None:
    text = router.artifacts[NODE]["frr.conf"].text
    before = router.shown()
    with pytest.raises(PushError) as refused:
        router.push("frr.conf", f"{text}\n{OTHER_WORDS[form]}")
    words = ("continue", "detect-multiplier", "bgp community", "ip route")
    line = next(x for x in OTHER_WORDS[form].splitlines() if x.strip().startswith(words))
    assert "took the change, but the device still differs" in str(refused.value)
    assert line.strip() in str(refused.value)
    assert router.shown() == before


def test_nftables_prints_it_its_own_way_and_gives_it_up(router: Router) -> None:
    rules = "".join(f"    {rule}\n" for rule in NFTABLES.values())
    table = f"table inet odd {{\n  chain odd {{\n{rules}  }}\n}}\n"
    router.there_and_back("nftables.conf", router.artifacts[NODE]["nftables.conf"].text + table)
