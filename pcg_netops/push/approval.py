"""Who allowed a change set: nothing is pushed without, or the reason for that is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AwareDatetime, Field, ValidationError

from pcg_netops.errors import InputError, PushError
from pcg_netops.model.base import Model, Text

_REMEDY = (
    "write JSON with digest (as pcg diff gave it), approved_by (a list of names) and expires (a"
    " time with its zone, such as 2030-05-08T22:00:00Z)"
)


class Approvals(Protocol):
    """What tells whether a digest may be pushed."""

    def allowing(self, digest: str) -> str:
        """Who approved it, for the journal. Raises PushError if nobody validly did."""


class Approval(Model):
    """The content of an approval's file."""

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    approved_by: Annotated[tuple[Text, ...], Field(min_length=1)]
    expires: AwareDatetime


class FiledApprovals:
    """Approvals as files `<digest>.json` in a folder.

    They are not signed: such a file says who approved, and proves nothing about who wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def allowing(self, digest: str) -> str:
        """Who approved it. Raises PushError if nobody did, or no longer; InputError if unread."""
        path = self._folder / f"{digest}.json"
        if not path.is_file():
            raise PushError(
                f"change set {digest} is not approved",
                place=str(path),
                remedy="have it approved, or say why it is not: --unapproved REASON",
            )
        try:
            approval = Approval.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from None
        except ValidationError as error:
            wrong = {".".join(map(str, found["loc"])) or "the file" for found in error.errors()}
            raise InputError(
                f"is not an approval; missing or wrong: {', '.join(sorted(wrong))}",
                place=str(path),
                remedy=_REMEDY,
            ) from None
        if approval.digest != digest:
            raise PushError(
                f"approves another change set: {approval.digest}",
                place=str(path),
                remedy="have this one approved",
            )
        if approval.expires <= datetime.now(UTC):
            raise PushError(
                f"the approval ended at {approval.expires.isoformat()}",
                place=str(path),
                remedy="have the change set approved anew",
            )
        return f"approved by {', '.join(approval.approved_by)} (file not signed)"


class Unapproved:
    """No approval, and why."""

    def __init__(self, reason: str) -> None:
        """Raises InputError without a reason."""
        if not reason.strip():
            raise InputError("a push without approval needs a reason", remedy="say why")
        self._reason = reason.strip()

    def allowing(self, digest: str) -> str:
        """The reason, in place of who approved."""
        return f"not approved: {self._reason}"
