"""The table of features by platform in the documentation."""

from __future__ import annotations

from pathlib import Path

from pcg_netops.platforms import PLATFORMS
from pcg_netops.platforms.features import Feature

DOCUMENT = Path(__file__).parents[1] / "docs/platforms.md"
BEGIN, END = "<!-- generated: python -m tests.regenerate -->\n", "<!-- end -->\n"


def table() -> str:
    """One line for each feature: how a platform says it, or why it is refused."""
    platforms = PLATFORMS.values()
    rows = [
        ["", *(f"`{p.name}`: {p.title}" for p in platforms)],
        ["---"] * (len(PLATFORMS) + 1),
        *(
            [
                feature.value,
                *(p.spells.get(feature) or f"**refused**: {p.refuses[feature]}" for p in platforms),
            ]
            for feature in Feature
        ),
        [
            "pushed by pcg",
            *("files" if p.delivered else "lines of a change set" for p in platforms),
        ],
    ]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{BEGIN}{lines}{END}"


def renew() -> None:
    """Put the table as it is now into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(before + table() + rest.partition(END)[2], encoding="utf-8")
