"""Coverage-guided fuzzing of the loader: reads any bytes as each file of a workspace.

    pip install atheris
    python benchmarks/fuzz_atheris.py -max_total_time=600 -rss_limit_mb=500 -timeout=20 [CORPUS]

Options are libFuzzer's. A corpus folder may hold copies of `inventory/`. It stops at the first
exception that is no InputError, at the first input over 20 s, and at 500 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # no part of the test requirements

with atheris.instrument_imports(include=["pcg_netops"]):
    from pcg_netops.errors import InputError
    from pcg_netops.inventory.schema import KINDS
    from pcg_netops.inventory.yamlfile import read_yaml


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"

        def read(data: bytes) -> None:
            path.write_bytes(data)
            try:
                file = read_yaml(path, path.parent)
            except InputError:
                return
            for model in KINDS.values():
                try:
                    file.parse(model)
                except InputError:
                    continue

        atheris.Setup(sys.argv, read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
