"""The commands. Each imports what it needs when it runs, so that `pcg --help` stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import pcg_netops
from pcg_netops.cli import hosts, imports, lab, secrets
from pcg_netops.cli.options import (
    HERE,
    SSH_CONFIG,
    BackendOption,
    CutoverOption,
    FailOnOption,
    FindingsOption,
    FreshOption,
    SshConfigOption,
    WorkspaceOption,
)
from pcg_netops.cli.speech import say
from pcg_netops.errors import InputError

if TYPE_CHECKING:
    from pcg_netops.cli.reuse import Rendering

app = typer.Typer(
    name="pcg",
    help="Plan, rehearse and carry out the move of network services from one exchange to another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(lab.app, name="lab")
app.add_typer(imports.app, name="import")
app.add_typer(hosts.app, name="hosts")
app.add_typer(secrets.app, name="secrets")


def _version(wanted: bool) -> None:
    if wanted:
        say(f"pcg-netops {pcg_netops.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _say_reused(rendering: Rendering) -> None:
    if rendering.reused:
        count = len(rendering.artifacts)
        say(
            f"stage {rendering.stage}: reused what was rendered before for {count} devices,"
            " as nothing has changed since",
            err=True,
        )


def _templates_come_up() -> None:
    """Start the process that renders while this one still loads what it needs."""
    from pcg_netops.templating.worker import prepare

    prepare()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New folder for the workspace.")],
) -> None:
    """Make a new workspace: a copy of the demonstration, to edit."""
    import shutil
    from importlib.resources import as_file, files

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(
                "the folder is not empty",
                place=str(folder),
                remedy="name a new one: nothing was changed",
            )
        with as_file(files("pcg_netops") / "_workspace") as source:
            for part in ("inventory", "templates", "simulations"):
                shutil.copytree(source / part, folder / part)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            place=str(folder),
            remedy="choose another folder",
        ) from None
    say(f"made {folder}; try: cd {folder} && pcg check")


@app.command()
def check(
    workspace: WorkspaceOption = HERE,
    form: FindingsOption = "text",
    fail_on: FailOnOption = "error",
) -> None:
    """Read the workspace, render every stage of every cutover; report all wrong or unwise."""
    _templates_come_up()
    from pcg_netops.audit.finding import Severity
    from pcg_netops.cli.checking import run_check
    from pcg_netops.cli.findings import OutputFormat

    raise typer.Exit(run_check(workspace, OutputFormat(form), Severity(fail_on)))


@app.command()
def audit(
    phase: Annotated[str | None, typer.Option(help="Phase or wave; default: all.")] = None,
    workspace: WorkspaceOption = HERE,
    form: FindingsOption = "text",
    fail_on: FailOnOption = "error",
) -> None:
    """Hold every device's design and rendered files, at every stage, to the hardening rules."""
    _templates_come_up()
    from pcg_netops.audit.finding import Severity
    from pcg_netops.cli.auditing import run_audit
    from pcg_netops.cli.findings import OutputFormat

    raise typer.Exit(run_audit(workspace, phase, OutputFormat(form), Severity(fail_on)))


@app.command()
def doctor(
    form: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to write it.")
    ] = "text",
) -> None:
    """Look whether this machine can run labs; tell what lacks, and the remedy."""
    from pcg_netops.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(form))


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="Such as PCG101; default: list all.")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="All codes, as the page docs/findings.md.")
    ] = False,
) -> None:
    """Tell what a code of a finding means, why it matters, and how to mend it."""
    from pcg_netops.audit.catalogue import explanation, overview, rule_of, to_markdown

    text = explanation(rule_of(code)) if code else overview()
    say(to_markdown() if markdown else text, nl=False)


@app.command()
def schema(
    kind: Annotated[str | None, typer.Argument(help="Kind of file; default: list them.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the schemas of all kinds to this folder.")
    ] = None,
) -> None:
    """Print the JSON Schema of a workspace's file, for editors and other tools."""
    from pcg_netops.files import write_whole
    from pcg_netops.inventory.schema import KINDS, schema_file, schema_of

    if out is not None:
        for name in [kind] if kind else KINDS:
            write_whole(out / schema_file(name), schema_of(name))
        say(f"wrote {len([kind] if kind else KINDS)} to {out}")
        return
    say(schema_of(kind) if kind else "\n".join(KINDS), nl=kind is None)


@app.command()
def render(
    phase: Annotated[str | None, typer.Option(help="Phase or wave; default: the first.")] = None,
    host: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write files here instead of printing.")] = None,
    fresh: FreshOption = False,
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
) -> None:
    """Render device configurations. With --out, also a MANIFEST of SHA-256 sums."""
    from pcg_netops.cli.output import write_artifacts
    from pcg_netops.cli.reuse import Renderings
    from pcg_netops.inventory.yamlfile import did_you_mean

    rendering = Renderings(workspace, cutover, fresh=fresh).stage(phase)
    _say_reused(rendering)
    artifacts = rendering.artifacts
    if host is not None:
        if host not in artifacts:
            raise InputError(f"no device '{host}'", remedy=did_you_mean(host, artifacts))
        artifacts = {host: artifacts[host]}
    if out is not None:
        count, unchanged = write_artifacts(artifacts, out)
        kept = f" ({unchanged} were there already)" if unchanged else ""
        say(f"{count} files of stage {rendering.stage} written to {out}{kept}")
        return
    for device, files in artifacts.items():
        for artifact in files.values():
            say(f"# {device}/{artifact.name} sha256 {artifact.digest}")
            say(artifact.text)


@app.command()
def diff(
    after: Annotated[str, typer.Option("--to", help="Phase or wave.")],
    before: Annotated[
        str | None, typer.Option("--from", help="Phase or wave; needed without --running.")
    ] = None,
    running: Annotated[
        Path | None,
        typer.Option(help="Folder of what devices hold now: DEVICE/FILE, as read from each."),
    ] = None,
    lab: Annotated[
        bool,
        typer.Option("--lab", help="Of the lab's stand-ins; without --from, of what they run now."),
    ] = False,
    host: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Show what is sent to each device, both ways.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the change set to this file, to be approved.")
    ] = None,
    secrets: Annotated[
        bool,
        typer.Option("--secrets", help="Add a keyed digest of each secret, so that changes show."),
    ] = False,
    fresh: FreshOption = False,
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
) -> None:
    """Show what changes on every device between two phases, or from what it holds now."""
    if running == Path("--lab"):  # `--running --lab`: what the lab runs
        running, lab = None, True
    if lab or commands or secrets or output is not None or running is not None or before is None:
        _templates_come_up()
        from pcg_netops.cli.changes import Choice, show_changes

        # Never reused: this is what is approved.
        choice = Choice(before, after, running, host, secrets, lab)
        show_changes(workspace, cutover, choice, commands, output)
        return
    from pcg_netops.cli.output import print_diff
    from pcg_netops.cli.reuse import Renderings
    from pcg_netops.diff import diff_artifacts
    from pcg_netops.inventory.yamlfile import did_you_mean

    renderings = Renderings(workspace, cutover, fresh=fresh)
    both = [renderings.stage(name) for name in (before, after)]
    for rendering in both:
        _say_reused(rendering)
    old, new = (rendering.artifacts for rendering in both)
    if host is not None and host not in new:
        raise InputError(f"no device '{host}'", remedy=did_you_mean(host, new))
    for part in diff_artifacts(old, new):
        if host in (None, part.device):
            print_diff(part.text)


@app.command()
def rehearse(
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
    build: Annotated[Path | None, typer.Option(help="Folder for runs; default: build.")] = None,
    rate: Annotated[
        int, typer.Option(min=1, max=1000, help="Packets per second of every UDP flow.")
    ] = 100,
    backend: BackendOption = "netns",
    only: Annotated[
        str | None, typer.Option(metavar="STEP", help="Only this step, from the state before it.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="STEP", help="The steps up to this one.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End after the first step that is not right.")
    ] = False,
) -> None:
    """Rehearse the whole cutover on a live virtual network and write the evidence."""
    _templates_come_up()
    from pcg_netops.cli.rehearsing import rehearse as run_rehearsal
    from pcg_netops.cutover.plan import Part

    part = Part(only, until, fail_fast)
    raise typer.Exit(run_rehearsal(workspace, cutover, build, rate, backend, part))


@app.command()
def push(
    change: Annotated[
        Path | None, typer.Argument(help="Change set that pcg diff --output wrote.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(help="Phase or wave that the change set has to lead to.")
    ] = None,
    cutover: CutoverOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look whether every device is ready; write nothing.")
    ] = False,
    limit: Annotated[
        list[str] | None, typer.Option(help="Only this device; repeat for more.")
    ] = None,
    wave: Annotated[
        list[int] | None, typer.Option(help="Only this wave, from 1; repeat for more.")
    ] = None,
    unapproved: Annotated[
        str | None, typer.Option(metavar="REASON", help="Push without approval, for this reason.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the push that was broken off.")
    ] = False,
    unwind: Annotated[
        bool, typer.Option("--unwind", help="Undo the push that was broken off.")
    ] = False,
    abandon: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Somebody has mended its devices by hand: forget it."),
    ] = None,
    timer: Annotated[
        int,
        typer.Option(min=60, max=7200, help="Seconds after which devices revert by themselves."),
    ] = 120,
    probe: Annotated[
        str | None,
        typer.Option(metavar="PROGRAM", help="Has to succeed after each wave, as BGP and BFD."),
    ] = None,
    lab: Annotated[
        bool, typer.Option("--lab", help="Practise: to the workspace's lab that is up.")
    ] = False,
    ssh_config: SshConfigOption = SSH_CONFIG,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Push an approved change set: every device is changed and confirmed, or none is."""
    from pcg_netops.cli.pushing import Asked
    from pcg_netops.cli.pushing import push as run_push
    from pcg_netops.push import Selection

    selection = Selection(tuple(limit or ()), tuple(wave or ()))
    asked = Asked(
        change,
        cutover,
        phase,
        selection,
        unapproved,
        dry_run,
        resume,
        unwind,
        abandon,
        timer,
        probe,
        ssh_config,
        lab,
    )
    run_push(workspace, asked)
