"""A device's command line, byte for byte as a network may deliver it."""

from __future__ import annotations

import re
from typing import cast

import pytest
from paramiko import Channel

from pcg_netops.push.junos import DIALECT
from pcg_netops.push.lines import CommandLine
from pcg_netops.push.secrets import Secrets

PROMPT = "netops@hq-border# "


class _Split:
    """A device that has answered; what it says comes in two parts, then the echo of the mark."""

    def __init__(self, said: str, at: int) -> None:
        self._parts = [part for part in (said[:at], said[at:]) if part]

    def settimeout(self, seconds: float) -> None:
        pass

    def sendall(self, data: bytes) -> None:
        self._parts.append(data.decode() + f"\n[edit]\n{PROMPT}")

    def recv(self, most: int) -> bytes:
        return self._parts.pop(0).encode()


@pytest.mark.parametrize("at", range(len(f"load complete\n\n[edit]\n{PROMPT}")))
def test_a_prompt_that_arrives_in_parts_is_one_prompt(at: int) -> None:
    channel = _Split(f"load complete\n\n[edit]\n{PROMPT}", at)
    line = CommandLine("hq-border", cast(Channel, channel), DIALECT, Secrets(lambda _: ""))
    line.prompt = PROMPT

    line.wait_for(re.compile("load complete\n"), "the lines of the change")
    line.answer()

    assert line.prompt == PROMPT
