"""The `pcg` command."""

from __future__ import annotations

from pcg_netops.cli.main import main

__all__ = ["main"]
