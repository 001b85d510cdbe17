"""The hosts of a workspace as a NetBox knows them, read through its REST API with pynetbox."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.inventory.importing import Entry

if TYPE_CHECKING:
    from pynetbox import api as Api

_TIMEOUT_S = (10, 60)  # to connect, and between two parts of an answer
_NAMES_A_REQUEST = 50  # an address of a request has at most some 8,000 characters
_LOCAL = {"localhost", "127.0.0.1", "::1"}
# NetBox leaves the names of platforms to its users. These are common ones, letters and digits only.
_PLATFORMS = {
    **dict.fromkeys(("linux", "debian", "frr", "frrouting", "debianlinux"), "linux"),
    **dict.fromkeys(("iosxe", "ciscoiosxe", "ciscoxe", "catiosxe"), "iosxe"),
    **dict.fromkeys(("junos", "juniperjunos", "junipersrx", "srx"), "junos"),
}


@dataclass(frozen=True)
class NetBox:
    """Where a NetBox is. `ca` is a file of certificates to trust in place of the system's."""

    url: str
    token: str
    ca: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise InputError(
                "is not the address of a NetBox", place=self.url, remedy="such as https://netbox"
            )
        if parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise InputError("would send the token in clear", place=self.url, remedy="use https")

    def __repr__(self) -> str:
        return f"NetBox({self.url!r})"  # without the token

    def machines(
        self, names: Iterable[str], filters: Mapping[str, Sequence[str]]
    ) -> Iterator[Mapping[str, Any]]:
        """Devices and virtual machines whose names begin with one of the names.

        Raises InputError for what another address or token mends, else EnvironmentLack.
        """
        api = self._api()
        import requests

        every = list(names)
        try:
            for start in range(0, len(every), _NAMES_A_REQUEST):
                some = every[start : start + _NAMES_A_REQUEST]
                wanted = {**filters, "name__isw": some, "exclude": "config_context"}
                for endpoint in (api.dcim.devices, api.virtualization.virtual_machines):
                    for record in endpoint.filter(**wanted):
                        yield dict(record)
        except InputError:
            raise
        except requests.exceptions.SSLError:
            raise EnvironmentLack(
                "its certificate cannot be verified",
                place=self.url,
                remedy="name the file of your certificate authority with --ca",
            ) from None
        except requests.exceptions.RequestException as error:
            raise EnvironmentLack(
                f"does not answer: {type(error).__name__}",
                place=self.url,
                remedy="check the address, and that this machine reaches it",
            ) from None
        except Exception as error:  # pynetbox lets through what an unforeseen answer leads to
            raise self._explained(error) from None

    def _api(self) -> Api:
        try:
            import pynetbox
            import requests
        except ImportError:
            raise EnvironmentLack(
                "the library 'pynetbox' is not installed",
                remedy="pip install 'pcg-netops[netbox]'",
            ) from None

        base, ca = f"{self.url.rstrip('/')}/api/", self.ca

        class Session(requests.Session):
            """Gives up in time, and takes the token nowhere but to this NetBox."""

            def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
                answer = None
                if str(url).startswith(base):
                    # Not the session's own 'verify': REQUESTS_CA_BUNDLE would take its place.
                    options |= {"timeout": _TIMEOUT_S, "allow_redirects": False, "verify": ca}
                    answer = super().request(method, url, *args, **options)
                    url = answer.headers.get("location", "elsewhere")
                if answer is None or answer.is_redirect:
                    raise InputError(
                        f"sends its callers to {str(url)!r:.100}",
                        place=base,
                        remedy="name the address that NetBox itself gives",
                    )
                return answer

        session = Session()
        session.auth = lambda request: request  # or ~/.netrc would take the place of the token
        api = pynetbox.api(self.url.rstrip("/"), token=self.token)
        api.http_session = session
        return api

    def _explained(self, error: Exception) -> InputError | EnvironmentLack:
        """What an answer means. Its own words are left out: they could repeat what was sent."""
        status = getattr(getattr(error, "req", None), "status_code", None)
        if status in (401, 403):
            return InputError(
                f"refuses the token ({status})",
                place=self.url,
                remedy="give one that may read devices and virtual machines",
            )
        if status == 400:
            return InputError(
                "refuses the filter (400)", place=self.url, remedy="correct --filter KEY=VALUE"
            )
        what = f"answers with {status}" if status and status >= 400 else "is no NetBox"
        return EnvironmentLack(
            f"{what}: {type(error).__name__}" if what == "is no NetBox" else what,
            place=self.url,
            remedy="check the address: the one that people open, without /api",
        )


@dataclass(frozen=True)
class Found:
    """What a NetBox says of the nodes: entries, what is wrong, and nodes that it does not have."""

    entries: tuple[Entry, ...]
    errors: tuple[InputError, ...]
    missing: tuple[str, ...]


def hosts_of(
    machines: Iterable[Mapping[str, Any]],
    url: str,
    nodes: Iterable[str],
    present: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Mapping[str, Any]],
) -> Found:
    """Entries for `hosts.yaml`: address and platform as NetBox has them, and known groups.

    A machine is a node's if its name is, without its domain and whatever its capitals. It gets
    those of `groups` that are called as its role, site, tenant or tags, behind the ones that it
    has in `present`, and a platform of its own unless one of these gives it the same.
    """
    wanted = dict.fromkeys(nodes)
    entries: dict[str, Entry] = {}
    errors: list[InputError] = []
    for machine in machines:
        name = str(machine.get("name") or "").partition(".")[0].lower()
        if name not in wanted:
            continue
        place = str(machine.get("url") or url)
        fields: dict[str, Any] = {"hostname": _address(machine)}
        slug = _slug(machine.get("platform"))
        platform = _PLATFORMS.get(re.sub("[^a-z0-9]", "", slug))
        if fields["hostname"] is None:
            errors.append(
                InputError(
                    f"'{name}' has no primary IPv4 address", place=place, remedy="set it in NetBox"
                )
            )
        elif slug and platform is None:
            errors.append(
                InputError(
                    f"'{name}' has the platform {slug!r:.60}, which is none of pcg's",
                    place=place,
                    remedy="name it linux, iosxe or junos in NetBox, or such as cisco-ios-xe",
                )
            )
        elif name in entries:
            errors.append(
                InputError(
                    f"'{name}' is also {entries[name].place('')}",
                    place=place,
                    remedy="choose one of the two with --filter, such as status=active",
                )
            )
        else:
            had = list(present.get(name, {}).get("groups") or [])
            new = [group for group in _groups(machine) if group in groups and group not in had]
            if new:
                fields["groups"] = [*had, *new]
            given = [present.get(name, {}), *(groups.get(group, {}) for group in (*had, *new))]
            if platform and platform != next(filter(None, (g.get("platform") for g in given)), ""):
                fields["platform"] = platform
            entries[name] = Entry(name, fields, {"": place})
    return Found(
        tuple(entries[name] for name in wanted if name in entries),
        tuple(errors),
        tuple(name for name in wanted if name not in entries),
    )


def _address(machine: Mapping[str, Any]) -> str | None:
    address = machine.get("primary_ip4") or {}
    text = address.get("address") if isinstance(address, Mapping) else None
    return str(text).partition("/")[0] if text else None


def _slug(part: Any) -> str:
    return str(part.get("slug") or "").lower() if isinstance(part, Mapping) else ""


def _groups(machine: Mapping[str, Any]) -> Iterator[str]:
    """The role was `device_role` before NetBox 4."""
    for field in ("role", "device_role", "site", "tenant"):
        yield _slug(machine.get(field))
    tags = machine.get("tags")
    yield from map(_slug, tags if isinstance(tags, list) else ())
