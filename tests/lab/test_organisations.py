"""Other organisations' networks, made from seeds, carry out their whole cutover without a loss.

`benchmarks/organisations.py` does the same with as many seeds as one likes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pcg_netops.errors import ExitCode
from tests.conftest import Pcg
from tests.organisations import write

pytestmark = pytest.mark.lab


# What each has that the demonstration has not: 2, seven branches in a mesh behind one edge, and one
# old gateway; 7, 40 services and one new gateway; 8, partners in several domains.
@pytest.mark.parametrize("seed", [2, 7, 8])
def test_an_organisation_rehearses_to_pass(seed: int, tmp_path: Path, pcg: Pcg) -> None:
    """Where the machine stood still, a rehearsal says so and proves nothing: it is done again."""
    folder = write(tmp_path / "organisation", seed)
    for attempt in range(3):
        done = pcg("rehearse", "-w", str(folder), "--build", str(tmp_path / f"build{attempt}"))
        if done.code != ExitCode.INCOMPLETE:
            break
    assert done.code == ExitCode.PASS, done.out[-2000:]
