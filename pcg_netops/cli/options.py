"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

HERE = Path()
SSH_CONFIG = Path("~/.ssh/config")

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", help="Folder that holds inventory/ and templates/.")
]
CutoverOption = Annotated[
    str | None, typer.Option("--cutover", help="Cutover file's name; needed if there are several.")
]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Render anew, also what an earlier run has rendered.")
]
FindingsOption = Annotated[
    Literal["text", "json", "sarif"], typer.Option("--format", help="How to write findings.")
]
FailOnOption = Annotated[
    Literal["error", "warning", "note"],
    typer.Option("--fail-on", help="Exit with 1 on findings that are at least this bad."),
]
BackendOption = Annotated[
    Literal["netns", "containerlab"],
    typer.Option(help="This machine's own programs, or containers of containerlab."),
]
SshConfigOption = Annotated[
    Path, typer.Option("--ssh-config", help="SSH's configuration file, for jump hosts.")
]
