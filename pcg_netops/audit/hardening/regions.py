"""The packets that filter rules match, as regions, and an exact index of where those meet.

A packet is a point on five axes: the interface it comes in by, the one it leaves by, its source,
its destination, and its protocol with the port. A rule matches a set on each axis. Each set is kept
as the fewest intervals, so that a rule is a few boxes, and a box lies within a rule if it lies
within one of the rule's boxes. Sets of boxes are Python integers, one bit a box: a question about
ten thousand boxes is then a handful of `&` and `|`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from pcg_netops.model.firewall import ANY, FilterRule, Interfaces, Prefixes

Interval = tuple[int, int]  # both ends belong to it
Box = tuple[Interval, Interval, Interval, Interval, Interval]
Bits = int

_ADDRESSES = (0, 2**32 - 1)
_PORTS = 65_536
_ANY_OTHER = ""  # stands for every interface or protocol that no rule names
_STEP = 16  # boxes between two stored sums: memory against time
_REMEMBERED = 2_048  # answers kept per order


class Space:
    """The axes on which the packets of one list of rules are told apart."""

    def __init__(self, rules: Sequence[FilterRule], interfaces: Iterable[str] = ()) -> None:
        """`interfaces` are all that the device has; without them there may be any others."""
        self._from = _classes(interfaces, (rule.from_interfaces for rule in rules))
        self._to = _classes(interfaces, (rule.to_interfaces for rule in rules))
        named = sorted({rule.protocol for rule in rules if rule.protocol})
        self._slots = {name: index * _PORTS for index, name in enumerate(named)}
        self._services = (0, len(named) * _PORTS)  # the last is every other protocol

    def boxes(self, rule: FilterRule) -> tuple[Box, ...]:
        """The rule's region, as disjoint boxes."""
        return tuple(
            product(
                _through(self._from, rule.from_interfaces),
                _through(self._to, rule.to_interfaces),
                _addresses(rule.sources),
                _addresses(rule.destinations),
                self._service(rule),
            )
        )

    def is_any_to_any(self, rule: FilterRule) -> bool:
        """Whether it matches every source, destination, protocol and port."""
        return _addresses(rule.sources) == _addresses(rule.destinations) == [
            _ADDRESSES
        ] and self._service(rule) == [self._services]

    def _service(self, rule: FilterRule) -> list[Interval]:
        first, last = (rule.ports.first, rule.ports.last) if rule.ports else (0, _PORTS - 1)
        if rule.protocol:
            slot = self._slots[rule.protocol]
            return [(slot + first, slot + last)]
        if rule.ports:
            return [(slot + first, slot + last) for slot in self._slots.values()]
        return [self._services]


def _classes(known: Iterable[str], sets: Iterable[Interfaces | None]) -> dict[str, int]:
    """Each interface with a number; those that no rule tells apart have the same one."""
    distinct = {names for names in sets if names is not ANY}
    names = sorted({*known, *(name for names in distinct for name in names)})
    if not known:
        names.append(_ANY_OTHER)
    numbers: dict[tuple[bool, ...], int] = {}
    ordered = sorted(distinct)
    return {
        name: numbers.setdefault(tuple(name in names for names in ordered), len(numbers))
        for name in names
    }


def _through(classes: dict[str, int], names: Interfaces | None) -> list[Interval]:
    return _merged((classes[n], classes[n]) for n in (classes if names is ANY else names))


def _addresses(networks: Prefixes | None) -> list[Interval]:
    if networks is ANY:
        return [_ADDRESSES]
    ends = ((int(n.network_address), int(n.broadcast_address)) for n in networks)
    return _merged(ends)


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same set as the fewest intervals, in order."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


class _Order:
    """Boxes by one end of theirs on one axis."""

    def __init__(self, values: Sequence[int]) -> None:
        self._order = sorted(range(len(values)), key=values.__getitem__)
        self._values = [values[box] for box in self._order]
        self._sums: list[Bits] = [0]
        bits = 0
        for count, box in enumerate(self._order, 1):
            bits |= 1 << box
            if count % _STEP == 0:
                self._sums.append(bits)
        self.up_to = lru_cache(_REMEMBERED)(self._up_to)

    def _up_to(self, value: int) -> Bits:
        """The boxes whose end is at or before the value."""
        count = bisect_right(self._values, value)
        block = count // _STEP
        bits = self._sums[block]
        for box in self._order[block * _STEP : count]:
            bits |= 1 << box
        return bits


class Index:
    """Which of many boxes meet, cover or lie within a given one."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._boxes = boxes
        self._all: Bits = (1 << len(boxes)) - 1
        axes = range(len(boxes[0])) if boxes else ()
        self._firsts = [_Order([box[axis][0] for box in boxes]) for axis in axes]
        self._lasts = [_Order([box[axis][1] for box in boxes]) for axis in axes]

    def meeting(self, box: Box, among: Bits) -> Bits:
        """Those that share a packet with it."""
        for axis, interval in enumerate(box):
            if not among:
                break
            among &= self._meeting(axis, interval)
        return among

    def _meeting(self, axis: int, interval: Interval) -> Bits:
        first, last = interval
        return self._firsts[axis].up_to(last) & ~self._lasts[axis].up_to(first - 1)

    def covering(self, box: Box, among: Bits) -> Bits:
        """Those that hold all of it."""
        for axis, (first, last) in enumerate(box):
            if not among:
                break
            among &= self._firsts[axis].up_to(first) & ~self._lasts[axis].up_to(last - 1)
        return among

    def within(self, box: Box, among: Bits) -> Bits:
        """Those that lie in it."""
        for axis, (first, last) in enumerate(box):
            if not among:
                break
            among &= self._lasts[axis].up_to(last) & ~self._firsts[axis].up_to(first - 1)
        return among

    def has_hole(self, box: Box, among: Bits) -> bool:
        """Whether some packet of the box is in none of those boxes.

        Cuts the box along the sides of one of them, again and again. A part that none of them meets
        is the answer; parts that few of them meet come first.
        """
        parts = [(box, self.meeting(box, among))]
        while parts:
            part, left = parts.pop()
            if not left:
                return True
            if not self.covering(part, left):
                parts += self._cut(part, left)
        return False

    def _cut(self, part: Box, left: Bits) -> list[tuple[Box, Bits]]:
        """The part less one of the boxes that meet it, each piece with those that meet it."""
        knife = self._boxes[left.bit_length() - 1]
        slabs = [
            (left & self._meeting(axis, slab), axis, slab)
            for axis, ((first, last), (from_, to)) in enumerate(zip(part, knife, strict=True))
            for slab in ((first, from_ - 1), (to + 1, last))
            if slab[0] <= slab[1]
        ]
        slabs.sort(key=lambda found: found[0].bit_count())
        pieces = []
        rest = part
        for meeting, axis, slab in slabs:
            piece = _with_side(rest, axis, slab)
            pieces.append((piece, self.meeting(piece, meeting)))
            rest = _with_side(rest, axis, _less(rest[axis], slab))
        return pieces[::-1]


def _with_side(box: Box, axis: int, interval: Interval) -> Box:
    sides = list(box)
    sides[axis] = interval
    return sides[0], sides[1], sides[2], sides[3], sides[4]


def _less(whole: Interval, end: Interval) -> Interval:
    """What is left of an interval without one end of it."""
    return (end[1] + 1, whole[1]) if whole[0] == end[0] else (whole[0], end[0] - 1)


def common(left: Box, right: Box) -> Box | None:
    """The packets in both."""
    sides = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(left, right, strict=True)]
    if any(first > last for first, last in sides):
        return None
    return sides[0], sides[1], sides[2], sides[3], sides[4]


def members(bits: Bits) -> Iterator[int]:
    """The numbers whose bits are set, in order."""
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)
