"""What `pip install .` and an sdist put on a machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
WORKSPACE = ("inventory", "simulations", "templates")


def build(kind: str, source: Path, into: Path) -> Path:
    """Builds the wheel or sdist of a source folder, without the network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


def wheel_from(source: str, tmp_path: Path) -> Path:
    """A wheel made from the checkout, or from the sdist that was made from it."""
    if source == "checkout":
        return build("wheel", REPOSITORY, tmp_path / "wheel")
    sdist = build("sdist", REPOSITORY, tmp_path / "sdist")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path / "unpacked"], check=True)
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    return build("wheel", unpacked, tmp_path / "wheel")


@pytest.mark.parametrize("source", ["checkout", "sdist"])
def test_wheel_holds_the_demonstration_workspace(source: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel_from(source, tmp_path)) as wheel:
        prefix = "pcg_netops/_workspace/"
        held = {
            name.removeprefix(prefix): wheel.read(name)
            for name in wheel.namelist()
            if name.startswith(prefix)
        }
    files = (path for top in WORKSPACE for path in (REPOSITORY / top).rglob("*") if path.is_file())
    assert held == {str(path.relative_to(REPOSITORY)): path.read_bytes() for path in files}
    assert "inventory/network.yaml" in held


def test_wheel_has_the_command_the_plug_in_and_its_types(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel_from("checkout", tmp_path)) as wheel:
        (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        text = wheel.read(entry_points).decode()
        assert "pcg_netops/py.typed" in wheel.namelist()
    assert "pcg = pcg_netops.cli:main" in text
    assert "pcg_netops = pcg_netops.pytest_plugin" in text


def imported() -> dict[str, str]:
    """Each top-level module that the package imports, and a file that does so."""
    found: dict[str, str] = {}
    for path in (REPOSITORY / "pcg_netops").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found |= {name.partition(".")[0]: str(path.relative_to(REPOSITORY)) for name in names}
    return found


def test_every_import_comes_from_a_declared_dependency() -> None:
    # The tests' environment has more packages than a user's: what is missing there shows only here.
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    # The extra's packages are imported where they are used, with an error that tells its name.
    lines = [*project["dependencies"], *project["optional-dependencies"]["netbox"]]
    declared = {re.split("[^a-z0-9.-]", line)[0] for line in lines}
    providers = packages_distributions()
    for module, path in imported().items():
        if module in sys.stdlib_module_names or module in {"pcg_netops", "pytest"}:
            continue  # pytest itself loads the plug-in, so it is there
        names = {name.lower().replace("_", "-") for name in providers.get(module, [])}
        assert names & declared, f"{path} imports {module}, which no dependency of ours provides"
