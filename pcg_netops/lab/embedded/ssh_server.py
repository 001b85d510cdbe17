"""The SSH servers of all nodes, in one process: OpenSSH's cannot run with one user id, and a
process for each node would cost more memory than the node.

One thread for each node lives in its namespaces, so that its listener, shells and file transfers
are the node's. Host keys are made anew and stay in memory.

On descriptor 3: first {"client_key": public key, "nodes": {name: {"process": that holds its
namespaces, "address": to listen on}}}, answered with {name: public host key}. Then {"open":
[names]} or {"close": [names]}, each answered with "" or what went wrong.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import socket
import struct
import termios
import threading
from concurrent.futures import Future

import asyncssh

from pcg_netops.lab.embedded import wire
from pcg_netops.lab.embedded.syscalls import enter, open_namespaces
from pcg_netops.lab.machine.needs import NODE_ENVIRONMENT

USER = "pcg"
PORT = 22
_END_PATIENCE = 0.2


class _Door(asyncssh.SSHServer):
    """Lets in one user with one key."""

    def __init__(self, node: NodeServer) -> None:
        self._node = node

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._node.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        if username == USER:
            self._connection.set_authorized_keys(self._node.client_keys)
        return True


class NodeServer:
    """One node's SSH server, open or closed."""

    def __init__(self, name: str, process: int, address: str, client_key: str) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_keys = asyncssh.import_authorized_keys(client_key)
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._name = name
        self._process = process
        self._address = address
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event

    def open(self) -> None:
        """Listen. Raises OSError when the address cannot be bound."""
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(listening,), daemon=True)
        self._thread.start()
        listening.result()

    def close(self) -> None:
        """Stop listening and drop every connection without a word, as a power cut does."""
        if self._thread:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
            self._thread = None

    def _live(self, listening: Future[None]) -> None:
        try:
            namespaces = open_namespaces(self._process)
            enter(namespaces)
            for descriptor in namespaces:
                os.close(descriptor)
            asyncio.run(self._serve(listening))
        except Exception as error:
            if listening.done():
                raise
            listening.set_exception(error)

    async def _serve(self, listening: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        server = await asyncssh.listen(
            sock=socket.create_server((self._address, PORT)),
            server_factory=lambda: _Door(self),
            server_host_keys=[self.key],
            process_factory=self._run,
            sftp_factory=asyncssh.SFTPServer,
            encoding=None,
            line_editor=False,
            gss_host=None,
            config=None,
        )
        listening.set_result(None)
        await self._end.wait()
        server.close()
        for connection in list(self.connections):
            connection.abort()
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=_END_PATIENCE)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """A shell, or the command that was asked for, on a terminal where one was asked for."""
        # What a push runs on a node must not starve the node's routing and the probes: on a real
        # router they do not share a processor with other routers' pushes.
        shell = ["nice", "-n", "5", "bash", "--noprofile", "--norc", "--noediting"]
        command = process.command
        argv = [*shell, "-c", command] if command else shell
        # Netmiko takes "#" for a shell raised to root and, leaving that first, waits in vain.
        environment = NODE_ENVIRONMENT | {"PS1": f"{self._name}$ "}
        if process.term_type is None:
            status = await self._run_with_pipes(process, argv, environment)
        else:
            status = await self._run_on_terminal(process, argv, environment)
        if status < 0:
            process.exit_with_signal("KILL")
        else:
            process.exit(status)
        await process.wait_closed()

    @staticmethod
    async def _run_with_pipes(
        process: asyncssh.SSHServerProcess[bytes], argv: list[str], environment: dict[str, str]
    ) -> int:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *argv, env=environment, cwd="/", stdin=pipe, stdout=pipe, stderr=pipe
        )
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        await process.stdout.drain()
        await process.stderr.drain()
        return await child.wait()

    @staticmethod
    async def _run_on_terminal(
        process: asyncssh.SSHServerProcess[bytes], argv: list[str], environment: dict[str, str]
    ) -> int:
        main, side = pty.openpty()
        columns, rows, _, _ = process.term_size
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        on_terminal = ("setsid", "--ctty", *argv)
        child = await asyncio.create_subprocess_exec(
            *on_terminal, env=environment, cwd="/", stdin=side, stdout=side, stderr=side
        )
        os.close(side)
        await process.redirect(
            stdin=os.fdopen(os.dup(main), "wb", 0), stdout=os.fdopen(main, "rb", 0)
        )
        status = await child.wait()
        await process.stdout.drain()
        return status


def main() -> None:
    """Serve until descriptor 3 ends."""
    channel = socket.socket(fileno=3)
    first, _ = wire.receive(channel)
    servers = {
        name: NodeServer(name, node["process"], node["address"], first["client_key"])
        for name, node in first["nodes"].items()
    }
    keys = {
        name: server.key.export_public_key("openssh").decode().strip()
        for name, server in servers.items()
    }
    wire.send(channel, keys)
    while True:
        try:
            ((act, names),) = wire.receive(channel)[0].items()
        except EOFError:
            os._exit(0)
        wrong = ""
        for name in names:
            try:
                getattr(servers[name], act)()
            except Exception as error:
                wrong = f"{name}: {error}"
        wire.send(channel, wrong)


if __name__ == "__main__":
    main()
