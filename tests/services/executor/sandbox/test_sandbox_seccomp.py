"""The filter of system calls, run by an interpreter of its bytecode, and by the kernel."""

from __future__ import annotations

import errno
import platform
import struct

import pytest
from cell import Warden
from hypothesis import given
from hypothesis import strategies as st

from services.executor.sandbox import seccomp
from services.executor.sandbox import seccomp_alone as more

ALLOW = 0x7FFF0000
MACHINES = ("x86_64", "aarch64")
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
CALLS = {"clone": (56, 220), "clone3": (435, 435), "socket": (41, 198), "ioctl": (16, 29), "close_range": (436, 436)}


IGNORED = -1


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None, alone: bool = False) -> int:
    """What the kernel would do: an errno, 0 to allow, or -1 to do nothing (struct seccomp_data, linux/seccomp.h)."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *given)
    code, at, held = seccomp.program(machine, alone), 0, 0
    while True:
        one = code[at]
        at += 1
        if one.code == 0x06:
            return 0 if one.k == ALLOW else one.k & 0xFFFF or IGNORED
        if one.code == 0x20:
            (held,) = struct.unpack_from("<I", data, one.k)
            continue
        if one.code == 0x54:
            held &= one.k
            continue
        true = {0x15: held == one.k, 0x35: held >= one.k, 0x45: bool(held & one.k)}[one.code]
        at += one.if_true if true else one.if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_of_the_list_is_refused(machine: str) -> None:
    for name, numbers in seccomp.DENIED.items():
        number = numbers[COLUMN[machine]]
        assert number < 0 or verdict(machine, number) == errno.EPERM, name


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 500))
def test_every_other_call_is_allowed(machine: str, number: int) -> None:
    special = {numbers[COLUMN[machine]] for numbers in (*seccomp.DENIED.values(), *CALLS.values())}
    assert number in special or verdict(machine, number) == 0


@pytest.mark.parametrize("machine", MACHINES)
@given(flags=st.integers(0, 2**40))
def test_a_clone_may_make_threads_and_processes_but_no_namespace(machine: str, flags: int) -> None:
    refused = verdict(machine, CALLS["clone"][COLUMN[machine]], flags) == errno.EPERM
    assert refused == (bool(flags & 0x7E028080) or flags & 0x10400 == 0x10000)
    assert verdict(machine, CALLS["clone3"][0], flags) == errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_all_threads_of_a_process_have_the_same_files_open(machine: str) -> None:
    """Or what one of them holds is seen by nobody."""
    clone, close_range = (CALLS[name][COLUMN[machine]] for name in ("clone", "close_range"))
    pthread = 0x3D0F00  # what glibc asks for
    assert verdict(machine, clone, pthread) == 0
    assert verdict(machine, clone, pthread & ~0x400) == errno.EPERM
    assert [verdict(machine, close_range, 3, 9, flags) for flags in (0, 4, 2, 6)] == [0, 0, errno.EPERM, errno.EPERM]


@pytest.mark.parametrize("machine", MACHINES)
@given(family=st.integers(0, 2**31))
def test_a_socket_is_of_the_sandbox_network(machine: str, family: int) -> None:
    refused = verdict(machine, CALLS["socket"][COLUMN[machine]], family, 1) == errno.EPERM
    assert refused == (family not in (1, 2, 10, 16))


@pytest.mark.parametrize("machine", MACHINES)
@given(request=st.integers(0, 2**32 - 1) | st.sampled_from([0x5412, 0x541C]), descriptor=st.integers(0, 99))
def test_a_terminal_cannot_be_typed_into(machine: str, request: int, descriptor: int) -> None:
    refused = verdict(machine, CALLS["ioctl"][COLUMN[machine]], descriptor, request) == errno.EPERM
    assert refused == (request in (0x5412, 0x541C))


@pytest.mark.parametrize("machine", MACHINES)
def test_alone_it_refuses_what_namespaces_would_have_kept(machine: str) -> None:
    column = COLUMN[machine]
    for lists, said in (((seccomp.DENIED, more.DENIED), errno.EPERM), ((more.IGNORED,), IGNORED)):
        for name, numbers in ((name, numbers) for pairs in lists for name, numbers in pairs.items()):
            assert numbers[column] < 0 or verdict(machine, numbers[column], 1, 1, 1, alone=True) == said, name


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 500))
def test_alone_it_allows_every_other_call(machine: str, number: int) -> None:
    lists = (seccomp.DENIED, more.DENIED, more.IGNORED, more.OF_ITSELF, CALLS)
    special = {numbers[COLUMN[machine]] for pairs in lists for numbers in pairs.values()}
    special |= {pair[COLUMN[machine]] for pair in (more.UTIMENSAT, more.SETPRIORITY, more.SOCKETPAIR)}
    assert number in special or verdict(machine, number, alone=True) == 0


@pytest.mark.parametrize("machine", MACHINES)
@given(first=st.integers(0, 2**31), second=st.integers(0, 2**32 - 1) | st.sampled_from([*more.IOCTLS, 0x5412]))
def test_alone_it_looks_at_whom_a_call_is_about(machine: str, first: int, second: int) -> None:
    column = COLUMN[machine]

    def refused(pair: tuple[int, int], *arguments: int) -> bool:
        return verdict(machine, pair[column], *arguments, alone=True) == errno.EPERM

    for pair in more.OF_ITSELF.values():
        assert refused(pair, first) == (first != 0)
    assert refused(more.SETPRIORITY, first, second) == (first != 0 or second != 0)
    assert refused(more.SOCKETPAIR, first, second) == (first != 1 or second & 0xF != 1)
    assert verdict(machine, more.UTIMENSAT[column], 0, 0, second, alone=True) == (IGNORED if second else errno.EPERM)
    assert refused(CALLS["ioctl"], first, second) == (second in (*more.IOCTLS, 0x5412, 0x541C))
    assert refused(CALLS["clone"], second) == (bool(second & 0x7E028080) or second & 0x10400 == 0x10000)


def test_calls_of_another_architecture_are_refused() -> None:
    assert verdict("x86_64", 4, audit=0x40000003) == errno.EPERM
    assert verdict("x86_64", 0x40000000 | 39) == errno.EPERM
    with pytest.raises(OSError, match="no system call filter for riscv64"):
        seccomp.program("riscv64")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_the_kernel_refuses_them_too(warden: Warden) -> None:
    script = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
def tried(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    return ctypes.get_errno() if result < 0 else 0
print(json.dumps([tried(101, 0, 0, 0, 0), tried(272, 0x10000000), tried(41, 40, 1, 0), tried(435, 0, 0), tried(39),
                  tried(436, 900, 901, 0), tried(436, 900, 901, 2)]))
"""
    assert warden.told(script) == [errno.EPERM, errno.EPERM, errno.EPERM, errno.ENOSYS, 0, 0, errno.EPERM]
