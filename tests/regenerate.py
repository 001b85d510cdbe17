"""Writes what tests compare with and people review: `python -m tests.regenerate`.

The golden files are an edge and a gateway of the small workspace in its second stage on every
platform, or a partner where a platform has no gateways, and the ends of a tunnel of the
demonstration. The table of docs/platforms.md comes from
the platforms.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.platforms import PLATFORMS
from pcg_netops.render import Renderer
from tests.platform_table import renew
from tests.unit.meaning.slow import slow_enough

REPOSITORY = Path(__file__).parents[1]
GOLDEN = REPOSITORY / "tests/golden"
_EDGE, _GATEWAY, _PARTNER = "hq-border", "cloud-north", "hospital"
# Of the demonstration: both ends of a tunnel, and one of them in another language.
_TUNNEL_ENDS = (("linux", "pcg-a"), ("linux", "psnp-hub-a"), ("iosxe", "psnp-hub-a"))
_OF_TUNNELS = ("swanctl.conf", "iosxe.conf")


def golden_files() -> dict[str, str]:
    """The text of every golden file by its path below the folder."""
    workspace = load_workspace(REPOSITORY / "tests/workspaces/small")
    _, cutover = workspace.cutover()
    found = design(workspace, stages(cutover, workspace.services)[1])
    renderer = Renderer(REPOSITORY / "templates")
    tunnel_ends = _tunnel_ends(renderer)
    return tunnel_ends | {
        f"{platform.name}/{name}/{artifact.name}": artifact.text
        for platform in PLATFORMS.values()
        for name in (_EDGE, _PARTNER if list(platform.unsayable(found[_GATEWAY])) else _GATEWAY)
        for artifact in renderer.render(replace(found[name], platform=platform.name)).values()
    }


def _tunnel_ends(renderer: Renderer) -> dict[str, str]:
    workspace = load_workspace(REPOSITORY)
    found = design(workspace, stages(workspace.cutover()[1], workspace.services)[0])
    return {
        f"{platform}/{name}/{artifact.name}": artifact.text
        for platform, name in _TUNNEL_ENDS
        for artifact in renderer.render(
            replace(slow_enough(found[name], platform), platform=platform)
        ).values()
        if artifact.name in _OF_TUNNELS
    }


def main() -> None:
    """Replace all golden files and the table."""
    for path in sorted(GOLDEN.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, text in golden_files().items():
        path = GOLDEN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    renew()


if __name__ == "__main__":
    main()
