"""The process that reads one document: `python -m tools.documents.child KIND CHARSET URL`, content in, JSON out.

What it says of a failure is the error's name only: its text may quote the document.
"""

from __future__ import annotations

import resource
import sys

from protocol.message import Part
from tools.documents.document import Document

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 60


class Told(Part):
    document: Document | None = None
    failed: str = ""


def main(kind: str, charset: str, url: str) -> None:
    for what, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS)):
        resource.setrlimit(what, (limit, limit))
    content = sys.stdin.buffer.read()
    try:
        told = Told(document=_read(content, kind, charset or None, url or None))
    except (Exception, RecursionError, MemoryError) as error:
        told = Told(failed=type(error).__name__)
    sys.stdout.write(told.model_dump_json())


def _read(content: bytes, kind: str, charset: str | None, url: str | None) -> Document:
    if kind == "pdf":
        from tools.documents.pdf import read_pdf

        return read_pdf(content)
    from tools.documents.html import read_html

    return read_html(content, charset, url)


if __name__ == "__main__":
    main(*sys.argv[1:4])
