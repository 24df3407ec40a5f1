"""Stage 7 in another language: in Python, with its standard library alone."""

import http.server
import json

messages = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        index = self.path[1:]
        if self.path == "/":
            if self.command in ("GET", "HEAD"):
                self.respond(200, json.dumps(messages), "application/json")
            elif self.command == "POST":
                messages.append(text)
                self.respond(201, text, Location=f"/{len(messages) - 1}")
            else:
                self.respond(405, "no", Allow="GET, HEAD, POST")
        elif not (index.isascii() and index.isdigit() and int(index) < len(messages)):
            self.respond(404, "nothing here")
        elif self.command in ("GET", "HEAD"):
            self.respond(200, messages[int(index)])
        elif self.command == "PUT":
            messages[int(index)] = text
            self.respond(200, text)
        else:
            self.respond(405, "no", Allow="GET, HEAD, PUT")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def respond(self, status, text, media_type="text/plain; charset=utf-8", **fields):
        body = text.encode()
        self.send_response(status)
        fields |= {"Connection": "close", "Content-Type": media_type, "Content-Length": len(body)}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
