"""The order of the commands within one section."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from pcg_netops.diff.iosxe.language import Tree
from pcg_netops.diff.iosxe.sections import Command, difference

_REPLACED_LAST = ("zone-pair ", "control-plane")  # hold one policy: out with the old one first
_SHUTDOWN = re.compile(r"neighbor (\S+) shutdown$")


def additive(command: Command) -> Command:
    """What is new before what goes, but where there is room for one only."""
    first_out = command.text.startswith(_REPLACED_LAST)
    below = sorted(command.below, key=lambda c: c.removes is not first_out)
    return Command(command.text, [additive(c) if c.below else c for c in below])


def classes(header: str, old: Tree, new: Tree) -> list[str]:
    """Take away, and put in at their places, the classes of a policy; their order counts."""
    matcher = SequenceMatcher(None, list(old), list(new), autojunk=False)
    kept = {x for m in matcher.get_matching_blocks() for x in list(old)[m.a : m.a + m.size]}
    there = [x for x in old if x in kept]
    body = [f" no {x}" for x in old if x not in kept]
    wanted = list(new)
    for at in range(len(wanted) - 1, -1, -1):
        if wanted[at] in kept:
            continue
        successor = wanted[at + 1] if at + 1 < len(wanted) else ""
        place = f" insert-before {successor}" if successor in there else ""
        body.append(f" {wanted[at]}{place}")
        lines = [line for c in difference({}, new[wanted[at]]) for line in c.lines(2)]
        body += [*lines, " exit"]
        there.append(wanted[at])
    return [header, *body, "exit"] if body else []


def interface(command: Command, wanted: Tree, is_new: bool) -> Command:
    """Up only with all that guards it: shut down and bare of its address first, both back last."""
    below = additive(command).below
    if is_new and "shutdown" not in wanted:
        below.append(Command("no shutdown"))
    if any("vrf forwarding" in c.text for c in below):  # which takes the addresses away
        below = [c for c in below if "ip address" not in c.text]
        below += [Command(line) for line in wanted if line.startswith("ip address ")]
    return Command(command.text, sorted(below, key=lambda c: _place(c.text)))


_FIRST = ("shutdown", "no ip address", "vrf ", "no vrf ")
_LAST = ("ip address", "no shutdown")


def _place(text: str) -> int:
    order = (*_FIRST, *_LAST)
    found = next((i for i, start in enumerate(order) if text.startswith(start)), None)
    return len(_FIRST) if found is None else found + (found >= len(_FIRST))


def bgp(command: Command, before: Tree) -> Command:
    """Sessions that go down do so first, those that come up do so with their policies complete."""
    removed = re.compile(r"no neighbor (\S+) remote-as")
    gone = {found[1] for c in command.below if (found := removed.match(c.text))}
    known = {x.split()[1] for x in before if " remote-as " in x}
    first: list[Command] = []
    settings: list[Command] = []
    families: list[Command] = []
    later: list[Command] = []
    up: list[Command] = []
    for below in command.below:
        words = below.text.removeprefix("no ").split()
        shutdown = _SHUTDOWN.match(below.text.removeprefix("no "))
        if below.removes and words[:1] == ["neighbor"] and gone & set(words[1:2]):
            continue
        if shutdown and below.removes:
            up.append(below)
        elif shutdown and shutdown[1] in known:
            first.append(below)
        elif below.below:
            families.append(_family(below, gone))
        else:
            later_on = below.removes and not below.text.startswith("no bgp default")
            (later if later_on else settings).append(below)
    ended = [Command(f"no neighbor {peer}") for peer in sorted(gone)]
    settings.sort(key=lambda c: not c.text.startswith("no bgp default"))
    families = [family for family in families if family.below]
    return Command(command.text, [*first, *settings, *families, *later, *up, *ended])


def _family(command: Command, gone: set[str]) -> Command:
    """Deactivated first, activated last."""

    def place(below: Command) -> int:
        activates = below.text.endswith(" activate")
        return (0 if activates else 2) if below.removes else (3 if activates else 1)

    below = [
        c for c in command.below if not (c.removes and (c.text.split()[2:3] or [""])[0] in gone)
    ]
    return Command(command.text, sorted(below, key=place))
