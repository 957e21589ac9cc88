"""The network inside a sandbox: its own loopback, on which NCCL, gloo and the job's own servers meet, and nothing else.

With granted hosts, a forwarder listens on the loopback and passes every connection on to the worker's proxy
(`egress`), over the one unix socket that the sandbox shows. Called by `enter`, in the sandbox's first process.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct

from services.executor.sandbox import environment, root

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
"""netdevice(7)."""
CHUNK = 1 << 16


def loopback_up() -> None:
    """Needs CAP_NET_ADMIN in the network namespace. Raises `OSError`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def listen() -> socket.socket:
    """The forwarder's socket, open before the job begins."""
    return socket.create_server(("127.0.0.1", environment.PROXY), backlog=128)


def forward(listener: socket.socket) -> None:
    """Pass connections on until the sandbox ends."""
    asyncio.run(_serve(listener))


async def _serve(listener: socket.socket) -> None:
    server = await asyncio.start_server(_connect, sock=listener, limit=CHUNK)
    await server.serve_forever()


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        out_reader, out_writer = await asyncio.open_unix_connection(root.EGRESS, limit=CHUNK)
    except OSError:
        writer.close()
        return
    await join((reader, writer), (out_reader, out_writer))


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def join(one: Stream, other: Stream) -> tuple[int, int]:
    """Copy between two connections until both ways have ended; the bytes that went (to other, to one)."""
    try:
        sent, received = await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))
    finally:
        for _, writer in (one, other):
            writer.close()
    return sent, received


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    count = 0
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
            count += len(data)
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:  # an end went away: the other hears of it by the close
        writer.close()
    return count
