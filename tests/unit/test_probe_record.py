"""The memory of the probe worker."""

from __future__ import annotations

import pytest

from pcg_netops.probes.record import KEEP_NS, SLACK_NS, Record
from pcg_netops.probes.wire import Columns

S = 1_000_000_000
START = 7_000 * S


@pytest.fixture
def record() -> Record:
    """One probe each second for an hour, trimmed as it goes; each is seen and answered in 2 ms."""
    record = Record()
    for now in range(START, START + 3600 * S, S):
        sequence = record.add(now)
        record.seen(sequence, now + 1_000_000, "192.0.2.129")
        record.answered(sequence, now + 2_000_000)
        record.trim(now)
    return record


def test_ten_minutes_are_kept_and_no_more_than_a_minute_beyond(record: Record) -> None:
    sent = record.columns.sent
    assert sent[-1] == START + 3599 * S
    assert KEEP_NS <= sent[-1] - sent[0] <= KEEP_NS + SLACK_NS
    assert {len(column) for column in record.columns.arrays()} == {len(sent)}


def test_sequence_numbers_run_on_when_old_probes_are_forgotten(record: Record) -> None:
    sequence = record.add(START + 3600 * S)
    record.answered(sequence, START + 3600 * S + 5_000_000)

    assert sequence == 3600
    assert record.columns.round_trip[-1] == 5000


def test_an_answer_to_a_forgotten_probe_changes_nothing(record: Record) -> None:
    before = record.columns.pack(0, 10_000)
    record.seen(3, START + 3600 * S, "192.0.2.177")
    record.answered(3, START + 3600 * S)

    assert record.columns.pack(0, 10_000) == before


def test_a_duplicate_changes_nothing(record: Record) -> None:
    before = record.columns.pack(0, 10_000)
    record.seen(3599, START + 3700 * S, "192.0.2.177")
    record.answered(3599, START + 3700 * S)

    assert record.columns.pack(0, 10_000) == before
    assert record.addresses == ["192.0.2.129"]


def test_columns_survive_the_wire(record: Record) -> None:
    count = len(record.columns.sent)
    data = record.columns.pack(0, count)

    assert len(data) == Columns.size(count)
    assert Columns.unpack(data, count) == record.columns


def test_only_probes_whose_fate_is_known_are_the_latest(record: Record) -> None:
    end = START + 3600 * S
    record.add(end)
    lost = record.add(end + S)
    in_flight = record.add(end + 3 * S)
    known = record.latest(3, oldest=end + 2 * S)

    assert [(sent, answered) for sent, answered, _ in known] == [
        (end - S, True),
        (end, False),
        (end + S, False),
    ]
    assert (lost, in_flight) == (3601, 3602)
    assert record.in_flight(until=end + 4 * S, oldest=end + 2 * S)
    assert not record.in_flight(until=end + 2 * S, oldest=end + 2 * S)
