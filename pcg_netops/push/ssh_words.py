"""What went wrong with SSH, in words for who looks after the device."""

from __future__ import annotations

_LONGEST = 120  # characters of what the other side says, which may be anything
# Parts of what paramiko says, where it speaks to programmers.
_OURS = {
    "Error reading SSH protocol banner": "what answers there does not speak SSH",
    "Indecipherable protocol version": "what answers there does not speak SSH",
    "No existing session": "it takes the connection, and SSH gets no answer",
    "Timeout opening channel": "it lets us in and does not answer",
    "Pattern not detected": "it lets us in and shows no prompt",
    "Authentication timeout": "it takes the log-in and does not answer",
}


def words(error: BaseException) -> str:
    """One short line for an error of paramiko, Netmiko or the network."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    ours = next((ours for theirs, ours in _OURS.items() if theirs in said), said)
    return ours if len(ours) <= _LONGEST else f"{ours[:_LONGEST]}…"
