"""Text that somebody saved from a device's screen, as far as it surely is a whole configuration.

A pager's marks and log messages on lines of their own say nothing and are left out. What is cut
off, or where such a thing is in the middle of a line, is refused: a plan on half a configuration
would take the other half away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pcg_netops.errors import InputError


@dataclass(frozen=True)
class _Capture:
    """How one maker's devices print, and what gives a whole configuration."""

    command: str
    pager: re.Pattern[str]
    prompt: re.Pattern[str]
    check: Callable[
        [list[tuple[int, str]]], tuple[int, str] | None
    ]  # the line that is wrong, and why


def whole(platform: str, text: str, place: str) -> str:
    """The configuration in a capture, without what a screen adds to it.

    Raises InputError at the line that shows that it is none, with the command that gives one.
    """
    capture = _CAPTURES.get(platform)
    if capture is None:
        return text

    def refused(number: int, why: str) -> InputError:
        return InputError(
            f"is not a whole configuration: {why}",
            place=f"{place}:{number}",
            remedy=f"capture it anew: {capture.command}",
        )

    lines: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = capture.pager.sub("", raw)
        if "\x08" in line or "\x1b" in line:
            raise refused(number, "the screen's own signs are in this line")
        if (line != raw and not line.strip()) or capture.prompt.match(line):
            continue
        if re.search(r"-+ ?\(?more\b", line, re.IGNORECASE):
            raise refused(number, "a pager's mark is in the middle of this line")
        said = _LOG.search(line)
        if said and not line[: said.start()].strip():
            continue
        if said:
            raise refused(number, "a log message is in the middle of this line")
        lines.append((number, line))
    if wrong := capture.check(lines):
        raise refused(*wrong)
    return "".join(f"{line}\n" for _, line in lines)


# With time and sequence number as `service timestamps` and `service sequence-numbers` have them.
_LOG = re.compile(
    r"(?:\d{6}: )?(?:[*.]?[A-Z][a-z]{2} +\d+ (?:\d{4} )?[\d:.]+(?: [A-Z]{1,5})?: )?"
    r"%[A-Z][A-Z0-9_]*-(?:[A-Z0-9_]+-)?[0-7]-[A-Z0-9_]+: "
)


def _ends(lines: list[tuple[int, str]]) -> tuple[int, str] | None:
    """IOS-XE prints `end` last, before the next prompt."""
    if not any(line.strip() == "end" for _, line in lines):
        return lines[-1][0] if lines else 1, "it is cut off, for there is no `end`"
    return None


def _is_balanced(lines: list[tuple[int, str]]) -> tuple[int, str] | None:
    """Junos' blocks all end, nothing is hidden, and nothing is inherited unseen."""
    if any(line.startswith("set ") for _, line in lines):
        return _inherits(lines)
    begun: list[int] = []
    for number, line in _bare(lines):
        for sign in re.findall(r"[{}]", line):
            if sign == "{":
                begun.append(number)
            elif not begun:
                return number, "a block ends here that has not begun"
            else:
                begun.pop()
    if begun:
        return begun[-1], "it is cut off: the block that begins here does not end"
    last = [(number, line) for number, line in _bare(lines) if line.strip()][-1:]
    if last and not last[0][1].rstrip().endswith((";", "}")):
        return last[0][0], "it is cut off in the middle of a statement"
    return _inherits(lines)


def _inherits(lines: list[tuple[int, str]]) -> tuple[int, str] | None:
    shown = any("was inherited from group" in line for _, line in lines)
    for number, line in lines:
        if "SECRET-DATA */" in line:
            return (
                number,
                "secrets are hidden: this log-in lacks the permission 'secret'",
            )
        if re.match(r"(set .*)?\s*apply-groups\b", line) and not shown:
            return number, "what it inherits from groups is not shown"
    return None


def _bare(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines without texts in quotes and comments."""
    inside = False
    for number, line in lines:
        text = re.sub(r'"(?:\\.|[^"\\])*"', '""', line) if not inside else line
        kept = ""
        while text:
            if inside:
                _, found, text = text.partition("*/")
                inside = not found
            else:
                before, found, text = text.partition("/*")
                kept += before
                inside = bool(found)
        yield number, kept.partition("#")[0]


_CAPTURES = {
    "iosxe": _Capture(
        "terminal length 0, then show running-config",
        re.compile(r"^ ?-+ ?More ?-+ ?(?:[ \x08]*\x08)?"),
        re.compile(r"$^"),  # how a prompt is told from a line is known where lines are read
        _ends,
    ),
    "junos": _Capture(
        "show configuration | display inheritance | no-more",
        re.compile(r"^-+\(more(?: \d+%)?\)-+ *(?:[ \x08\r]*[\x08\r])?"),
        re.compile(r"[\w.-]+@[\w.-]+[>#%](?: |$)|\{\w+(?::\w+)?\}\s*$|\[edit[^\]]*\]\s*$"),
        _is_balanced,
    ),
}
