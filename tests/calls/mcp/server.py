"""An MCP server over standard input and output, of the revisions with a handshake (2025-11-25).

Written from the specification with the standard library alone. Its functions: `say` repeats its
words, `environment` names its variables, `add` adds a function and tells so, `noise` writes a line
that is no message first, `flood` writes a line that is too long, `crash` ends the process.
"""

import json
import os
import sys

tools = ["say", "environment", "add", "noise", "flood", "crash"]


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def call(name, arguments):
    if name == "say":
        return text(arguments.get("words", ""))
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "add":
        tools.append("added")
        send({"method": "notifications/tools/list_changed"})
        return text("added")
    if name == "noise":
        sys.stdout.write("Traceback (most recent call last):\n{\"half\": \n")
        return text("after the noise")
    if name == "flood":
        sys.stdout.write("x" * (2 * 1024 * 1024) + "\n")
        return text("after the flood")
    if name == "crash":
        sys.exit(3)
    return {**text("there is no such function"), "isError": True}


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method, params, result = message["method"], message.get("params", {}), None
    if method == "initialize":
        result = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "played", "version": "1"},
        }
    elif method == "ping":
        result = {}
    elif method == "tools/list":
        schema = {"type": "object"}
        result = {"tools": [{"name": name, "inputSchema": schema} for name in tools]}
    elif method == "tools/call":
        result = call(params["name"], params.get("arguments", {}))
    if result is None:
        error = {"code": -32601, "message": "Method not found"}
        send({"id": message["id"], "error": error})
    else:
        send({"id": message["id"], "result": result})
