#!/usr/bin/env python3
"""An HTTP server of other authors: Python's http.server, which sends back what is posted.

The text says how: one that begins with "close" comes back without a Content-Length, so that the end of the
connection ends it; one that begins with "drip" comes back a byte at a time, with the name of the field in
capitals. Called as `server --addr HOST:PORT`.
"""
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        drip = body.startswith(b"drip")
        self.send_response(200)
        self.send_header("X-Method", self.command)
        if not body.startswith(b"close"):
            self.send_header("CONTENT-LENGTH" if drip else "content-length", str(len(body)))
        self.end_headers()
        for piece in [bytes([byte]) for byte in body] if drip else [body]:
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *words):
        pass


host, port = sys.argv[3].split(":")
server = http.server.HTTPServer((host, int(port)), Handler)
print(f"listening on {host}:{server.server_port}", flush=True)
server.serve_forever()
