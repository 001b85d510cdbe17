"""Both directions of a change of an IOS-XE configuration, and the proof that they are safe."""

from __future__ import annotations

from difflib import unified_diff

from pcg_netops.diff.iosxe.orders import commands
from pcg_netops.diff.iosxe.reading import read
from pcg_netops.diff.iosxe.safety import access_lost, hazards
from pcg_netops.diff.iosxe.terminals import cuts_of
from pcg_netops.diff.ways import BothWays


def standard(text: str) -> str:
    """The configuration in the standard form, which is the same where the meaning is."""
    return read(text).text()


def both_ways(old: str, new: str) -> BothWays:
    """The commands from one configuration to the other and back, walked through."""
    before, after = read(old), read(new)
    base, intended = before.text(), after.text()
    if base == intended:
        return BothWays(base, intended)
    cuts = cuts_of(before.top, after.top)
    for router in (before, after):
        router.regroup(cuts)
    there, back = commands(before, after), commands(after, before)
    walked = before.again(after.negatives)
    # A process of another number is another router's, or somebody's mistake: a person decides.
    wrong = [
        f"remediation: takes away `{line}`, the device's own BGP process: mend its number by hand"
        for line in before.top
        if line.startswith("router bgp ") and line not in after.top
    ]
    wrong += [
        f"remediation: takes away what the device is managed by: {what}; change it by hand"
        for what in access_lost(before.top, after.top)
    ]
    ends = (("remediation", there, intended, after), ("back-out", back, base, before))
    for way, lines, text, end in ends:
        wrong += [f"{way}, {hazard}" for hazard in hazards(walked, end, lines)]
        if walked.text() != text:
            wrong.append(f"{way}: does not end where it should: {_first(walked.text(), text)}")
    return BothWays(base, intended, there, back, tuple(wrong))


def _first(found: str, wanted: str) -> str:
    """The first line in which two texts differ."""
    lines = list(unified_diff(wanted.splitlines(), found.splitlines(), n=0, lineterm=""))
    row = lines[3]  # after the names and the place
    return f"`{row[1:].strip()}` {'is not brought back' if row[0] == '-' else 'is left'}"
