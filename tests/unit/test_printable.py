"""What terminals would obey is shown as text, and JSON stays JSON by that."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from pcg_netops.printable import json_text, printable


@given(st.text())
@example("\x1b[31m \x9b31m \x7f \u202e \u200b \U000e0001 \r\b")
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = printable(text)
    kinds = {unicodedata.category(character) for character in shown if character not in "\n\t"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text())
@example("\x7f \xad \U000e0001 \x9b é")
def test_json_is_the_same_after_it_was_printed(text: str) -> None:
    assert json.loads(printable(json_text({text: [text]}))) == {text: [text]}
