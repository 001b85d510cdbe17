"""Input that is meant to break its reader is refused, at its place, in bounded time and memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import read_workspace
from pcg_netops.inventory.yamlfile import YamlFile, read_yaml
from tests.conftest import PCG, REPOSITORY, Pcg

NETWORK = "inventory/network.yaml"
MEGABYTE = 1_000_000


def read(folder: Path, text: str | bytes) -> YamlFile:
    """Reads a text as the file a.yaml."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "a.yaml").write_bytes(data)
    return read_yaml(folder / "a.yaml", folder)


def refusal(folder: Path, text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    assert caught.value.remedy
    return caught.value


# --- what is refused, and where -----------------------------------------------------------------

DOUBLING = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
HOSTILE: dict[str, tuple[str | bytes, str, str]] = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "PCG005", "3:1"),
    "duplicate key in flow style": ("x: {a: 1, a: 2}\n", "PCG005", "1:11"),
    "duplicate key in quotes": ('a: 1\n"a": 2\n', "PCG005", "2:1"),
    "alias bomb": (DOUBLING, "PCG003", "16:18"),
    "chain of aliases": (CHAIN, "PCG003", "50:12"),
    "alias inside itself": ("a: &a {b: *a}\n", "PCG003", "1:11"),
    "unknown alias": ("a: *b\n", "PCG002", "1:4"),
    "alias as a key": ("a: &a b\n*a : c\n", "PCG002", "2:1"),
    "merge key": ("a: &a {b: 1}\nc: {<<: *a}\n", "PCG002", "2:5"),
    "deep lists": ("[" * 100_000, "PCG003", "1"),
    "deep lists, one on each line": ("[\n" * 100_000, "PCG003", "51:1"),
    "deep mappings": ("{a: " * 1000, "PCG003", "1:201"),
    "deep blocks": ("- " * 1000 + "a\n", "PCG003", "1:101"),
    "deep keys": ("? " * 1000 + "a\n", "PCG002", "1:3"),
    "long line": ("a: " + "x" * 20_000, "PCG003", "1"),
    "many lines": ("\n" * 600_000, "PCG003", ""),
    "long key": ("x" * 200 + ": 1\n", "PCG003", "1:1"),
    "long number": ("a: " + "9" * 5000 + "\n", "PCG004", "1:4"),
    "NUL": ("a: b\0c\n", "PCG003", "1:5"),
    "escape character": ("a: \x1b[31mred\n", "PCG003", "1:4"),
    "delete character": ("a: 1\nb: \x7f\n", "PCG003", "2:4"),
    "control character of C1": ("a: \x9b\n", "PCG003", "1:4"),
    "right-to-left override": ("a: 1 # \u202e:b\n", "PCG003", "1:8"),
    "isolate": ("\u2066a: 1\n", "PCG003", "1:1"),
    "line separator": ("a: 1\u2028b: 2\n", "PCG003", "1:5"),
    "zero-width space": ("a\u200b: 1\n", "PCG003", "1:2"),
    "byte order mark inside": ("a: \ufeff1\n", "PCG003", "1:4"),
    "carriage return inside": ("a: 1\rb: 2\n", "PCG003", "1:5"),
    "control character in a key by escape": ('"a\\x1b": 1\n', "PCG003", "1:1"),
    "newline in a key by escape": ('"a\\nb": 1\n', "PCG003", "1:1"),
    "no key": ("? \n: 1\n", "PCG003", "1:2"),
    "nothing before the colon": (": 1\n", "PCG002", "1:1"),
    "invalid UTF-8": (b"a: 1\nb: \xff\xfe\n", "PCG001", "2"),
    "overlong UTF-8": (b"a: \xc0\x80\n", "PCG001", "1"),
    "surrogate in UTF-8": (b"a: \xed\xa0\x80\n", "PCG001", "1"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "PCG001", "1"),
    "tag that makes an object": ("a: !!python/object/apply:os.system [id]\n", "PCG002", "1:4"),
    "own tag": ("a: !x 1\n", "PCG002", "1:4"),
    "tag on a list": ("a: !!set [b]\n", "PCG002", "1:4"),
    "two documents": ("a: 1\n---\nb: 2\n", "PCG002", "2:1"),
    "other YAML": ("%YAML 3.0\n---\na: 1\n", "PCG002", "1:1"),
    "list as a key": ("[a]: 1\n", "PCG002", "1:1"),
    "tab": ("a:\n\tb: 1\n", "PCG002", "2:1"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_its_place(name: str, tmp_path: Path) -> None:
    text, code, where = HOSTILE[name]
    started = time.monotonic()
    error = refusal(tmp_path, text)
    assert time.monotonic() - started < 10
    assert (error.code, error.place) == (code, f"a.yaml:{where}".rstrip(":"))
    assert str(error).isprintable() or "\n  remedy: " in str(error)
    assert "\x1b" not in str(error)
    assert len(str(error)) < 1000


AMBIGUOUS = [
    *("0o10", "0o", "010", "-010", "0x1F", "0b11", "1_000", "+1_0"),
    *("1:30", "22:00", "190:20:30", "1:30.5"),
    *("no", "No", "NO", "yes", "Yes", "on", "off", "OFF"),
]


@pytest.mark.parametrize("value", AMBIGUOUS)
@pytest.mark.parametrize("text", ["a: {}\n", "a: [{}]\n", "{}: a\n"])
def test_what_readers_understand_differently_is_refused(
    value: str, text: str, tmp_path: Path
) -> None:
    if ":" in value and text.startswith("{"):
        text = "? {}\n: a\n"
    error = refusal(tmp_path, text.replace("{}", value))
    assert error.code == "PCG004"
    assert value in error.message


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_in_quotes_it_is_text(value: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"a: '{value}'\n").data == {"a": value}


PLAIN = {
    "0": 0,
    "-12": -12,
    "1500": 1500,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "1.5": 1.5,
    "1e3": 1000.0,
    "2020-01-31": "2020-01-31",
    "192.0.2.0/24": "192.0.2.0/24",
    "::1": "::1",
    "none": "none",
    "300 ms": "300 ms",
    "16384-32767": "16384-32767",
}


@pytest.mark.parametrize("text", PLAIN)
def test_what_all_readers_understand_alike_is_taken(text: str, tmp_path: Path) -> None:
    value = read(tmp_path, f"a: {text}\n").data["a"]
    assert (value, type(value)) == (PLAIN[text], type(PLAIN[text]))


def test_aliases_that_do_not_multiply_are_taken(tmp_path: Path) -> None:
    file = read(tmp_path, "a: &a {x: [1]}\nb: *a\nc: [*a, &d 2, *d]\n")
    assert file.data == {"a": {"x": [1]}, "b": {"x": [1]}, "c": [{"x": [1]}, 2, 2]}
    assert file.place("b") == "a.yaml:2:1"
    assert file.place("b", "x", 0) == "a.yaml:1:12", "what is repeated stands where it was written"


def test_a_byte_order_mark_and_line_ends_of_windows_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb:\r\n  - 2\r\n").data == {"a": 1, "b": [2]}


# --- names and values ---------------------------------------------------------------------------

NAMES = [
    *("a/b", "../x", "..", ".", "a b", "a'b", 'a"b', "a;b", "a&b", "a|b", "a>b", "$(id)", "`id`"),
    *("{{ 7 * 7 }}", "{% raw %}", "${HOME}", "%s", "a\nb", "a\n", "-rf", "--help", "~", "*", "a?b"),
    *("A", "é", "ｎ", "٣", "", "a" * 32, "a\\b", "#a", "a!"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_something_could_misread_is_refused(
    name: str, workspace: Path, pcg: Pcg
) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    path = workspace / NETWORK
    path.write_text(path.read_text().replace("  hospital: {role", f"  {quoted}: {{role"))
    done = pcg("check")
    assert done.code == 2
    assert f"error: {NETWORK}:15:3: " in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("asn: 65005", "asn: '65005'"),
        ("asn: 65005", "asn: 6.5005e4"),
        ("asn: 65005", "asn: true"),
        ("mtu: 1400", "mtu: '1400'"),
        ("loopbacks: 10.30.0.0/28", "loopbacks: 169738240"),
        ("loopbacks: 10.30.0.0/28", "loopbacks: ٣.٣.٣.٣/28"),
        ("loopbacks: 10.30.0.0/28", "loopbacks: '10.30.0.0/28; id'"),
        ("prefix: 10.1.0.0/24", "prefix: 10.1.0.0/31"),
        ("prefix: 10.1.0.0/24", "prefix: 10.1.0.0/32"),
        ("organisation: Northern", 'organisation: "\\x1b[2J"\nx: Northern'),
        ("organisation: Northern", 'organisation: "\\u202e"\nx: Northern'),
        ("title: Headquarters", "title: [Headquarters]"),
    ],
)
def test_a_value_of_another_kind_is_refused(old: str, new: str, workspace: Path, pcg: Pcg) -> None:
    path = workspace / NETWORK
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = pcg("check")
    assert done.code == 2
    assert f"error: {NETWORK}:" in done.err
    assert done.err.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("point_of_no_return: true", "point_of_no_return: 'no'"),
        ("point_of_no_return: true", "point_of_no_return: 1"),
        ("support_ends: 2030-06-30", "support_ends: 1908921600"),
        ("support_ends: 2030-06-30", "support_ends: '1908921600'"),
        ("support_ends: 2030-06-30", "support_ends: 0001-01-01"),
        ("start: 2030-04-01T09:00", "start: 9999-12-31T09:00"),
        ("timezone: Europe/Dublin", "timezone: Europe"),
        ("timezone: Europe/Dublin", "timezone: ../../etc/passwd"),
        ("timezone: Europe/Dublin", "timezone: /etc/localtime"),
        ("timezone: Europe/Dublin", 'timezone: "a\\0b"'),
        ("timezone: Europe/Dublin", "timezone: " + "a" * 5000),
    ],
)
def test_a_plan_s_value_of_another_kind_is_refused(
    old: str, new: str, workspace: Path, pcg: Pcg
) -> None:
    path = workspace / "inventory/cutovers/to-cloud.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = pcg("check")
    assert done.code == 2
    assert "error: inventory/cutovers/to-cloud.yaml:" in done.err


@pytest.mark.parametrize("value", ["٤٤٣", "443-", "-443", "4 43", "443;id", "443-444-445", "1e3"])
def test_ports_are_plain_numbers(value: str, workspace: Path, pcg: Pcg) -> None:
    path = workspace / "inventory/services.yaml"
    path.write_text(path.read_text().replace("ports: 8443", f"ports: '{value}'"))
    done = pcg("check")
    assert done.code == 2
    assert "is not a port such as 443" in done.err


@pytest.mark.parametrize(
    "name", ["a b.yaml", "a;b.yaml", "A.yaml", "-x.yaml", ".yaml", "a\nb.yaml"]
)
def test_a_cutover_file_s_name_is_a_name(name: str, workspace: Path, pcg: Pcg) -> None:
    folder = workspace / "inventory/cutovers"
    (folder / "to-cloud.yaml").rename(folder / name)
    done = pcg("check")
    assert done.code == 2
    assert "does not name a cutover" in done.err


def test_many_mistakes_are_counted_not_listed(workspace: Path, pcg: Pcg) -> None:
    path = workspace / NETWORK
    path.write_text(path.read_text() + "".join(f"x{n}: 1\n" for n in range(5000)))
    done = pcg("check")
    assert done.code == 2
    assert done.err.count("error: ") == 101
    assert "4900 more errors" in done.err


# --- files that are none ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_only_files_are_read(kind: str, workspace: Path) -> None:
    path = workspace / NETWORK
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "loop": path.name}[kind])
    (error,) = read_workspace(workspace).errors
    assert (error.code, error.place) == ("PCG001", NETWORK)


# --- bounded in time and memory -----------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run of `pcg check` in a process of its own."""

    code: int
    err: str
    megabytes: float
    seconds: float


def run_check(workspace: Path) -> Run:
    started = time.monotonic()
    process = subprocess.Popen(
        [*PCG, "check", "--workspace", str(workspace)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    process.stderr.close()
    return Run(process.returncode, err, usage.ru_maxrss * 1024 / MEGABYTE, seconds)


def hundred_megabytes(path: Path) -> None:
    path.write_bytes(b"a: 1\n" * (20 * MEGABYTE))


def sparse_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5000 * MEGABYTE)


def alias_bomb(path: Path) -> None:
    path.write_text(DOUBLING)


def wide_aliases(path: Path) -> None:
    long = ", ".join(["x"] * 1000)
    path.write_text(f"a: &a [{long}]\nb: [\n" + "*a,\n" * 100_000 + "]\n")


def unknown_fields(path: Path) -> None:
    path.write_text("".join(f"{'y' * 40}{n}: 1\n" for n in range(10_000)))


def deep(path: Path) -> None:
    path.write_text("- [\n" * MEGABYTE)


@pytest.mark.parametrize(
    "make",
    [hundred_megabytes, sparse_gigabytes, alias_bomb, wide_aliases, unknown_fields, deep],
    ids=lambda make: make.__name__,
)
def test_a_bomb_is_refused_in_bounded_time_and_memory(make: object, workspace: Path) -> None:
    assert callable(make)
    make(workspace / NETWORK)
    run = run_check(workspace)
    assert run.code == 2
    assert f"error: {NETWORK}" in run.err
    assert "Traceback" not in run.err
    assert run.megabytes < 500
    assert run.seconds < 60
