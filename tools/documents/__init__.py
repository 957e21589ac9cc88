"""Documents of strangers (HTML, PDF) as text by section, read in a process of their own."""

from tools.documents.document import Document, Section
from tools.documents.reader import read

__all__ = ["Document", "Section", "read"]
