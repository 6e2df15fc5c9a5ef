"""A small web server on the host's loopback, which a guest reaches at 10.0.2.2."""

import functools
import hashlib
import http.server
import os
import threading


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; PUT and POST keep the SHA-256 of what comes."""

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_PUT(self):  # pylint: disable=invalid-name
        left, sha = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                break
            sha.update(data)
            left -= len(data)
        self.server.received[self.path] = sha.hexdigest() if not left else "incomplete"
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT


class HostServer:
    """Serves a folder while it is a context; `port` is where, `received` what was sent."""

    def __init__(self, folder):
        handler = functools.partial(_Handler, directory=os.path.abspath(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.received = {}
        self.port = self.server.server_address[1]
        self.received = self.server.received
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
