"""Prints what ./pcg adds to the installed pcg command, once both are set up (limit: 0.1 s)."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).parent.parent
RUNS = 15


def seconds(program: Path) -> float:
    start = time.perf_counter()
    subprocess.run([program, "--version"], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    launcher, installed = REPOSITORY / "pcg", REPOSITORY / ".venv/bin/pcg"
    seconds(launcher)  # the first run may set up
    seconds(installed)
    pairs = [(seconds(launcher), seconds(installed)) for _ in range(RUNS)]
    through, direct = (median(times) for times in zip(*pairs, strict=True))
    print(f"./pcg --version          {through * 1000:6.1f} ms")
    print(f".venv/bin/pcg --version  {direct * 1000:6.1f} ms, ratio {through / direct:.2f}")
    print(f"added by the launcher    {(through - direct) * 1000:6.1f} ms")


if __name__ == "__main__":
    main()
