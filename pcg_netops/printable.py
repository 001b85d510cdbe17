"""Text from elsewhere, as a person may safely read it on a terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# Controls of terminals (C0 but line feed and tab, DEL, C1), lone halves of UTF-16, and what turns
# the reading direction, joins, breaks lines or is not seen: Unicode's kinds Cc, Cf, Cs, Zl and Zp.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[\n\t\x20-\x7e]*")
_SHORT, _LONG = 0xFF, 0xFFFF


def printable(text: str) -> str:
    r"""The text with all that a terminal would obey spelt out, such as `\x1b` or `\u202e`."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(map(_shown, text))


def json_text(data: Any) -> str:
    """JSON that is so already: what is spelt out is spelt as JSON does."""
    return json.dumps(data, indent=2).replace("\x7f", "\\u007f")


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    if number <= _SHORT:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _LONG else f"\\U{number:08x}"
