"""A server that speaks as much of NetBox's REST API as an inventory needs, in a thread.

Shapes are those of NetBox 4.4: a list has `count`, `next`, `previous` and `results`, at most
`MAX_PAGE_SIZE` of them at once, and nested objects are given in brief.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"
MAX_PAGE_SIZE = 2
_API = "https://netbox.example/api"  # as its administrator set it, whatever callers use


@dataclass
class FakeNetBox:
    """What it holds, what it was asked, and how it misbehaves."""

    devices: list[dict[str, Any]] = field(default_factory=list)
    virtual_machines: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: tuple[int, dict[str, str], bytes] | None = None  # in place of every list
    next_host: str | None = None  # whose address stands in `next`
    url: str = ""

    def respond(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request."""
        self.asked.append(path)
        self.headers.append(headers)
        if headers.get("authorization") not in (f"Token {TOKEN}", f"Bearer nbt_x.{TOKEN}"):
            return 403, {}, b'{"detail": "Invalid token"}'
        if self.answer:
            return self.answer
        parts = urlsplit(path)
        held = {
            "/api/dcim/devices/": self.devices,
            "/api/virtualization/virtual-machines/": self.virtual_machines,
        }.get(parts.path)
        if held is None:
            return 404, {}, b'{"detail": "Not found."}'
        query = parse_qs(parts.query)
        chosen = [machine for machine in held if self._matches(machine, query)]
        offset = int(query.get("offset", ["0"])[0])
        size = min(int(query.get("limit", ["50"])[0]) or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        following = None
        if offset + size < len(chosen):
            query |= {"offset": [str(offset + size)], "limit": [str(size)]}
            following = f"{self.next_host or self.url}{parts.path}?{urlencode(query, doseq=True)}"
        page = {
            "count": len(chosen),
            "next": following,
            "previous": None,
            "results": chosen[offset : offset + size],
        }
        return 200, {"API-Version": "4.4"}, json.dumps(page).encode()

    def _matches(self, machine: dict[str, Any], query: dict[str, list[str]]) -> bool:
        starts = query.get("name__isw", [""])
        named = any(machine["name"].lower().startswith(start.lower()) for start in starts)
        status = query.get("status")
        return named and (status is None or machine["status"]["value"] in status)


def machine(number: int, name: str, address: str | None, **more: Any) -> dict[str, Any]:
    """A device as NetBox lists it; `more` gives slugs by field, and `tags` as slugs."""
    tags = [
        {"id": 1, "name": slug, "slug": slug, "url": f"{_API}/extras/tags/1/"}
        for slug in more.pop("tags", ())
    ]
    status = more.pop("status", "active")
    nested = {
        key: {"id": 7, "name": slug.title(), "slug": slug, "url": f"{_API}/dcim/{key}s/7/"}
        for key, slug in more.items()
    }
    return {
        "id": number,
        "url": f"{_API}/dcim/devices/{number}/",
        "name": name,
        "primary_ip4": address and {"id": number, "family": {"value": 4}, "address": address},
        "primary_ip6": {"id": 99, "family": {"value": 6}, "address": "2001:db8::1/64"},
        "custom_fields": {"cabinet": "B7", "owner": None, "support": {"level": [1, 2]}},
        "local_context_data": None,
        "platform": None,
        "status": {"value": status, "label": status.title()},
        "tags": tags,
        **nested,
    }


@contextmanager
def serving(netbox: FakeNetBox, certificate: Path | None = None) -> Iterator[FakeNetBox]:
    """Serve on a free port of the loopback; `certificate` is a PEM file with its key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, more, body = netbox.respond(self.path, headers)
            self.send_response(status)
            for key, value in {"Content-Type": "application/json", **more}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass  # a caller that does not trust our certificate leaves

    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        netbox.url = f"http{'s' * bool(certificate)}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield netbox
        finally:
            server.shutdown()
            thread.join()
