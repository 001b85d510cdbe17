"""The workspace as Nornir's inventory: hosts with groups, defaults, and what the intent says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nornir.core.inventory import Inventory


class PcgInventory:
    """Nornir's inventory plug-in `PcgInventory`.

    Each host's `data` has besides its own what the network says of it: `role`, `title`, `asn`, and
    where it has one `exchange` and `domain`. So `nr.filter(F(groups__contains="pcg") &
    F(role="gateway"))` works.
    """

    def __init__(self, workspace: str | Path = ".") -> None:
        """`workspace` is the folder that holds `inventory/`."""
        self._root = Path(workspace)

    def load(self) -> Inventory:
        """Raises InputErrors with everything that is wrong in the workspace."""
        from pcg_netops.inventory.nornir import inventory_of
        from pcg_netops.inventory.workspace import load_workspace

        return inventory_of(load_workspace(self._root))
