"""Rendered stages that an earlier run left, used again only where nothing can have changed.

A rendering follows from the files of `inventory/` and `templates/`, the engine's code, the versions
of the packages beside it and what was asked for. The digest of all that is the name under which a
result is kept, in the user's own cache folder (XDG Base Directory Specification), never in the
workspace: a workspace comes from others, and what it brought along would be taken for rendered.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pcg_netops
from pcg_netops.design.steering import Stage, find_stage, stages
from pcg_netops.errors import PcgError
from pcg_netops.files import write_whole
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.render import Artifact, Artifacts, StageRenderer

_KEPT = 8  # results, the least recently used go first
_ENGINE = Path(pcg_netops.__file__).parent


@dataclass(frozen=True)
class Rendering:
    """A stage's files, and whether an earlier run had rendered them."""

    stage: str
    artifacts: Artifacts
    reused: bool


class Renderings:
    """Stages of one cutover of a workspace, rendered or reused."""

    def __init__(self, root: Path, cutover: str | None, *, fresh: bool = False) -> None:
        self._root = root
        self._cutover = cutover
        self._fresh = fresh
        self._renderer: tuple[StageRenderer, tuple[Stage, ...]] | None = None

    def stage(self, phase: str | None) -> Rendering:
        """A phase's last stage, or the first stage of all. Raises what rendering it raises."""
        inputs = None if self._fresh else _inputs(self._root)
        folder = _folder() if inputs else None
        if inputs is None or folder is None:
            return self._render(phase)
        asked = json.dumps([self._cutover, phase])
        path = folder / hashlib.sha256(f"{inputs.digest} {asked}".encode()).hexdigest()
        rendering = _read(path) or self._render(phase)
        if not rendering.reused and _inputs(self._root) == inputs:
            _keep(path, rendering)
        return rendering

    def _render(self, phase: str | None) -> Rendering:
        renderer, every = self._renderer = self._renderer or self._load()
        stage = find_stage(every, phase) if phase else every[0]
        return Rendering(stage.name, renderer.render(stage), reused=False)

    def _load(self) -> tuple[StageRenderer, tuple[Stage, ...]]:
        workspace = load_workspace(self._root)
        _, cutover = workspace.cutover(self._cutover)
        return StageRenderer(workspace), stages(cutover, workspace.services)


@dataclass(frozen=True)
class _Inputs:
    """The digest of all inputs, and when each file was last touched.

    What changes while it is read, and changes back, has the same digest and another time.
    """

    digest: str
    touched: tuple[tuple[int, int], ...]  # inode, ns of the last change


def _inputs(root: Path) -> _Inputs | None:
    """What a rendering follows from; None where that cannot be told for sure."""
    digest = hashlib.sha256(sys.version.encode())
    touched = []
    try:
        for folder in sys.path:
            packages = sorted(path.name for path in Path(folder).glob("*-info"))
            digest.update(json.dumps(packages).encode())
        for name, top in (
            ("engine", _ENGINE),
            ("inventory", root / "inventory"),
            ("templates", root / "templates"),
        ):
            for path in _files(top):
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                touched.append((status.st_ino, status.st_ctime_ns))
                digest.update(json.dumps([name, str(path.relative_to(top)), content]).encode())
    except (OSError, UnicodeError, _Unclear):
        return None
    return _Inputs(digest.hexdigest(), tuple(touched))


class _Unclear(Exception):
    """A folder holds what is not read as a file."""


def _files(top: Path) -> Iterator[Path]:
    """Every file below a folder, in one order. Links to folders could lead anywhere, even round."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(set(folders) - {"__pycache__", "_workspace"})
        if any((Path(folder) / name).is_symlink() for name in folders):
            raise _Unclear
        for name in sorted(names):
            path = Path(folder) / name
            if not path.is_file():
                raise _Unclear
            yield path


def _folder() -> Path | None:
    """The user's cache folder for renderings; None where others could write to it."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (base if base.is_absolute() else Path.home() / ".cache") / "pcg-netops"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except (OSError, RuntimeError):
        return None
    ours = status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return folder if ours and stat.S_ISDIR(status.st_mode) else None


def _read(path: Path) -> Rendering | None:
    """A result that was kept whole; None for anything else."""
    try:
        kept = path.read_bytes()
        packed, digest = kept[:-32], kept[-32:]
        if hashlib.sha256(packed).digest() != digest:
            return None
        stage, texts = json.loads(zlib.decompress(packed))
        os.utime(path)
    except (OSError, ValueError, zlib.error):
        return None
    artifacts = {
        device: {name: Artifact(device, name, text) for name, text in files.items()}
        for device, files in texts.items()
    }
    return Rendering(stage, artifacts, reused=True)


def _keep(path: Path, rendering: Rendering) -> None:
    """Keep a result and let go of old ones. That it cannot be kept is no reason to fail."""
    texts = {
        device: {name: artifact.text for name, artifact in files.items()}
        for device, files in rendering.artifacts.items()
    }
    packed = zlib.compress(json.dumps([rendering.stage, texts]).encode(), level=1)
    try:
        write_whole(path, packed + hashlib.sha256(packed).digest())
        newest = sorted(path.parent.iterdir(), key=lambda kept: kept.stat().st_mtime_ns)
        for old in newest[:-_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, PcgError):
        return
