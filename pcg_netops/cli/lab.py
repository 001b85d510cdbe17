"""`pcg lab`: labs that stay up in the background. Commands import what they need when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pcg_netops.cli import lab_files
from pcg_netops.cli.lab_arguments import require_interface, require_time
from pcg_netops.cli.options import HERE, BackendOption, CutoverOption, WorkspaceOption
from pcg_netops.cli.speech import say, whoever_listens
from pcg_netops.errors import ExitCode, InputError, LabError
from pcg_netops.lab.protocol import Direction, FaultKind

if TYPE_CHECKING:
    from pcg_netops.lab.background.client import RunningLab

app = typer.Typer(help="The virtual network.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(lab_files.app)  # without a name: its commands become those of `pcg lab`

Format = Literal["table", "json"]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write it.")]
LabOption = Annotated[
    str | None,
    typer.Option(
        "--lab", "-l", help="Name or topology file of the lab; needed if there are several."
    ),
]
LabArgument = Annotated[
    str | None,
    typer.Argument(metavar="[LAB]", help="Name or topology file; default: the only lab."),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust", help="Let it have what it asks for outside its folder: files, variables."
    ),
]
NodesOption = Annotated[
    list[str] | None, typer.Option("--node", "-n", help="Only this node; may be repeated.")
]


def _find(name: str | None) -> RunningLab:
    from pcg_netops.lab.background.client import find

    return find(name)


@app.command()
def up(
    topology: Annotated[
        Path | None, typer.Argument(help="A containerlab topology file; or give --phase.")
    ] = None,
    phase: Annotated[
        str | None,
        typer.Option(help="The workspace's own network, as this phase or wave leaves it."),
    ] = None,
    as_host: Annotated[
        list[str] | None,
        typer.Option(help="Let a Linux host of this machine stand in for this image."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a command of the topology fails.")
    ] = False,
    trust: TrustOption = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the lab up where a node did not start.")
    ] = False,
    backend: BackendOption = "netns",
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
) -> None:
    """Start a lab in the background; it stays up until `pcg lab down`."""
    from pcg_netops.cli.interrupts import keep_signals
    from pcg_netops.cli.own_topology import lab_at, provide_startup
    from pcg_netops.lab.backends import prepare
    from pcg_netops.lab.background.supervisor import start
    from pcg_netops.lab.topology.demands import what_it_does
    from pcg_netops.lab.topology.file import load

    whoever_listens()
    if (topology is None) is (phase is None):
        raise InputError(
            "which lab is not clear", remedy="name a topology file, or a phase with --phase"
        )
    if topology is None:
        topology = lab_at(workspace, cutover, phase or "")
        say(f"wrote {topology.parent}, the configuration of {phase}")
    elif provide_startup(topology):
        say(f"wrote {topology.parent / 'startup'}, the first stage's configuration")
    folder = topology.resolve().parent
    read = load(topology, trusted=trust)
    layout = prepare(backend, read, folder, as_host or (), trusted=trust)
    for line in what_it_does(layout):
        say(line)
    for key in layout.ignored if backend == "netns" else ():
        say(f"not honoured here: {key}")
    try:
        started = start(
            layout, topology, strict=strict, keep=keep, backend=backend, settled=keep_signals
        )
    except LabError as error:
        remedy = error.remedy or ("" if keep else "--keep leaves up what does start")
        raise LabError(error.message, place=error.place, remedy=remedy) from None
    for warning in started.warnings:
        say(f"warning: {warning}", err=True)
    record = started.record
    say(
        f"lab {record.name} is up after {started.seconds:.1f} s: "
        f"{len(record.nodes)} nodes, {len(record.links)} links"
    )
    if record.failure:
        say(
            f"error: {record.failure}\n"
            f"  remedy: the lab is kept; look around, then: pcg lab down {record.name}",
            err=True,
        )
        raise typer.Exit(ExitCode.ENVIRONMENT)


@app.command()
def down(
    lab: LabArgument = None,
    every: Annotated[bool, typer.Option("--all", help="End every lab of this user.")] = False,
) -> None:
    """End a lab; nothing of it stays."""
    from pcg_netops.lab.background import folders
    from pcg_netops.lab.background.client import RunningLab

    whoever_listens()
    if every and lab:
        raise InputError("name a lab or give --all, not both")
    labs = [RunningLab(record) for record in folders.running()] if every else [_find(lab)]
    for found in labs:
        found.down()
        say(f"lab {found.record.name} is down")


@app.command()
def status(lab: LabArgument = None, form: FormatOption = "table") -> None:
    """Show the running labs, or one lab's nodes: power, daemons, sessions."""
    from pcg_netops.cli.lab_view import show_labs, show_nodes
    from pcg_netops.lab.background import folders

    if lab is None and len(folders.running()) != 1:
        show_labs(folders.running(), form)
    else:
        show_nodes(_find(lab), form)


@app.command()
def inspect(
    lab: LabArgument = None,
    form: FormatOption = "table",
) -> None:
    """Show the nodes of running labs as `containerlab inspect` does."""
    from pcg_netops.cli.lab_view import show_inspection
    from pcg_netops.lab.background import folders
    from pcg_netops.lab.background.client import RunningLab

    labs = [_find(lab)] if lab else [RunningLab(record) for record in folders.running()]
    show_inspection(labs, form)


@app.command("exec", context_settings={"ignore_unknown_options": True})
def execute(
    node: Annotated[str, typer.Argument(help="A node; several with commas; or: all.")],
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    lab: LabOption = None,
    form: Annotated[
        Literal["plain", "json"], typer.Option("--format", "-f", help="How to write it.")
    ] = "plain",
    timeout: Annotated[float, typer.Option(help="Seconds that it may take.")] = 30.0,
) -> None:
    """Run a command on nodes; exits with 1 if it fails on any."""
    from pcg_netops.cli.lab_view import show_results
    from pcg_netops.lab.observe.sessions import chosen

    found = _find(lab)
    names = [name for name in node.split(",") if name]
    nodes = chosen(found.record, None if names == ["all"] else names)
    require_time("--timeout", timeout)
    results = {one.long_name: found.run(one.name, command, timeout=timeout) for one in nodes}
    show_results(results, command, form)
    failed = any(result.returncode for result in results.values())
    raise typer.Exit(ExitCode.FAIL if failed else ExitCode.PASS)


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    node: Annotated[str, typer.Argument(help="The node.")],
    command: Annotated[list[str] | None, typer.Argument(help="Default: a shell.")] = None,
    lab: LabOption = None,
) -> None:
    """Log in to a node with OpenSSH's client."""
    import os

    from pcg_netops.errors import EnvironmentLack
    from pcg_netops.lab.background.folders import SSH_CONFIG

    found = _find(lab)
    host = found.record.node(node)
    if not host.ssh_port:
        raise InputError(
            f"node '{node}' is not on the management network",
            remedy=f"run commands with: pcg lab exec {node} COMMAND",
        )
    config = str(Path(found.record.folder, SSH_CONFIG))
    try:
        os.execvp("ssh", ["ssh", "-F", config, host.name, *(command or ())])  # noqa: S606
    except FileNotFoundError:
        raise EnvironmentLack(
            "there is no ssh", remedy="as root: apt-get install openssh-client"
        ) from None


@app.command()
def logs(
    node: Annotated[str, typer.Argument(help="The node.")],
    lab: LabOption = None,
    lines: Annotated[int, typer.Option("--lines", min=0, help="How many of each; 0: all.")] = 50,
) -> None:
    """Print what a node's own process, its daemons and the lab's agent have said."""
    from pcg_netops.lab.observe.sessions import logs_of

    for name, text in logs_of(_find(lab), node, lines):
        say(f"==> {name}", bold=True)
        say(text)


@app.command()
def graph(
    lab: LabArgument = None,
    form: Annotated[
        Literal["mermaid", "dot", "svg"], typer.Option("--format", "-f", help="svg needs Graphviz.")
    ] = "mermaid",
    out: Annotated[Path | None, typer.Option(help="Write here instead of printing.")] = None,
    trust: TrustOption = False,
) -> None:
    """Draw a running lab, or a topology file that does not run."""
    from pcg_netops.files import write_output
    from pcg_netops.lab.background import folders
    from pcg_netops.lab.observe.drawing import draw
    from pcg_netops.lab.topology.file import load

    path = Path(lab) if lab else None
    running = [record.name for record in folders.running()]
    if path and path.is_file():
        topology = load(path, trusted=trust)
    elif lab in running or (lab is None and running):
        topology = load(Path(_find(lab).record.topology), trusted=True)  # it runs
    else:
        _find(lab)  # says what is running
        return
    text = draw(topology, form)
    if out:
        write_output(out, text)
        say(f"wrote {out}")
    else:
        say(text, nl=False)


@app.command()
def capture(
    target: Annotated[str, typer.Argument(metavar="NODE:INTERFACE", help="Where to listen.")],
    lab: LabOption = None,
    count: Annotated[int, typer.Option(min=0, help="Packets to write; 0: until it is ended.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="Time to listen; 0: no limit.")] = 0,
) -> None:
    """Write what passes an interface as pcap to standard output, for `wireshark -k -i -`."""
    import sys

    from pcg_netops.lab.observe.capture import capture as write_packets

    if sys.stdout.isatty():
        raise InputError(
            "packets are not for a terminal",
            remedy=f"pcg lab capture {target} | wireshark -k -i -   (or > file.pcap)",
        )
    require_time("--seconds", seconds + 1)
    node, _, interface = target.partition(":")
    if not interface:
        raise InputError(f"'{target}' is not NODE:INTERFACE", remedy="such as r1:eth1")
    found = _find(lab)
    require_interface(found, node, interface)
    write_packets(found, node, interface, sys.stdout.buffer, count=count, seconds=seconds)


@app.command()
def fault(
    kind: Annotated[FaultKind, typer.Argument(help="What goes wrong.")],
    target: Annotated[str, typer.Argument(metavar="NODE[:INTERFACE]", help="Where.")],
    value: Annotated[
        str,
        typer.Argument(
            help="Loss in per cent, delay in ms, rate in kbit/s, MTU, daemon, BGP or tunnel peer."
        ),
    ] = "",
    direction: Annotated[Direction, typer.Option(help="Of a loss, as the node sees it.")] = "both",
    heal: Annotated[bool, typer.Option("--heal", help="End this fault.")] = False,
    lab: LabOption = None,
) -> None:
    """Break something in a running lab, or with --heal mend it again."""
    from pcg_netops.lab.protocol import Fault

    found = _find(lab)
    node, _, interface = target.partition(":")
    needs = kind not in ("power", "freeze", "kill", "bgp-shut", "rekey")
    if interface:
        require_interface(found, node, interface)
    if needs != bool(interface):
        raise InputError(
            f"the fault {kind} is one of {'an interface' if needs else 'a whole node'}",
            remedy=f"such as: pcg lab fault {kind} {node}{':eth1' if needs else ''}",
        )
    wanted = Fault(kind, found.record.node(node).name, interface, value, direction)
    whoever_listens()
    if heal:
        found.heal(wanted)
    else:
        found.fault(wanted)
    say(f"{kind} of {wanted.target} {'is healed' if heal else 'begins'}")


@app.command()
def save(
    lab: LabArgument = None,
    nodes: NodesOption = None,
    copy: Annotated[
        Path | None, typer.Option(help="Also copy what is saved to this folder.")
    ] = None,
) -> None:
    """Save what runs on the nodes (FRR, nftables, strongSwan) as files in the lab's folder."""
    from pcg_netops.confined import require_inside
    from pcg_netops.files import write_whole
    from pcg_netops.lab.observe.sessions import chosen, running_files

    found = _find(lab)
    folders = [Path(found.record.folder)]
    folders += [copy / folders[0].name] if copy else []
    for node in chosen(found.record, nodes):
        for name, text in running_files(found, node.name):
            for folder in folders:
                require_inside(folder, folder / node.name)
                write_whole(folder / node.name / name, text)
                say(f"saved {folder / node.name / name}")
