"""A webhook receiver on loopback: HTTP/1.1, in this process, records what it gets."""

import http.server
import json
import threading
import time


class WebhookReceiver:
    """`behave(request) -> status` decides the answer; default 200.

    requests: list of dicts with path, headers (lower case), body, json, time."""

    def __init__(self, behave=lambda request: 200):
        self.requests = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = {
                    "path": self.path,
                    "headers": {key.lower(): value for key, value in self.headers.items()},
                    "body": body,
                    "time": time.time(),
                }
                try:
                    request["json"] = json.loads(body)
                except ValueError:
                    request["json"] = None
                status = behave(request)
                with receiver.lock:
                    receiver.requests.append(request)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, address):
                pass  # a killed bridge leaves broken connections

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def snapshot(self):
        with self.lock:
            return list(self.requests)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
