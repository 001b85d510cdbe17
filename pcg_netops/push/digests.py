"""Whether the secrets of a change still have the values that they had when it was planned.

A change set names secrets and holds none. It can hold a keyed digest of each (HMAC-SHA-256, RFC
2104): another value shows, and nobody without the key can try out what the value may be. The key is
random and the user's own, kept beside their other state (XDG Base Directory Specification): not in
the workspace, which is shared, and not made from the secrets, which one of them could then give
away. Whoever else is to push has to be given it; each digest says which key it was made with.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path

from pcg_netops.diff import DeviceChange
from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.model.secret import Secret, named_in
from pcg_netops.push.secrets import Secrets

_LENGTH = 32  # bytes
_FILE = "pcg-netops/secrets.key"


def key_file() -> Path:
    """Where the user's key is, or will be."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local/state") / _FILE


def users_key(path: Path) -> bytes:
    """The key in this file, which is made if there is none.

    Raises InputError for a file that is no such key or that others can read, EnvironmentLack where
    none can be kept.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise _cannot_keep(path, error) from None
    else:
        with os.fdopen(new, "wb") as file:
            file.write(random.token_bytes(_LENGTH))
    try:
        key, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise _cannot_keep(path, error) from None
    if len(key) != _LENGTH or mode & 0o077:
        raise InputError(
            "is no key for digests of secrets, or others can read it",
            place=str(path),
            remedy="remove it: another is made, with which change sets have to be planned again",
        )
    return key


def with_digests(change: DeviceChange, secrets: Secrets, key: bytes) -> DeviceChange:
    """The change with a digest of every secret that it names.

    Raises InputError or EnvironmentLack for a secret whose value cannot be had.
    """
    names = {name for text in _texts(change) for name in named_in(text)}
    digests = {name: _digest(name, secrets, key) for name in sorted(names)}
    return change.model_copy(update={"secrets": digests})


def check_digests(digests: Mapping[str, str], secrets: Secrets, key: bytes) -> None:
    """Raise InputError if a secret has another value than when it was digested, or if none can say.

    Raises as `with_digests` does for a secret whose value cannot be had.
    """
    for name, digest in digests.items():
        now = _digest(name, secrets, key)
        if now.partition(":")[0] != digest.partition(":")[0]:
            raise InputError(
                f"whether secret '{name}' is still the same cannot be told with this key",
                place=str(key_file()),
                remedy="bring the key from where the change was planned, or plan again here",
            )
        if not hmac.compare_digest(now, digest):
            raise InputError(
                f"secret '{name}' has another value than when this was planned",
                remedy="plan again, and have that approved",
            )


def _texts(change: DeviceChange) -> Iterable[str]:
    yield from (*change.remediation, *change.back_out)
    for name in change.replaced:
        yield from (change.base.get(name, ""), change.intended[name])


def _digest(name: str, secrets: Secrets, key: bytes) -> str:
    """Of the value with its name, so that equal values do not show; after what tells the key."""
    which = hashlib.sha256(b"which key" + key).hexdigest()[:8]
    return f"{which}:{secrets.digest(f'{name} {Secret(name).marker}', key)}"


def _cannot_keep(path: Path, error: OSError) -> EnvironmentLack:
    return EnvironmentLack(
        f"a key for digests of secrets cannot be kept: {error.strerror}",
        place=str(path),
        remedy="let XDG_STATE_HOME name a folder of your own",
    )
