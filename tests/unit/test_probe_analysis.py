"""The arithmetic of outages, against outages whose truth is known."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.probes import analysis
from pcg_netops.probes.analysis import MS, Sample
from pcg_netops.probes.results import FlowResult, Gap, Kind, Stall
from pcg_netops.probes.wire import Columns

DEADLINE = 1000 * MS
ORIGIN = 5_000_000 * MS


def sample(
    sent: list[int],
    lost: set[int],
    *,
    stalls: tuple[Stall, ...] = (),
    peers: list[int] | None = None,
    connected: set[int] | None = None,
) -> Sample:
    """Probes sent at these times; those at the positions in `lost` got no answer.

    All that were answered had connected, and of the others those in `connected`.
    """
    round_trips = [0 if at in lost else 200 for at in range(len(sent))]
    numbers = peers or [0 if at in lost else 1 for at in range(len(sent))]
    handshakes = [
        100 if at not in lost or at in (connected or ()) else 0 for at in range(len(sent))
    ]
    columns = Columns(
        array("Q", sent),
        array("I", handshakes),
        array("I", round_trips),
        array("I", round_trips),
        array("H", numbers),
    )
    addresses = ("192.0.2.129", "192.0.2.161", "192.0.2.177")
    return Sample(sent[0], sent[-1], columns, addresses, None, None, stalls)


def result(gaps: tuple[Gap, ...], interval_ms: float) -> FlowResult:
    return FlowResult(
        flow="a",
        kind=Kind.UDP,
        since_ns=0,
        until_ns=1,
        interval_ms=interval_ms,
        sent=1000,
        longest_silence_ms=interval_ms,
        lost=sum(gap.lost for gap in gaps),
        broken=0,
        lost_forward=0,
        lost_return=0,
        gaps=gaps,
        peers=(),
        sessions=(),
        round_trip_median_ms=None,
        round_trip_p99_ms=None,
    )


def gap(lost: int, interval_ms: float, stalled_ms: float = 0.0) -> Gap:
    longest = (lost + 1) * interval_ms + stalled_ms
    return Gap(0, int(longest * MS), lost, (lost - 1) * interval_ms, longest, stalled_ms)


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_gaps_hold_every_lost_probe_once_and_do_not_overlap(answered: list[bool]) -> None:
    lost = {at for at, good in enumerate(answered) if not good}
    probes = sample([ORIGIN + at * 10 * MS for at in range(len(answered))], lost)

    positions = analysis.lost_probes(probes, DEADLINE)
    gaps = analysis.gaps(probes, positions, 10 * MS)

    assert positions == sorted(lost)
    assert sum(gap.lost for gap in gaps) == len(lost)
    assert all(one.end_ns <= other.start_ns for one, other in pairwise(gaps))


@given(
    interval=st.integers(MS, 50 * MS),
    start=st.floats(0.1, 0.4),
    length=st.floats(0.01, 0.5),
    jitter=st.lists(st.integers(0, MS // 2), min_size=200, max_size=200),
)
def test_an_outage_lies_between_the_bounds_of_its_gap(
    interval: int, start: float, length: float, jitter: list[int]
) -> None:
    sent = [ORIGIN + at * interval + late for at, late in enumerate(jitter)]
    begin = ORIGIN + int(start * 200 * interval)
    end = begin + int(length * 200 * interval)
    lost = {at for at, time in enumerate(sent) if begin <= time < end}
    probes = sample(sent, lost)

    gaps = analysis.gaps(probes, analysis.lost_probes(probes, DEADLINE), interval)

    outage_ms = (end - begin) / MS
    if not lost:
        assert outage_ms < (interval + MS // 2) / MS
        return
    (found,) = gaps
    assert found.shortest_ms <= outage_ms <= found.longest_ms
    slack_ms = 0.5
    tau = interval / MS
    assert found.shortest_ms >= (found.lost - 1) * tau - slack_ms
    assert found.longest_ms <= (found.lost + 1) * tau + slack_ms


def test_a_gap_ends_at_the_edges_of_the_window() -> None:
    probes = sample([ORIGIN, ORIGIN + 10 * MS, ORIGIN + 20 * MS], {0, 1, 2})

    (found,) = analysis.gaps(probes, [0, 1, 2], 10 * MS)

    assert (found.start_ns, found.end_ns) == (ORIGIN, ORIGIN + 20 * MS)


def test_an_answer_after_the_deadline_is_a_loss() -> None:
    probes = sample([ORIGIN, ORIGIN + 10 * MS], set())
    probes.columns.round_trip[1] = 1_200_000

    assert analysis.lost_probes(probes, DEADLINE) == [1]


def test_an_answer_that_waited_for_a_stalled_probe_host_is_no_loss() -> None:
    stall = Stall(ORIGIN + 11 * MS, ORIGIN + 1111 * MS)
    probes = sample([ORIGIN, ORIGIN + 10 * MS], set(), stalls=(stall,))
    probes.columns.round_trip[1] = 1_101_000

    assert analysis.lost_probes(probes, DEADLINE) == []


def test_a_gap_tells_how_much_of_it_the_probe_host_was_stalled() -> None:
    sent = [ORIGIN, ORIGIN + 10 * MS, ORIGIN + 320 * MS]
    probes = sample(sent, {1})

    (found,) = analysis.gaps(probes, [1], 10 * MS)

    assert (found.longest_ms, found.stalled_ms) == (320, 300)


def test_probes_in_flight_are_neither_sent_nor_lost() -> None:
    sent = [ORIGIN, ORIGIN + 500 * MS, ORIGIN + 900 * MS]
    probes = sample(sent, {0, 1}).settled(ORIGIN + 1100 * MS, DEADLINE)

    assert list(probes.columns.sent) == [sent[0], sent[2]]
    assert analysis.lost_probes(probes, DEADLINE) == [0]


def test_peers_come_in_order_of_first_sight() -> None:
    sent = [ORIGIN + at * MS for at in range(6)]
    probes = sample(sent, {2}, peers=[3, 3, 0, 1, 3, 1])

    found = [(p.address, p.count, p.first_ns, p.last_ns) for p in analysis.peers(probes)]

    assert found == [
        ("192.0.2.177", 3, sent[0], sent[4]),
        ("192.0.2.129", 2, sent[3], sent[5]),
    ]


@given(st.lists(st.booleans(), min_size=2, max_size=200), st.integers(3, 40))
def test_a_timeline_holds_every_probe_once(answered: list[bool], bin_ms: int) -> None:
    lost = {at for at, good in enumerate(answered) if not good}
    sent = [ORIGIN + at * 5 * MS for at in range(len(answered))]
    probes = sample(sent, lost)

    bins = analysis.timeline(probes, sorted(lost), bin_ms * MS)

    # The window is [first, last): the last probe begins a slice of its own only by chance.
    covered = [time for time in sent if time < bins[-1].start_ns + bin_ms * MS]
    assert sum(each.sent for each in bins) == len(covered)
    assert sum(each.lost for each in bins) == sum(at in lost for at in range(len(covered)))


@pytest.mark.parametrize(
    ("unanswered", "connected", "broken"),
    [
        ({7}, {7}, [7]),  # the path moved under one connection
        ({7}, set(), []),  # it could not connect: an outage
        ({7, 8}, {7, 8}, [7, 8]),  # two, opened 40 ms apart
        ({7, 8}, {7}, []),  # the second could not connect
        ({7, 8, 9}, {7, 8, 9}, []),  # 80 ms of connections that lead nowhere: an outage
        ({3, 7}, {3, 7}, [3, 7]),  # two moves
    ],
)
def test_only_connections_under_way_when_the_path_moved_are_excused(
    unanswered: set[int], connected: set[int], broken: list[int]
) -> None:
    probes = sample([ORIGIN + at * 40 * MS for at in range(12)], unanswered, connected=connected)
    lost = analysis.lost_probes(probes, DEADLINE)

    assert analysis.broken_probes(probes, lost, 50 * MS) == broken


def test_round_trips_are_of_answered_probes_only() -> None:
    probes = sample([ORIGIN + at * MS for at in range(100)], {5})
    probes.columns.round_trip[7] = 9000

    assert analysis.round_trips(probes) == (0.2, 9.0)


def test_without_a_probe_nothing_is_known() -> None:
    """A prober that was held up while the network was down has lost nothing, and seen nothing."""
    sent = [ORIGIN + at * 10 * MS for at in range(20)]
    held_up = sample(sent[:8] + sent[18:], set())
    silent = replace(result((), 10), longest_silence_ms=analysis.longest_silence(held_up) / MS)

    assert silent.longest_silence_ms == 110
    assert silent.outage_text == "< 110 ms"
    assert silent.within(120) is True
    assert silent.within(100) is None


def test_no_loss_is_below_the_interval_and_never_zero() -> None:
    clean = result((), 10)

    assert clean.outage_ms == 10
    assert clean.outage_text == "< 10 ms"
    assert clean.within(1) is True


def test_an_outage_with_a_lucky_probe_in_the_middle_counts_whole() -> None:
    flapping = result((gap(15, 10), gap(15, 10)), 10)

    assert flapping.outage_ms == 300
    assert flapping.within(299) is False


@pytest.mark.parametrize(
    ("lost", "stalled_ms", "verdict"),
    [
        (28, 0, True),
        (29, 0, True),
        (30, 0, False),
        (5, 400, None),
        (30, 400, False),
        (5, 100, True),
    ],
)
def test_only_the_network_breaks_a_limit(
    lost: int, stalled_ms: float, verdict: bool | None
) -> None:
    assert result((gap(lost, 10, stalled_ms),), 10).within(300) is verdict
