"""Rules of a filter that never decide, decide nothing of their own, or hang on their order.

The terms are those of Al-Shaer and Hamed ("Modeling and Management of Firewall Policies", IEEE
TNSM 1(1), 2004), for rules of which the first that matches decides. Theirs compare two rules; here
several rules together count as well, so that what is left after dropping all shadowed and all
redundant rules decides every packet as before. Everything is exact: nothing is sampled.

- shadowed: earlier rules match all that it matches, and decide some of it otherwise;
- redundant: without it, other rules decide all that it decides, and in the same way. The default
  does not count: a last rule that says what the default says is there for its readers;
- correlated: it shares packets with an earlier rule of the other verdict and neither holds the
  other, so that exchanging the two changes what passes. A rule that lies within a later, wider one
  of the other verdict is an exception to it, which is how exceptions are written: no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import islice, product

from pcg_netops.audit.hardening.regions import Bits, Box, Index, Space, common, members
from pcg_netops.model.firewall import ANY, Action, FilterRule

_MOST_OTHERS = 3  # that a verdict names


class Kind(StrEnum):
    """What is wrong with a rule."""

    SHADOWED = "shadowed"
    REDUNDANT = "redundant"
    CORRELATED = "correlated"
    ANY_TO_ANY = "any to any"


@dataclass(frozen=True)
class Verdict:
    """A rule with something wrong; rules are numbered from 0. `others` are the first of `count`."""

    kind: Kind
    rule: int
    others: tuple[int, ...]
    count: int


def analyse(rules: Sequence[FilterRule], interfaces: Iterable[str] = ()) -> Iterator[Verdict]:
    """Everything wrong with a list of rules, rule by rule.

    `interfaces` are all that the device has; without them, "any interface" is wider than all that
    are named.
    """
    analysis = _Analysis(rules, tuple(interfaces))
    idle = analysis.idle()
    for number in range(len(rules)):
        if analysis.is_any_to_any(number):
            yield Verdict(Kind.ANY_TO_ANY, number, (), 0)
        if kind := idle.get(number):
            yield _verdict(kind, number, analysis.instead_of(number))
        else:
            others = analysis.correlated(number)
            if others:
                yield _verdict(Kind.CORRELATED, number, others)


def _verdict(kind: Kind, rule: int, others: Bits) -> Verdict:
    return Verdict(kind, rule, tuple(islice(members(others), _MOST_OTHERS)), others.bit_count())


class _Analysis:
    """A rule's first box has the rule's number; its further boxes are numbered after all rules."""

    def __init__(self, rules: Sequence[FilterRule], interfaces: tuple[str, ...]) -> None:
        space = Space(rules, interfaces)
        self._rules = rules
        self._any_to_any = [
            rule.action is Action.PERMIT and space.is_any_to_any(rule) for rule in rules
        ]
        self._regions: list[tuple[Box, ...]] = [space.boxes(rule) for rule in rules]
        further: list[Box] = []
        self._owners: list[int] = []
        self._firsts: list[int] = []  # of each rule's further boxes
        for number, region in enumerate(self._regions):
            self._firsts.append(len(rules) + len(further))
            further += region[1:]
            self._owners += [number] * (len(region) - 1)
        self._index = Index([*(region[0] for region in self._regions), *further])
        self._own = [
            1 << number | ((1 << len(region) - 1) - 1) << first
            for number, (region, first) in enumerate(zip(self._regions, self._firsts, strict=True))
        ]
        self._with: dict[Action, Bits] = dict.fromkeys(Action, 0)
        for rule, own in zip(rules, self._own, strict=True):
            self._with[rule.action] |= own
        self._deciding: Bits = (1 << len(rules) + len(further)) - 1

    def is_any_to_any(self, number: int) -> bool:
        return self._any_to_any[number]

    def idle(self) -> dict[int, Kind]:
        """The rules that can all go at once without a packet being decided otherwise."""
        found = {}
        for number, region in enumerate(self._regions):
            before = self._before(number)
            if not any(self._index.has_hole(box, before) for box in region):
                overruled = self._decides_otherwise(number, before, before)
                found[number] = Kind.SHADOWED if overruled else Kind.REDUNDANT
        for number in found:
            self._deciding &= ~self._own[number]
        for number, region in enumerate(self._regions):
            rest = self._deciding & ~self._own[number]
            if number in found or any(self._index.has_hole(box, rest) for box in region):
                continue
            if not self._decides_otherwise(number, rest, rest & ~self._before(number)):
                found[number] = Kind.REDUNDANT
                self._deciding &= ~self._own[number]
        return found

    def instead_of(self, number: int) -> Bits:
        """The rules that decide for an idle one: a single one that holds all of it, or several."""
        others = self._meeting(number) & self._deciding & ~self._own[number]
        alike = others & self._with[self._rules[number].action]
        for among in (alike, others):
            holding = self._holding(number, among)
            if holding:
                return holding & -holding
        return self._rules_of(others)

    def correlated(self, number: int) -> Bits:
        """The earlier rules of the other verdict that it is correlated with."""
        other = self._with[_other(self._rules[number].action)]
        among = self._meeting(number) & self._before(number) & other & self._deciding
        if not among:
            return 0
        shared = self._rules_of(among)
        whole = self._boxes_of(shared)
        for box in self._regions[number]:
            whole &= ~self._index.within(box, whole)
        return shared & ~self._holding(number, among) & self._rules_of(whole)

    def _decides_otherwise(self, number: int, among: Bits, rivals: Bits) -> bool:
        """Whether of `among` the first to match some packet of it is a rival of other verdict."""
        other = rivals & self._with[_other(self._rules[number].action)]
        for rival in members(self._rules_of(self._meeting(number) & other)):
            before = self._before(rival) & among & ~self._own[number]
            pairs = product(self._regions[number], self._regions[rival])
            shared = (common(mine, theirs) for mine, theirs in pairs)
            if any(box and self._index.has_hole(box, before) for box in shared):
                return True
        return False

    def _before(self, number: int) -> Bits:
        """The boxes of all rules before this one."""
        count = len(self._rules)
        further = (1 << self._firsts[number] - count) - 1
        return further << count | (1 << number) - 1

    def _meeting(self, number: int) -> Bits:
        bits = 0
        for box in self._regions[number]:
            bits |= self._index.meeting(box, -1)
        return bits

    def _holding(self, number: int, among: Bits) -> Bits:
        """The rules that match all that this one matches."""
        bits = -1
        for box in self._regions[number]:
            bits &= self._rules_of(self._index.covering(box, among))
        return bits

    def _rules_of(self, boxes: Bits) -> Bits:
        rules = boxes & (1 << len(self._rules)) - 1
        for further in members(boxes >> len(self._rules)):
            rules |= 1 << self._owners[further]
        return rules

    def _boxes_of(self, rules: Bits) -> Bits:
        if not self._owners:
            return rules
        boxes = 0
        for number in members(rules):
            boxes |= self._own[number]
        return boxes


def _other(action: Action) -> Action:
    return Action.DENY if action is Action.PERMIT else Action.PERMIT


class Passage:
    """Answers which packets a list of rules lets through, for the interfaces that a device has."""

    def __init__(self, rules: Sequence[FilterRule], interfaces: Iterable[str]) -> None:
        self._space = Space(rules, interfaces)
        self._owned = [(rule, box) for rule in rules for box in self._space.boxes(rule)]
        self._index = Index([box for _, box in self._owned])
        self._denied: Bits = 0
        for number, (rule, _) in enumerate(self._owned):
            self._denied |= (rule.action is Action.DENY) << number

    def of(self, interface: str, sources: tuple[IPv4Network, ...]) -> FilterRule | None:
        """The first rule that permits some packet with such a source that none denies before."""
        if not sources:
            return None
        probe = FilterRule("", Action.PERMIT, (interface,), ANY, sources)
        for asked in self._space.boxes(probe):
            for number in members(self._index.meeting(asked, self._all & ~self._denied)):
                rule, box = self._owned[number]
                shared = common(asked, box)
                before = (1 << number) - 1
                if shared and self._index.has_hole(shared, self._denied & before):
                    return rule
        return None

    @property
    def _all(self) -> Bits:
        return (1 << len(self._owned)) - 1


def described(rule: FilterRule) -> str:
    """A rule in one line: `dispatch: permit eth1 > eth2, 10.1.0.0/24 > 10.2.0.16/28, tcp 8443`."""

    def either(values: Iterable[object] | None) -> str:
        return "any" if values is ANY else "|".join(map(str, values))

    service = " ".join(str(part) for part in (rule.protocol, rule.ports) if part) or "any"
    return (
        f"{rule.owner}: {rule.action}"
        f" {either(rule.from_interfaces)} > {either(rule.to_interfaces)},"
        f" {either(rule.sources)} > {either(rule.destinations)}, {service}"
    )
