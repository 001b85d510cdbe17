"""Both directions of a change of an IOS-XE configuration, and the proof that they are safe."""

from __future__ import annotations

from pcg_netops.diff.iosxe.orders import commands
from pcg_netops.diff.iosxe.reading import read
from pcg_netops.diff.iosxe.safety import hazards
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
    there, back = commands(before, after), commands(after, before)
    walked = before.again(after.negatives)
    # A process of another number is another router's, or somebody's mistake: a person decides.
    wrong = [
        f"remediation: takes away `{line}`, the device's own BGP process: mend its number by hand"
        for line in before.top
        if line.startswith("router bgp ") and line not in after.top
    ]
    ends = (("remediation", there, intended, after), ("back-out", back, base, before))
    for way, lines, text, end in ends:
        wrong += [f"{way}, {hazard}" for hazard in hazards(walked, end, lines)]
        if walked.text() != text:
            wrong.append(f"{way}: does not end where it should")
    return BothWays(base, intended, there, back, tuple(wrong))
