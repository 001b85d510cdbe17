"""Renders templates in a process of its own, which can do nothing else: `python -m`, see `worker`.

A template is a program of whoever wrote to the workspace's repository. The sandbox keeps it from
reaching anything; this process keeps it from taking the machine's memory or running for ever.
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import sys
import traceback
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pcg_netops.errors import InputError
from pcg_netops.model.device import Device
from pcg_netops.platforms import platform_named
from pcg_netops.templating.messages import receive, send

_LONGEST_WORDS = 500  # of an error, which a template can make as long as it likes
_MENDED = "correct the template, or copy it from a new workspace: pcg init FOLDER"


def render(folder: Path, template: str, device: Device) -> str:
    """A device's text. Raises InputError at the line of the template that is wrong."""
    try:
        found = _environment(folder).get_template(template)
        return found.render(device=device, **platform_named(device.platform).view(device))
    except TemplateSyntaxError as error:
        raise InputError(
            f"{error.message}",
            place=f"templates/{error.name or template}:{error.lineno}",
            remedy="correct the template",
        ) from None
    except TemplateNotFound as error:
        raise InputError(
            "no such template",
            place=f"templates/{error.name or template}",
            remedy="copy it from a new workspace: pcg init FOLDER",
        ) from None
    except Exception as error:  # a template can raise anything
        said = "more memory is needed" if isinstance(error, MemoryError) else str(error)
        raise InputError(
            f"cannot be rendered for '{device.name}': {said[:_LONGEST_WORDS]}",
            place=_place(folder, template, error),
            remedy=_MENDED,
        ) from None


@cache
def _fields(kind: type) -> frozenset[str]:
    """The public fields of a kind of dataclass; none of any other kind."""
    names = (field.name for field in fields(kind)) if is_dataclass(kind) else ()
    return frozenset(name for name in names if not name.startswith("_"))


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, made quick for large networks without letting through anything else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a device's part is data that was made for templates; else as it always is."""
        kind: type = type(obj)
        if attribute in _fields(kind):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Jinja's own decision, which goes by kind and name alone, made once for each."""
        decision = (type(obj), attr)
        if decision not in self._decided:
            self._decided[decision] = super().is_safe_attribute(obj, attr, value)
        return self._decided[decision]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._decided: dict[tuple[type, str], bool] = {}


@cache
def _environment(folder: Path) -> Environment:
    """A workspace's templates, each compiled once."""
    return _Sandbox(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _place(folder: Path, template: str, error: Exception) -> str:
    """The innermost line of a template that an error came through."""
    lines = [
        f"templates/{Path(frame.filename).relative_to(folder).as_posix()}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    return lines[-1] if lines else f"templates/{template}"


def main() -> None:
    """Run as `python -m pcg_netops.templating.sandbox SECONDS BYTES`: what one rendering may take.

    On standard input come pickles: a folder, and devices, each with the names of its templates. On
    standard output go texts in this order, each after a byte "t", or, after "e", the parts of an
    InputError as JSON. What takes too long ends the process.
    """
    seconds, memory = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ends with its parent
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            folder, jobs = pickle.loads(receive(requests))  # noqa: S301  our parent's
        except EOFError:
            return
        for device, templates in jobs:
            for template in templates:
                # Nobody handles its signal: it ends the process.
                signal.setitimer(signal.ITIMER_PROF, seconds)
                try:
                    answer = b"t" + render(folder, template, device).encode()
                except InputError as error:
                    answer = b"e" + json.dumps([error.message, error.place, error.remedy]).encode()
                signal.setitimer(signal.ITIMER_PROF, 0)
                send(answers, answer)


if __name__ == "__main__":
    main()
