"""Captures of what devices run: a whole configuration is read, all else is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.diff.captures import whole
from pcg_netops.diff.junos.change import both_ways, standard
from pcg_netops.errors import InputError
from tests.conftest import COUNTY, REPOSITORY, Pcg

IOSXE = """\
hostname r1
!
ip access-list extended in
 130 permit tcp any any eq 443
 140 permit ip any host 192.0.2.1
!
end
"""
JUNOS = """\
system {
    host-name r1;
    login {
        message "say \\"hello\\" {";
    }
}
"""
SURE = {
    "a pager's line": ("iosxe", IOSXE, " --More-- \n"),
    "a pager's line that was wiped": (
        "iosxe",
        IOSXE,
        " --More-- \x08\x08\x08\x08        \x08\x08\x08\x08\n",
    ),
    "a log message": (
        "iosxe",
        IOSXE,
        "*Nov 26 11:02:33.123: %SYS-5-CONFIG_I: Configured from console by netops\n",
    ),
    "a log message with numbers": (
        "iosxe",
        IOSXE,
        "000123: Nov 26 2026 11:02:33.123 UTC: %LINEPROTO-5-UPDOWN: Line protocol changed\n",
    ),
    "Junos' pager": ("junos", JUNOS, "---(more 45%)---\n"),
    "Junos' prompt": ("junos", JUNOS, "netops@r1> show configuration\n"),
    "Junos' role": ("junos", JUNOS, "{primary:node0}\n"),
}


@pytest.mark.parametrize("name", SURE)
def test_what_a_screen_adds_is_left_out(name: str) -> None:
    platform, text, added = SURE[name]
    lines = text.splitlines(keepends=True)
    for at in range(1, len(lines)):
        captured = "".join([*lines[:at], added, *lines[at:]])
        assert whole(platform, captured, "capture") == text


UNSURE = {
    "cut off": ("iosxe", IOSXE.replace("end\n", ""), "capture:6", "there is no `end`"),
    "a log message in a line": (
        "iosxe",
        IOSXE.replace("140 permit", "140 per*Nov 26 11:02:33.1: %SYS-5-CONFIG_I: x"),
        "capture:5",
        "a log message is in the middle of this line",
    ),
    "a pager in a line": (
        "iosxe",
        IOSXE.replace(" 140 permit", "13001 <--- More ---> 140 permit"),
        "capture:5",
        "a pager's mark is in the middle",
    ),
    "an escape sequence": ("iosxe", "\x1b[2Jhostname r1\nend\n", "capture:1", "the screen's own"),
    "Junos cut off": ("junos", JUNOS[: JUNOS.index("message")], "capture:3", "does not end"),
    "Junos with too many ends": ("junos", JUNOS + "}\n", "capture:7", "has not begun"),
    "Junos with groups": (
        "junos",
        "apply-groups common;\n" + JUNOS,
        "capture:1",
        "what it inherits from groups is not shown",
    ),
    "Junos' set form with groups": (
        "junos",
        "set system host-name r1\nset interfaces ge-0/0/0 apply-groups common\n",
        "capture:2",
        "what it inherits from groups is not shown",
    ),
    "Junos with hidden secrets": (
        "junos",
        "system {\n    root-authentication { /* SECRET-DATA */ }\n}\n",
        "capture:2",
        "lacks the permission 'secret'",
    ),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_is_not_surely_whole_is_refused_at_its_line(name: str) -> None:
    platform, text, place, why = UNSURE[name]
    with pytest.raises(InputError, match=why) as refused:
        whole(platform, text, "capture")
    assert refused.value.place == place
    assert "capture it anew: " in refused.value.remedy


@given(cut=st.integers(0, len(JUNOS) - 2))
def test_no_part_of_a_configuration_is_taken_for_the_whole(cut: int) -> None:
    """Cut anywhere inside a block, it is refused; between blocks nobody can tell."""
    part = JUNOS[:cut]
    if part.strip():
        with pytest.raises(InputError):
            whole("junos", part, "capture")


@given(
    text=st.text(
        'apply-groups {};[]"\\/*#\nset delete protect:inactive ' + "\x08\x1bab0", max_size=80
    )
)
def test_no_capture_ends_in_a_traceback(text: str) -> None:
    for platform in ("junos", "iosxe", "linux"):
        try:
            whole(platform, text, "capture")
        except InputError:
            continue
    try:
        standard(text)
    except InputError:
        return


# What Junos and people put into a configuration that says nothing.
DECORATED = """\
## Last commit: 2026-11-20 10:11:12 UTC by netops
version 21.4R3.15;
/* of several
   lines */
system {
    host-name r1; # a note
    protect: login {
        message "say \\"hello\\" {";
    }
    root-authentication {
        encrypted-password "$6$abc"; ## SECRET-DATA
    }
}
"""


def test_decorations_of_junos_say_nothing() -> None:
    plain = JUNOS.replace(
        "    login",
        '    root-authentication {\n        encrypted-password "$6$abc";\n    }\n    login',
    )
    found = both_ways(DECORATED.replace("/* of several\n   lines */\n", ""), plain)
    assert (found.remediation, found.back_out, found.wrong) == ((), (), ())
    assert "SECRET" not in standard(DECORATED)
    assert "annotate system" in standard(DECORATED)


@pytest.mark.parametrize(
    "line",
    [
        "delete system services telnet",
        "deactivate system services telnet",
        "protect system services telnet",
        "rename system x to y",
        "netops@r1> show configuration | display set",
    ],
)
def test_a_line_about_what_is_not_there_is_named(line: str) -> None:
    with pytest.raises(InputError, match="no statement about what is there") as refused:
        standard(f"set system host-name r1\n{line}\n")
    assert line in refused.value.message


def test_several_values_in_brackets_are_several_values() -> None:
    each = "set protocols bgp group a import one\nset protocols bgp group a import two\n"
    assert standard("set protocols bgp group a import [ one two ]\n") == standard(each)


@pytest.mark.parametrize("device", ["north-gw", "main-edge"])
def test_the_command_refuses_a_capture_that_was_cut_off(
    device: str, tmp_path: Path, pcg: Pcg
) -> None:
    county = tmp_path / "county"
    shutil.copytree(COUNTY, county)
    shutil.copytree(REPOSITORY / "templates", county / "templates")
    assert (
        pcg(
            "render", "-w", str(county), "--phase", "baseline", "--out", str(tmp_path / "held")
        ).code
        == 0
    )
    (file,) = [p for p in (tmp_path / "held" / device).iterdir() if p.suffix == ".conf"]
    text = file.read_text()
    file.write_text(text[: len(text) // 2])
    asked = ("diff", "-w", str(county), "--running", str(tmp_path / "held"), "--to", "baseline")
    done = pcg(*asked, "--host", device)
    assert done.code == 2
    assert "is not a whole configuration: it is cut off" in done.err
    assert "capture it anew: " in done.err
