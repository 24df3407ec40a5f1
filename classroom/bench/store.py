#!/usr/bin/env python3
"""The contract of stage 8 with the standard library of Python alone: http.server and sqlite3.

    python3 classroom/bench/store.py server --addr 127.0.0.1:8080

`cargo lesson bench` measures it beside the stages. It has a thread for each connection, and keeps connections. As in the
stages, a write is answered when its transaction is on the disk.
"""

import json
import re
import sqlite3
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "text/plain; charset=utf-8"


class Messages:
    """The messages, in the file messages.db of the folder in which the server runs."""

    def __init__(self):
        # The lock below lets one thread at a time use the connection. Each statement is a transaction of its own.
        self.file = sqlite3.connect("messages.db", check_same_thread=False, isolation_level=None)
        self.lock = threading.Lock()
        self.file.execute("PRAGMA journal_mode = WAL")
        # FULL syncs the log at each commit. On macOS only fullfsync reaches the disk itself.
        self.file.execute("PRAGMA synchronous = FULL")
        self.file.execute("PRAGMA fullfsync = ON")
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"
        )

    def list(self):
        with self.lock:
            rows = self.file.execute("SELECT text FROM messages ORDER BY position").fetchall()
        return [text for (text,) in rows]

    def get(self, index):
        # SQLite has no larger integer.
        if index >= 1 << 63:
            return None
        with self.lock:
            row = self.file.execute("SELECT text FROM messages WHERE position = ?", [index]).fetchone()
        return row and row[0]

    def add(self, text):
        with self.lock:
            add = "INSERT INTO messages SELECT coalesce(max(position) + 1, 0), ? FROM messages"
            return self.file.execute(add, [text]).lastrowid

    def replace(self, index, text):
        with self.lock:
            self.file.execute("UPDATE messages SET text = ? WHERE position = ?", [text, index])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A response is sent with one write, when it is complete: a second one would wait for an ACK of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def respond(self):
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        except ValueError:
            self.close_connection = True
            return self.send(400)
        index = re.fullmatch("/([0-9]+)", self.path)
        if index:
            return self.respond_at(int(index[1]), body)
        if self.path != "/":
            return self.send(404)
        if self.command in ("GET", "HEAD"):
            return self.send(200, json.dumps(messages.list(), ensure_ascii=False), "application/json")
        if self.command == "POST":
            return self.send(201, body, Location=f"/{messages.add(body)}")
        return self.send(405, Allow="GET, HEAD, POST")

    def respond_at(self, index, body):
        text = messages.get(index)
        if text is None:
            return self.send(404)
        if self.command in ("GET", "HEAD"):
            return self.send(200, text)
        if self.command == "PUT":
            messages.replace(index, body)
            return self.send(200, body)
        return self.send(405, Allow="GET, HEAD, PUT")

    def send(self, status, body=None, kind=TEXT, **fields):
        body = (f"{status} {HTTPStatus(status).phrase}\n" if body is None else body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        # http.server looks for do_GET, do_POST and so on.
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)


class Server(ThreadingHTTPServer):
    # As many clients as the stages let wait.
    request_queue_size = 128
    daemon_threads = True


if sys.argv[1:3] != ["server", "--addr"] or len(sys.argv) != 4:
    sys.exit("start it with: python3 store.py server --addr HOST:PORT")
host, port = sys.argv[3].rsplit(":", 1)
messages = Messages()
server = Server((host, int(port)), Handler)
print(f"listening on {host}:{server.server_address[1]}", flush=True)
server.serve_forever()
