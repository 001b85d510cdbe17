"""Pushes a 200-line change to fake IOS-XE devices that answer after 5 ms; ours and nornir_netmiko.

    python -m benchmarks.push [--devices 100] [--no-peer]

From the top of a clone, with nornir_netmiko installed for the peer. The devices run in a process of
their own. Ours is the whole push: log in, check, arm, apply, read back, confirm, save, read what is
saved. The peer is `netmiko_send_config`, which sends and verifies nothing, with its defaults and
Nornir's: 20 devices at a time. Ours takes 100.
Limits: five times the peer with 100 devices; 1,000 devices in less than 1 GB.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.plugins.runners import ThreadedRunner

from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.hosts import Entry
from pcg_netops.push.driver import Change, Running
from pcg_netops.push.runner import Pusher
from pcg_netops.push.secrets import Secrets
from tests.fake_device import PASSWORD, USER, serving
from tests.fakes.iosxe import FakeIosXe

REPOSITORY = Path(__file__).parent.parent
STARTUP = (REPOSITORY / "tests/golden/iosxe/hq-border/iosxe.conf").read_text()
LATENCY_S = 0.005
LINES = tuple(
    line
    for number in range(10)
    for line in (
        f"ip access-list extended bench-{number}",
        *(f" permit tcp any host 198.51.100.{entry} eq 443" for entry in range(19)),
    )
)


def serve(count: int) -> None:
    """Tell the port and host key of each device, and let them live until our input ends."""
    devices = [FakeIosXe(f"r{n}", STARTUP, latency_s=LATENCY_S) for n in range(count)]
    with serving(devices):
        print(json.dumps([[device.port, device.known_hosts_line] for device in devices]))
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def fleet(count: int) -> Iterator[list[tuple[int, str]]]:
    argv = [sys.executable, "-m", "benchmarks.push", "--serve", str(count)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        yield [(port, key) for port, key in json.loads(served.stdout.readline())]
        served.terminate()
        served.wait()


def rows(running: Running) -> set[str]:
    """Without the numbers that the device gives to entries."""
    return set(re.sub(r"(?m)^ \d+ ", " ", running["iosxe.conf"]).splitlines())


def lacking(running: Running) -> str:
    return "\n".join(set(LINES) - rows(running))


def present(running: Running) -> str:
    return "\n".join(set(LINES[::20]) & rows(running))


def ours(places: list[tuple[int, str]], folder: Path) -> Callable[[], None]:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(line for _, line in places))
    hosts = {
        f"r{n}": Entry(hostname="127.0.0.1", port=port, username=USER, platform="iosxe", data={})
        for n, (port, _) in enumerate(places)
    }
    extras: dict[str, Any] = {
        "password": PASSWORD, "known_hosts": known_hosts, "use_keys": False, "allow_agent": False,
    }  # fmt: skip
    workspace = replace(load_workspace(REPOSITORY), hosts=hosts)
    change = Change(lines=LINES, from_intended=lacking, from_base=present)
    pusher = Pusher(workspace, lambda _: extras, Secrets(str))

    def push() -> None:
        with closing(pusher):
            pusher.push_changes(dict.fromkeys(hosts, change), [list(hosts)], lambda _: None, 1800)

    return push


def peer(places: list[tuple[int, str]]) -> Callable[[], None]:
    from nornir_netmiko.tasks import netmiko_send_config

    ConnectionPluginRegister.auto_register()
    hosts = Hosts()
    for n, (port, _) in enumerate(places):
        hosts[f"r{n}"] = Host(
            name=f"r{n}", hostname="127.0.0.1", port=port, username=USER, password=PASSWORD,
            platform="cisco_xe",
        )  # fmt: skip
    nornir = Nornir(
        inventory=Inventory(hosts=hosts, groups=Groups(), defaults=Defaults()),
        runner=ThreadedRunner(),
    )

    def push() -> None:
        results = nornir.run(netmiko_send_config, config_commands=list(LINES))
        assert not results.failed, results.failed_hosts
        nornir.close_connections()

    return push


def _of_devices() -> float:
    """Seconds of processor that fake devices have used, with their start."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ours",) if options.no_peer else ("ours", "nornir_netmiko"):
            beside = _of_devices()
            with fleet(options.devices) as places:
                push = ours(places, Path(folder)) if name == "ours" else peer(places)
                begun, processor = time.perf_counter(), time.process_time()
                push()
                took, used = time.perf_counter() - begun, time.process_time() - processor
            rates[name] = options.devices / took
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"{name:<15} {options.devices} devices in {took:6.2f} s: {rates[name]:6.1f}/s,"
                f" {used:5.1f} s of processor beside {_of_devices() - beside:.1f} s of the devices,"
                f" at most {memory} MB so far"
            )
    if "nornir_netmiko" in rates:
        print(f"ratio           {rates['ours'] / rates['nornir_netmiko']:.1f}")


if __name__ == "__main__":
    main()
