"""Every reader of text from outside, fuzzed, and the loader at its limits: seconds, peak memory.

    python benchmarks/fuzz_loader.py --minutes 10

Run it in the checkout, with the test requirements installed. The exit code is 1 if a file at a
limit takes over 500 MB or fails otherwise than it should, or if the fuzzing found a fault.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIMIT_MB = 500
READ = """
import sys
from pathlib import Path
from pcg_netops.errors import InputError
from pcg_netops.inventory.yamlfile import read_yaml
from pcg_netops.model.network import Network
try:
    read_yaml(Path(sys.argv[1]), Path(sys.argv[1]).parent).parse(Network)
except InputError as error:
    print(str(error).splitlines()[0][:70])
    sys.exit(2)
"""


def at_the_limits() -> Iterator[tuple[str, str]]:
    """Texts that are just within one limit each: the most that the loader can be made to do."""
    yield "249,990 lines of a block", "a: |\n" + "  x\n" * 249_990
    yield "10 MB in long lines", "a:\n" + ("  " + "x" * 9_900 + "\n") * 1_005
    yield "10 MB of comments", ("#" + "x" * 9_900 + "\n") * 1_005
    yield "10 MB of escapes", 'a: "' + ("\\n" * 4_900 + "\n  ") * 1_015 + '"\n'
    yield "249,900 values in a list", "a:\n  [" + "1,\n" * 249_900 + "]\n"
    yield "249,900 keys", "".join(f"k{n}: 1\n" for n in range(249_900))
    yield (
        "248,000 values through aliases",
        "a: &a [" + "x, " * 999 + "]\nb: [" + "*a,\n" * 248 + "]",
    )


def read_one(text: str, folder: Path) -> tuple[int, str, float, float]:
    """Exit code, first line, seconds and peak megabytes of reading a text in its own process."""
    path = folder / "a.yaml"
    path.write_text(text)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", READ, str(path)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, time.monotonic() - started, usage.ru_maxrss / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of fuzzing, for each reader")
    parser.add_argument("--only", default="", help="readers, as pytest's -k has them")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, text in at_the_limits():
            code, said, seconds, megabytes = read_one(text, Path(folder))
            failed |= code != 2 or megabytes > LIMIT_MB
            print(
                f"{name:<32} {len(text) / 1e6:5.1f} MB {seconds:6.1f} s {megabytes:5.0f} MB  {said}"
            )
    tests = sorted(str(path) for path in (REPOSITORY / "tests" / "unit").glob("test_fuzz_*.py"))
    chosen = ["-k", arguments.only] if arguments.only else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--durations=0", *chosen, *tests],
        cwd=REPOSITORY,
        env=os.environ
        | {"PYTHONPATH": str(REPOSITORY), "PCG_FUZZ_SECONDS": str(arguments.minutes * 60)},
    )
    return int(failed or done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
