"""An HTTP proxy in front of a server that loses requests and answers, or calls somebody before it
passes one on: what a phone in a tunnel, or a phone whose battery dies, looks like.

    with LossyProxy(daemon.port) as proxy:
        proxy.lose = {3}         # the third answer from now gets lost
        proxy.lose_requests = {3}  # the third request from now does not arrive
        proxy.watch = function   # function(number of the answer) -> False: lose that one
"""

import http.client
import http.server
import threading


class LossyProxy:
    def __init__(self, port):
        self.target = port
        self.lock = threading.Lock()
        self.forget()  # lose, lose_requests, watch, requests, answers
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy.pass_on(self)

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def forget(self):
        self.lose, self.lose_requests, self.watch = set(), set(), None
        self.came = 0
        self.requests = []  # (path, type, body): those that were passed on
        self.answers = []   # bodies

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name: handler.headers[name] for name in ("Content-Type", "Host")}
        with self.lock:
            self.came += 1
            if self.came in self.lose_requests:
                handler.close_connection = True
                return
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=120)
        connection.request("POST", handler.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        with self.lock:
            self.requests.append((handler.path, headers["Content-Type"], body))
            self.answers.append(answer)
            number = len(self.answers)
        if number in self.lose or (self.watch is not None and self.watch(number) is False):
            handler.close_connection = True
            return
        try:
            handler.send_response(response.status)
            handler.send_header("Content-Type", response.headers["Content-Type"])
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except OSError:
            pass  # it died meanwhile

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
