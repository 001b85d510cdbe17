"""The launcher ./pcg, run as a user would, on a machine whose programs are chosen by the test.

Only what would change the real machine is replaced: python3's venv and pip, apt-get, sudo and the
programs that enable services. Each replacement writes its arguments to a log.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
USED_PROGRAMS = "cat chmod cmp grep mkdir mount readlink rm sed sh sleep ssh-keygen unshare"

# Answers as the real one, but its environments are made in no time and install nothing.
PYTHON = f"""\
case "$*" in
*'-m venv'*)
    mkdir -p "$4/bin"
    cp_self="$4/bin/python"
    cat "$0" >"$cp_self"; chmod 755 "$cp_self" ;;
*'-m pip install'*)
    sleep "${{PIP_TAKES:-0}}"
    [ -z "${{PIP_FAILS-}}" ] || exit 1
    for name in pcg tox; do
        printf '#!/bin/sh\\necho "%s in $PWD:" "$@"\\n' $name >.venv/bin/$name
        chmod 755 .venv/bin/$name
    done ;;
*) exec '{sys.executable}' "$@" ;;
esac
echo "noise that is no result of the command"
echo "python $*" >>"$LOG"
"""


@dataclass(frozen=True)
class Machine:
    """A checkout in a folder with a space in its name, and the programs that its PATH has."""

    checkout: Path
    programs: Path
    log: Path

    def program(self, name: str, script: str) -> None:
        """Puts a shell script in the PATH in place of the real program."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def without(self, name: str) -> None:
        (self.programs / name).unlink()

    def start(
        self, *arguments: str, within: tuple[str, ...] = (), **env: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*within, str(self.checkout / "pcg"), *arguments],
            cwd="/",
            env={"PATH": str(self.programs), "LOG": str(self.log), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, within: tuple[str, ...] = (), **env: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, within=within, **env)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self, program: str) -> list[str]:
        """What the named replacement was called with, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [
            line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One where all packages are there, and whose user is neither root nor in sudoers."""
    made = Machine(tmp_path / "check out", tmp_path / "bin", tmp_path / "log")
    made.checkout.mkdir()
    made.programs.mkdir()
    for name in ("pcg", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, made.checkout)
    for name in USED_PROGRAMS.split():
        found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
        assert found, f"the launcher's tests need {name}"
        (made.programs / name).symlink_to(found)
    made.program("python3", PYTHON)
    for name in ("dot", "ip", "nft", "swanctl"):
        made.program(name, "")
    made.program("apt-get", 'echo "apt-get $*" >>"$LOG"')
    made.program("id", "echo 1000")
    return made


def test_hands_over_every_other_command_with_its_arguments_and_folder(machine: Machine) -> None:
    done = machine.run("render", "--out", "a  b", "*")
    assert done.returncode == 0
    assert done.stdout == "pcg in /: render --out a  b *\n"


def test_is_silent_once_set_up(machine: Machine) -> None:
    first = machine.run("check")
    assert "making" in first.stderr
    again = machine.run("check")
    assert (again.stdout, again.stderr) == ("pcg in /: check\n", "")
    assert len(machine.calls("python")) == 2  # one venv, one pip, both of the first run


def test_exit_code_is_that_of_the_command(machine: Machine) -> None:
    machine.run("check")
    (machine.checkout / ".venv/bin/pcg").write_text("#!/bin/sh\nexit 5\n")
    assert machine.run("check").returncode == 5


def test_runs_through_a_link_from_elsewhere(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(machine.checkout / "pcg")
    done = subprocess.run(
        [tmp_path / "link", "check"],
        env={"PATH": str(machine.programs), "LOG": str(machine.log)},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout == "pcg in /: check\n"
    assert (machine.checkout / ".venv").is_dir()


def test_test_runs_tox_in_the_checkout_and_passes_arguments_on(machine: Machine) -> None:
    done = machine.run("test", "-e", "unit")
    assert done.stdout == f"tox in {machine.checkout}: run -e unit\n"


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_sets_up_again_when_what_it_was_made_from_changed(machine: Machine, name: str) -> None:
    machine.run("check")
    with (machine.checkout / name).open("a") as file:
        file.write("# changed\n")
    assert "making" in machine.run("check").stderr
    assert machine.run("check").stderr == ""


def test_sets_up_again_when_the_checkout_was_moved(machine: Machine, tmp_path: Path) -> None:
    machine.run("check")
    moved = Machine(tmp_path / "elsewhere", machine.programs, machine.log)
    machine.checkout.rename(moved.checkout)
    assert "making" in moved.run("check").stderr


def test_installation_that_failed_is_not_trusted_later(machine: Machine) -> None:
    failed = machine.run("check", PIP_FAILS="1")
    assert failed.returncode == 3
    assert failed.stdout == ""
    assert "could not make .venv" in failed.stderr
    assert machine.run("check").stdout == "pcg in /: check\n"


def test_set_up_that_was_killed_is_not_trusted_later(machine: Machine) -> None:
    machine.run("check")
    (machine.checkout / "constraints.txt").write_text("")
    killed = machine.start("check", PIP_TAKES="1")
    assert killed.stderr is not None
    assert "making" in killed.stderr.readline()
    killed.kill()
    killed.communicate()
    assert "making" in machine.run("check").stderr


def test_two_at_once_set_up_once(machine: Machine) -> None:
    both = [machine.start("check", PIP_TAKES="0.5") for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "pcg in /: check\n")
    assert len([call for call in machine.calls("python") if "venv" in call]) == 1


def test_without_root_and_sudo_prints_what_an_administrator_can_run(machine: Machine) -> None:
    machine.without("dot")
    machine.without("ssh-keygen")
    done = machine.run("rehearse")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == (
        "pcg: needs these Debian packages:\n"
        "  openssh-client: keys of the lab nodes and of approvals\n"
        "  graphviz: draws the topology picture in the report\n"
        "pcg: cannot install them: you are not root and there is no sudo."
        " An administrator can run:\n"
        "pcg:   apt-get install --no-install-recommends openssh-client graphviz\n"
    )
    assert machine.calls("apt-get") == []
    assert not (machine.checkout / ".venv").exists()


def test_elsewhere_than_on_debian_prints_the_packages_too(machine: Machine) -> None:
    machine.without("dot")
    machine.without("apt-get")
    done = machine.run("test")
    assert done.returncode == 3
    assert "this system has no apt-get" in done.stderr
    assert "graphviz" in done.stderr


def test_asks_sudo_without_a_prompt_when_there_is_no_terminal(machine: Machine) -> None:
    machine.without("dot")
    machine.program("sudo", 'echo "sudo $*" >>"$LOG"; exit 1')
    done = machine.run("rehearse")
    assert done.returncode == 3
    assert "sudo refused or the installation failed" in done.stderr
    assert machine.calls("sudo") == [f"-n sh {machine.checkout}/pcg --install-as-root graphviz"]


@pytest.mark.parametrize("arguments", [("--help",), ("rehearse", "--help"), ("check",), ("diff",)])
def test_needs_no_package_for_what_boots_no_lab(
    machine: Machine, arguments: tuple[str, ...]
) -> None:
    machine.without("dot")
    assert machine.run(*arguments).returncode == 0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("case $2 in *version_info*) exit 1;; *) echo 3.9.2;; esac", "python3 is 3.9.2"),
        ("case $2 in *ensurepip*) exit 1;; esac", "python3-venv: makes the Python environment"),
    ],
)
def test_unfit_python_is_named(machine: Machine, script: str, message: str) -> None:
    machine.program("python3", script)
    done = machine.run("check")
    assert done.returncode == 3
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_python_that_is_missing_is_named(machine: Machine) -> None:
    machine.without("python3")
    done = machine.run("check")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "pcg: needs python3, version 3.11 or newer: apt-get install python3\n"


# --- as root, in a mount namespace of its own where /usr/sbin and /run are empty ---

POLICY = Path("/usr/sbin/policy-rc.d")
STALE = "#!/bin/sh\n# pcg-netops\nkill -0 999999999 2>/dev/null && exit 101\nexit 0\n"
APT_GET = """\
echo "apt-get $*" >>"$LOG"
case "$*" in
-s*) echo 'Inst graphviz (2.42)'; echo 'Inst frr (8.4)'; echo 'Inst libc6 [2.36] (2.36.1)' ;;
*' install '*)
    /usr/sbin/policy-rc.d frr start; echo "policy $?" >>"$LOG"
    exit "${APT_FAILS:-0}" ;;
esac
"""
DPKG = """\
echo "dpkg $*" >>"$LOG"
printf '%s\\n' /. /etc/init.d/frr /lib/systemd/system/frr.service /lib/systemd/system/x.timer
"""


def install(
    machine: Machine, policy: str | None = None, **env: str
) -> tuple[subprocess.CompletedProcess[str], str | None]:
    """Installs graphviz as root; returns what came of it and the policy that is left."""
    machine.without("dot")
    machine.program("id", "echo 0")
    machine.program("apt-get", APT_GET)
    machine.program("dpkg", DPKG)
    for name in ("deb-systemd-helper", "update-rc.d"):
        machine.program(name, f'echo "{name} $*" >>"$LOG"')
    before, after = machine.log.with_name("before"), machine.log.with_name("after")
    if policy is not None:
        before.write_text(policy)
        before.chmod(0o755)
    script = f"""
        mount -t tmpfs tmpfs /usr/sbin && mount -t tmpfs tmpfs /run || exit 99
        [ ! -e "$2" ] || {{ cat "$2" >{POLICY}; chmod 755 {POLICY}; }}
        "$1" rehearse; status=$?
        [ ! -e {POLICY} ] || cat {POLICY} >"$3"
        exit $status
    """
    within = (str(machine.programs / "unshare"), "-Urm", "sh", "-c", script, "sh")
    done = machine.run(str(before), str(after), within=within, **env)
    return done, after.read_text() if after.exists() else None


@pytest.mark.lab
@pytest.mark.parametrize("before", [None, STALE], ids=["none", "left by a killed run"])
def test_no_service_starts_or_stays_enabled(machine: Machine, before: str | None) -> None:
    done, policy_after = install(machine, before)
    assert done.returncode == 0, done.stderr
    assert machine.calls("policy") == ["101"]
    assert policy_after is None
    assert machine.calls("deb-systemd-helper") == ["disable frr.service", "disable x.timer"]
    assert machine.calls("update-rc.d") == ["frr disable"]


@pytest.mark.lab
def test_only_packages_new_to_the_machine_are_looked_at(machine: Machine) -> None:
    install(machine)
    assert machine.calls("dpkg") == ["-L graphviz frr"]
    assert machine.calls("apt-get")[-1].endswith("install --no-install-recommends graphviz")


@pytest.mark.lab
def test_services_are_released_after_a_failed_installation(machine: Machine) -> None:
    done, policy_after = install(machine, APT_FAILS="100")
    assert done.returncode == 3
    assert "the installation failed" in done.stderr
    assert policy_after is None
    assert "disable frr.service" in machine.calls("deb-systemd-helper")


@pytest.mark.lab
def test_policy_of_the_administrator_that_forbids_starts_stays(machine: Machine) -> None:
    _, policy_after = install(machine, "#!/bin/sh\nexit 101\n")
    assert machine.calls("policy") == ["101"]
    assert policy_after == "#!/bin/sh\nexit 101\n"


@pytest.mark.lab
def test_policy_of_the_administrator_that_allows_starts_prevents_installing(
    machine: Machine,
) -> None:
    done, policy_after = install(machine, "#!/bin/sh\nexit 0\n")
    assert done.returncode == 3
    assert "lets new services start" in done.stderr
    assert machine.calls("apt-get") == []
    assert policy_after == "#!/bin/sh\nexit 0\n"


# --- the files that go with it ---


def test_every_pin_is_an_exact_version_and_nothing_else() -> None:
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        name, separator, version = line.partition("==")
        assert line.startswith("#") or (name and separator and version), line
        assert line.startswith("#") or not set(line) & set(" @:/;"), line


def test_launcher_and_ci_script_can_be_run() -> None:
    for name in ("pcg", ".ci/run"):
        assert (REPOSITORY / name).stat().st_mode & stat.S_IXOTH
