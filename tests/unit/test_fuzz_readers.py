"""Whatever is in a file from outside, or in an answer, reading it ends in data or in our own error.

Each file is a good one with a few bytes changed. What is written in YAML of a workspace is in
test_fuzz_loader.py. `PCG_FUZZ_SECONDS` is how long each test goes on with new inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from pcg_netops.cli.changes import Choice, show_changes
from pcg_netops.diff import changeset
from pcg_netops.diff.captures import whole
from pcg_netops.diff.planning import held, plan, rendered
from pcg_netops.errors import EnvironmentLack, InputError, InputErrors, PcgError, PushError
from pcg_netops.inventory.register import known_columns, read_register
from pcg_netops.inventory.table import read_table
from pcg_netops.inventory.yamlfile import read_yaml
from pcg_netops.lab.topology import file as topology
from pcg_netops.model.hosts import Entry
from pcg_netops.model.waivers import Waivers
from pcg_netops.push.approval import FiledApprovals
from pcg_netops.push.journal import Act, Beginning, Journal, read_journal
from pcg_netops.push.known_hosts import known_hosts
from pcg_netops.push.login import place_of
from pcg_netops.push.trust import Trust
from tests.conftest import REPOSITORY, Pcg, copy_small
from tests.fakes import ios_print, ios_tree, junos_print, junos_tree
from tests.netbox_server import TOKEN, FakeNetBox, machine, serving
from tests.unit.fake_network import GOLDEN
from tests.unit.test_changeset_junos import text_of
from tests.unit.test_fuzz_loader import again, fresh
from tests.unit.variants import every_stage

DIGEST = "0" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBNOo8XmhZq3oY2YgJ1NnYVdXmNpYPyyJ6Zr5xJdE0mS"
PIECES = [
    *(b"", b"\0", b"\n", b"\r\n", b"\r", b"\x1b[0m", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae"),
    *(b"\\ud800", b"\\u0000", b'"', b"'", b"{", b"}", b"[", b"]", b",", b";", b":", b"|", b"|1|"),
    *(
        b"*",
        b"?",
        b"%",
        b"%h",
        b"=",
        b"#",
        b"/",
        b"\\",
        b" ",
        b"\t",
        b"-",
        b"0",
        b"9" * 30,
        b"1e999",
    ),
    *(b"null", b"true", b"NaN", b"-1", b"${X}", b"${X:-", b"<<", b"@revoked ", b"Match all\n"),
    *(
        b"ProxyJump a\n",
        b"Port x\n",
        b"[127.0.0.1]:22 ",
        b"x" * 300,
        "\u0663".encode(),
        b"\xc2\xad",
    ),
]


def changed(good: bytes, random: Random) -> bytes:
    """Some bytes of it gone, doubled or become something else."""
    text = good
    for _ in range(random.randint(1, 3)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice([0, 0, 1, 2, 8, 80, len(text)]))
        new = random.choice([random.choice(PIECES), text[start:end] * 2, random.randbytes(3)])
        text = text[:start] + new + text[end:]
    return text


def read_or_refused(read: Callable[[], object]) -> None:
    """It is read, or told as what the user has written."""
    with suppress(InputError, PushError, EnvironmentLack):
        read()


# --- files --------------------------------------------------------------------------------------


def _journal(path: Path) -> None:
    journal = Journal(path)
    waves = (("r1",), ("r2", "r3"))
    journal.begin(Beginning(
        network="n", cutover="c", before="p1", after="p2", digest=DIGEST, waves=waves,
        allowed="by me", user="me", host="here", process=1, timer_s=120,
    ))  # fmt: skip
    journal.before(Act.BEGIN, ["r1"])
    journal.after(Act.BEGIN, ["r1"], {"r1": PcgError("no")}, {"r1": "before"}, "a note")
    journal.close()


def _change_set(path: Path) -> None:
    show_changes(
        copy_small(path.parent / "w"), None, Choice("before", "leave", None, None), False, path
    )


def _xlsx(path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["name", "owner", "sessions"], ["a-service", "me", 5], ["=1+1", None, "x"]):
        book.active.append(row)
    book.save(path)


def _written(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


APPROVAL = {"digest": DIGEST, "approved_by": ["me"], "expires": "2099-01-01T00:00:00Z"}
CSV = 'name;owner;direction;traffic\n"a-service";me;out;"tcp 443, udp 1-9"\nb;;in;x\n'
SSH_CONFIG = "Host 10.*\n  HostName 192.0.2.1\n  Port 2222\n  ProxyJump jump\nHost *\n User %r\n"
WAIVERS = """\
waivers:
  a:
    {rule: PCG301, devices: ["*"], owner: me, reason: it is old, expires: 2099-01-01}
"""


def _register(path: Path) -> object:
    return read_register(read_table(path, None, known_columns))


# A file's name, what makes a good one, and what reads it.
FILES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "change.json": (_change_set, changeset.load),
    "journal": (_journal, read_journal),
    f"{DIGEST}.json": (
        _written(json.dumps(APPROVAL)),
        lambda path: FiledApprovals(path.parent).allowing(DIGEST),
    ),
    "register.csv": (_written(CSV), _register),
    "register.xlsx": (_xlsx, _register),
    "known_hosts": (
        _written(f"192.0.2.1 {KEY}\n@revoked * {KEY}\n|1|c2FsdA==|aGFzaA== {KEY}\n"),
        lambda path: known_hosts(path).keys("192.0.2.1"),
    ),
    "config": (
        _written(SSH_CONFIG),
        lambda path: place_of(Entry(hostname="10.0.0.1", data={}), path),
    ),
    "secrets": (_written("env:A\nfile:/b\n"), lambda path: Trust(path.parent).secrets),
    "waivers.yaml": (
        _written(WAIVERS),
        lambda path: read_yaml(path, path.parent).parse(Waivers),
    ),
    "x.clab.yml": (
        lambda path: path.write_bytes(
            (REPOSITORY / "simulations/cutover/topology.clab.yml").read_bytes()[:6000]
        ),
        topology.load,
    ),
}  # fmt: skip


# --- what devices print ---------------------------------------------------------------------------


def _iosxe(habits: ios_print.Habits) -> str:
    text = (GOLDEN / "iosxe/hq-border/iosxe.conf").read_text()
    return ios_print.printed("\n".join(ios_tree.load(text).lines()), habits) + "end\n"


def _junos(habits: junos_print.Habits) -> str:
    text = text_of(every_stage("hq-border")[0])
    return junos_print.printed(junos_tree.load(text), habits)


PRINTED = {
    "iosxe": ("iosxe.conf", _iosxe(ios_print.Habits())),
    "iosxe, another": ("iosxe.conf", _iosxe(ios_print.Habits(numbers=False, dotted=True))),
    "junos": ("junos.set", _junos(junos_print.Habits())),
    "junos in blocks": ("junos.conf", _junos(junos_print.Habits(blocks=True, protected=True))),
}


@pytest.mark.parametrize("name", PRINTED)
def test_whatever_a_device_prints_is_planned_for_or_refused(name: str) -> None:
    platform = name[:5]
    file, text = PRINTED[name]
    good = text.encode()
    wanted = {"iosxe.conf": (GOLDEN / "iosxe/hq-border/iosxe.conf").read_text()}
    if platform == "junos":
        wanted = {"junos.set": text_of(every_stage("hq-border")[1])}

    def planned(data: bytes) -> object:
        shown = {file: whole(platform, data.decode(errors="replace"), file)}
        base = held(platform, shown, (wanted,))
        return plan("r1", platform, base, rendered(platform, wanted))

    planned(good)

    @settings(max_examples=40, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.randoms(use_true_random=False))
    def property_(random: Random) -> None:
        data = changed(good, random)
        if random.random() < 0.3:  # cut, as a session that breaks
            data = data[random.randint(0, len(data)) :][: random.randint(0, len(data))]
        with suppress(InputErrors):
            read_or_refused(lambda: planned(data))

    again(fresh(property_))


def test_whatever_a_netbox_answers_is_imported_or_refused(
    workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETBOX_TOKEN", TOKEN)
    machines = [machine(1, "hq-border", "198.18.7.11/24", platform="cisco-ios-xe", tags=["core"])]
    page = {"count": 1, "next": None, "previous": None, "results": machines}
    good = json.dumps(page).encode()
    with serving(FakeNetBox()) as netbox:

        @settings(
            max_examples=10,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
            deadline=None,
        )
        @given(st.randoms(use_true_random=False))
        def property_(random: Random) -> None:
            status = random.choice([200, 200, 200, 200, 301, 404, 429, 500])
            netbox.answer = status, {}, changed(good, random)
            done = pcg("import", "hosts", "--netbox", netbox.url, "--dry-run")
            assert done.code in (0, 2, 3), done
            assert "Traceback" not in done.err, done

        again(fresh(property_))


@pytest.mark.parametrize("name", FILES)
def test_any_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    make, read = FILES[name]
    path = tmp_path / name
    make(path)
    good = path.read_bytes()
    read_or_refused(lambda: read(path))

    @settings(max_examples=40, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.randoms(use_true_random=False))
    def property_(random: Random) -> None:
        path.write_bytes(changed(good, random))
        read_or_refused(lambda: read(path))

    again(fresh(property_))
