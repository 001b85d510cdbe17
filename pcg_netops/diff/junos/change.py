"""Both directions of a change of a Junos configuration, walked through.

A commit puts a whole candidate in force: there is no moment in between that could be unsafe.
"""

from __future__ import annotations

from pcg_netops.diff.junos.candidate import Candidate, Path, Statement, in_common, is_same, read
from pcg_netops.diff.junos.orders import commands
from pcg_netops.diff.ways import BothWays


def standard(text: str) -> str:
    """The configuration in the standard form, which is the same where the meaning is."""
    return read(text).text()


def both_ways(old: str, new: str) -> BothWays:
    """The statements from one configuration to the other and back, entered."""
    before, after = read(old), read(new)
    base, intended = before.text(), after.text()
    if base == intended:
        return BothWays(base, intended)
    start, end = before.top, in_common(after.top, before.top)
    there, back = commands(start, end), commands(end, start)
    walked = Candidate(top=start)
    wrong = [
        f"remediation: takes away `{' '.join(path)}`, which the device is managed by:"
        " change it by hand"
        for path in _MANAGED_BY
        if (held := _in_force(start, path)) and not held <= _in_force(end, path)
    ]
    for way, lines, meant in (("remediation", there, end), ("back-out", back, start)):
        for line in lines:
            walked.enter(line)
        if not is_same(walked.top, meant):
            wrong.append(f"{way}: does not end where it should")
    return BothWays(base, intended, there, back, tuple(wrong))


# Below the first the addresses count.
_MANAGED_BY: tuple[Path, ...] = (
    ("interfaces", "fxp0", "unit", "0", "family", "inet", "address"),
    ("system", "services", "ssh"),
)


def _in_force(top: Statement, path: Path) -> set[str]:
    """The words at the end of a path, or "" for the path alone, unless it is switched off."""
    at = top
    for word in path:
        if word not in at.below or at.below[word].inactive or "disable" in at.below:
            return set()
        at = at.below[word]
    return {"", *(at.below if path[-1] == "address" else ())}
