"""How a contradiction is told: its place, its remedy, its code."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.yamlfile import YamlFile, did_you_mean

contradiction = partial(InputError, code="PCG021")


def dangling(
    file: YamlFile, what: str, wanted: str, known: Collection[str], *path: Key
) -> Iterator[InputError]:
    """One error if `wanted` is not among `known`."""
    if wanted not in known:
        yield InputError(
            f"no {what} named '{wanted}'",
            place=file.place(*path),
            remedy=did_you_mean(wanted, known),
            code="PCG020",
        )
