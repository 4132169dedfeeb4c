"""A small proxy that misbehaves in the ways in which real ones do."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

NOT_PASSED_ON = ("connection", "transfer-encoding", "content-length", "date", "server")


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on to `upstream`. `fault` is the way in which it misbehaves."""

    upstream = ""
    fault = ""
    count = 0
    stopping: threading.Event

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with suppress(OSError):
            self._answer(body)

    do_GET = do_POST = do_DELETE = handle_any

    def _answer(self, body: bytes) -> None:
        type(self).count += 1
        if self.fault == "redirects":
            return self._short(308, {"Location": f"http://{self.upstream}{self.path}"})
        if self.fault == "takes small bodies" and len(body) > 1024 * 1024:
            return self._short(413, {})
        if self.fault == "is another program":
            return self._short(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")
        if self.fault == "has two databases" and "mcp-session-id" in self.headers and self.count % 2:
            return self._short(404, {"Content-Type": "application/json"}, b'{"jsonrpc":"2.0","id":null}')
        connection = HTTPConnection(self.upstream, timeout=30)
        try:
            connection.request(self.command, self.path, body or None, self._request_headers())
            self._pass_back(connection)
        finally:
            connection.close()
        return None

    def _request_headers(self) -> dict[str, str]:
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "connection"}
        headers.setdefault("accept-encoding", "identity")
        if self.fault == "renames the host":
            headers["host"] = "internal.example"
        dropped = {"drops request headers": "mcp-", "drops Origin": "origin", "drops the token": "authorization"}
        prefix = dropped.get(self.fault, "-")
        return {name: value for name, value in headers.items() if not name.startswith(prefix)}

    def _pass_back(self, connection: HTTPConnection) -> None:
        response = connection.getresponse()
        is_stream = response.headers.get_content_type() == "text/event-stream"
        if self.fault == "buffers streams" and is_stream:
            self.stopping.wait(5)
            return
        chunks = iter(lambda: response.read1(65536), b"")
        zips = self.fault == "compresses" and "gzip" in self.headers.get("accept-encoding", "")
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            hidden = self.fault == "drops response headers" and name.lower() in ("mcp-session-id", "www-authenticate")
            if name.lower() not in NOT_PASSED_ON and not hidden:
                self.send_header(name, value)
        date = "Mon, 01 Jan 2024 00:00:00 GMT" if self.fault == "is late" else response.headers["date"]
        self.send_header("Date", date)
        if zips:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.fault == "closes idle streams" and is_stream and self.command == "GET":
            self.wfile.write(next(chunks))
            self.stopping.wait(0.2)
            return
        for chunk in chunks:
            self.wfile.write(gzip.compress(chunk) if zips else chunk)

    def _short(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def proxy(url: str, fault: str) -> Iterator[str]:
    """The address of a proxy in front of a server, while the block runs."""
    stopping = threading.Event()
    handler = type("Handler", (Proxy,), {"upstream": urlsplit(url).netloc, "fault": fault, "stopping": stopping})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
