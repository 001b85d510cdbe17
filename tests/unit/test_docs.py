"""The documents say what is so: their commands run, their fields exist, their links lead somewhere.

A command in a `console` or `sh` block runs in a fresh copy of the demonstration, block after block
of one document; what a `console` block shows after it has to come out, `...` standing for any
lines. Commands that take minutes or a lab are run by other tests: `ELSEWHERE` names them.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel

from pcg_netops.cli.commands import app
from pcg_netops.cutover.evidence import Evidence, StepKind
from pcg_netops.cutover.plan import steps
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.hosts import Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from pcg_netops.model.waivers import Waivers

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = ("README.md", *(f"docs/{path.name}" for path in sorted(REPOSITORY.glob("docs/*.md"))))
IN_A_LAB = ("docs/drill.md",)  # followed by tests/lab/test_documents.py
TIMEOUT_S = 120

# Each command that a document shows and no test here runs in passing: the file that runs it, a part
# of the name of the test in it, if it holds tests, and words that the file has to hold.
ELSEWHERE = {
    "./pcg rehearse": ("tests/lab/test_rehearsal.py", "demonstration", '"rehearse"'),
    **{
        f"pcg import hosts --netbox https://netbox.example {option}": (
            "tests/unit/test_import_hosts.py",
            "that_cannot_be_taken" if "filter" in option else "come_in",
            '"import", "hosts", "--netbox"',
        )
        for option in ("--dry-run", "--filter status=active")
    },
    **{
        f"pcg push {arguments}": ("tests/unit/test_push_command.py", test, words)
        for arguments, test, words in (
            ("build/p5.json --phase p5 --dry-run", "a_dry_run", '"--phase", "build", "--dry-run"'),
            (
                "build/p4.1.json --phase p4.1 --dry-run",
                "a_dry_run",
                '"--phase", "build", "--dry-run"',
            ),
            ("build/p4.1.json --phase p4.1", "only_an_approved", '"--phase", "build"'),
            ("--resume", "is_resumed", 'arguments("--resume")'),
            ("--unwind", "is_unwound", 'arguments("--unwind")'),
        )
    },
    "./pcg test": (".ci/run", "", '/../pcg" test'),
    ".venv/bin/python benchmarks/rehearsal.py --runs 3": (
        "tests/unit/test_docs.py",
        "test_the_benchmark_prints_what_it_promises",
        "benchmarks/rehearsal.py",
    ),
    "unshare --user --map-root-user --net --mount --pid --uts --ipc --fork --mount-proc true": (
        "tests/unit/test_docs.py",
        "test_the_question_to_the_machine_is_answered_with_yes_here",
        "unshare",
    ),
}
TOX = ".venv/bin/tox run -e "  # an environment of tox.ini, each of which `./pcg test` runs


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str

    def commands(self) -> Iterator[tuple[str, str | None]]:
        """Each command, and what it has to print; None where the document does not show it."""
        if self.language == "sh":
            lines = (line for line in self.text.splitlines() if line and not line.startswith("#"))
            yield from ((line.partition("  #")[0].strip(), None) for line in lines)
        elif self.language == "console":
            parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
            assert parts[0] == "", f"a console block begins with a command: {self.text}"
            for part in parts[1:]:
                command, _, output = part.partition("\n")
                yield command, output or None


def read(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[Block]:
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", read(document), re.MULTILINE | re.DOTALL)
    return [Block(language, text) for language, text in fences]


def shown_commands(document: str) -> Iterator[tuple[str, str | None]]:
    return (found for block in blocks(document) for found in block.commands())


def is_elsewhere(command: str) -> bool:
    return command in ELSEWHERE or command.startswith(TOX)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The demonstration workspace with a `pcg` in it and in the PATH of `run`."""
    folder = tmp_path / "checkout"
    for part in ("inventory", "templates", "simulations"):
        shutil.copytree(REPOSITORY / part, folder / part)
    launcher = folder / "pcg"
    code = "from pcg_netops.cli import main; main()"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -c "{code}" "$@"\n')
    launcher.chmod(0o755)
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
    }
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_run_and_print_what_is_shown(document: str, checkout: Path) -> None:
    for command, shown in shown_commands(document):
        if is_elsewhere(command) or document in IN_A_LAB:
            continue
        done = run(command, checkout)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        if shown is not None:
            assert matches(shown, done.stdout), f"{command} printed:\n{done.stdout}"


def matches(shown: str, printed: str) -> bool:
    """Whether that is what was printed; `...` is any lines, or any rest of a line."""
    lines = shown.splitlines(keepends=True)
    patterns = (
        r"(?:.*\n)*?" if line == "...\n" else re.escape(line).replace(r"\.\.\.", ".*")
        for line in lines
    )
    return re.fullmatch("".join(patterns), printed) is not None


def test_every_slow_command_is_run_by_what_is_said_to_run_it() -> None:
    shown = {command for document in DOCUMENTS for command, _ in shown_commands(document)}
    assert set(ELSEWHERE) <= shown, "a command that no document shows any more"
    for command, (path, test, words) in ELSEWHERE.items():
        source = read(path)
        assert words in source, f"{path} does not run {command}"
        if path.endswith(".py"):
            tests = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
            assert any(test in name for name in tests if name.startswith("test_")), (
                f"{path}: {test}"
            )


def test_tox_commands_name_environments_and_files_that_exist() -> None:
    tox = configparser.ConfigParser()
    tox.read(REPOSITORY / "tox.ini")
    known = [name.strip() for name in tox["tox"]["env_list"].split(",")]
    shown = {command for document in DOCUMENTS for command, _ in shown_commands(document)}
    for command in (command for command in shown if command.startswith(TOX)):
        name, *rest = command.removeprefix(TOX).split()
        assert name in known
        assert all((REPOSITORY / word).exists() for word in rest if word.startswith("tests/"))


# --- links -------------------------------------------------------------------------------------


def anchors(document: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", read(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", read(document))
    for target in targets:
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            name = file.resolve().relative_to(REPOSITORY).as_posix()
            assert anchor in anchors(name), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_that_are_named_exist(document: str) -> None:
    pattern = r"`((?:pcg_netops|tests|templates|inventory|docs|benchmarks|\.ci)/[\w./-]*)`"
    for path in re.findall(pattern, read(document)):
        assert (REPOSITORY / path).exists(), f"{document}: {path}"


# --- the command line --------------------------------------------------------------------------


def cli(command: Any = None, path: tuple[str, ...] = ("pcg",)) -> dict[tuple[str, ...], set[str]]:
    """Every command and group of `pcg` with its options."""
    command = command or typer.main.get_command(app)
    found = {path: {option for p in command.params for option in p.opts} | {"--help"}}
    for name, part in getattr(command, "commands", {}).items():
        found |= cli(part, (*path, name))
    return found


def invocations(document: str) -> Iterator[str]:
    """Everything in the document that looks like a `pcg` command line that is there."""
    text = read(document)
    yield from re.findall(
        r"(?<!no )(?<!no\n)`(?:\./)?(pcg(?: [^`\n]*)?)`", text
    )  # "there is no `pcg x`"
    yield from re.findall(r"^(?:\$ )?(?:\./)?(pcg [^#\n]*)", text, re.MULTILINE)
    for command, _ in shown_commands(document):
        yield from re.findall(r"(?:^|[;&|] *)(?:\./)?(pcg [^;&|#]*)", command)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_options_that_are_named_exist(document: str) -> None:
    known = cli()
    for line in invocations(document):
        words = shlex.split(line)
        path: tuple[str, ...] = ("pcg",)
        while len(words) > len(path) and (*path, words[len(path)]) in known:
            path = (*path, words[len(path)])
        if words[1:2] == ["test"]:
            continue  # the launcher's own
        rest = words[len(path) :]
        is_group = any(other[:-1] == path for other in known)
        assert not (is_group and rest and not rest[0].startswith("-")), f"{document}: {line}"
        options = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert options <= known[path], f"{document}: {line}"


def test_options_that_stand_alone_exist() -> None:
    known = {option for options in cli().values() for option in options}
    benchmark = set(re.findall(r'"(--\w+)"', read("benchmarks/rehearsal.py")))
    for document in DOCUMENTS:
        for option in re.findall(r"`(--[\w-]+)[^`]*`", read(document)):
            assert option in known | benchmark, f"{document}: {option}"


def test_every_command_is_documented() -> None:
    text = "\n".join(line for document in DOCUMENTS for line in invocations(document))
    for path in cli():
        assert " ".join(path) in text


# --- the workspace -----------------------------------------------------------------------------

FILES: dict[str, type[BaseModel]] = {
    "`inventory/network.yaml`": Network,
    "`inventory/services.yaml`": Services,
    "`inventory/cutovers/<name>.yaml`": Cutover,
    "`inventory/waivers.yaml`": Waivers,
    "`inventory/hosts.yaml`, `groups.yaml`, `defaults.yaml`": Entry,
}


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Every field below a model, as a path, and whether it has to be there."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        yield path, info.is_required()
        for mark, part in parts(info.annotation):
            yield from fields(part, f"{path}{mark}.")


def parts(kind: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models inside a field's type, each with what stands between the two names."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield "", kind
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        arguments = arguments[1:]
    mark = {dict: ".<name>", tuple: "[]", list: "[]"}.get(origin, "")
    for argument in arguments:
        yield from ((mark + inner, model) for inner, model in parts(argument))


def section(document: str, heading: str) -> str:
    _, _, rest = read(document).partition(f"\n## {heading}\n")
    assert rest, f"{document} has no section {heading}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("heading", FILES)
def test_every_field_is_documented_and_no_other(heading: str) -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| (yes|no) \| \S", section("docs/workspace.md", heading), re.M
    )
    wanted = {path: "yes" if required else "no" for path, required in fields(FILES[heading])}
    assert dict(rows) == wanted
    assert len(rows) == len(wanted)


def test_examples_of_yaml_are_the_demonstration_s_own() -> None:
    examples = [b.text for document in DOCUMENTS for b in blocks(document) if b.language == "yaml"]
    assert examples
    for example in examples:
        name, _, text = example.partition("\n")
        assert text in read(name.removeprefix("# ")), name


# --- the rehearsal -----------------------------------------------------------------------------


def test_the_evidence_and_the_steps_are_described() -> None:
    text = section("docs/rehearsal.md", "The evidence")
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.M))))
    assert named == set(Evidence.model_fields)
    kinds = set(re.findall(r"^\| `([\w-]+)` \|", section("docs/rehearsal.md", "Steps"), re.M))
    assert kinds == {kind.value for kind in StepKind}


def test_the_excerpt_shows_the_steps_of_the_demonstration() -> None:
    (excerpt,) = (b.text for b in blocks("README.md") if b.text.startswith("$ ./pcg rehearse\n"))
    _, cutover = (workspace := load_workspace(REPOSITORY)).cutover()
    wanted = [step.name for step in steps(cutover, stages(cutover, workspace.services))]
    shown = re.findall(
        r"^ *[\d.]+ s  [A-Z]+ +(\S+(?: (?:failure|recovery|back-out|again))?)", excerpt, re.M
    )
    assert shown == wanted


@pytest.mark.lab
def test_the_example_of_the_fixture_passes(checkout: Path) -> None:
    (example,) = (b.text for b in blocks("docs/rehearsal.md") if b.language == "python")
    (checkout / "test_example.py").write_text(example)
    (checkout / "pytest.ini").write_text("[pytest]\n")
    # Where the package is installed, pytest finds the plug-in by itself.
    installed = any(point.name == "pcg_netops" for point in entry_points(group="pytest11"))
    plug_in = "" if installed else "-p pcg_netops.pytest_plugin"
    done = run(f"{shlex.quote(sys.executable)} -P -m pytest -q {plug_in} test_example.py", checkout)
    assert done.returncode == 0, done.stdout
    assert f"{example.count('def test_')} passed" in done.stdout


@pytest.mark.lab
def test_the_question_to_the_machine_is_answered_with_yes_here(checkout: Path) -> None:
    (command,) = (c for c, _ in shown_commands("docs/lab.md") if c.startswith("unshare "))
    done = run(command, checkout)
    assert done.returncode == 0, done.stdout


@pytest.mark.lab
def test_the_benchmark_prints_what_it_promises(checkout: Path) -> None:
    small = REPOSITORY / "tests/workspaces/small/inventory"
    shutil.rmtree(checkout / "inventory")
    shutil.copytree(small, checkout / "inventory")
    program = shlex.quote(str(REPOSITORY / "benchmarks/rehearsal.py"))
    done = run(f"{shlex.quote(sys.executable)} -P {program} --runs 1 --workspace .", checkout)
    assert done.returncode == 0, done.stdout
    for word in ("boot", "floor", "ratio", "duration", "memory", "dispatch", "telemetry", "FRR"):
        assert word in done.stdout, done.stdout
