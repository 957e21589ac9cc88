"""A hostile job that wants to talk to somebody: the bus, services of the machine, the internet.

The test listens on the machine's loopback and sees whether anybody calls.
"""

# ruff: noqa: PTH115, PTH208

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any

from probing import TARGETS, attempt, leaked, main

SECONDS = 6.0


def said(family: int, kind: int, address: Any, text: bytes = b"escaped\r\n") -> str:
    """Raises `OSError` where nobody answers."""
    with socket.socket(family, kind) as client:
        client.settimeout(SECONDS)
        client.connect(address)
        with contextlib.suppress(BrokenPipeError):  # it has said what it has to say, and gone
            client.sendall(text)
        answer = client.recv(100)
    return f"{address} answered {answer!r}"


@attempt
def loopback_of_the_machine() -> str:
    return said(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", TARGETS["tcp"]))


@attempt
def loopback_by_other_names() -> str | None:
    for name in ("0.0.0.0", "127.1.2.3", "localhost", socket.gethostname()):
        try:
            return said(socket.AF_INET, socket.SOCK_STREAM, (name, TARGETS["tcp"]))
        except OSError:
            continue
    return None


@attempt
def loopback_by_version_six() -> str:
    return said(socket.AF_INET6, socket.SOCK_STREAM, ("::1", TARGETS["tcp6"]))


@attempt
def loopback_by_mapped_address() -> str:
    return said(socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:127.0.0.1", TARGETS["tcp"]))


@attempt
def datagrams_to_the_machine() -> str:
    return said(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", TARGETS["udp"]))


@attempt
def addresses_of_the_machine() -> str | None:
    for address in TARGETS["addresses"]:
        try:
            return said(socket.AF_INET, socket.SOCK_STREAM, (address, TARGETS["tcp"]))
        except OSError:
            continue
    return None


@attempt
def the_bus() -> str:
    """nats-server greets whoever connects."""
    host, port = TARGETS["bus"]
    return said(socket.AF_INET, socket.SOCK_STREAM, (host, port), b"PING\r\n")


@attempt
def the_bus_by_a_socket_made_before() -> str | None:
    """Any socket among our descriptors would be somebody else's connection."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return f"descriptor {name} is a socket"
        except OSError:
            continue
    return None


@attempt
def socket_with_a_path() -> str:
    return said(socket.AF_UNIX, socket.SOCK_STREAM, TARGETS["unix"])


@attempt
def socket_in_the_job_folder() -> str:
    """One that the machine's own process has put where the job can see it would still be a way out."""
    return said(socket.AF_UNIX, socket.SOCK_STREAM, f"/proc/{TARGETS['pids'][0]}/root{TARGETS['unix']}")


@attempt
def socket_with_an_abstract_name() -> str:
    return said(socket.AF_UNIX, socket.SOCK_STREAM, b"\0" + TARGETS["abstract"].encode())


@attempt
def sockets_of_the_system() -> str | None:
    for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0",
                 "/run/systemd/private", "/run/containerd/containerd.sock", "/run/nscd/socket"):  # fmt: skip
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
            return f"connected to {path}"
        except OSError:
            continue
    return None


@attempt
def the_internet() -> str | None:
    for address in (("1.1.1.1", 443), ("8.8.8.8", 53), ("140.82.121.4", 443)):
        try:
            with socket.create_connection(address, timeout=SECONDS):
                return f"connected to {address}"
        except OSError:
            continue
    return None


@attempt
def a_way_to_the_internet() -> str | None:
    """No packet is sent: whether there is a route at all. A machine without internet has one none the less."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("192.0.2.1", 9))
        return f"route from {client.getsockname()[0]}"


@attempt
def names_by_dns() -> str:
    return f"resolved: {socket.getaddrinfo('pypi.org', 443)[0][4]}"


@attempt
def question_to_the_name_server() -> str | None:
    servers = [line.split()[1] for line in Path("/etc/resolv.conf").read_text().splitlines() if "nameserver" in line]
    question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\4pypi\3org\0" + struct.pack(">HH", 1, 1)
    for server in servers:
        try:
            return said(socket.AF_INET, socket.SOCK_DGRAM, (server, 53), question)
        except OSError:
            continue
    return None


@attempt
def raw_packets() -> str | None:
    for family, kind, number in ((socket.AF_PACKET, socket.SOCK_RAW, 3), (socket.AF_INET, socket.SOCK_RAW, 1)):
        try:
            socket.socket(family, kind, number).close()
        except OSError:
            continue
        return f"opened a raw socket of family {family}"
    return None


@attempt
def the_host_of_the_virtual_machine() -> str:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(SECONDS)
        client.connect((2, TARGETS["tcp"]))
    return "connected to the hypervisor"


@attempt
def service_that_gives_cloud_credentials() -> str:
    with socket.create_connection(("169.254.169.254", 80), timeout=SECONDS):
        return "connected"


@attempt
def proxies_of_the_environment() -> str | None:
    return leaked(" ".join(value for name, value in os.environ.items() if name.lower().endswith("_proxy")).encode())


if __name__ == "__main__":
    main()
