"""HTTP as FastAPI answers it, on http.server: a table of routes, keys, 422, 401, 500."""
import datetime
import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(Exception):
    """An answer other than 200."""

    def __init__(self, status, body):
        self.status, self.body = status, body


def field(body, name, kind, default=...):
    """`body[name]`, a `kind`; 422 when it is missing without a default, null, or something else."""
    if not isinstance(body, dict) or name not in body:
        if default is not ...:
            return default
        raise Answer(422, {"detail": [{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": body}]})
    if not isinstance(body[name], kind):
        raise Answer(422, {"detail": [{"type": f"{kind.__name__}_type", "loc": ["body", name], "msg": "Input should be valid"}]})
    return body[name]


def _plain(value):
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return str(value)


def serve(routes, port):
    """Answers `routes`, {(method, path): function(body, key)}, on 127.0.0.1 until it is ended. A line per request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            key = self.headers.get("X-API-KEY") or ""
            if self.headers.get("Authorization", "").startswith("Bearer "):
                key = self.headers["Authorization"][7:]
            try:
                status, body = 200, self.call(text, key)
            except Answer as other:
                status, body = other.status, other.body
            except Exception:
                traceback.print_exc()
                status, body = 500, "Internal Server Error"
            plain = isinstance(body, str) and status == 500
            content = body.encode() if plain else json.dumps(body, default=_plain).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8" if plain else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def call(self, text, key):
            function = routes.get((self.command, self.path))
            if function is None:
                known = any(path == self.path for _, path in routes)
                raise Answer(405, {"detail": "Method Not Allowed"}) if known else Answer(404, {"detail": "Not Found"})
            try:
                body = json.loads(text) if text else {}
            except ValueError:
                raise Answer(422, {"detail": [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}]})
            return function(body, key)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, text, *values):
            sys.stdout.write(text % values + "\n")
            sys.stdout.flush()

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
