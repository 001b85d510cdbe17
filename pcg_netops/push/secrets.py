"""The values of secrets: looked up when a push needs them, and shown by nothing."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.model.secret import Secret, named_in, with_values

# What every device and file takes as one word, and no parser as anything else.
_FIT = re.compile(r"[A-Za-z0-9._~+/=@:,-]{8,64}")

LookUp = Callable[[str], str]


class Secrets:
    """Values by name, each looked up once."""

    def __init__(self, look_up: LookUp) -> None:
        """`look_up` gives the value for a name; it raises InputError where there is none."""
        self._look_up = look_up
        self._values: dict[str, str] = {}

    def fill(self, text: str) -> str:
        """The text with values for markers. Raises InputError naming a secret without a value."""
        return with_values(text, self._value)

    def require(self, texts: Iterable[str]) -> None:
        """Look up everything that these texts need. Raises InputError as `fill` does."""
        for name in sorted({name for text in texts for name in named_in(text)}):
            self._value(name)

    def conceal(self, text: str) -> str:
        """The text with markers for every value that was looked up."""
        for name, value in self._values.items():
            text = text.replace(value, Secret(name).marker)
        return text

    def digest(self, text: str, key: bytes) -> str:
        """HMAC-SHA-256 of a text with its values, in hexadecimal.

        It changes when a value does, and tells nobody without the key what the value may be. Keep
        the key as safe as the secrets.
        """
        return hmac.new(key, self.fill(text).encode(), hashlib.sha256).hexdigest()

    def _value(self, name: str) -> str:
        if name not in self._values:
            value = self._look_up(name)
            if not _FIT.fullmatch(value):
                raise InputError(
                    f"the value of secret '{name}' cannot be sent to devices",
                    remedy="use 8 to 64 letters, digits and . _ ~ + / = @ : , - (it is not shown)",
                )
            self._values[name] = value
        return self._values[name]


def looked_up(
    references: Mapping[str, str],
    root: Path,
    require: Callable[[Mapping[str, str]], None] = lambda asked: None,
) -> LookUp:
    """Look values up where references say; file names are relative to `root`.

    Where they are a workspace's, `require` is `Trust.require` of the person whose secrets they are.
    Raises InputError, or EnvironmentLack where a keyring is asked for and there is none.
    """

    def look_up(name: str) -> str:
        if name not in references:
            raise InputError(
                f"no secret named '{name}'", remedy="add it under 'secrets' in network.yaml"
            )
        require({references[name]: f"secret '{name}'"})
        kind, _, where = references[name].partition(":")
        value = _READERS[kind](where, root)
        if value is None:
            raise InputError(
                f"secret '{name}' has no value: {references[name]}",
                remedy="set it, or correct 'secrets' in network.yaml",
            )
        return value

    return look_up


def _from_environment(where: str, _root: Path) -> str | None:
    return os.environ.get(where)


def _from_file(where: str, root: Path) -> str | None:
    """The first line of a file that nobody else can read."""
    path = root / Path(where).expanduser()
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(
                "holds a secret and can be read by others",
                place=str(path),
                remedy=f"chmod 600 {path}",
            )
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        return None


def _from_keyring(where: str, _root: Path) -> str | None:
    service, _, user = where.partition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise EnvironmentLack(
            f"the library 'keyring' is not installed, and keyring:{where} needs it",
            remedy="pip install keyring, or keep the secret in a file or the environment",
        ) from None
    try:
        value: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise EnvironmentLack(
            f"the keyring does not answer: {type(error).__name__}",
            remedy="unlock it, or keep the secret in a file or the environment",
        ) from None
    return value


_READERS: Mapping[str, Callable[[str, Path], str | None]] = {
    "env": _from_environment,
    "file": _from_file,
    "keyring": _from_keyring,
}
