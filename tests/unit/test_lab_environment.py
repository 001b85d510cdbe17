"""What a lab is told of the machine that it starts on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcg_netops.lab.machine import needs as environment


@pytest.mark.parametrize(
    ("limit", "cables", "warned"), [(1024, 330, False), (1024, 450, True), (4096, 450, False)]
)
def test_a_lab_with_more_neighbours_than_the_kernel_knows_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, cables: int, warned: bool
) -> None:
    setting = tmp_path / "gc_thresh3"
    setting.write_text(f"{limit}\n")
    monkeypatch.setattr(environment, "_NEIGHBOURS", setting)
    said = environment.crowding(cables, 300)
    assert said.endswith("gc_thresh3=2400 net.ipv4.neigh.default.gc_thresh2=1200") is warned
    assert bool(said) is warned


def test_where_the_kernel_does_not_say_how_many_it_knows_there_is_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_NEIGHBOURS", tmp_path / "none")
    assert environment.crowding(10_000, 10_000) == ""
