"""What Prometheus and a health check ask over HTTP."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The one place that names it, with the scrape configuration of the platform.
PORT = 9854
# A client that connects and says nothing must not keep a thread.
CLIENT_SECONDS = 10

Answer = Callable[[], tuple[int, str]]


def serve(answers: dict[str, Answer], port: int = PORT) -> ThreadingHTTPServer:
    """In threads of its own, until `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            code, text = answers.get(self.path, lambda: (404, "not found\n"))()
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A line each scrape would bury the agent's own."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
