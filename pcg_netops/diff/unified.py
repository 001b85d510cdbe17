"""A unified diff of large files that are much alike within themselves, as configurations are."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher


def unified_diff(old: Sequence[str], new: Sequence[str], label: str, context: int) -> Iterator[str]:
    """The parts of a unified diff of lines with their ends, as `difflib.unified_diff` writes it."""
    if old == new:
        return
    yield f"--- a/{label}\n+++ b/{label}\n"
    for group in _Anchored(old, new).get_grouped_opcodes(context):
        yield f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@\n"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[old_from:old_to])
                continue
            yield from (f"-{line}" for line in old[old_from:old_to])
            yield from (f"+{line}" for line in new[new_from:new_to])


def _span(start: int, stop: int) -> str:
    """A range of lines in the header of a hunk; an empty one is named by the line before it."""
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + (length > 0)},{length}"


class _Anchored(SequenceMatcher[str]):
    """Compares large files in pieces, between lines that each file has once (a patience diff).

    Python's own takes minutes where tens of thousands of lines are much alike.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._matches: list[Match] | None = None
        self.a: Sequence[str]
        super().__init__(None, old, new, autojunk=False)

    def set_seq2(self, b: Sequence[str]) -> None:
        """Without the index that the pieces make for themselves."""
        self.b = b

    def get_matching_blocks(self) -> list[Match]:
        """The runs of equal lines, in order; the last is empty and at the end."""
        if self._matches is None:
            matches: list[Match] = []
            at_old = at_new = 0
            for old, new in [*_anchors(self.a, self.b), (len(self.a), len(self.b))]:
                piece = SequenceMatcher(None, self.a[at_old:old], self.b[at_new:new])
                matches += [
                    Match(at_old + m.a, at_new + m.b, m.size) for m in piece.get_matching_blocks()
                ]
                matches.append(Match(old, new, int(old < len(self.a))))
                at_old, at_new = old + 1, new + 1
            self._matches = _joined(matches, Match(len(self.a), len(self.b), 0))
        return self._matches


def _joined(matches: list[Match], end: Match) -> list[Match]:
    """Runs that follow one another directly are one."""
    found: list[Match] = []
    for match in matches:
        if not match.size:
            continue
        last = found[-1] if found else Match(-1, -1, 0)
        if (last.a + last.size, last.b + last.size) == (match.a, match.b):
            found[-1] = Match(last.a, last.b, last.size + match.size)
        else:
            found.append(match)
    return [*found, end]


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The longest series of lines that both have once and in the same order: their places."""
    counts = Counter(old), Counter(new)
    places = {line: at for at, line in enumerate(new) if counts[0][line] == counts[1][line] == 1}
    pairs = [(number, places[line]) for number, line in enumerate(old) if line in places]
    ends: list[int] = []  # the smallest end, in the new file, of a series of each length
    shortest: list[tuple[int, int]] = []  # the pair with that end
    before: dict[tuple[int, int], tuple[int, int] | None] = {}
    for pair in pairs:
        length = bisect_left(ends, pair[1])
        before[pair] = shortest[length - 1] if length else None
        ends[length : length + 1] = [pair[1]]
        shortest[length : length + 1] = [pair]
    series = []
    last = shortest[-1] if shortest else None
    while last:
        series.append(last)
        last = before[last]
    return series[::-1]
