"""How long the exact analysis of filter rules takes, beside comparing each pair of rules.

    python benchmarks/firewall_analysis.py [--rules 10000] [--runs 3]

Each kind of list is made from a fixed seed. The floor is what comparing all pairs of rules costs
in a plain loop, the least that an analysis without an index does (and which knows nothing of rules
that together cover another one); it is timed on some of the rules and scaled to all pairs.
"""

from __future__ import annotations

import argparse
import random
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from itertools import combinations
from time import perf_counter

from pcg_netops.audit.hardening.firewall_analysis import analyse
from pcg_netops.audit.hardening.regions import Box, Space
from pcg_netops.model.firewall import ANY, Action, FilterRule, Ports

_INTERFACES = tuple(f"eth{number}" for number in range(1, 9))
_FLOOR_RULES = 1_000
_RULES = FilterRule


def _network(
    random_: random.Random, length: int, within: int = 0x0A000000, bits: int = 8
) -> IPv4Network:
    free = length - bits
    return IPv4Network((within | random_.getrandbits(free) << 32 - length, length))


def services(random_: random.Random, count: int) -> list[FilterRule]:
    """A large gateway: one permit for each service and direction, a few partners each."""
    partners = [_network(random_, 24) for _ in range(200)]
    found = []
    for number in range(count):
        ports = Ports(
            first := random_.choice((25, 443, 8443, 16_384)), first + random_.choice((0, 0, 100))
        )
        ways = (_INTERFACES[:2], _INTERFACES[2:4])
        found.append(
            FilterRule(
                f"service-{number}",
                Action.PERMIT,
                *random_.sample(ways, 2),
                tuple(random_.sample(partners, random_.randint(1, 3))),
                (_network(random_, 28),),
                random_.choice(("tcp", "udp")),
                ports,
            )
        )
    return found


def grown(random_: random.Random, count: int) -> list[FilterRule]:
    """A list that grew for years: any lengths, both verdicts, ranges of ports."""
    return [
        FilterRule(
            f"rule-{number}", random_.choice((Action.PERMIT, Action.PERMIT, Action.DENY)),
            tuple(random_.sample(_INTERFACES, random_.randint(0, 2))) or ANY, ANY,
            (_network(random_, random_.randint(12, 30)),) if random_.random() < 0.9 else ANY,
            (_network(random_, random_.randint(12, 30)),) if random_.random() < 0.9 else ANY,
            protocol := random_.choice((None, "tcp", "udp")),
            Ports(first := random_.randint(1, 60_000), first + random_.randint(0, 5_000))
            if protocol
            else None,
        )
        for number in range(count)
    ]  # fmt: skip


def blocked(random_: random.Random, count: int) -> list[FilterRule]:
    """Half of it denies sources, half permits anyone to somewhere: all are correlated."""
    half = count // 2
    denied = [
        FilterRule(f"denied-{n}", Action.DENY, ANY, ANY, (_network(random_, 24),))
        for n in range(half)
    ]
    permitted = [
        FilterRule(
            f"service-{n}",
            Action.PERMIT,
            ANY,
            ANY,
            ANY,
            (_network(random_, 28),),
            "tcp",
            Ports(443, 443),
        )
        for n in range(count - half)
    ]
    return denied + permitted


def covered(_: random.Random, count: int) -> list[FilterRule]:
    """Every hundredth rule is covered by the 99 before it together, by none of them alone."""
    found = []
    for number in range(count):
        block, part = divmod(number, 100)
        base = (10 << 24) + (block << 8)
        if part < 99:
            first, last = part * 600, 65_535 if part == 98 else part * 600 + 599
            ports = Ports(first, last)
        else:
            ports = Ports(1, 65_535)
        found.append(
            FilterRule(
                f"rule-{number}",
                Action.PERMIT,
                ANY,
                ANY,
                ANY,
                (IPv4Network((base, 24)),),
                "tcp",
                ports,
            )
        )
    return found


def floor_s(rules: Sequence[FilterRule]) -> float:
    """Seconds for asking of each pair whether the two meet, scaled from some of the rules."""
    some = rules[:_FLOOR_RULES]
    space = Space(some)
    boxes: list[Box] = [box for rule in some for box in space.boxes(rule)][:_FLOOR_RULES]
    began = perf_counter()
    meeting = 0
    for left, right in combinations(boxes, 2):
        for (a, b), (c, d) in zip(left, right, strict=True):
            if b < c or d < a:
                break
        else:
            meeting += 1
    took = perf_counter() - began
    return took * (len(rules) / len(boxes)) ** 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    kinds: list[Callable[[random.Random, int], list[FilterRule]]] = [
        services,
        grown,
        blocked,
        covered,
    ]
    print(f"{options.rules} rules, best of {options.runs} runs")
    for make in kinds:
        rules = make(random.Random(2020), options.rules)  # noqa: S311  # not for secrets
        times = []
        for _ in range(options.runs):
            began = perf_counter()
            verdicts = list(analyse(rules, _INTERFACES))
            times.append(perf_counter() - began)
        found = Counter(verdict.kind.value for verdict in verdicts)
        floor = floor_s(rules)
        said = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items())) or "nothing"
        print(
            f"{make.__name__:<9} {min(times):6.2f} s  pairwise floor {floor:6.2f} s  "
            f"ratio {min(times) / floor:.3f}  found: {said}"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
