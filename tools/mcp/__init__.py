"""Tools of MCP servers (https://modelcontextprotocol.io), which a user gives to chosen roles in a config file.

config.py    the file: which servers there are, for which roles, with which of their tools
servers.py   the servers of a run: opened for a role's turn, and what they offered before
offer.py     what of a server's words becomes a tool, and why the rest does not
schema.py    a server's JSON Schema, as far as a model is shown it
session.py   one server in one turn, by a process apart
child.py     that process: AutoGen's MCP workbench, which speaks to the server
wire.py      what the two tell each other
"""

from tools.mcp.config import Server, configured
from tools.mcp.servers import Servers

__all__ = ["Server", "Servers", "configured"]
