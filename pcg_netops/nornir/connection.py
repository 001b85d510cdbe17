"""Nornir's connection plug-in `pcg`: a device that pushes can be made to, logged in to strictly.

With an inventory that does not say whose host keys to trust, and how to log in, the workspace does.
"""

from __future__ import annotations

from typing import Any

from nornir.core.configuration import Config


class PcgConnection:
    """Gives a `Driver` (`pcg_netops.push.driver`); extras are told in `push.connection`."""

    connection: Any = None

    def open(
        self,
        hostname: str | None,
        username: str | None,
        password: str | None,
        port: int | None,
        platform: str | None,
        extras: dict[str, Any] | None = None,
        configuration: Config | None = None,
    ) -> None:
        """Connect and log in. Raises PushError for an unknown host key or a refused log-in."""
        from pcg_netops.nornir.context import KEY, reach
        from pcg_netops.platforms import platform_named
        from pcg_netops.push.connection import log_in

        arguments: dict[str, Any] = {
            "host": hostname,
            "username": username,
            "password": password,
            "port": port,
            "fast_cli": True,
        }
        given = dict(extras or {})
        if "known_hosts" not in given:
            says, name = given.pop(KEY, None), given.pop("name", "")
            arguments |= reach(configuration, says, name, hostname, platform)
        self.connection = log_in(platform_named(platform or ""), arguments | given)

    def close(self) -> None:
        """Log out, if ever logged in."""
        if self.connection is not None:
            self.connection.close()
