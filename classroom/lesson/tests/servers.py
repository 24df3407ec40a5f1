"""Servers as students write them: some do what a stage does, and each of the others has one fault.

`cargo lesson check` is tested with them: it must accept each right server, and name the fault of
each wrong one first. Only the standard library of Python 3.9 is needed.

    python3 servers.py NAME HOST:PORT [--db PATH]     runs a server
    python3 servers.py --list                         all servers as JSON

A wrong server is a right one with one method or value replaced (see `wrong`). `first` names the
cases of which one must be the first that fails.
"""

import argparse
import asyncio
import html
import http.server
import json
import os
import re
import selectors
import signal
import socket
import socketserver
import sqlite3
import sys
import threading
import time
import urllib.parse

CRLF = b"\r\n"

# --- What all servers share -----------------------------------------------------------------------


class Server:
    """Listens, and serves one connection after another."""

    stage = 0
    reuse_address = True

    def __init__(self, address, db):
        host, _, port = address.rpartition(":")
        self.address = host.strip("[]"), int(port)
        self.db = db

    def listen(self):
        listener = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        if self.reuse_address:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(512)
        self.announce(listener)
        return listener

    def announce(self, listener):
        print("listening on %s:%s" % listener.getsockname()[:2], flush=True)

    def run(self):
        listener = self.listen()
        while True:
            conn, _ = listener.accept()
            self.serve(conn)

    def serve(self, conn):
        raise NotImplementedError


class Ended(ConnectionError):
    """The connection ended before the request did."""


class Echo(Server):
    """Stage 2: sends each line back."""

    def serve(self, conn):
        with conn:
            rest = b""
            while True:
                data = conn.recv(4096)
                if not data:
                    break
                lines, rest = self.split(rest + data)
                for line in lines:
                    conn.sendall(self.reply(line))
            conn.sendall(rest)

    def split(self, data):
        """The lines in `data`, and what comes after the last of them."""
        *lines, rest = data.split(b"\n")
        return [line + b"\n" for line in lines], rest

    def reply(self, line):
        return line


# --- The list of messages -------------------------------------------------------------------------


class Memory:
    """A list in memory. The stores below it also write it to a file."""

    def __init__(self, path):
        self.path = path
        self.texts = []
        self.load()

    def load(self):
        pass

    def add(self, text):
        """Adds a text, and says what its index is."""
        self.texts.append(text)
        self.save_new(len(self.texts) - 1, text)
        return len(self.texts) - 1

    def replace(self, index, text):
        self.texts[index] = text
        self.save_change(index, text)

    def save_new(self, index, text):
        pass

    def save_change(self, index, text):
        pass


class Sqlite(Memory):
    """A table in a database. Each change is committed before it is answered."""

    create = "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
    select = "SELECT text FROM messages ORDER BY id"

    def load(self):
        self.database = sqlite3.connect(self.path, check_same_thread=False)
        self.database.execute(self.create)
        self.database.commit()
        self.texts = [row[0] for row in self.database.execute(self.select)]

    def save_new(self, index, text):
        self.write("INSERT INTO messages VALUES (?, ?)", index, text)

    def save_change(self, index, text):
        self.write("UPDATE messages SET text = ? WHERE id = ?", text, index)

    def write(self, command, *values):
        self.database.execute(command, values)
        self.database.commit()


class JsonFile(Memory):
    """A file that is written anew at each change, and takes the place of the old one at once."""

    def load(self):
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.texts = json.load(file)

    def save_new(self, index, text):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.texts, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    save_change = save_new


class Journal(Memory):
    """A file to which each change is appended, as a line of JSON."""

    def load(self):
        self.file = open(self.path, "a+", encoding="utf-8")
        self.file.seek(0)
        for line in self.file:
            index, text = json.loads(line)
            self.texts[index:index + 1] = [text]

    def save_new(self, index, text):
        self.file.write(json.dumps([index, text]) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    save_change = save_new


# --- Stages 3 to 9 --------------------------------------------------------------------------------


class Request:
    def __init__(self, method, target, version="HTTP/1.1", fields=(), body=b""):
        self.method, self.target, self.version = method, target, version
        self.fields, self.body = list(fields), body

    def values(self, name):
        return [value for other, value in self.fields if other.lower() == name.lower()]


class Response:
    def __init__(self, status, body, media_type="text/plain; charset=utf-8", **fields):
        self.status, self.media_type = status, media_type
        self.body = body.encode() if isinstance(body, str) else body
        self.fields = [(name.replace("_", "-"), value) for name, value in fields.items()]


class App(Server):
    """What a request is answered: the table of the contract, and the bytes of a response."""

    store = Memory
    line_end = "\r\n"
    reasons = {
        200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
        408: "Request Timeout", 413: "Content Too Large", 414: "URI Too Long",
        417: "Expectation Failed", 421: "Misdirected Request", 431: "Request Header Fields Too Large",
        500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
        505: "HTTP Version Not Supported", 507: "Insufficient Storage",
    }

    def __init__(self, address, db):
        super().__init__(address, db)
        self.messages = self.store(db)

    def answer(self, request):
        """The bytes that answer a request."""
        return self.render(self.respond(request), request.method)

    def respond(self, request):
        if request.target == "/":
            return self.respond_list(request)
        index = self.find(request.target)
        if self.stage < 7 or index is None:
            return self.error(404)
        return self.respond_message(request, index)

    def respond_list(self, request):
        if request.method not in self.list_methods():
            return self.not_allowed(self.list_methods())
        if request.method == "POST":
            return self.post(request)
        return Response(200, self.list_body(), "application/json")

    def respond_message(self, request, index):
        if request.method not in self.message_methods():
            return self.not_allowed(self.message_methods())
        if request.method == "PUT":
            return self.put(request, index)
        return Response(200, self.messages.texts[index])

    def post(self, request):
        text = self.text(request)
        if self.stage < 5:
            return Response(200, text)
        index = self.messages.add(text)
        if self.stage < 7:
            return Response(200, text)
        return Response(201, text, Location=self.location(index))

    def put(self, request, index):
        text = self.text(request)
        self.messages.replace(index, text)
        return Response(200, text)

    def text(self, request):
        return request.body.decode()

    def list_methods(self):
        if self.stage < 5:
            return ["POST"]
        return ["GET", "POST"] if self.stage < 6 else ["GET", "HEAD", "POST"]

    def message_methods(self):
        return ["GET", "HEAD", "PUT"]

    def list_body(self):
        return json.dumps(self.messages.texts, ensure_ascii=False)

    def location(self, index):
        return "/%d" % index

    def find(self, target):
        """The index in a target such as /0, if there is a message."""
        index = self.parse_index(target)
        if index is not None and 0 <= index < len(self.messages.texts):
            return index
        return None

    def parse_index(self, target):
        if not re.fullmatch("/[0-9]+", target):
            return None
        digits = target[1:].lstrip("0") or "0"
        return int(digits) if len(digits) < 19 else None

    def error(self, status, **fields):
        return Response(status, "%d %s\n" % (status, self.reasons[status]), **fields)

    def not_allowed(self, methods):
        return self.error(405, Allow=", ".join(methods))

    def render(self, response, method=""):
        head = self.render_head(response)
        if method == "HEAD":
            return head
        return head + response.body

    def render_head(self, response):
        lines = [self.status_line(response)]
        lines += [self.field_line(name, value) for name, value in self.response_fields(response)]
        return (self.line_end.join(lines) + 2 * self.line_end).encode()

    def status_line(self, response):
        return "HTTP/1.1 %d %s" % (response.status, self.reasons[response.status])

    def field_line(self, name, value):
        return "%s: %s" % (name, value)

    def response_fields(self, response):
        return [
            ("Connection", "close"),
            ("Content-Type", response.media_type),
            ("Content-Length", self.length(response)),
            *response.fields,
        ]

    def length(self, response):
        return len(response.body)


class Http(App):
    """One connection at a time, one request a connection. What it cannot read ends it."""

    def serve(self, conn):
        with conn:
            self.send(conn, self.answer(self.read_request(conn)))

    def send(self, conn, data):
        conn.sendall(data)

    def read_request(self, conn):
        head, rest = self.read_head(conn)
        request = self.parse_head(head)
        request.body = self.read_body(conn, rest, request)
        return request

    def receive(self, conn):
        data = conn.recv(65536)
        if not data:
            raise Ended("the connection ended before the request did")
        return data

    def read_head(self, conn):
        """The head without the empty line that ends it, and the bytes that came after it."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive(conn)
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def parse_head(self, head):
        line, *lines = head.decode().split("\r\n")
        return Request(*line.split(" "), [self.parse_field(line) for line in lines])

    def parse_field(self, line):
        name, _, value = line.partition(":")
        return name, value.strip(" \t")

    def content_length(self, request):
        return int((request.values("Content-Length") or ["0"])[0])

    def read_body(self, conn, rest, request):
        length = self.content_length(request)
        while len(rest) < length:
            rest += self.receive(conn)
        return rest[:length]


# --- Stage 10 -------------------------------------------------------------------------------------


class Refused(Exception):
    def __init__(self, status):
        super().__init__(status)
        self.status = status


class NeedsMore(Exception):
    """More bytes have to come first."""


class Head:
    """What is known of a request before all of it has come."""

    method = ""


class Buffer:
    """What has been received and not been used yet. `fill` brings more of it, and `interim` sends 100."""

    def __init__(self, fill, interim=None):
        self.fill, self.interim, self.data = fill, interim, b""

    def chunk_line(self, limit):
        """The next line with its end."""
        while b"\n" not in self.data:
            if len(self.data) > limit:
                raise Refused(400)
            self.data += self.fill()
        line, end, self.data = self.data.partition(b"\n")
        if len(line) > limit:
            raise Refused(400)
        return line + end

    def line(self, limit, status):
        """The next line without its end, which is LF or CR LF."""
        while b"\n" not in self.data[:limit + 2]:
            if len(self.data) >= limit + 2:
                raise Refused(status)
            self.data += self.fill()
        line, _, self.data = self.data.partition(b"\n")
        line = line[:-1] if line.endswith(b"\r") else line
        if len(line) > limit:
            raise Refused(status)
        return line

    def bytes(self, length):
        while len(self.data) < length:
            self.data += self.fill()
        taken, self.data = self.data[:length], self.data[length:]
        return taken


class Hardened(Http):
    """Nothing that a client does ends it, and each thing has a limit."""

    store = Sqlite
    max_line, max_head, max_fields, max_body = 8 << 10, 16 << 10, 100, 64 << 10
    max_list = 1 << 20
    timeout = 10
    line_too_long, head_too_long, body_too_long = 414, 431, 413
    lost = OSError

    def serve(self, conn):
        with conn:
            try:
                head = Head()
                try:
                    data = self.answer(self.read_request(conn, head))
                except Exception as error:
                    data = self.render(self.refuse(error), head.method)
                conn.settimeout(self.timeout)
                self.send(conn, data)
                self.close(conn)
            except self.lost as error:
                print("a connection failed: %s" % error, flush=True)

    def refuse(self, error):
        """The response to a request that cannot be read, where there is still a client."""
        if isinstance(error, Refused):
            return self.error(error.status)
        if isinstance(error, socket.timeout):
            return self.error(408)
        if isinstance(error, ValueError):
            return self.error(400)
        raise error

    def close(self, conn):
        """Ends the connection so that the response arrives: unread bytes would make it a reset."""
        conn.shutdown(socket.SHUT_WR)
        end, left = time.monotonic() + 1, 1 << 20
        while left > 0 and time.monotonic() < end:
            conn.settimeout(max(0.01, end - time.monotonic()))
            data = conn.recv(65536)
            if not data:
                break
            left -= len(data)

    def read_request(self, conn, head):
        return self.parse(Buffer(self.filler(conn)), head)

    def filler(self, conn):
        end = time.monotonic() + self.timeout

        def fill():
            left = end - time.monotonic()
            if left <= 0:
                raise socket.timeout("the request took too long")
            conn.settimeout(left)
            return conn.recv(65536) or self.end_of_input()

        return fill

    def end_of_input(self):
        raise Ended("the connection ended before the request did")

    def parse(self, buffer, head):
        line = self.check_line(buffer.line(self.max_line, self.line_too_long))
        line = line or self.line_after_empty_line(buffer)
        request = self.parse_request_line(line)
        head.method = request.method
        left = self.max_head - len(line) - 2
        while True:
            line = self.check_line(buffer.line(max(left, 0), self.head_too_long))
            if not line:
                break
            left -= len(line) + 2
            request.fields.append(self.parse_field(line))
            if len(request.fields) > self.max_fields:
                raise Refused(431)
        self.check_host(request)
        self.read_content(buffer, request)
        return request

    def read_content(self, buffer, request):
        request.body = self.limited_body(buffer, self.content_length(request))

    def line_after_empty_line(self, buffer):
        return self.check_line(buffer.line(self.max_line, self.line_too_long))

    def check_line(self, line):
        line = line.decode()
        if re.search("[\x00-\x08\x0a-\x1f\x7f]", line):
            raise ValueError("a control character")
        return line

    def parse_request_line(self, line):
        method, target, version = line.split(" ")
        if not self.is_token(method) or not self.is_target(target):
            raise ValueError("no request line")
        if not re.fullmatch(r"HTTP/[0-9]\.[0-9]", version):
            raise ValueError("no version of HTTP")
        if not version.startswith("HTTP/1."):
            raise Refused(505)
        return Request(method, target, version)

    def is_target(self, text):
        return re.fullmatch(r"[^\s]+", text)

    def is_token(self, text):
        return re.fullmatch(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+", text)

    def parse_field(self, line):
        name, _, value = line.partition(":")
        if not self.is_token(name) or ":" not in line:
            raise ValueError("no field")
        return name, value.strip(" \t")

    def check_host(self, request):
        if len(request.values("Host")) != 1:
            raise ValueError("not one Host")

    def content_length(self, request):
        if request.values("Transfer-Encoding"):
            raise Refused(501)
        lengths = set(request.values("Content-Length"))
        if not lengths:
            return 0
        if len(lengths) > 1:
            raise ValueError("two lengths")
        return self.parse_length(lengths.pop())

    def parse_length(self, value):
        if not re.fullmatch("[0-9]+", value):
            raise ValueError("no length")
        return int(value) if len(value) < 19 else 1 << 63

    def limited_body(self, buffer, length):
        if length > self.max_body:
            raise Refused(self.body_too_long)
        return buffer.bytes(length)

    def respond(self, request):
        target = self.origin_form(request)
        if target is None:
            return self.error(404)
        request.target = target
        return super().respond(request)

    def origin_form(self, request):
        """The path in a target, which may also be the whole address of this server."""
        if request.method == "CONNECT":
            return None
        own = "http://%s:%d" % self.address
        if request.target.startswith(own + "/"):
            return request.target[len(own):]
        return request.target if "://" not in request.target else None

    def post(self, request):
        self.check_room(request.body.decode(), [])
        return super().post(request)

    def put(self, request, index):
        self.check_room(request.body.decode(), [self.messages.texts[index]])
        return super().put(request, index)

    def check_room(self, text, gone):
        """Whether the list has room for a text in place of those that are gone."""
        size = sum(map(self.size, self.messages.texts)) + self.size(text)
        if size - sum(map(self.size, gone)) > self.max_list:
            raise Refused(507)

    def size(self, text):
        """How many bytes a text has in the list, with its quotes and what is between two texts."""
        return len(json.dumps(text, ensure_ascii=False).encode()) + 2


# --- Stage 11 -------------------------------------------------------------------------------------


class Stopped(Exception):
    """The server was asked to end."""


class Threaded(Hardened):
    """A thread for each connection, and a permit for each thread."""

    permits = 256

    def __init__(self, address, db):
        super().__init__(address, db)
        self.lock = threading.Lock()

    def run(self):
        self.working = 0
        self.idle_again = threading.Condition()
        self.listener = self.listen()
        self.on_signal()
        permits = threading.Semaphore(self.permits)
        try:
            while True:
                conn, _ = self.listener.accept()
                self.dispatch(conn, permits)
        except Stopped:
            self.stop()

    def on_signal(self):
        signal.signal(signal.SIGTERM, self.stopped)

    def stopped(self, *_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped

    def stop(self):
        """Accepts no more, and waits for what has begun."""
        self.listener.close()
        with self.idle_again:
            self.idle_again.wait_for(lambda: self.working == 0, timeout=5)

    def dispatch(self, conn, permits):
        if permits.acquire(blocking=False):
            with self.idle_again:
                self.working += 1
            threading.Thread(target=self.count, args=(conn, permits), daemon=True).start()
        else:
            self.reject(conn)

    def count(self, conn, permits):
        try:
            self.work(conn, permits)
        finally:
            with self.idle_again:
                self.working -= 1
                self.idle_again.notify()

    def work(self, conn, permits):
        try:
            self.serve(conn)
        finally:
            permits.release()

    def answer(self, request):
        with self.lock:
            return super().answer(request)

    def reject(self, conn):
        """Says that there is no room, and waits for nothing."""
        with conn:
            conn.setblocking(False)
            try:
                conn.sendall(self.render(self.error(503, **self.rejected_fields())))
                conn.shutdown(socket.SHUT_WR)
                conn.recv(65536)
            except OSError:
                pass

    def rejected_fields(self):
        return {"Retry_After": "1"}


# --- Stage 12 -------------------------------------------------------------------------------------


class Early(Exception):
    """The head is enough to answer."""

    def __init__(self, response):
        super().__init__(response.status)
        self.response = response


class Kept:
    """Many requests on one connection, and exact framing."""

    idle_timeout = 4
    stopping = False
    max_chunk_line = 1000
    host = r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~%!$&'()*+;=-]+)(:[0-9]*)?"

    # The request.

    def is_target(self, text):
        return re.fullmatch(r"(/|[a-z]+://)[!\x22\x24-\x7e]*|\*|[^/]+:[0-9]+", text, re.ASCII)

    def check_host(self, request):
        hosts = request.values("Host")
        if request.version == "HTTP/1.0" and not hosts:
            return
        if len(hosts) != 1 or not re.fullmatch(self.host, hosts[0]):
            raise ValueError("no Host")

    def origin_form(self, request):
        if request.method == "CONNECT":
            raise Refused(501)
        scheme, _, rest = request.target.partition("://")
        if not rest or request.target.startswith("/"):
            return request.target
        authority, slash, path = rest.partition("/")
        if authority.lower() != "%s:%d" % self.address:
            raise Refused(421)
        return slash + path or "/"

    def elements(self, request, name):
        elements = ",".join(request.values(name)).lower().split(",")
        return [element.strip(" \t") for element in elements if element.strip(" \t")]

    def is_persistent(self, request):
        options = self.elements(request, "Connection")
        if "close" in options or self.stopping:
            return False
        return request.version != "HTTP/1.0" or "keep-alive" in options

    def read_content(self, buffer, request):
        request.target = self.origin_form(request)
        chunked = self.is_chunked(request)
        length = 0 if chunked else self.content_length(request)
        if length > self.max_body:
            raise Refused(413)
        self.look_at_expect(buffer, request, chunked or length > 0)
        if chunked:
            request.body = self.read_chunks(buffer)
        else:
            request.body = self.read_length(buffer, request, length)

    def read_length(self, buffer, request, length):
        return buffer.bytes(length)

    def is_chunked(self, request):
        if not request.values("Transfer-Encoding"):
            return False
        codings = self.elements(request, "Transfer-Encoding")
        self.check_codings(request, codings)
        return True

    def check_codings(self, request, codings):
        if request.values("Content-Length") or request.version == "HTTP/1.0":
            raise ValueError("no clear framing")
        if codings != ["chunked"]:
            raise Refused(501 if codings[-1:] == ["chunked"] and len(set(codings)) > 1 else 400)

    def look_at_expect(self, buffer, request, has_body):
        expectations = self.elements(request, "Expect")
        if request.version == "HTTP/1.0" or not expectations:
            return
        if expectations != ["100-continue"]:
            raise Refused(417)
        allowed = self.allowed(request.target)
        if allowed is None:
            raise Refused(404)
        if request.method not in allowed:
            raise Early(self.not_allowed(allowed))
        if has_body:
            buffer.interim(self.interim())

    def interim(self):
        return b"HTTP/1.1 100 Continue\r\n\r\n"

    def read_chunks(self, buffer):
        body = b""
        while True:
            size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
            if size == 0:
                self.read_trailers(buffer)
                return body
            if len(body) + size > self.max_body:
                raise Refused(413)
            body += buffer.bytes(size)
            self.end_of_chunk(buffer)

    def chunk_size(self, line):
        found = re.fullmatch(rb"([0-9A-Fa-f]+)(;[^\r\n]*)?\r\n", line)
        if not found:
            raise ValueError("no length of a chunk")
        return int(found[1], 16)

    def end_of_chunk(self, buffer):
        if buffer.bytes(2) != b"\r\n":
            raise ValueError("a chunk does not end where it should")

    def read_trailers(self, buffer):
        left = self.max_head
        while True:
            line = self.check_line(buffer.line(max(left, 0), self.head_too_long))
            if not line:
                break
            left -= len(line) + 2
            self.parse_field(line)

    # The response.

    def allowed(self, target):
        """The methods of a target."""
        if target == "/":
            return self.list_methods()
        return None if self.find(target) is None else self.message_methods()

    def respond(self, request):
        if request.method == "OPTIONS":
            return self.respond_options(request)
        return super().respond(request)

    def respond_options(self, request):
        allowed = ["GET", "HEAD", "POST", "PUT"] if request.target == "*" else self.allowed(request.target)
        if allowed is None:
            return self.error(404)
        return Response(204, "", Allow=", ".join(allowed))

    def date(self):
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())

    def connection(self, response):
        return "keep-alive" if getattr(response, "keeps", False) else "close"

    def response_fields(self, response):
        fields = super().response_fields(response)[1:]
        if response.status == 204:
            fields = [field for field in fields if not field[0].startswith("Content-")]
        return [("Date", self.date()), ("Connection", self.connection(response)), *fields]

    def respond_once(self, buffer):
        """The bytes that answer one request, and whether the connection stays open."""
        head = Head()
        try:
            request = self.parse(buffer, head)
            response = self.locked_respond(request)
            response.keeps = self.is_persistent(request)
        except Early as early:
            response = early.response
        except NeedsMore:
            raise
        except Exception as error:
            response = self.refuse(error)
        return self.render(response, head.method), getattr(response, "keeps", False)

    def locked_respond(self, request):
        return self.respond(request)


class KeptThreads(Kept, Threaded):
    """A thread for each connection."""

    def serve(self, conn):
        with conn:
            buffer = self.buffer(conn)
            try:
                while True:
                    buffer.fill = self.filler(conn)
                    data, keeps = self.respond_once(buffer)
                    conn.settimeout(self.timeout)
                    self.send(conn, data)
                    if not keeps:
                        return self.close(conn)
                    if not self.wait_for_request(conn, buffer):
                        return None
            except self.lost as error:
                print("a connection failed: %s" % error, flush=True)

    def buffer(self, conn):
        return Buffer(None, conn.sendall)

    def end_idle(self, conn):
        pass

    def locked_respond(self, request):
        with self.lock:
            return self.respond(request)

    def wait_for_request(self, conn, buffer):
        """Whether a byte of the next request comes in time."""
        end = time.monotonic() + self.idle_timeout
        while not buffer.data and time.monotonic() < end and not self.stopping:
            conn.settimeout(0.05)
            try:
                buffer.data = conn.recv(65536)
                if not buffer.data:
                    return False
            except socket.timeout:
                pass
        if not buffer.data and not self.stopping:
            self.end_idle(conn)
        return bool(buffer.data)

    def stop(self):
        self.stopping = True
        super().stop()


# --- The tables -----------------------------------------------------------------------------------

SERVERS = {}
CLASSES = {2: Echo, 3: Http, 5: Http, 6: Http, 7: Http, 8: Http, 10: Hardened, 11: Threaded,
           12: KeptThreads, 13: KeptThreads}


def but(base, **overrides):
    """The class `base` with some of its methods and values replaced."""
    return type(base.__name__, (base,), overrides)


def add(name, stage, base, overrides, entry):
    assert name not in SERVERS, name
    if stage >= 8 and base is Http:
        base = but(Http, store=Sqlite)
    entry = {"name": name, "stage": stage, **entry, "needs": entry.get("needs")}
    SERVERS[name] = entry, but(base, stage=stage, **overrides)


def right(name, stage, base=None, needs=None, **overrides):
    entry = {"right": True, "fault": "", "first": [], "needs": needs}
    add(name, stage, base or CLASSES[stage], overrides, entry)


def wrong(name, stage, fault, first, base=None, **overrides):
    """A right server of the stage with one fault, which `overrides` or `base` bring in."""
    entry = {"right": False, "fault": fault, "first": first.split()}
    add(name, stage, base or CLASSES[stage], overrides, entry)


# --- Right servers --------------------------------------------------------------------------------


class EchoFile(Echo):
    """The lines of a file."""

    def serve(self, conn):
        with conn, conn.makefile("rb") as lines:
            for line in lines:
                conn.sendall(line)


class EchoAsync(Echo):
    def run(self):
        asyncio.run(self.main())

    async def main(self):
        server = await asyncio.start_server(self.talk, *self.address, limit=1 << 24)
        await server.serve_forever()

    async def talk(self, reader, writer):
        while True:
            line = await reader.readline()
            if not line:
                break
            writer.write(line)
            await writer.drain()
        writer.close()


class HttpFile(Http):
    """A request read as a file, line by line."""

    def read_request(self, conn):
        with conn.makefile("rb") as stream:
            request = Request(*stream.readline().decode().rstrip("\r\n").split(" "))
            while True:
                line = stream.readline().decode().rstrip("\r\n")
                if not line:
                    break
                request.fields.append(self.parse_field(line))
            request.body = stream.read(self.content_length(request))
            return request


class SocketServer(HttpFile):
    def run(self):
        app = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(app.answer(app.read_request(self.request)))

        class TcpServer(socketserver.TCPServer):
            allow_reuse_address = True

        TcpServer(self.address, Handler).serve_forever()


class Library(App):
    """http.server of the standard library. It logs each request."""

    kind = http.server.ThreadingHTTPServer

    def run(self):
        app, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    response = app.respond(Request(self.command, self.path, body=body))
                self.send_response(response.status)
                for name, value in app.response_fields(response):
                    self.send_header(name, str(value))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

        self.kind(self.address, Handler).serve_forever()


class Async(Hardened):
    """Tasks in place of threads. The bytes so far are parsed anew when more have come."""

    store = Memory
    permits = 256

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        self.served = 0
        stop = asyncio.Event()
        server = await asyncio.start_server(self.talk, *self.address, limit=1 << 17, backlog=512)
        if os.name == "posix":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        server.close()
        while self.served:
            await asyncio.sleep(0.01)

    async def talk(self, reader, writer):
        if self.served >= self.permits:
            writer.write(self.render(self.error(503, Retry_After="2")))
            return await self.finish(reader, writer, 0.1)
        self.served += 1
        head = Head()
        try:
            try:
                request = await asyncio.wait_for(self.request(reader, head), self.timeout)
                data = self.answer(request)
            except asyncio.TimeoutError:
                data = self.render(self.error(408))
            except (Refused, ValueError) as error:
                data = self.render(self.refuse(error), head.method)
            writer.write(data)
            await self.finish(reader, writer, 1)
        except OSError:
            writer.close()
        finally:
            self.served -= 1

    async def request(self, reader, head):
        data = b""
        while True:
            data += await reader.read(65536) or self.end_of_input()
            buffer = Buffer(self.needs_more)
            buffer.data = data
            try:
                return self.parse(buffer, head)
            except NeedsMore:
                pass

    def needs_more(self):
        raise NeedsMore

    async def finish(self, reader, writer, seconds):
        try:
            await writer.drain()
            writer.write_eof()
            await asyncio.wait_for(self.drain(reader), seconds)
        except (OSError, asyncio.TimeoutError):
            pass
        writer.close()

    async def drain(self, reader):
        while await reader.read(65536):
            pass


class Selector(Async):
    """One thread and a loop over the sockets that are ready."""

    def run(self):
        loop = selectors.DefaultSelector()
        listener = self.listen()
        loop.register(listener, selectors.EVENT_READ)
        received = {}
        while True:
            for key, _ in loop.select():
                if key.fileobj is listener:
                    conn, _ = listener.accept()
                    received[conn] = b""
                    loop.register(conn, selectors.EVENT_READ)
                    continue
                conn = key.fileobj
                data = conn.recv(3000)
                received[conn] += data
                buffer = Buffer(self.needs_more)
                buffer.data = received[conn]
                try:
                    request = self.parse(buffer, Head())
                    conn.sendall(self.answer(request))
                except NeedsMore:
                    if data:
                        continue
                loop.unregister(conn)
                conn.close()
                del received[conn]


def send_drop_by_drop(self, conn, data):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        conn.sendall(bytes([byte]))


def send_head_then_body(self, conn, data, pause=0.02):
    head, _, body = data.partition(b"\r\n\r\n")
    conn.sendall(head + b"\r\n\r\n")
    time.sleep(pause)
    conn.sendall(body)


class Odd(Http):
    """Says the same in other bytes."""

    def list_body(self):
        return json.dumps(self.messages.texts, indent=2).replace("/", "\\/")

    def status_line(self, response):
        return "HTTP/1.1 %d " % response.status

    def not_allowed(self, methods):
        response = self.error(405, allow=methods[-1])
        response.fields.append(("ALLOW", ",".join(methods[:-1])))
        return response

    def error(self, status, **fields):
        return Response(status, "", **fields)

    def response_fields(self, response):
        fields = super().response_fields(response)
        fields += [("Server", "odd/1.0 (a: b)"), ("X-Empty", "")]
        fields += [("Date", "Mon, 01 Jan 2024 00:00:00 GMT")]
        return [(name.lower(), value) for name, value in reversed(fields)]

    def field_line(self, name, value):
        return "%s:%s \t" % (name, value)


def listen_late(self):
    time.sleep(1.5)
    return Http.listen(self)


def serve_chatty(self, conn):
    with conn:
        request = self.read_request(conn)
        data = self.answer(request)
        print("-> %s %s %r\n<- %r" % (request.method, request.target, request.body, data))
        print("debug " * 2000, flush=True)
        conn.sendall(data)


NODE = r"""
const http = require("http");
const [host, port] = process.argv.slice(-2);
const messages = [];
http.createServer((request, response) => {
  const parts = [];
  request.on("data", part => parts.push(part));
  request.on("end", () => {
    const text = Buffer.concat(parts).toString("utf8");
    const { method, url } = request;
    const send = (status, type, body, fields) => {
      const length = Buffer.byteLength(body);
      response.writeHead(status, {
        "Content-Type": type, "Content-Length": length, Connection: "close", ...fields,
      });
      response.end(body);
    };
    const plain = (status, body, fields) => send(status, "text/plain; charset=utf-8", body, fields);
    if (url === "/") {
      if (method === "GET" || method === "HEAD") {
        return send(200, "application/json", JSON.stringify(messages));
      }
      if (method === "POST") {
        const length = messages.push(text);
        return plain(201, text, { Location: "/" + (length - 1) });
      }
      return plain(405, "no\n", { Allow: "GET, HEAD, POST" });
    }
    const index = /^\/[0-9]+$/.test(url) ? Number(url.slice(1)) : NaN;
    if (!(index < messages.length)) return plain(404, "not found\n");
    if (method === "GET" || method === "HEAD") return plain(200, messages[index]);
    if (method === "PUT") {
      messages[index] = text;
      return plain(200, text);
    }
    return plain(405, "no\n", { Allow: "GET, HEAD, PUT" });
  });
}).listen(Number(port), host, () => console.log(`ready at http://${host}:${port}/`));
"""


class Node(Server):
    def run(self):
        os.execvp("node", ["node", "-e", NODE, "--", self.address[0], str(self.address[1])])


class Table(Sqlite):
    """Keeps nothing in memory: each look at the list is a query."""

    def load(self):
        Sqlite.load(self)
        del self.texts

    def __getattr__(self, name):
        if name != "texts":
            raise AttributeError(name)
        return [row[0] for row in self.database.execute(self.select)]

    def add(self, text):
        index = len(self.texts)
        self.save_new(index, text)
        return index

    replace = Sqlite.save_change


class Handlers(Threaded):
    """The threads of socketserver, which waits for them at its end."""

    def run(self):
        app, permits = self, threading.Semaphore(self.permits)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                app.serve(self.request)

        class TcpServer(socketserver.ThreadingTCPServer):
            allow_reuse_address, request_queue_size, daemon_threads = True, 512, False

            def process_request(self, request, address):
                if permits.acquire(blocking=False):
                    super().process_request(request, address)
                else:
                    app.reject(request)

            def process_request_thread(self, request, address):
                super().process_request_thread(request, address)
                permits.release()

            def shutdown_request(self, request):
                self.close_request(request)

        with TcpServer(self.address, Handler) as server:
            end = threading.Thread(target=server.shutdown)
            signal.signal(signal.SIGTERM, lambda *_: end.start())
            server.serve_forever(poll_interval=0.05)
            server.socket.close()


class KeptFile(KeptThreads):
    """The connection as a file. A timer ends the time of a request."""

    class FileBuffer(Buffer):
        def __init__(self, conn):
            super().__init__(None, conn.sendall)
            self.file, self.over = conn.makefile("rb"), False

        def taken(self, data, is_whole):
            if is_whole:
                return data
            if self.over:
                raise socket.timeout("the request took too long")
            raise Ended("the connection ended before the request did")

        def line(self, limit, status):
            line = self.file.readline(limit + 3)
            if len(line.rstrip(b"\r\n")) > limit:
                raise Refused(status)
            line = self.taken(line, line.endswith(b"\n"))
            return line[:-2] if line.endswith(b"\r\n") else line[:-1]

        def chunk_line(self, limit):
            line = self.file.readline(limit + 2)
            if len(line) > limit:
                raise Refused(400)
            return self.taken(line, line.endswith(b"\n"))

        def bytes(self, length):
            data = self.file.read(length)
            return self.taken(data, len(data) == length)

    def serve(self, conn):
        with conn:
            buffer = self.FileBuffer(conn)
            self.waiting = getattr(self, "waiting", set())
            try:
                keeps = True
                while keeps:
                    timer = threading.Timer(self.timeout, self.cut, (conn, buffer))
                    timer.daemon = True
                    timer.start()
                    data, keeps = self.respond_once(buffer)
                    timer.cancel()
                    conn.sendall(data)
                    if keeps and not self.peek(conn, buffer):
                        return
                self.close(conn)
            except OSError as error:
                print("a connection failed: %s" % error, flush=True)
            finally:
                buffer.file.close()

    def cut(self, conn, buffer):
        buffer.over = True
        conn.shutdown(socket.SHUT_RD)

    def peek(self, conn, buffer):
        """Waits for the next request. A signal or a timer ends the wait."""
        timer = threading.Timer(self.idle_timeout, conn.shutdown, (socket.SHUT_RD,))
        timer.daemon = True
        timer.start()
        self.waiting.add(conn)
        try:
            return not self.stopping and bool(buffer.file.peek(1))
        finally:
            timer.cancel()
            self.waiting.discard(conn)

    def stop(self):
        self.stopping = True
        for conn in list(getattr(self, "waiting", ())):
            conn.shutdown(socket.SHUT_RD)
        super().stop()


class KeptAsync(Kept, Async):
    """Tasks. The bytes of a request are parsed anew when more have come."""

    def end(self):
        self.stopping = True
        for reader in list(self.idle):
            reader.feed_eof()

    def run(self):
        self.idle = set()
        asyncio.run(self.main())

    async def main(self):
        self.served = 0
        server = await asyncio.start_server(self.talk, *self.address, limit=1 << 17, backlog=512)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.end)
        while not self.stopping:
            await asyncio.sleep(0.02)
        server.close()
        while self.served:
            await asyncio.sleep(0.01)

    async def talk(self, reader, writer):
        if self.served >= self.permits:
            writer.write(self.render(self.error(503, Retry_After="2")))
            return await self.finish(reader, writer, 0.1)
        self.served += 1
        try:
            rest, keeps = b"", True
            while keeps:
                try:
                    data, keeps, rest = await asyncio.wait_for(
                        self.one(reader, writer, rest), self.timeout)
                except asyncio.TimeoutError:
                    data, keeps = self.render(self.error(408)), False
                writer.write(data)
                await writer.drain()
                if keeps and not rest:
                    self.idle.add(reader)
                    try:
                        rest = await asyncio.wait_for(reader.read(65536), self.idle_timeout)
                    except asyncio.TimeoutError:
                        pass
                    self.idle.discard(reader)
                    if not rest:
                        return
            await self.finish(reader, writer, 1)
        except OSError as error:
            print(error, flush=True)
        finally:
            writer.close()
            self.served -= 1

    async def one(self, reader, writer, data):
        said = []

        def interim(line):
            if not said:
                said.append(line)
                writer.write(line)

        while True:
            buffer = Buffer(self.needs_more, interim)
            buffer.data = data
            try:
                return (*self.respond_once(buffer), buffer.data)
            except NeedsMore:
                data += await reader.read(65536) or self.end_of_input()


class KeptSelector(Kept, Async):
    """One thread and a loop over the sockets that are ready."""

    def run(self):
        self.loop = loop = selectors.DefaultSelector()
        listener = self.listen()
        loop.register(listener, selectors.EVENT_READ)
        signal.signal(signal.SIGTERM, self.end)
        self.states = {}
        while not self.stopping or any(state["data"] for state in self.states.values()):
            for key, _ in loop.select(0.05):
                if key.fileobj is listener:
                    self.accept(listener)
                else:
                    self.receive(key.fileobj)
            now = time.monotonic()
            for conn, state in list(self.states.items()):
                if state["closing"] and now > state["end"]:
                    self.drop(conn)
                elif now > state["end"] and (state["data"] or not state["answered"]):
                    self.finish(conn, self.render(self.error(408)))
                elif now > state["end"] or self.stopping and not state["data"] and not state["closing"]:
                    self.drop(conn)
            if self.stopping and listener.fileno() >= 0:
                loop.unregister(listener)
                listener.close()

    def end(self, *_):
        self.stopping = True

    def accept(self, listener):
        conn, _ = listener.accept()
        state = {"data": b"", "end": time.monotonic() + self.timeout, "closing": False,
                 "answered": False, "said": False}
        self.states[conn] = state
        self.loop.register(conn, selectors.EVENT_READ)
        if len(self.states) > self.permits:
            self.finish(conn, self.render(self.error(503, Retry_After="2")))

    def drop(self, conn):
        self.loop.unregister(conn)
        conn.close()
        del self.states[conn]

    def finish(self, conn, data):
        state = self.states[conn]
        state.update(data=b"", closing=True, end=time.monotonic() + 1)
        try:
            conn.sendall(data)
            conn.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def receive(self, conn):
        state = self.states[conn]
        try:
            data = conn.recv(65536)
        except OSError:
            return self.drop(conn)
        if not data:
            return self.drop(conn)
        if state["closing"]:
            return
        if not state["data"] and state["answered"]:
            state["end"] = time.monotonic() + self.timeout
        state["data"] += data

        def interim(line):
            if not state["said"]:
                state["said"] = True
                conn.sendall(line)

        while state["data"]:
            buffer = Buffer(self.needs_more, interim)
            buffer.data = state["data"]
            try:
                answer, keeps = self.respond_once(buffer)
            except NeedsMore:
                return
            state.update(data=buffer.data, answered=True, said=False)
            if not keeps:
                return self.finish(conn, answer)
            try:
                conn.sendall(answer)
            except OSError:
                return self.drop(conn)
            state["end"] = time.monotonic() + self.idle_timeout + (self.timeout if buffer.data else 0)


class KeptLibrary(Kept, Hardened):
    """http.server of the standard library, with what it does not do right done here."""

    def run(self):
        app, permits, waiting, lock = self, threading.Semaphore(256), set(), threading.Lock()

        def locked_respond(request):
            with lock:
                return app.respond(request)

        app.locked_respond = locked_respond

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                self.buffer = KeptFile.FileBuffer(self.connection)
                self.is_first = True

            def cut(self):
                self.buffer.over = True
                self.connection.shutdown(socket.SHUT_RD)

            def wait(self):
                """Waits for the next request; the signal shuts down those that wait."""
                timer = threading.Timer(app.idle_timeout, self.connection.shutdown, (socket.SHUT_RD,))
                timer.daemon = True
                timer.start()
                waiting.add(self.connection)
                try:
                    return not app.stopping and bool(self.buffer.file.peek(1))
                finally:
                    timer.cancel()
                    waiting.discard(self.connection)

            def handle_one_request(self):
                self.close_connection = True
                if not self.is_first and not self.wait():
                    return
                self.is_first = False
                timer = threading.Timer(app.timeout, self.cut)
                timer.daemon = True
                timer.start()
                try:
                    data, keeps = app.respond_once(self.buffer)
                finally:
                    timer.cancel()
                self.wfile.write(data)
                self.close_connection = not keeps
                if not keeps:
                    app.close(self.connection)

            def finish(self):
                self.buffer.file.close()
                super().finish()

        class TcpServer(socketserver.ThreadingTCPServer):
            allow_reuse_address, request_queue_size, daemon_threads = True, 512, False

            def process_request(self, request, address):
                if permits.acquire(blocking=False):
                    super().process_request(request, address)
                else:
                    Threaded.reject(app, request)

            def process_request_thread(self, request, address):
                super().process_request_thread(request, address)
                permits.release()

            def handle_error(self, request, address):
                print("a connection failed: %s" % sys.exc_info()[1], flush=True)

            def shutdown_request(self, request):
                self.close_request(request)

        app.rejected_fields = lambda: {"Retry_After": "1"}
        with TcpServer(self.address, Handler) as server:
            end = threading.Thread(target=server.shutdown)

            def stop(*_):
                app.stopping = True
                for conn in list(waiting):
                    conn.shutdown(socket.SHUT_RD)
                end.start()

            signal.signal(signal.SIGTERM, stop)
            server.serve_forever(poll_interval=0.05)
            server.socket.close()


class Streams(Kept, Async):
    """Coroutines that read line by line, with a parser of their own."""

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        self.tasks, self.idle = set(), set()
        server = await asyncio.start_server(self.talk, *self.address, limit=1 << 15, backlog=512)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        self.stopping = True
        server.close()
        for task in list(self.idle):
            task.cancel()
        while self.tasks:
            await asyncio.sleep(0.01)

    async def talk(self, reader, writer):
        task = asyncio.current_task()
        if len(self.tasks) >= 256:
            writer.write(self.render(self.error(503, Retry_After="1")))
            return await self.finish(reader, writer, 0.1)
        self.tasks.add(task)
        try:
            first = b""
            while True:
                try:
                    response, method = await asyncio.wait_for(self.exchange(reader, writer, first), 10)
                except asyncio.TimeoutError:
                    response, method = self.error(408), ""
                writer.write(self.render(response, method))
                await writer.drain()
                if not getattr(response, "keeps", False):
                    return await self.finish(reader, writer, 1)
                self.idle.add(task)
                if self.stopping:
                    return
                first = await asyncio.wait_for(reader.read(1), 3)
                self.idle.discard(task)
                if not first:
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self.idle.discard(task)
            self.tasks.discard(task)
            writer.close()

    async def exchange(self, reader, writer, first):
        method = ""
        try:
            line = await self.line(reader, 8192, 414, first)
            line = line or await self.line(reader, 8192, 414)
            request = self.parse_request_line(line)
            method = request.method
            left = 16384 - len(line) - 2
            while True:
                line = await self.line(reader, max(left, 0), 431)
                if not line:
                    break
                left -= len(line) + 2
                request.fields.append(self.parse_field(line))
                if len(request.fields) > 100:
                    raise Refused(431)
            self.check_host(request)
            request.target = self.origin_form(request)
            chunked = self.is_chunked(request)
            length = 0 if chunked else self.content_length(request)
            if length > self.max_body:
                raise Refused(413)
            said = Buffer(None, writer.write)
            self.look_at_expect(said, request, chunked or length > 0)
            request.body = await (self.chunks(reader) if chunked else reader.readexactly(length))
            response = self.respond(request)
            response.keeps = self.is_persistent(request)
            return response, method
        except Early as early:
            return early.response, method
        except (Refused, ValueError) as error:
            return self.refuse(error), method

    async def line(self, reader, limit, status, first=b""):
        try:
            line = first if first == b"\n" else first + await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise Refused(status) from error
        line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
        if len(line) > limit:
            raise Refused(status)
        return self.check_line(line)

    async def chunks(self, reader):
        body = bytearray()
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise Refused(400) from error
            size = self.chunk_size(line)
            if len(body) + size > self.max_body:
                raise Refused(413)
            if size == 0:
                break
            body += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise ValueError("no end of a chunk")
        left = 16384
        while True:
            line = await self.line(reader, left, 431)
            if not line:
                return bytes(body)
            left = max(0, left - len(line) - 2)
            self.parse_field(line)


def one_byte_a_recv(self, conn):
    fill = Hardened.filler(self, SmallReads(conn))
    return fill


class SmallReads:
    """A connection of which each recv brings one byte, of a short body at least."""

    def __init__(self, conn):
        self.conn, self.count = conn, 0

    def settimeout(self, seconds):
        self.conn.settimeout(seconds)

    def recv(self, _):
        self.count += 1
        return self.conn.recv(1 if self.count < 3000 else 65536)


class Lenient(KeptThreads):
    """Takes the other choice wherever the RFC leaves one."""

    def list_methods(self):
        return ["OPTIONS", *super().list_methods()]

    def message_methods(self):
        return [*super().message_methods(), "OPTIONS"]

    def parse(self, buffer, head):
        """Puts a space in the place of a line end before white space."""
        while b"\r\n\r\n" not in buffer.data and len(buffer.data) < 20_000:
            buffer.data += buffer.fill()
        first, end, rest = buffer.data.partition(b"\r\n\r\n")
        lines = first.split(b"\r\n")
        if len(lines) > 2 and not lines[1].startswith((b" ", b"\t")):
            first = re.sub(rb"\r\n[ \t]+", b" ", first)
        buffer.data = first + end + rest
        return super().parse(buffer, head)

    def check_codings(self, request, codings):
        """The chunks count, and the connection closes."""
        if codings != ["chunked"]:
            raise Refused(400)
        request.closes = bool(request.values("Content-Length")) or request.version == "HTTP/1.0"

    def is_persistent(self, request):
        return not getattr(request, "closes", False) and super().is_persistent(request)

    def content_length(self, request):
        if len(request.values("Content-Length")) > 1:
            raise Refused(400)
        return super().content_length(request)

    def read_content(self, buffer, request):
        super().read_content(buffer, request)
        if request.body and request.method == "GET":
            raise Refused(400)

    def locked_respond(self, request):
        response = super().locked_respond(request)
        if response.status in (404, 405):
            request.closes = True
        return response

    def interim(self):
        return b"HTTP/1.1 100 Go on\r\nX-Note: please\r\n\r\n"

    def end_idle(self, conn):
        conn.sendall(self.render(self.error(408)))

    def response_fields(self, response):
        fields = super().response_fields(response)
        if getattr(response, "keeps", False):
            fields.append(("Keep-Alive", "timeout=4"))
        return fields


class HangsUp(KeptThreads):
    """Closes without a response where a chunk is wrong."""

    def read_chunks(self, buffer):
        try:
            return super().read_chunks(buffer)
        except ValueError as error:
            raise ConnectionError("a bad chunk") from error


right("echo-buffer", 2)
right("echo-file", 2, EchoFile)
right("echo-asyncio", 2, EchoAsync)
right("raw-3", 3)
right("file-3", 3, HttpFile)
right("head-then-body-3", 3, send=send_head_then_body)
right("raw-5", 5)
right("file-5", 5, HttpFile)
right("socketserver-5", 5, SocketServer)
right("library-one-thread-5", 5, Library, kind=http.server.HTTPServer)
right("listens-late-5", 5, listen=listen_late)
right("raw-7", 7)
right("library-7", 7, Library)
right("asyncio-7", 7, Async)
right("selectors-7", 7, Selector)
right("drop-by-drop-7", 7, send=send_drop_by_drop)
right("odd-7", 7, Odd)
right("chatty-7", 7, serve=serve_chatty)
right("says-nothing-7", 7, announce=lambda self, listener: None)
right("node-7", 7, Node, needs="node")
right("sqlite-8", 8)
right("json-file-8", 8, store=JsonFile)
right("journal-8", 8, store=Journal)
right("no-reuse-address-8", 8, reuse_address=False)
right("hardened-10", 10)
right("asyncio-10", 10, but(Async, store=Journal), permits=10_000)
right("small-list-10", 10, max_list=300 << 10)
right("list-of-4-mib-10", 10, store=Journal, max_list=4 << 20)
right("list-in-ascii-10", 10, max_list=512 << 10,
      list_body=lambda self: json.dumps(self.messages.texts, separators=(",", ":")),
      size=lambda self, text: len(json.dumps(text)) + 1)
right("threads-11", 11)
right("table-11", 11, store=Table)
right("handlers-11", 11, Handlers)
right("asyncio-11", 11, but(Async, store=JsonFile))

right("kept-threads-12", 12)
right("kept-table-12", 12, store=Table)
right("kept-file-12", 12, KeptFile)
right("kept-asyncio-12", 12, but(KeptAsync, store=JsonFile))
right("kept-selectors-12", 12, but(KeptSelector, store=JsonFile))
right("kept-library-12", 12, KeptLibrary)
right("kept-streams-12", 12, but(Streams, store=JsonFile))
right("kept-byte-by-byte-12", 12, filler=one_byte_a_recv)
right("kept-head-then-body-12", 12,
      send=lambda self, conn, data: send_head_then_body(self, conn, data, 0.002))
right("kept-lenient-12", 12, Lenient)
right("kept-hangs-up-12", 12, HangsUp)
right("kept-idle-10-s-12", 12, idle_timeout=10)

right("kept-threads-13", 13)
right("kept-table-13", 13, store=Table)

# --- Wrong servers: stage 2 -----------------------------------------------------------------------


def each_recv(self, data):
    return [data], b""


def first_line_of_data(self, data):
    line, end, rest = data.partition(b"\n")
    return ([line + end], b"") if end else ([], line)


def up_to_last_line_end(self, data):
    line, end, rest = data.partition(b"\n")
    if not end:
        return [], data
    return [line + end], rest.rpartition(b"\n")[2]


def decode_each_recv(self, conn):
    with conn:
        rest = ""
        while True:
            data = conn.recv(4096)
            if not data:
                return
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            for line in lines:
                conn.sendall((line + "\n").encode())


def one_line_then_close(self, conn):
    with conn, conn.makefile("rb") as lines:
        conn.sendall(lines.readline())


def until_empty_line(self, conn):
    with conn, conn.makefile("rb") as lines:
        for line in lines:
            if line == b"\n":
                break
            conn.sendall(line)


def until_end_of_input(self, conn):
    with conn, conn.makefile("rb") as stream:
        conn.sendall(stream.read())


def no_check_for_the_end(self, conn):
    rest = b""
    while True:
        data = conn.recv(4096)
        lines, rest = self.split(rest + data)
        for line in lines:
            conn.sendall(line)
        time.sleep(0 if data else 0.01)


def never_closed(self, conn):
    self.open = getattr(self, "open", []) + [conn]
    self.served(conn.dup())


def serve_first_only(self):
    conn, _ = self.listen().accept()
    self.serve(conn)


def crash_at_long_line(self, line):
    if len(line) > 65536:
        raise MemoryError("the line is too long")
    return line


wrong("echo-strips-line-end", 2, "The line comes back without its line end.", "line-comes-back",
      reply=lambda self, line: line.rstrip(b"\n"))
wrong("echo-adds-line-end", 2, "A second line end comes after the line.", "line-comes-back",
      reply=lambda self, line: line + b"\n")
wrong("echo-crlf", 2, "The line comes back with CR LF in place of LF.", "line-comes-back",
      reply=lambda self, line: line[:-1] + CRLF)
wrong("echo-until-end", 2, "Nothing comes back until the client has closed its side.",
      "line-comes-back many-lines", serve=until_end_of_input)
wrong("echo-never-closes", 2, "The connection stays open when the client has closed its side.",
      "line-comes-back next-client", serve=never_closed, served=Echo.serve)
wrong("echo-no-check-for-end", 2,
      "The server reads on for ever when the client has closed its side.",
      "line-comes-back korean-comes-back next-client", serve=no_check_for_the_end)
wrong("echo-first-client-only", 2, "The server ends after its first client.",
      "line-comes-back", run=serve_first_only)
wrong("echo-ascii", 2, "Each byte that is not ASCII comes back as a question mark.",
      "korean-comes-back", reply=lambda self, line: re.sub(b"[\x80-\xff]", b"?", line))
wrong("echo-drops-empty-lines", 2, "An empty line does not come back.", "empty-line",
      reply=lambda self, line: line.lstrip(b"\n"))
wrong("echo-empty-line-ends", 2, "An empty line ends the connection and does not come back.",
      "empty-line", serve=until_empty_line)
wrong("echo-cuts-at-1000", 2, "A line is cut after 1000 bytes.", "full-read",
      reply=lambda self, line: line if len(line) < 1000 else line[:999] + b"\n")
wrong("echo-one-line", 2, "The connection is closed after one line.", "many-lines",
      serve=one_line_then_close)
wrong("echo-decodes-each-recv", 2, "A character that two segments share comes back destroyed.",
      "line-byte-by-byte", serve=decode_each_recv)
wrong("echo-each-recv", 2, "Half a line comes back before its end has come.", "half-line-waits",
      split=each_recv)
wrong("echo-drops-rest", 2, "What comes in the same segment after a line end is lost.",
      "line-and-a-half", split=first_line_of_data)
wrong("echo-second-line-lost", 2, "The second of two lines in one segment is lost.",
      "two-lines-one-segment", split=up_to_last_line_end)
wrong("echo-dies-at-long-line", 2, "A line of more than 64 KiB ends the server.", "long-line",
      reply=crash_at_long_line)

# --- Wrong servers: the bytes of a response -------------------------------------------------------


def with_fields(*more):
    return lambda self, response: [*Http.response_fields(self, response), *more]


def without_field(name, statuses=range(600)):
    def response_fields(self, response):
        fields = Http.response_fields(self, response)
        return [field for field in fields if field[0] != name or response.status not in statuses]

    return response_fields


def length_in_characters(self, response):
    return len(response.body.decode())


def body_after_head_of_message(self, request):
    response = self.respond(request)
    method = request.method if request.target == "/" else "GET"
    return self.render(response, method)


def length_zero_at_head(self, request):
    response = self.respond(request)
    if request.method == "HEAD":
        response.body = b""
    return self.render(response, request.method)


def length_of_json(self, response):
    if response.media_type == "application/json":
        return length_in_characters(self, response)
    return len(response.body)


def fields_with(old, new):
    def response_fields(self, response):
        fields = Http.response_fields(self, response)
        return [(name, str(value).replace(old, new)) for name, value in fields]

    return response_fields


def left_open(self, conn, data):
    conn.sendall(data)
    self.kept = getattr(self, "kept", []) + [conn.dup()]


def close_after_reset(self, conn, data):
    conn.sendall(data)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def head_a_byte_at_a_time(self, conn):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = conn.recv(1)
        if not byte:
            raise Ended("the connection ended before the request did")
        data += byte
    return data[:-4], b""


def body_only_for_post(self, conn, rest, request):
    return Http.read_body(self, conn, rest, request) if request.method == "POST" else b""


def padded(self, conn, data):
    conn.sendall(data.ljust(1024, b"\0"))


def hand_made_json(self):
    return "[" + ",".join('"%s"' % text for text in self.messages.texts) + "]"


def quotes_escaped_alone(self):
    texts = [text.replace("\\", "\\\\").replace('"', '\\"') for text in self.messages.texts]
    return "[" + ",".join('"%s"' % text for text in texts) + "]"


wrong("lf-line-ends", 3, "The lines of the head end with LF in place of CR LF.", "post",
      line_end="\n")
wrong("no-space-before-reason", 3, "The status line says 200OK.", "post",
      status_line=lambda self, response: App.status_line(self, response).replace("200 ", "200"))
wrong("no-space-after-status", 5, "The status line ends right after the status code.", "get-list",
      status_line=lambda self, response: "HTTP/1.1 %d" % response.status)
wrong("two-lengths-sent", 3, "The response has Content-Length twice, with different values.",
      "post", response_fields=with_fields(("Content-Length", 0)))
wrong("chunked-beside-length", 5,
      "The response has Transfer-Encoding: chunked and a body that is not.", "get-list",
      response_fields=with_fields(("Transfer-Encoding", "chunked")))
wrong("space-before-colon", 7, "The response has a space before each colon.", "get-list",
      field_line=lambda self, name, value: "%s : %s" % (name, value))
wrong("bytes-after-body", 3, "CR LF comes after the body, which Content-Length does not count.",
      "post", render=lambda self, response, method="": Http.render(self, response, method) + CRLF)
wrong("padded-to-1024", 5, "The response is filled up with NUL to 1024 bytes.", "get-list", send=padded)
wrong("answers-twice", 3, "The response is sent twice.", "post",
      send=lambda self, conn, data: conn.sendall(data + data))
wrong("no-length-sent", 3, "The response has no Content-Length.", "post",
      response_fields=without_field("Content-Length"))
wrong("no-length-in-errors", 7, "A response with status 405 has no Content-Length.", "put-list",
      response_fields=without_field("Content-Length", [405]))
wrong("length-in-characters", 3, "Content-Length counts characters.", "korean",
      length=length_in_characters)
wrong("list-length-in-characters", 5, "Content-Length of the list counts characters.", "get-list",
      length=length_of_json)
wrong("no-content-type", 3, "The response has no Content-Type.", "post",
      response_fields=without_field("Content-Type"))
wrong("html-content-type", 5, "A text is sent as text/html.", "post",
      response_fields=fields_with("text/plain", "text/html"))
wrong("no-charset", 7, "The Content-Type of a text names no charset.", "post",
      response_fields=fields_with("; charset=utf-8", ""))
wrong("list-as-text", 5, "The list is sent as text/plain.", "post get-list",
      response_fields=fields_with("application/json", "text/plain; charset=utf-8"))
wrong("left-open", 3, "The server leaves the connection open after the response.", "post",
      send=left_open)
wrong("closed-with-reset", 5, "The server ends each connection with RST.", "get-list",
      send=close_after_reset)
wrong("body-of-put-unread", 3, "The body of a PUT is not read, so that closing sends RST.",
      "put-list", read_head=head_a_byte_at_a_time, read_body=body_only_for_post)
wrong("body-after-head-405", 3, "A response to HEAD has a body.", "head-list",
      render=lambda self, response, method="": Http.render(self, response))
wrong("body-after-head-of-message", 7, "The text of a message is sent in response to HEAD.",
      "head-message", answer=body_after_head_of_message)
wrong("head-says-length-zero", 7, "The response to HEAD has Content-Length: 0.", "head-list",
      answer=length_zero_at_head)

# --- Wrong servers: the bytes of a request --------------------------------------------------------


def one_recv(self, conn):
    data = self.receive(conn)
    head, _, body = data.partition(b"\r\n\r\n")
    request = self.parse_head(head)
    request.body = body
    return request


def head_in_one_recv(self, conn):
    head, _, rest = self.receive(conn).partition(b"\r\n\r\n")
    return head, rest


def until_client_closes(self, conn, rest, request):
    while True:
        data = conn.recv(65536)
        if not data:
            return rest
        rest += data


def until_small_recv(self, conn, rest, request):
    size = len(rest)
    while size >= 1024:
        data = conn.recv(1024)
        size, rest = len(data), rest + data
    return rest[:self.content_length(request)]


def one_more_recv(self, conn, rest, request):
    length = self.content_length(request)
    if len(rest) < length:
        rest += self.receive(conn)
    return rest[:length]


def at_most_8192(self, conn, rest, request):
    return Http.read_body(self, conn, rest, request)[:8192]


def body_decoded_by_recv(self, conn, rest, request):
    """Counts bytes, but decodes each segment on its own."""
    length, count, text = self.content_length(request), len(rest), rest.decode(errors="replace")
    while count < length:
        data = self.receive(conn)
        count, text = count + len(data), text + data.decode(errors="replace")
    return text.encode()


def length_counts_characters(self, conn, rest, request):
    while len(rest.decode()) < self.content_length(request):
        rest += self.receive(conn)
    return rest


def split_at_last_empty_line(self, conn):
    head, rest = Http.read_head(self, conn)
    length = self.content_length(self.parse_head(head))
    while len(rest) < length:
        rest += self.receive(conn)
    head, _, body = (head + b"\r\n\r\n" + rest).rpartition(b"\r\n\r\n")
    line = head.split(CRLF)[0]
    return line + b"\r\nContent-Length: %d" % len(body), body


def until_end_without_length(self, conn, rest, request):
    if not request.values("Content-Length"):
        return until_client_closes(self, conn, rest, request)
    return Http.read_body(self, conn, rest, request)


def length_of_name(*names):
    def content_length(self, request):
        return int(([value for name, value in request.fields if name in names] or [0])[0])

    return content_length


def length_must_be_there(self, request):
    return int(request.values("Content-Length")[0])


def only_plain_digits(self, request):
    value = (request.values("Content-Length") or ["0"])[0]
    return int(value) if value.isdigit() else 0


def name_and_value(self, line):
    name, value = line.split(": ")
    return name, value.strip()


def buffer_of_all_requests(self, conn, rest, request):
    length = self.content_length(request)
    self.received = getattr(self, "received", b"") + Http.read_body(self, conn, rest, request)
    return self.received[:length]


def refuse_empty(self, request):
    return Http.post(self, request) if request.body else self.error(400)


def die_at_empty(self, request):
    text = request.body.decode()
    text[0]
    return text


def text_changed(change):
    return lambda self, request: change(request.body.decode())


wrong("recv-until-end", 3, "The body is read until the client closes its side.", "post",
      read_body=until_client_closes)
wrong("one-recv", 3, "One recv is taken for the whole request.", "body-in-two-segments",
      read_request=one_recv)
wrong("body-in-first-segment", 5, "The body is taken to be in the segment of the head.",
      "body-in-two-segments", read_body=lambda self, conn, rest, request: rest)
wrong("until-small-recv", 7, "A segment of less than 1024 bytes is taken for the last one.",
      "body-in-two-segments", read_body=until_small_recv)
wrong("first-connection-only", 3, "The server ends after its first connection.",
      "post", run=serve_first_only)
wrong("buffer-of-all-requests", 3, "A text begins with the texts of earlier requests.",
      "body-in-two-segments", read_body=buffer_of_all_requests)
wrong("head-in-one-recv", 3, "One recv is taken for the whole head.", "head-in-two-segments",
      read_head=head_in_one_recv)
wrong("one-more-recv", 5, "The body is taken to be in two segments at most.", "byte-by-byte",
      read_body=one_more_recv)
wrong("reads-latin-1", 7, "A text is read as Latin-1.", "korean",
      text=lambda self, request: request.body.decode("latin-1"))
wrong("reads-length-in-characters", 5,
      "The server waits for as many characters as the length counts bytes.", "korean",
      read_body=length_counts_characters)
wrong("decodes-each-recv", 7, "A character that two segments share is destroyed.",
      "korean-byte-by-byte", read_body=body_decoded_by_recv)
wrong("names-case-sensitive", 3, "Only the spelling Content-Length is known.", "lower-case-names",
      content_length=length_of_name("Content-Length"))
wrong("two-spellings", 7, "Only the spellings Content-Length and content-length are known.",
      "upper-case-names", content_length=length_of_name("Content-Length", "content-length"))
wrong("value-not-trimmed", 5, "A Content-Length with more white space around it is not understood.",
      "spaces-around-value", content_length=only_plain_digits,
      parse_field=lambda self, line: (line.partition(":")[0], line.partition(":")[2][1:]))
wrong("empty-value-kills", 3, "A field with an empty value ends the server.", "no-space-after-colon",
      parse_field=name_and_value)
wrong("splits-at-last-empty-line", 5, "The head is taken to end at the last empty line.",
      "quotes-and-line-ends", read_head=split_at_last_empty_line)
wrong("line-ends-changed", 5, "CR LF in a text becomes LF.", "quotes-and-line-ends",
      text=text_changed(lambda text: text.replace("\r\n", "\n")))
wrong("last-line-end-lost", 7, "The line end after a text is removed.", "spaces-stay",
      text=text_changed(lambda text: text.rstrip("\r\n")))
wrong("spaces-stripped", 3, "White space around a text is removed.",
      "quotes-and-line-ends spaces-stay", text=text_changed(lambda text: text.strip(" ")))
wrong("form-decoded", 7, "A text is decoded as the value of a form, so that + becomes a space.",
      "signs-stay", text=text_changed(urllib.parse.unquote_plus))
wrong("empty-refused", 3, "An empty text is refused.", "empty-text", post=refuse_empty)
wrong("empty-kills", 5, "An empty text ends the server.", "empty-text", text=die_at_empty)
wrong("no-length-kills", 3, "A request without Content-Length ends the server.", "no-length",
      content_length=length_must_be_there)
wrong("no-length-waits", 3,
      "Without Content-Length the body is read until the client closes its side.", "no-length",
      read_body=until_end_without_length)
wrong("long-text-cut", 3, "A text is cut after 8192 bytes.", "long-text", read_body=at_most_8192)
wrong("four-byte-characters", 7,
      "A character of four bytes, such as an emoji, becomes a question mark.",
      "signs-stay",
      text=text_changed(lambda text: re.sub("[\U00010000-\U0010ffff]", "?", text)))

# --- Wrong servers: the table ---------------------------------------------------------------------


def every_path_is_the_list(self, request):
    return self.respond_list(request)


def where(condition, then):
    """Answers the requests that `condition` picks with what `then` returns."""
    def respond(self, request):
        if condition(request):
            return then(self, request)
        return super(type(self), self).respond(request)

    return respond


def method_is(method, status):
    return where(lambda request: request.method == method, lambda self, _: self.error(status))


def method_before_path(self, request):
    if request.target != "/" and request.method not in self.message_methods():
        return self.not_allowed(self.message_methods())
    return Http.respond(self, request)


def no_answer_to_patch(self, conn):
    request = self.read_request(conn)
    if request.method == "PATCH":
        self.waiting = conn
    else:
        with conn:
            conn.sendall(self.answer(request))


def created(status=201):
    def post(self, request):
        text = self.text(request)
        return Response(status, text, Location=self.location(self.messages.add(text)))

    return post


class CountsWrites(Memory):
    writes = 0

    def save_new(self, index, text):
        self.writes += 1

    save_change = save_new


def location_counts_writes(self, index):
    return "/%d" % (self.messages.writes - 1)


def put_answer(status, text):
    def put(self, request, index):
        new, old = self.text(request), self.messages.texts[index]
        self.messages.replace(index, new)
        return Response(status, text(new, old))

    return put


def replace_all_equal(self, index, text):
    old = self.texts[index]
    self.texts = [text if other == old else other for other in self.texts]


def replace_or_delete(self, index, text):
    self.texts[index:index + 1] = [text] if text else []


def once(self, text):
    return self.texts.index(text) if text in self.texts else Memory.add(self, text)


def index_by_int(pattern, convert=int):
    """Reads what comes after the slash as an index, where the whole of it fits `pattern`."""
    def parse_index(self, target):
        if re.fullmatch(pattern, target[1:]):
            return convert(target[1:])
        return App.parse_index(self, target)

    return parse_index


def from_the_end(self, target):
    index = index_by_int("-?[0-9]{1,18}")(self, target)
    size = len(self.messages.texts)
    return index if index is not None and -size <= index < size else None


def one_too_many(self, target):
    index = self.parse_index(target)
    return index if index is not None and index <= len(self.messages.texts) else None


def empty_after_the_end(self, request, index):
    if index == len(self.messages.texts):
        return Response(200, "")
    return Http.respond_message(self, request, index)


def append_at_the_end(self, request, index):
    if index < len(self.messages.texts):
        return Http.respond_message(self, request, index)
    return self.post(request) if request.method == "PUT" else self.error(404)


def message_as_json(self, request, index):
    if request.method == "GET":
        return Response(200, json.dumps(self.messages.texts[index]))
    return Http.respond_message(self, request, index)


def delete_message(self, request, index):
    if request.method == "DELETE":
        return Response(200, self.messages.texts.pop(index))
    return Http.respond_message(self, request, index)


def where_missing(method, status):
    def respond(self, request):
        response = Http.respond(self, request)
        if request.method == method and response.status == 404:
            return self.error(status)
        return response

    return respond


def without_query(self, request):
    request.target = request.target.partition("?")[0]
    return Http.respond(self, request)


def only_if(condition):
    return lambda self, target: App.find(self, target) if condition(target) else None


def also_at_refusal(method, target):
    """Does with the body of a refused request what POST does with it."""
    def respond(self, request):
        if request.method == method and re.fullmatch(target, request.target):
            self.messages.add(self.text(request))
        return Http.respond(self, request)

    return respond


def emptied_after_get(self):
    body = Http.list_body(self)
    self.messages.texts = []
    return body


def delete_all_the_same(self, request):
    if request.method == "DELETE" and request.target == "/":
        self.messages.texts.clear()
    return Http.respond(self, request)


def sorted_as_text(texts):
    return [texts[index] for index in sorted(range(len(texts)), key=str)]


def list_of(texts):
    return lambda self: json.dumps(texts(self.messages.texts), ensure_ascii=False)


wrong("no-allow", 3, "A response with status 405 has no Allow.", "get-list",
      not_allowed=lambda self, methods: self.error(405))
wrong("allow-with-semicolons", 6, "The methods in Allow are separated by semicolons.", "put-list",
      not_allowed=lambda self, methods: self.error(405, Allow="; ".join(methods)))
wrong("allow-without-get", 5, "The Allow of / does not name GET.", "head-list",
      not_allowed=lambda self, methods: self.error(405, Allow="POST"))
wrong("allow-of-the-list", 7, "The Allow of a message is the Allow of /.", "post-message",
      not_allowed=lambda self, methods: self.error(405, Allow="GET, HEAD, POST"))
wrong("head-too-early", 5, "HEAD / is answered 200, as from stage 6 on.", "head-list",
      list_methods=lambda self: ["GET", "HEAD", "POST"])
wrong("every-path-is-the-list", 3, "Each path is taken for /.", "get-before",
      respond=every_path_is_the_list)
wrong("delete-not-found", 7, "DELETE / is answered 404.", "delete-list",
      respond=method_is("DELETE", 404))
wrong("delete-not-implemented", 3, "DELETE / is answered 501.", "delete-list",
      respond=method_is("DELETE", 501))
wrong("patch-waits", 7, "PATCH is not answered, and the connection stays open.", "patch-list",
      serve=no_answer_to_patch)
wrong("options-is-ok", 7, "OPTIONS / is answered 200.", "options-list",
      respond=where(lambda request: request.method == "OPTIONS", lambda *_: Response(200, "")))
wrong("method-before-path", 7, "POST is answered 405 where there is no message.", "post-beyond",
      respond=method_before_path)
wrong("created-too-early", 5, "POST / is answered 201, as from stage 7 on.", "post", post=created())
wrong("post-is-ok", 7, "POST / is answered 200, as up to stage 6.", "post", post=created(200))
wrong("no-location", 7, "The response to POST has no Location.", "post",
      response_fields=without_field("Location"))
wrong("location-of-equal-text", 7, "Location names the first message with the same text.",
      "no-length",
      location=lambda self, index: "/%d" % self.messages.texts.index(self.messages.texts[index]))
wrong("location-from-one", 7, "Location counts from 1.", "post",
      location=lambda self, index: "/%d" % (index + 1))
wrong("location-without-slash", 7, "Location has no slash.", "post",
      location=lambda self, index: "%d" % index)
wrong("location-counts-puts", 7, "Each PUT makes the Location of the next POST greater by one.",
      "twelve-messages post-location", location=location_counts_writes, store=CountsWrites)
wrong("put-is-created", 7, "PUT is answered 201.", "put-replaces",
      put=put_answer(201, lambda new, old: new))
wrong("put-answers-old-text", 7, "PUT is answered with the text that was there before.",
      "put-replaces", put=put_answer(200, lambda new, old: old))
wrong("put-stores-nothing", 7, "PUT stores nothing.", "put-replaces",
      store=but(Memory, replace=lambda self, index, text: None))
wrong("put-appends", 7, "PUT adds a message and replaces none.", "put-replaces",
      store=but(Memory, replace=lambda self, index, text: self.add(text)))
wrong("put-replaces-first", 7, "PUT always replaces the first message.",
      "put-replaces put-korean put-two-digits",
      store=but(Memory, replace=lambda self, index, text: Memory.replace(self, 0, text)))
wrong("put-replaces-last", 7, "PUT always replaces the last message.",
      "put-replaces put-double-zero",
      store=but(Memory, replace=lambda self, index, text: Memory.replace(self, -1, text)))
wrong("put-replaces-all-equal", 7, "PUT replaces each message that has the same text.",
      "put-replaces put-korean put-empty put-quotes put-two-digits put-double-zero",
      store=but(Memory, replace=replace_all_equal))
wrong("put-empty-deletes", 7, "PUT with an empty text removes the message.", "put-empty",
      store=but(Memory, replace=replace_or_delete))
wrong("post-inserts-at-front", 5, "POST adds a message at the front of the list.",
      "body-in-two-segments", store=but(Memory, add=lambda self, text: self.texts.insert(0, text)))
wrong("equal-texts-once", 7, "A text that is there already is not added again.", "no-length",
      store=but(Memory, add=once))
wrong("empty-not-stored", 5, "An empty text is answered 200 and not stored.", "empty-text",
      store=but(Memory, add=lambda self, text: Memory.add(self, text) if text else None))
wrong("stores-stripped", 5, "A text is stored without the white space around it.",
      "quotes-and-line-ends spaces-stay",
      store=but(Memory, add=lambda self, text: Memory.add(self, text.strip())))
wrong("list-of-ten", 5, "The list has no more than ten messages.",
      "no-space-after-colon",
      list_body=list_of(lambda texts: texts[:10]))
wrong("list-of-twenty", 5, "The list has no more than the last twenty messages.",
      "long-text", list_body=list_of(lambda texts: texts[-20:]))
wrong("sorted-as-text", 5, "The list is sorted by its indexes as text, so that 10 comes before 2.",
      "no-space-after-colon",
      list_body=list_of(sorted_as_text))
wrong("list-of-objects", 7, "The list is an array of objects.", "post get-list",
      list_body=list_of(lambda texts: [{"index": i, "text": text} for i, text in enumerate(texts)]))
wrong("list-of-python", 5, "The list is what Python prints, with single quotes.", "post get-list",
      list_body=lambda self: str(self.messages.texts))
wrong("byte-order-mark", 7, "The list begins with a byte order mark.", "post get-list",
      list_body=lambda self: "\ufeff" + Http.list_body(self))
wrong("list-not-escaped", 5, "Quotes and backslashes stand in the list as they are.",
      "quotes-and-line-ends", list_body=hand_made_json)
wrong("line-ends-not-escaped", 7, "Line ends stand in the list as they are.",
      "quotes-and-line-ends", list_body=quotes_escaped_alone)
wrong("list-in-html", 5, "Quotes stand in the list as &quot;.", "quotes-and-line-ends",
      list_body=list_of(lambda texts: [html.escape(text) for text in texts]))
wrong("get-empties-the-list", 5, "GET / empties the list.", "body-in-two-segments",
      list_body=emptied_after_get)
wrong("refused-put-appends", 7, "PUT /abc is answered 404 and adds a message all the same.",
      "put-word refused-change-nothing", respond=also_at_refusal("PUT", "/abc"))
wrong("refused-post-appends", 7, "POST /i is answered 405 and adds a message all the same.",
      "post-message refused-change-nothing", respond=also_at_refusal("POST", "/[0-9]{1,9}"))
wrong("refused-delete-deletes", 5, "DELETE / is answered 405 and empties the list all the same.",
      "delete-list refused-change-nothing", respond=delete_all_the_same)
wrong("get-message-is-json", 7, "GET /i is answered with a JSON string.", "get-before",
      respond_message=message_as_json)
wrong("delete-deletes", 7, "DELETE /i removes the message.", "delete-message",
      respond_message=delete_message)
wrong("patch-replaces", 7, "PATCH /i replaces a message, as PUT does.", "patch-message",
      respond_message=lambda self, request, index: self.put(request, index)
      if request.method == "PATCH" else Http.respond_message(self, request, index))
wrong("post-anywhere", 7, "POST adds a message, whatever its path is.", "post-message",
      respond=where(lambda request: request.method == "POST",
                    lambda self, request: self.post(request)))
wrong("get-anywhere", 5, "GET is answered with the list, whatever its path is.", "get-before",
      respond=where(lambda request: request.method == "GET",
                    lambda self, request: self.respond_list(request)))
wrong("head-anywhere", 7, "HEAD is answered 200 where there is no message.", "head-beyond",
      respond=where_missing("HEAD", 200))
wrong("delete-beyond-not-allowed", 7, "DELETE is answered 405 where there is no message.",
      "delete-beyond", respond=where_missing("DELETE", 405))
wrong("one-too-many", 7, "GET right after the end is answered 200 with an empty text.",
      "get-beyond", find=one_too_many, respond_message=empty_after_the_end)
wrong("put-beyond-appends", 7, "PUT right after the end adds a message.", "put-beyond",
      find=one_too_many, respond_message=append_at_the_end)
wrong("word-kills", 7, "The path /abc ends the server.", "get-word",
      parse_index=index_by_int("[a-z]+"))
wrong("word-is-zero", 7, "The path /abc names the first message, as atoi would have it.",
      "get-word", parse_index=index_by_int("[a-z]+", lambda text: 0))
wrong("slash-at-the-end", 7, "The path /0/ names a message.", "get-slash",
      parse_index=index_by_int("[0-9]{1,18}/", lambda text: int(text[:-1])))
wrong("from-the-end", 7, "The path /-1 names the last message.", "get-negative", find=from_the_end)
wrong("negative-puts", 7, "PUT /-1 replaces the last message; GET /-1 is answered 404.",
      "put-negative",
      respond=where(lambda request: (request.method, request.target) == ("PUT", "/-1"),
                    lambda self, request: self.put(request, -1)))
wrong("plus", 7, "The path /+0 names a message.", "get-plus",
      parse_index=index_by_int("[+][0-9]{1,18}"))
wrong("underscore", 7, "The path /1_0 names a message.", "get-underscore",
      parse_index=index_by_int("[0-9]+_[0-9]+"))
wrong("query", 7, "The query is cut off, so that /?0 is the list.", "get-query",
      respond=without_query)
wrong("percent", 7, "The path /%30 names a message.", "get-percent",
      parse_index=index_by_int("%3[0-9]", lambda text: int(text[2:])))
wrong("two-to-64-wraps", 7, "The index of 2 to the power of 64 is that of 0.", "get-two-to-64",
      parse_index=index_by_int("[0-9]{1,40}", lambda text: int(text) % 2**64))
wrong("one-digit", 7, "An index has one digit.",
      "put-replaces put-korean put-empty put-quotes get-two-digits",
      find=only_if(lambda target: len(target) == 2))
wrong("two-digit-put", 7, "PUT accepts no index of two digits.",
      "put-replaces put-korean put-empty put-quotes put-two-digits",
      put=lambda self, request, index: Http.put(self, request, index) if index < 10
      else self.error(404))
wrong("double-zero", 7, "The path /00 names no message.", "get-double-zero",
      find=only_if(lambda target: re.fullmatch("/(0|[1-9][0-9]*)", target)))
wrong("put-double-zero", 7, "PUT /00 changes nothing.", "put-double-zero",
      put=lambda self, request, index: Http.put(self, request, index)
      if request.target != "/00" else Response(200, request.body))

# --- Wrong servers: stage 8 -----------------------------------------------------------------------


class TextFile(Memory):
    """The messages as the lines of a text file."""

    encoding = "utf-8"

    def load(self):
        if os.path.exists(self.path):
            with open(self.path, encoding=self.encoding, newline="") as file:
                self.texts = file.read().split("\n")[:-1]

    def save_new(self, index, text):
        with open(self.path, "w", encoding=self.encoding, newline="") as file:
            file.write("".join(text + "\n" for text in self.texts))

    save_change = save_new


class SavedAtTheEnd(JsonFile):
    def load(self):
        JsonFile.load(self)
        signal.signal(signal.SIGTERM, lambda *_: (JsonFile.save_new(self, 0, ""), sys.exit(0)))

    def save_new(self, index, text):
        pass

    save_change = save_new


def execute_alone(self, command, *values):
    self.database.execute(command, values)


def write_alone(self, *change):
    self.file.write(json.dumps(change) + "\n")


class SqlByFormat(Sqlite):
    def write(self, command, *values):
        values = [value if isinstance(value, int) else "'%s'" % value for value in values]
        self.database.execute(command.replace("?", "%s") % tuple(values))
        self.database.commit()


class CountsAnew(JsonFile):
    def load(self):
        JsonFile.load(self)
        self.old = len(self.texts)

    def add(self, text):
        return JsonFile.add(self, text) - self.old


def find_in_database(self, target):
    if not re.fullmatch("/[0-9]{1,99}", target):
        return None
    index = int(target[1:])
    found = self.messages.database.execute("SELECT text FROM messages WHERE id = ?", (index,))
    return index if found.fetchone() else None


def loaded(change, base=JsonFile):
    """A store whose texts are changed when they are loaded."""
    def load(self):
        base.load(self)
        self.texts = change(self.texts)

    return but(base, load=load)


wrong("saves-at-the-end", 8,
      "The list is saved when the server is ended with SIGTERM, and only then.", "restart-keeps",
      store=SavedAtTheEnd)
wrong("no-commit", 8, "The changes are never committed.", "restart-keeps",
      store=but(Sqlite, write=execute_alone))
wrong("not-flushed", 8, "The file is never flushed.", "restart-keeps restart-replaces",
      store=but(Journal, save_new=write_alone, save_change=write_alone))
wrong("put-not-saved", 8, "PUT is not saved.", "restart-keeps",
      store=but(Sqlite, save_change=lambda self, index, text: None))
wrong("memory-only", 8, "The list is kept in memory alone.", "restart-keeps", store=Memory)
wrong("second-start-fails", 8, "The server does not start where the table exists.", "restart-keeps",
      store=but(Sqlite, create=Sqlite.create.replace("IF NOT EXISTS ", "")))
wrong("loaded-by-name", 8, "After a restart message 10 comes before message 2.", "restart-keeps",
      store=loaded(sorted_as_text))
wrong("loaded-stripped", 8, "After a restart the white space around the texts is gone.",
      "restart-keeps", store=loaded(lambda texts: [text.strip() for text in texts]))
wrong("loaded-without-empty", 8, "After a restart the empty texts are gone.", "restart-keeps",
      store=loaded(lambda texts: [text for text in texts if text]))
wrong("saved-as-lines", 8, "A text with line ends is loaded as several messages.", "restart-keeps",
      store=TextFile)
wrong("saved-as-ascii", 8, "After a restart Korean is question marks.", "restart-keeps",
      store=loaded(lambda texts: [text.encode("ascii", "replace").decode() for text in texts]))
wrong("indexes-anew", 8, "After a restart the Location of a POST counts from 0 again.",
      "restart-continues", store=CountsAnew)
wrong("sql-by-format", 8, "A text with a single quote breaks the SQL command.",
      "quotes-and-line-ends put-quotes", store=SqlByFormat)
wrong("huge-index-kills", 8, "An index that is too large for SQLite ends the server.", "get-two-to-64",
      find=find_in_database)

# --- Wrong servers: stage 10 ----------------------------------------------------------------------


class SentOrDead(Hardened):
    """Expects each response to be sent."""

    def send(self, conn, data):
        try:
            conn.sendall(data)
            Hardened.close(self, conn)
        except OSError as error:
            raise RuntimeError("the client is gone") from error

    def close(self, conn):
        pass


def dies_at(kind):
    def refuse(self, error):
        if isinstance(error, kind):
            raise RuntimeError("the request cannot be read") from error
        return Hardened.refuse(self, error)

    return refuse


def refused_with(status, *from_statuses):
    def refuse(self, error):
        response = Hardened.refuse(self, error)
        return self.error(status) if response.status in from_statuses else response

    return refuse


def closed_without(*statuses):
    def refuse(self, error):
        response = Hardened.refuse(self, error)
        if response.status in statuses:
            raise ConnectionError("dropped")
        return response

    return refuse


def version_may_be_missing(self, line):
    if line.count(" ") != 1:
        return Hardened.parse_request_line(self, line)
    request = Hardened.parse_request_line(self, line + " HTTP/1.0")
    request.fields.append(("Host", ""))
    return request


def length_or_zero(self, value):
    return Hardened.parse_length(self, value) if value.isdigit() else 0


def first_length(self, request):
    return self.parse_length((request.values("Content-Length") or ["0"])[0])


def name_stripped(self, line):
    name, _, value = line.partition(":")
    return Hardened.parse_field(self, name.rstrip(" \t") + ":" + value)


def hosts_from(least, most):
    def check_host(self, request):
        if not least <= len(request.values("Host")) <= most:
            raise ValueError("not one Host")

    return check_host


def any_host(self, request):
    target = Hardened.origin_form(self, request)
    if target is None and request.method != "CONNECT":
        return re.sub("^[a-z]+://[^/]*", "", request.target) or "/"
    return target


def body_before_limit(self, buffer, length):
    body = buffer.bytes(length)
    if length > self.max_body:
        raise Refused(413)
    return body


def no_time_limit_in_all(self, conn):
    def fill():
        conn.settimeout(self.timeout)
        return conn.recv(65536) or self.end_of_input()

    return fill


def early_end(self):
    raise EOFError("no request")


def strip_every_space(self, line):
    name, value = Hardened.parse_field(self, line)
    return name, value.strip()


def length_by_int(self, value):
    return int(value)


def version_by_its_beginning(self, line):
    return Hardened.parse_request_line(self, re.sub(r"(HTTP/[0-9]\.[0-9])\S*$", r"\1", line))


def body_of_413(self, response, method=""):
    return Hardened.render(self, response, "GET" if response.status == 413 else method)


class JournalOfBytes(Journal):
    """A journal that is not written to the disk at once: a long list is made quickly."""

    def save_new(self, index, text):
        self.file.write(json.dumps([index, text]) + "\n")
        self.file.flush()

    save_change = save_new


def is_full(self, text):
    try:
        Hardened.check_room(self, text, [])
    except Refused:
        return True
    return False


def full_is(status):
    def check_room(self, text, gone):
        try:
            Hardened.check_room(self, text, gone)
        except Refused as error:
            raise Refused(status) from error

    return check_room


def full_kills(self, text, gone):
    try:
        Hardened.check_room(self, text, gone)
    except Refused:
        os._exit(1)


def old_text_counts(self, text, gone):
    Hardened.check_room(self, text, [])


def dropped_when_full(self, request):
    text = request.body.decode()
    if is_full(self, text) and len(text) > 10_000:
        return Response(201, text, Location=self.location(len(self.messages.texts)))
    return Hardened.post(self, request)


def no_list_when_full(self):
    if is_full(self, "x" * 1000):
        raise Refused(507)
    return Hardened.list_body(self)


def oldest_goes(self, request):
    text = request.body.decode()
    while is_full(self, text):
        del self.messages.texts[0]
    return Hardened.post(self, request)


wrong("dies-at-silence", 10, "A connection that ends without a request ends the server.",
      "survives-silence", end_of_input=early_end)
wrong("dies-at-reset", 10, "A connection that is reset ends the server.", "survives-reset",
      refuse=dies_at(ConnectionResetError))
wrong("dies-at-reset-mid", 10, "A client that is gone before its response ends the server.",
      "survives-reset-mid", base=SentOrDead)
wrong("dies-at-garbage", 10, "Bytes that are not UTF-8 end the server.", "garbage-tls",
      refuse=dies_at(UnicodeDecodeError))
wrong("garbage-500", 10, "A request that cannot be parsed is answered 500.", "garbage-tls",
      refuse=refused_with(500, 400))
wrong("garbage-dropped", 10, "A request that cannot be parsed is not answered.", "garbage-tls",
      refuse=closed_without(400))
wrong("version-may-be-missing", 10, "A request line without a version is answered 200.",
      "http-0-9", parse_request_line=version_may_be_missing)
wrong("bad-length-is-zero", 10, "A Content-Length that is no number is taken for 0.", "bad-length",
      parse_length=length_or_zero)
wrong("first-length-counts", 10, "Of two different lengths the first one counts.", "two-lengths",
      content_length=first_length)
wrong("name-stripped", 10, "White space before a colon is accepted.", "space-before-colon",
      parse_field=name_stripped)
wrong("control-character-accepted", 10, "A control character in a field is accepted.",
      "nul-character", check_line=lambda self, line: line.decode())
wrong("no-host-accepted", 10, "A request without Host is accepted.", "no-host",
      check_host=hosts_from(0, 1))
wrong("two-hosts-accepted", 10, "A request with two Host fields is accepted.", "two-hosts",
      check_host=hosts_from(1, 9))
wrong("long-line-400", 10, "A request line of more than 8 KiB is answered 400.",
      "long-line-refused", line_too_long=400)
wrong("no-line-limit", 10, "A request line of more than 8 KiB is accepted.", "long-line-refused",
      max_line=12_000)
wrong("line-of-1-kib", 10, "A request line may have no more than 1 KiB.", "long-line-accepted",
      max_line=1024)
wrong("long-head-413", 10, "A head of more than 16 KiB is answered 413.", "long-head",
      head_too_long=413)
wrong("no-head-limit", 10, "A head of more than 16 KiB is accepted.", "long-head", max_head=1 << 20)
wrong("many-fields-accepted", 10, "More than 100 fields are accepted.", "many-fields",
      max_fields=1000)
wrong("fields-20", 10, "No more than 20 fields are accepted.", "many-other-fields", max_fields=20)
wrong("no-body-limit", 10, "A body of more than 64 KiB is accepted.", "long-body", max_body=90_000)
wrong("no-lingering-close", 10,
      "A connection with unread bytes is closed at once, so that RST follows 413.", "long-body",
      close=lambda self, conn: None)
wrong("waits-for-body", 10, "The whole body is waited for before 413 is sent.", "length-of-33-bits",
      limited_body=body_before_limit)
wrong("body-of-4-kib", 10, "A body may have no more than 4 KiB.", "long-text", max_body=4096)
wrong("body-below-64-kib", 10, "A body of exactly 64 KiB is refused.", "full-body", max_body=65_535)
wrong("proxy-accepted", 10, "A request for another host is answered as if it were for this one.",
      "proxy-request", origin_form=any_host)
wrong("connect-accepted", 10, "CONNECT is answered 200.", "connect-request",
      respond=where(lambda request: request.method == "CONNECT", lambda *_: Response(200, "")))
wrong("scanner-welcome", 10, "The path of a scanner is answered 200.", "scanner-request",
      respond=where(lambda request: re.match("/[a-z]+/", request.target),
                    lambda *_: Response(200, "")))
wrong("no-deadline", 10, "The time is limited for each recv, not for the whole request.",
      "slow-request", filler=no_time_limit_in_all)
wrong("deadline-of-30-s", 10, "A slow request is answered 408 after 30 s.", "slow-request",
      timeout=30)
wrong("deadline-of-3-s", 10, "A slow request is answered 408 after 3 s.", "slow-request", timeout=3)
wrong("length-stripped-of-all-spaces", 10,
      "White space of Unicode around a Content-Length is ignored.", "wide-space-in-length",
      parse_field=strip_every_space)
wrong("any-digits-in-length", 10, "A Content-Length is read by int(), which accepts much.",
      "negative-length", parse_length=length_by_int)
wrong("version-begins-right", 10, "A version is accepted that only begins like one.",
      "version-of-three", parse_request_line=version_by_its_beginning)
wrong("tab-in-target-accepted", 10, "A target may have a tab.", "tab-in-target",
      is_target=lambda self, text: text)
wrong("empty-line-refused", 10, "An empty line before the request line is answered 400.",
      "empty-line-before", line_after_empty_line=lambda self, buffer: "")
wrong("empty-line-ends", 10, "An empty line is taken for a request that never came.",
      "empty-line-before", line_after_empty_line=lambda self, buffer: self.end_of_input())
wrong("body-after-head-413", 10, "The response 413 to HEAD has a body.", "long-body-of-head",
      render=body_of_413)
wrong("list-without-limit", 10, "The list has no limit.", "full-list",
      store=JournalOfBytes, check_room=lambda self, text, gone: None)
wrong("full-413", 10, "A full list is answered 413.", "full-list", check_room=full_is(413))
wrong("full-500", 10, "A full list is answered 500.", "full-list", check_room=full_is(500))
wrong("full-kills", 10, "A full list ends the server.", "full-list", check_room=full_kills)
wrong("raw-bytes-count", 10, "The limit of the list counts the bytes of the texts.", "full-list",
      size=lambda self, text: len(text.encode()) + 3)
wrong("characters-count", 10, "The limit of the list counts characters.", "full-list",
      size=lambda self, text: len(text))
wrong("messages-count", 10, "The limit of the list counts messages.", "full-list",
      max_list=80, size=lambda self, text: 1)
wrong("quotes-do-not-count", 10, "The limit of the list does not count quotes and commas.",
      "full-list", size=lambda self, text: len(json.dumps(text)) - 2)
wrong("put-without-limit", 10, "The limit of the list is not looked at in PUT.", "full-list",
      put=Http.put)
wrong("put-always-507", 10, "While the list is full, a PUT that shortens a message is answered 507.",
      "full-list", check_room=old_text_counts)
wrong("full-drops-message", 10, "A message that has no room is answered 201 and not kept.",
      "full-list", post=dropped_when_full)
wrong("full-list-unread", 10, "While the list is full, GET / is answered 507.", "full-list",
      list_body=no_list_when_full)
wrong("full-drops-oldest", 10, "A full list loses its oldest message.", "full-list",
      post=oldest_goes)
wrong("slow-dropped", 10, "A slow request is not answered; the connection is closed after 10 s.",
      "slow-request", refuse=closed_without(408))

# --- Wrong servers: stage 11 ----------------------------------------------------------------------


class OneAfterAnother(Threaded):
    def dispatch(self, conn, permits):
        self.serve(conn)


class HeldLock(Threaded):
    """Takes the lock before the request has come."""

    def serve(self, conn):
        with self.lock:
            Hardened.serve(self, conn)

    def answer(self, request):
        return Hardened.answer(self, request)


class ReadsFirst(Threaded):
    """Starts a thread when the first bytes of a request have come."""

    def dispatch(self, conn, permits):
        conn.settimeout(self.timeout)
        try:
            conn.recv(1, socket.MSG_PEEK)
        except OSError:
            pass
        Threaded.dispatch(self, conn, permits)


class SharedConnection(Threaded):
    """A thread looks up its connection too late: it may be that of a later thread by then."""

    def work(self, conn, permits):
        try:
            self.conn = conn
            conn.settimeout(self.timeout)
            conn.recv(1, socket.MSG_PEEK)
            self.serve(self.conn)
        except OSError:
            pass
        finally:
            permits.release()


class Workers(Threaded):
    """A queue without end before a few threads."""

    workers = 4

    def __init__(self, address, db):
        super().__init__(address, db)
        self.idle = threading.Semaphore(self.workers)

    def dispatch(self, conn, permits):
        threading.Thread(target=self.work, args=(conn, self.idle), daemon=True).start()

    def work(self, conn, permits):
        with self.idle:
            self.serve(conn)


class LostPermits(Threaded):
    """Gives a permit back only where a request has been answered."""

    def work(self, conn, permits):
        self.serve(conn)

    def run(self):
        self.shared = threading.Semaphore(self.permits)
        super().run()

    def dispatch(self, conn, permits):
        Threaded.dispatch(self, conn, self.shared)

    def send(self, conn, data):
        self.shared.release()
        conn.sendall(data)


def wait_for_permit(self, conn, permits):
    permits.acquire()
    threading.Thread(target=self.work, args=(conn, permits), daemon=True).start()


def dies_of_crowd(self, conn):
    os._exit(1)


def stop_with_status(status):
    def stop(self):
        Threaded.stop(self)
        os._exit(status)

    return stop


def stop_with_exception(self):
    Threaded.stop(self)
    raise Stopped


def accept_on(self):
    """Looks whether work is left only after each connection."""
    permits = threading.Semaphore(self.permits)
    while self.working:
        conn, _ = self.listener.accept()
        self.dispatch(conn, permits)


def is_stopping(self):
    return self.listener.fileno() < 0


def answer_503_at_the_end(self, request):
    if is_stopping(self):
        return self.render(self.error(503))
    return Threaded.answer(self, request)


def stop_never(self):
    Threaded.stop(self)
    signal.pause()


def not_kept_at_the_end(self, request):
    if is_stopping(self) and request.method == "POST":
        index = len(self.messages.texts)
        return self.render(Response(201, request.body, Location=self.location(index)))
    return Threaded.answer(self, request)


wrong("one-after-another", 11, "One connection is served at a time.", "last-first",
      base=OneAfterAnother)
wrong("held-lock", 11, "The lock is held while a request is waited for.", "last-first",
      base=HeldLock)
wrong("reads-first", 11, "No connection is accepted until the one before has sent something.",
      "last-first", base=ReadsFirst)
wrong("shared-connection", 11, "A thread reads from the connection that was accepted last.",
      "last-first", base=SharedConnection)
wrong("four-workers", 11, "Four connections are served at a time, the others wait.", "silent-delays-none",
      base=Workers)
wrong("no-permits", 11, "The number of connections has no limit.", "crowd", permits=10_000)
wrong("waits-for-permit", 11, "A connection beyond 256 waits for a permit.", "crowd",
      dispatch=wait_for_permit)
wrong("no-retry-after", 11, "503 comes without Retry-After.", "crowd",
      rejected_fields=lambda self: {})
wrong("rejects-in-silence", 11, "A connection beyond 256 is closed and not answered.", "crowd",
      reject=lambda self, conn: conn.close())
wrong("lost-permits", 11,
      "Connections without a request use up the permits, so that 503 stays for good.", "crowd",
      base=LostPermits)
wrong("no-handler", 11, "SIGTERM ends the server at once.", "orderly-end",
      on_signal=lambda self: None)
wrong("exits-at-once", 11, "The handler of SIGTERM ends the server at once, with status 0.",
      "orderly-end", stopped=lambda self, *_: os._exit(0))
wrong("ignores-sigterm", 11, "SIGTERM is ignored.", "orderly-end",
      on_signal=lambda self: signal.signal(signal.SIGTERM, signal.SIG_IGN))
wrong("does-not-wait", 11, "The server ends without waiting for requests that it has begun.",
      "orderly-end", stop=lambda self: self.listener.close())
wrong("ends-with-status-1", 11, "An end that was asked for has status 1.", "orderly-end",
      stop=stop_with_status(1))
wrong("ends-by-exception", 11, "An end that was asked for ends with a traceback.", "orderly-end",
      stop=stop_with_exception)
wrong("goes-on-accepting", 11, "After SIGTERM the server accepts until there is no client.",
      "orderly-end", stop=accept_on)
wrong("begun-answered-503", 11, "After SIGTERM a request that has begun is answered 503.",
      "orderly-end", answer=answer_503_at_the_end)
wrong("waits-for-ever", 11, "The server does not end after its last response.", "orderly-end",
      stop=stop_never)
wrong("loses-at-the-end", 11, "A message that comes after SIGTERM is answered and not kept.",
      "orderly-end", answer=not_kept_at_the_end)
wrong("dies-of-crowd", 11, "The 257th connection ends the server.", "crowd", reject=dies_of_crowd)


# --- Wrong servers: stage 12 ----------------------------------------------------------------------


def never_kept(self, request):
    return False


class DropsRest(KeptThreads):
    """A buffer for each request, so that what came with the one before is lost."""

    def wait_for_request(self, conn, buffer):
        buffer.data = b""
        return super().wait_for_request(conn, buffer)


class OneRecvEach(KeptThreads):
    """Reads a request only from new bytes: those in the buffer are looked at when more have come."""

    def wait_for_request(self, conn, buffer):
        rest, buffer.data = buffer.data, b""
        came = super().wait_for_request(conn, buffer)
        buffer.data = rest + buffer.data
        return came


class Unordered(KeptThreads):
    """Answers each pipelined request in a thread of its own."""

    def serve(self, conn):
        self.turn = 0
        super().serve(conn)

    def send(self, conn, data):
        def later():
            try:
                conn.sendall(data)
            except OSError:
                pass

        if b"application/json" in data and b"keep-alive" in data[:200]:
            timer = threading.Timer(0.03, later)
            timer.start()
            self.timers = getattr(self, "timers", []) + [timer]
        else:
            conn.sendall(data)


class ClosesWithoutWord(KeptThreads):
    """Closes after each response, and says keep-alive all the same."""

    def wait_for_request(self, conn, buffer):
        return False


class TwoRequestsAtMost(KeptThreads):
    """Closes after the second response, which does not say so."""

    def buffer(self, conn):
        buffer = super().buffer(conn)
        buffer.count = 0
        return buffer

    def wait_for_request(self, conn, buffer):
        buffer.count += 1
        return buffer.count < 2 and super().wait_for_request(conn, buffer)


class AnswersAfterClose(KeptThreads):
    """Goes on where more has come already, although close was said."""

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        return data, keeps or bool(buffer.data)


class BodyInBuffer(KeptThreads):
    """Does not read the body of a request that does not need it."""

    methods = ("GET", "HEAD", "DELETE", "OPTIONS", "PATCH")

    def read_length(self, buffer, request, length):
        if request.method in self.methods:
            return b""
        return super().read_length(buffer, request, length)


def unread_where_404(self, buffer, request, length):
    if self.allowed(request.target) is None:
        return b""
    return buffer.bytes(length)


class ShortRead(KeptFile):
    """Takes what `read` brings for the body, also where the connection ended before."""

    class FileBuffer(KeptFile.FileBuffer):
        def bytes(self, length):
            return self.file.read(length)


def options_exact(*names):
    """Ends a connection only if its Connection field is one of `names`, letter by letter."""
    def is_persistent(self, request):
        value = ", ".join(request.values("Connection"))
        if value in names or self.stopping:
            return False
        return request.version != "HTTP/1.0" or value == "keep-alive"

    return is_persistent


def close_as_a_part(self, request):
    if "close" in ",".join(request.values("Connection")).lower():
        return False
    return Kept.is_persistent(self, request)


def first_connection_field(self, request):
    value = (request.values("Connection") or [""])[0].lower()
    if "close" in [word.strip() for word in value.split(",")] or self.stopping:
        return False
    return request.version != "HTTP/1.0" or "keep-alive" in value


def keep_alive_wins(self, request):
    if "keep-alive" in self.elements(request, "Connection") and not self.stopping:
        return True
    return Kept.is_persistent(self, request)


def version_unseen(self, request):
    return "close" not in self.elements(request, "Connection") and not self.stopping


def old_never_kept(self, request):
    return request.version != "HTTP/1.0" and Kept.is_persistent(self, request)


def says(word):
    def connection(self, response):
        return word or Kept.connection(self, response)

    return connection


class SaysNothing(KeptThreads):
    """Has no Connection field at all."""

    def response_fields(self, response):
        return [field for field in super().response_fields(response) if field[0] != "Connection"]


def body_of_head(self, response, method=""):
    keeps = getattr(response, "keeps", False)
    return KeptThreads.render(self, response, "GET" if keeps and response.status == 404 else method)


class LengthIn204(KeptThreads):
    def response_fields(self, response):
        fields = super().response_fields(response)
        return fields + [("Content-Length", 0)] if response.status == 204 else fields


class BodyIn204(KeptThreads):
    def render(self, response, method=""):
        return super().render(response, method) + (b"\n" if response.status == 204 else b"")


def options_status(status):
    def respond_options(self, request):
        response = Kept.respond_options(self, request)
        response.status = status if response.status == 204 else response.status
        return response

    return respond_options


def options_without_allow(self, request):
    response = Kept.respond_options(self, request)
    response.fields = []
    return response


def options_anywhere(self, request):
    return Response(204, "", Allow="GET, HEAD, POST, PUT" if request.target == "*" else "GET, HEAD, POST")


def allow_of_all(self, request):
    response = Kept.respond_options(self, request)
    if response.status == 204:
        response.fields = [("Allow", "GET, HEAD, POST, PUT")]
    return response


def star_unknown(self, request):
    return self.error(404) if request.target == "*" else Kept.respond_options(self, request)


def date_with(form, clock=time.gmtime):
    return lambda self: time.strftime(form, clock())


def date_in_korea(self):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 9 * 3600))


class DateOnlyOfSuccess(KeptThreads):
    def response_fields(self, response):
        fields = super().response_fields(response)
        return [field for field in fields if field[0] != "Date" or response.status < 300]


class NoDate(KeptThreads):
    def response_fields(self, response):
        return [field for field in super().response_fields(response) if field[0] != "Date"]


class NoDateIn204(KeptThreads):
    def response_fields(self, response):
        fields = super().response_fields(response)
        return [field for field in fields if field[0] != "Date" or response.status != 204]


def any_target(self, text):
    return re.fullmatch(r"[^\s]+", text)


def fragment_cut(self, request):
    request.target = request.target.partition("#")[0]
    return Kept.origin_form(self, request)


def target_any_with(pattern):
    return lambda self, text: re.fullmatch(pattern, text)


def any_authority(self, request):
    scheme, _, rest = request.target.partition("://")
    if not rest or request.target.startswith("/"):
        return Kept.origin_form(self, request)
    return "/" + rest.partition("/")[2]


def authority_begins(self, request):
    own = "http://%s:%d" % self.address
    if request.target.startswith(own):
        return "/" + request.target.partition("://")[2].partition("/")[2]
    return Kept.origin_form(self, request)


def no_absolute_form(self, request):
    if "://" in request.target:
        raise Refused(421)
    return Kept.origin_form(self, request)


def absolute_needs_host(self, request):
    if "://" in request.target and request.values("Host") != ["%s:%d" % self.address]:
        raise Refused(400)
    return Kept.origin_form(self, request)


def other_is_404(self, request):
    try:
        return Kept.origin_form(self, request)
    except Refused as error:
        raise Refused(404) from error


def host_must_be_there(self, request):
    if not request.values("Host"):
        raise ValueError("no Host")
    Kept.check_host(self, request)


def same_hosts_only(self, request):
    hosts = set(request.values("Host"))
    if len(hosts) != 1 and request.version != "HTTP/1.0":
        raise ValueError("not one Host")


def any_one_host(self, request):
    if len(request.values("Host")) > 1 or not request.values("Host") and request.version != "HTTP/1.0":
        raise ValueError("not one Host")


# Chunks.


class LengthWins(KeptThreads):
    """Where there is a Content-Length, Transfer-Encoding is not looked at."""

    def content_length(self, request):
        return length_alone(self, request)

    def is_chunked(self, request):
        return not request.values("Content-Length") and super().is_chunked(request)


def both_accepted(self, request, codings):
    """The chunks count, and the connection stays open."""
    if codings != ["chunked"] or request.version == "HTTP/1.0":
        raise Refused(400)


def version_not_seen(self, request, codings):
    if codings != ["chunked"] or request.values("Content-Length"):
        raise Refused(400)


def chunked_anywhere(self, request, codings):
    if request.values("Content-Length") or request.version == "HTTP/1.0":
        raise Refused(400)
    if not any("chunked" in coding for coding in codings):
        raise Refused(501)


def chunked_somewhere(self, request, codings):
    if request.values("Content-Length") or request.version == "HTTP/1.0":
        raise Refused(400)
    if "chunked" not in codings:
        raise Refused(501)


def chunked_last(self, request, codings):
    if request.values("Content-Length") or request.version == "HTTP/1.0":
        raise Refused(400)
    if codings[-1:] != ["chunked"]:
        raise Refused(501)


def chunked_by_set(self, request, codings):
    if request.values("Content-Length") or request.version == "HTTP/1.0":
        raise Refused(400)
    if set(codings) != {"chunked"}:
        raise Refused(501)


def length_alone(self, request):
    """Does not look at Transfer-Encoding."""
    lengths = set(request.values("Content-Length") or ["0"])
    if len(lengths) > 1:
        raise ValueError("two lengths")
    return self.parse_length(lengths.pop())


class UnknownIsNone(KeptThreads):
    """A coding that is not known is not looked at."""

    content_length = length_alone

    def is_chunked(self, request):
        return self.elements(request, "Transfer-Encoding") == ["chunked"] and super().is_chunked(request)


class FirstCoding(KeptThreads):
    """Of several Transfer-Encoding fields the first one counts."""

    def is_chunked(self, request):
        values = request.values("Transfer-Encoding")
        if values[:1] == ["chunked"] and len(values) > 1:
            return not request.values("Content-Length")
        return super().is_chunked(request)


class CodingWithCase(KeptThreads):
    """Accepts the word chunked only in small letters."""

    def is_chunked(self, request):
        if any(value != value.lower() for value in request.values("Transfer-Encoding")):
            raise Refused(501)
        return super().is_chunked(request)


class EmptyCodingIsNone(KeptThreads):
    content_length = length_alone

    def is_chunked(self, request):
        return bool(self.elements(request, "Transfer-Encoding")) and super().is_chunked(request)


class CodingOnlyOfBodies(KeptThreads):
    """Looks at the framing of POST and PUT alone."""

    content_length = length_alone

    def is_chunked(self, request):
        return request.method in ("POST", "PUT") and super().is_chunked(request)


class RefusedStaysOpen(KeptThreads):
    """A request that cannot be read is answered, and the connection stays open."""

    statuses = (400,)

    def refuse(self, error):
        response = super().refuse(error)
        response.keeps = response.status in self.statuses
        return response


def size_by(convert):
    """A server with another function that reads the length of a chunk."""
    def chunk_size(self, line):
        if not line.endswith(b"\r\n"):
            raise ValueError("no CR LF")
        return max(0, convert(line.partition(b";")[0].rstrip(b"\r\n")))

    return chunk_size


def decimal_size(text):
    if not re.fullmatch(b"[0-9]+", text):
        raise ValueError("no length")
    return int(text)


def c_size(text):
    """As strtol does: what comes after the digits does not matter."""
    found = re.match(rb"[0-9A-Fa-f]+", text)
    return int(found[0], 16) if found else 0


def digits_or_empty(text):
    if not re.fullmatch(b"[0-9A-Fa-f]*", text):
        raise ValueError("no length")
    return int(text or b"0", 16)


def wraps_at_64_bits(text):
    if not re.fullmatch(b"[0-9A-Fa-f]+", text):
        raise ValueError("no length")
    return int(text, 16) % (1 << 64)


def small_letters(text):
    if not re.fullmatch(b"[0-9a-f]+", text):
        raise ValueError("no length")
    return int(text, 16)


def no_zeros_before(text):
    if not re.fullmatch(b"0|[1-9A-Fa-f][0-9A-Fa-f]*", text):
        raise ValueError("no length")
    return int(text, 16)


def no_extensions(self, line):
    if b";" in line:
        raise ValueError("no length of a chunk")
    return Kept.chunk_size(self, line)


def lf_is_enough(self, line):
    return Kept.chunk_size(self, line.rstrip(b"\r\n") + b"\r\n")


def end_unchecked(self, buffer):
    buffer.bytes(2)


def end_by_line(self, buffer):
    if buffer.chunk_line(1000) not in (b"\r\n", b"\n"):
        raise ValueError("no end of a chunk")


def end_where_it_may_be(self, buffer):
    """Skips a line end where there is one."""
    buffer.data += b"" if buffer.data else buffer.fill()
    if buffer.data[:1] == b"\r":
        buffer.bytes(2)


def rest_of_line(self, buffer):
    buffer.chunk_line(1 << 16)


def no_trailers(self, buffer):
    if buffer.bytes(2) != b"\r\n":
        raise ValueError("not the end")


def trailers_as_they_come(self, buffer):
    while buffer.chunk_line(1 << 20) not in (b"\r\n", b"\n"):
        pass


def trailers_unlimited(self, buffer):
    while True:
        line = self.check_line(buffer.line(1 << 20, 431))
        if not line:
            break
        self.parse_field(line)


def no_empty_line_at_the_end(self, buffer):
    """Leaves the empty line after the last chunk to the next request, which may follow one."""


def first_chunk_only(self, buffer):
    body = Kept.read_chunks(self, buffer)
    return body[:5]


def decoded_by_chunk(self, buffer):
    body = ""
    while True:
        size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
        if size == 0:
            self.read_trailers(buffer)
            return body.encode()
        if len(body) + size > self.max_body:
            raise Refused(413)
        body += buffer.bytes(size).decode("utf-8", "replace")
        self.end_of_chunk(buffer)


def up_to_the_first_end(self, buffer):
    """Looks for the end of the last chunk in the bytes, wherever it stands."""
    while b"0\r\n\r\n" not in buffer.data:
        if len(buffer.data) > 2 * self.max_body:
            raise Refused(413)
        buffer.data += buffer.fill()
    part, end, rest = buffer.data.partition(b"0\r\n\r\n")
    whole = Buffer(self.end_of_input)
    whole.data = part + end
    buffer.data = rest
    return Kept.read_chunks(self, whole)


def limit_by_chunk(self, buffer):
    body = b""
    while True:
        size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
        if size == 0:
            self.read_trailers(buffer)
            return body
        if size > self.max_body:
            raise Refused(413)
        body += buffer.bytes(size)
        self.end_of_chunk(buffer)


def limit_at_the_end(self, buffer):
    body = b""
    while True:
        size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
        if size == 0:
            self.read_trailers(buffer)
            if len(body) > self.max_body:
                raise Refused(413)
            return body
        body += buffer.bytes(size)
        self.end_of_chunk(buffer)


def kept_where_chunks_end(self, buffer):
    """The end of the connection ends the chunks as well."""
    body = b""
    try:
        while True:
            size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
            if size == 0:
                self.read_trailers(buffer)
                return body
            if len(body) + size > self.max_body:
                raise Refused(413)
            body += buffer.bytes(size)
            self.end_of_chunk(buffer)
    except Ended:
        return body


# Expect.


def expect_unknown(self, buffer, request, has_body):
    pass


def always_continue(self, buffer, request, has_body):
    if has_body:
        buffer.interim(self.interim())


def expect_without_look(self, buffer, request, has_body):
    """Sends 100 before it decides whether it reads the body."""
    if self.elements(request, "Expect") == ["100-continue"] and request.version != "HTTP/1.0":
        buffer.interim(self.interim())


def expect_of_any_version(self, buffer, request, has_body):
    request.version, version = "HTTP/1.1", request.version
    try:
        Kept.look_at_expect(self, buffer, request, has_body)
    finally:
        request.version = version


def expect_with_case(self, buffer, request, has_body):
    if request.values("Expect") not in ([], ["100-continue"]):
        raise Refused(417)
    Kept.look_at_expect(self, buffer, request, has_body)


def other_expectations_ignored(self, buffer, request, has_body):
    if self.elements(request, "Expect") == ["100-continue"]:
        Kept.look_at_expect(self, buffer, request, has_body)


def expect_only_length(self, buffer, request, has_body):
    if request.values("Content-Length"):
        Kept.look_at_expect(self, buffer, request, has_body)


def interim_417(self, buffer, request, has_body):
    if request.values("Expect"):
        raise Refused(417)


class Interim(KeptThreads):
    def interim(self):
        return b"HTTP/1.1 100 Continue\r\n"


class LengthAfterContinue(KeptThreads):
    """Looks at the length when 100 was sent."""

    def read_content(self, buffer, request):
        if self.elements(request, "Expect") == ["100-continue"]:
            buffer.interim(self.interim())
        super().read_content(buffer, request)

    def look_at_expect(self, buffer, request, has_body):
        pass


# Lines and fields.


class FoldedDropped(KeptThreads):
    """A line that begins with white space is left out."""

    def parse_field(self, line):
        return ("X-Dropped", "") if line.startswith((" ", "\t")) else super().parse_field(line)


class FoldedJoined(KeptThreads):
    """A line that begins with white space is joined to the one before, without a space."""

    def parse(self, buffer, head):
        while b"\r\n\r\n" not in buffer.data and len(buffer.data) < 20_000:
            buffer.data += buffer.fill()
        first, end, rest = buffer.data.partition(b"\r\n\r\n")
        buffer.data = re.sub(rb"\r\n[ \t]+", b"", first) + end + rest
        return super().parse(buffer, head)


class CrIsLineEnd(KeptThreads):
    """A CR alone ends a line as well."""

    def check_line(self, line):
        return super().check_line(line.partition(b"\r")[0])


class LastLengthCounts(KeptThreads):
    def content_length(self, request):
        return self.parse_length(re.split(", *", ([*request.values("Content-Length")] or ["0"])[-1])[-1])


class SkipsGarbage(KeptThreads):
    """Looks for the next request line after bytes that are none."""

    def parse_request_line(self, line):
        while not re.search(r" HTTP/1\.[01]$", line):
            line = self.check_line(self.now.line(self.max_line, 414))
        return super().parse_request_line(line)

    def parse(self, buffer, head):
        self.now = buffer
        return super().parse(buffer, head)


def empty_line_ends_connection(self, buffer):
    raise Ended("an empty line")


# The end.


class SlowSecondServed(KeptThreads):
    """The deadline holds for the first request of a connection."""

    def filler(self, conn):
        if conn not in self.known:
            self.known.append(conn)
            return super().filler(conn)

        def fill():
            conn.settimeout(self.timeout)
            return conn.recv(65536) or self.end_of_input()

        return fill

    known = []


class IdleDeafToSignals(KeptThreads):
    """A connection that waits does not look for the signal."""

    def wait_for_request(self, conn, buffer):
        conn.settimeout(self.idle_timeout)
        try:
            buffer.data = buffer.data or conn.recv(65536)
        except socket.timeout:
            pass
        return bool(buffer.data)


class KeepsAtTheEnd(KeptThreads):
    """A connection stays open after the signal when its request has been answered."""

    def is_persistent(self, request):
        options = self.elements(request, "Connection")
        return "close" not in options and (request.version != "HTTP/1.0" or "keep-alive" in options)

    def wait_for_request(self, conn, buffer):
        if self.stopping:
            time.sleep(3)
        return super().wait_for_request(conn, buffer)


class CutsAtTheEnd(KeptThreads):
    """The signal closes all connections, also those that have a request."""

    connections = []

    def serve(self, conn):
        self.connections.append(conn)
        super().serve(conn)

    def stop(self):
        for conn in self.connections:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        super().stop()


class IdleDies(KeptThreads):
    def end_idle(self, conn):
        os._exit(1)


class ResetAfterClose(KeptThreads):
    """Closes with unread bytes."""

    def close(self, conn):
        pass


class SharedBuffer(KeptThreads):
    """One buffer for all connections: the rest of one is the beginning of another."""

    rest = b""

    def buffer(self, conn):
        buffer = super().buffer(conn)
        buffer.data, KeptThreads.rest = getattr(KeptThreads, "rest", b""), b""
        return buffer

    def close(self, conn):
        super().close(conn)

    def serve(self, conn):
        self.last = None
        super().serve(conn)

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        if not keeps:
            KeptThreads.rest = buffer.data
        return data, keeps


class LastMethod(KeptThreads):
    """After a HEAD no response of the connection has a body."""

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        if getattr(buffer, "was_head", False):
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        return data, keeps

    def parse(self, buffer, head):
        request = super().parse(buffer, head)
        buffer.was_head = getattr(buffer, "was_head", False) or request.method == "HEAD"
        return request


class Recursive(KeptThreads):
    """Calls itself for each request of a connection."""

    def serve(self, conn):
        with conn:
            buffer = self.buffer(conn)
            try:
                self.serve_on(conn, buffer)
            except (OSError, RecursionError) as error:
                print(error, flush=True)

    def serve_on(self, conn, buffer, depth=0):
        if depth > 200:
            raise RecursionError("too many requests")
        buffer.fill = self.filler(conn)
        data, keeps = self.respond_once(buffer)
        self.send(conn, data)
        if not keeps:
            return self.close(conn)
        if self.wait_for_request(conn, buffer):
            self.serve_on(conn, buffer, depth + 1)
        return None


def wrong12(name, fault, first, base=None, **overrides):
    wrong(name, 12, fault, first, base, **overrides)


wrong12("one-request-12", "The connection is closed after each response, which says close.",
        "two-requests", is_persistent=never_kept)
wrong12("closes-without-word", "The connection is closed after each response, which says keep-alive.",
        "two-requests", ClosesWithoutWord)
wrong12("two-at-most", "The connection is closed after two responses.", "requests-of-all-kinds",
        TwoRequestsAtMost)
wrong12("drops-rest", "What comes in the segment of a request after it is lost.", "pipelined-reads",
        DropsRest)
wrong12("one-recv-each", "A request in the buffer is looked at only when more has come.",
        "pipelined-reads", OneRecvEach)
wrong12("unordered", "A list is sent later than the responses after it.",
        "pipelined-reads pipelined-in-pieces", Unordered)
wrong12("answers-after-close", "A request after Connection: close is answered.",
        "garbage-tls close-ends", AnswersAfterClose)
wrong12("body-of-get-unread", "The body of GET is taken for the next request.", "body-of-get",
        but(BodyInBuffer, methods=("GET",)))
wrong12("body-of-delete-unread", "The body of DELETE is taken for the next request.",
        "body-of-delete", but(BodyInBuffer, methods=("DELETE",)))
wrong12("body-of-options-unread", "The body of OPTIONS is taken for the next request.",
        "body-of-options", but(BodyInBuffer, methods=("OPTIONS",)))
wrong12("body-of-404-unread", "The body of a request that is answered 404 is the next request.",
        "long-body-then-request body-of-404", read_length=unread_where_404)
wrong12("body-cut-short-accepted", "A body that the end of the connection cuts short is stored.",
        "half-a-body-and-fin", ShortRead)
wrong12("close-with-case", "Connection is compared as it stands.", "close-in-a-list",
        is_persistent=options_exact("close"))
wrong12("close-alone", "The word close is known only where it stands alone.", "close-in-a-list",
        is_persistent=options_exact("close", "Close", "CLOSE"))
wrong12("close-as-a-part", "Each word with close in it closes.", "other-options",
        is_persistent=close_as_a_part)
wrong12("first-connection-field", "Of two Connection fields the first one counts.",
        "close-in-second-field", is_persistent=first_connection_field)
wrong12("keep-alive-wins", "Where close and keep-alive stand together, keep-alive counts.",
        "close-in-a-list", is_persistent=keep_alive_wins)
wrong12("old-version-kept", "A connection of HTTP/1.0 stays open.", "old-version-closes",
        is_persistent=version_unseen)
wrong12("old-version-never-kept", "A connection of HTTP/1.0 closes although keep-alive was asked for.",
        "old-version-keep-alive", is_persistent=old_never_kept)
wrong12("says-no-close", "The last response says keep-alive.", "close-ends", connection=says("keep-alive"))
wrong12("says-nothing-12", "No response has a Connection field.", "close-ends", SaysNothing)
wrong12("says-close-and-stays", "Each response says close, and the connection stays open.",
        "two-requests", connection=says("close"))
wrong12("body-of-head-404", "The 404 of HEAD has a body on a connection that stays open.",
        "head-then-get", render=body_of_head)
wrong12("last-method", "After HEAD no response of the connection has a body.",
        "requests-of-all-kinds pipelined-reads", LastMethod)
wrong12("length-in-204", "A 204 has Content-Length: 0.", "allow-list", LengthIn204)
wrong12("body-in-204", "A 204 has a body.", "allow-list", BodyIn204)
wrong12("options-405", "OPTIONS is answered 405.", "allow-list", respond_options=options_status(405))
wrong12("options-200", "OPTIONS is answered 200.", "allow-list", respond_options=options_status(200))
wrong12("options-without-allow", "OPTIONS is answered without Allow.", "allow-list",
        respond_options=options_without_allow)
wrong12("options-anywhere", "OPTIONS is answered 204 where nothing is.",
        "allow-message options-beyond", respond_options=options_anywhere)
wrong12("allow-of-all", "OPTIONS / allows PUT.", "allow-list", respond_options=allow_of_all)
wrong12("star-unknown", "OPTIONS * is answered 404.", "allow-star", respond_options=star_unknown)
wrong12("no-date", "No response has a Date.", "date", NoDate)
wrong12("no-date-in-errors", "A response that is an error has no Date.", "date", DateOnlyOfSuccess)
wrong12("no-date-in-204", "A 204 has no Date.", "date", NoDateIn204)
wrong12("date-as-iso", "The Date is 2024-01-31T00:00:00Z.", "date", date=date_with("%Y-%m-%dT%H:%M:%SZ"))
wrong12("date-without-zone", "The Date ends without GMT.", "date", date=date_with("%a, %d %b %Y %H:%M:%S"))
wrong12("date-as-asctime", "The Date is in the form of asctime.", "date", date=date_with("%a %b %d %H:%M:%S %Y"))
wrong12("date-in-korea", "The Date is the time of Korea and says GMT.", "date", date=date_in_korea)
wrong12("date-of-yore", "The Date is always the same.", "date",
        date=lambda self: "Sun, 06 Nov 1994 08:49:37 GMT")
wrong12("any-target", "A target may have any characters.", "fragment-in-list", is_target=any_target)
wrong12("fragment-cut", "A fragment is cut off.", "fragment-in-list",
        is_target=any_target, origin_form=fragment_cut)
wrong12("target-in-utf-8", "A target may be any text of UTF-8.", "target-not-ascii",
        is_target=target_any_with(r"(/|[a-z]+://)[^\s#]*|\*|[^/]+:[0-9]+"))
wrong12("target-without-slash-accepted", "A target may begin with a letter.", "target-without-slash",
        is_target=target_any_with(r"[!\x22\x24-\x7e]+"))
wrong12("any-authority", "A request for another server is answered.", "proxy-request absolute-other",
        origin_form=any_authority)
wrong12("authority-begins", "An address that begins with the own one is taken for it.",
        "absolute-longer-name", origin_form=authority_begins)
wrong12("no-absolute-form", "The own address is answered 421.", "absolute-list",
        origin_form=no_absolute_form)
wrong12("absolute-needs-host", "In the absolute form Host has to name the same server.",
        "proxy-request absolute-beats-host", origin_form=absolute_needs_host)
wrong12("other-is-404", "A request for another server is answered 404.", "absolute-other",
        origin_form=other_is_404)
wrong12("old-version-needs-host", "HTTP/1.0 without Host is answered 400.", "old-version-without-host",
        check_host=host_must_be_there)
wrong12("equal-hosts-accepted", "Two equal Host fields are accepted.", "two-hosts",
        check_host=same_hosts_only)
wrong12("any-host", "A Host may be any text.", "empty-host", check_host=any_one_host)
wrong12("host-with-at", "A Host may have user information.", "host-with-user",
        host=Kept.host.replace("._~", "._~@"))
wrong12("host-with-slash", "A Host may have a path.", "host-with-path", host=Kept.host + "(/.*)?")
wrong12("host-with-commas", "A Host may have a comma.", "host-with-comma", host=Kept.host + "(, ?.*)?")
wrong12("port-may-be-word", "A port may be a word.", "host-with-word-as-port",
        host=Kept.host.replace("(:[0-9]*)", "(:[0-9a-z]*)"))
wrong12("host-may-be-empty", "A Host may be empty.", "empty-host", host="(" + Kept.host + ")?")
wrong12("no-chunks", "Transfer-Encoding is answered 501.", "chunked",
        check_codings=lambda self, request, codings: (_ for _ in ()).throw(Refused(501)))
wrong12("chunks-not-seen", "Transfer-Encoding is not looked at.", "chunked",
        is_chunked=lambda self, request: False)
wrong12("length-wins", "Beside Content-Length, Transfer-Encoding is not looked at.",
        "chunked-and-length", LengthWins)
wrong12("both-accepted", "Beside Content-Length, the chunks count, and the connection stays open.",
        "chunked-and-length", check_codings=both_accepted)
wrong12("chunked-of-1.0-accepted", "Chunks in HTTP/1.0 are accepted, and keep-alive holds.",
        "chunked-of-1.0", check_codings=version_not_seen)
wrong12("chunked-anywhere", "Each coding with the word chunked in it is taken for chunked.",
        "coding-like-chunked", check_codings=chunked_anywhere)
wrong12("chunked-somewhere", "It is enough that chunked is one of the codings.", "gzip-then-chunked",
        check_codings=chunked_somewhere)
wrong12("chunked-last", "It is enough that chunked is the last coding.", "gzip-then-chunked",
        check_codings=chunked_last)
wrong12("chunked-by-set", "Chunked twice is taken for once.", "chunked-twice",
        check_codings=chunked_by_set)
wrong12("unknown-is-none", "A coding that is not known is not looked at.", "coding-gzip", UnknownIsNone)
wrong12("first-coding", "Of two Transfer-Encoding fields the first one counts.",
        "chunked-in-two-fields", FirstCoding)
wrong12("coding-with-case", "Chunked in capitals is answered 501.", "chunked-capitals", CodingWithCase)
wrong12("empty-coding-is-none", "An empty Transfer-Encoding is not looked at.", "coding-empty",
        EmptyCodingIsNone)
wrong12("coding-of-get-unseen", "Transfer-Encoding of GET is not looked at.",
        "chunked-get", CodingOnlyOfBodies)
wrong12("refused-stays-open", "After 400 the connection stays open.", "garbage-tls",
        RefusedStaysOpen)
wrong12("unknown-stays-open", "After 501 the connection stays open.", "connect-request",
        but(RefusedStaysOpen, statuses=(501,)))
wrong12("413-stays-open", "After 413 the connection stays open with the body unread.",
        "length-of-33-bits", but(RefusedStaysOpen, statuses=(413,)))
wrong12("size-by-int", "The length of a chunk is read by int(), which accepts much.", "chunk-size-0x",
        chunk_size=size_by(lambda text: int(text, 16)))
wrong12("size-in-decimal", "The length of a chunk is read as decimal.", "chunked-capitals",
        chunk_size=size_by(decimal_size))
wrong12("size-as-c", "The length of a chunk is read as far as it has digits.",
        "chunk-size-only-extension chunk-size-word", chunk_size=size_by(c_size))
wrong12("size-may-be-empty", "A chunk without a length is taken for the last.",
        "chunk-size-empty chunk-size-only-extension", chunk_size=size_by(digits_or_empty))
wrong12("size-wraps", "The length of a chunk wraps at 64 bits.", "chunk-of-65-bits",
        chunk_size=size_by(wraps_at_64_bits))
wrong12("size-in-small-letters", "The length of a chunk may have small letters alone.",
        "chunked-capitals chunk-looks-like-end", chunk_size=size_by(small_letters))
wrong12("size-without-zeros", "The length of a chunk may not begin with 0.", "chunked-capitals",
        chunk_size=size_by(no_zeros_before))
wrong12("no-extensions", "A chunk with an extension is answered 400.", "chunk-extensions",
        chunk_size=no_extensions)
wrong12("extensions-without-limit", "The length of an extension has no limit.", "endless-extension",
        max_chunk_line=1 << 20)
wrong12("chunk-line-lf-accepted", "A chunk line may end with LF alone.", "chunk-line-lf",
        chunk_size=lf_is_enough)
wrong12("chunk-end-unchecked", "The two bytes after a chunk are not looked at.", "chunk-other-end",
        end_of_chunk=end_unchecked)
wrong12("chunk-end-lf-accepted", "A chunk may end with LF alone.", "chunk-end-lf",
        end_of_chunk=end_by_line)
wrong12("chunk-end-may-miss", "The CR LF after a chunk may be missing.", "chunk-shorter",
        end_of_chunk=end_where_it_may_be)
wrong12("rest-of-line", "What stands between a chunk and the next line end is left out.",
        "chunk-end-lf", end_of_chunk=rest_of_line)
wrong12("no-trailers", "Trailer fields are answered 400.", "chunk-trailers", read_trailers=no_trailers)
wrong12("trailers-of-any-kind", "A trailer line may be anything.", "endless-trailers",
        read_trailers=trailers_as_they_come)
wrong12("trailers-without-limit", "Trailer fields have no limit.", "endless-trailers",
        read_trailers=trailers_unlimited)
wrong12("trailers-as-requests", "Trailer fields are taken for the next request.", "chunk-trailers",
        read_trailers=no_empty_line_at_the_end)
wrong12("five-bytes-of-chunks", "Of a body in chunks five bytes are stored.", "chunked",
        read_chunks=first_chunk_only)
wrong12("decoded-by-chunk", "Each chunk is decoded alone.", "chunk-cuts-korean",
        read_chunks=decoded_by_chunk)
wrong12("first-end-counts", "The end of the chunks is looked for in their bytes.",
        "chunk-looks-like-end chunk-trailers chunk-extensions", read_chunks=up_to_the_first_end)
wrong12("limit-by-chunk", "The limit of a body holds for each chunk alone.", "chunks-too-long",
        read_chunks=limit_by_chunk)
wrong12("limit-at-the-end", "The limit of a body is looked at when all chunks have come.",
        "chunk-announced", read_chunks=limit_at_the_end)
wrong12("chunks-cut-short-accepted", "Chunks that the end of the connection cuts short are stored.",
        "half-chunks-and-fin", read_chunks=kept_where_chunks_end)
wrong12("expect-unknown", "Expect is not looked at.", "expect-continue", look_at_expect=expect_unknown)
wrong12("always-continue", "100 is sent before each body.", "request-and-a-half",
        look_at_expect=always_continue)
wrong12("continue-without-look", "100 is sent before 404.", "expect-404",
        look_at_expect=expect_without_look)
wrong12("continue-to-1.0", "100 is sent to HTTP/1.0.", "expect-of-1.0",
        look_at_expect=expect_of_any_version)
wrong12("expect-with-case", "100-Continue is answered 417.", "expect-capitals",
        look_at_expect=expect_with_case)
wrong12("expectations-ignored", "An expectation that is not known is not looked at.", "expect-other",
        look_at_expect=other_expectations_ignored)
wrong12("expect-needs-length", "Before chunks no 100 is sent.", "expect-chunked",
        look_at_expect=expect_only_length)
wrong12("expect-417", "100-continue is answered 417.", "expect-continue", look_at_expect=interim_417)
wrong12("interim-without-end", "100 has no empty line.", "expect-continue", Interim)
wrong12("length-after-continue", "100 is sent before 413.", "expect-404 expect-413", LengthAfterContinue)
wrong12("folded-dropped", "A line that begins with white space is left out.",
        "folded-length", FoldedDropped)
wrong12("folded-joined", "A folded line is joined without a space.", "folded-length", FoldedJoined)
wrong12("last-length-counts", "Of two lengths the last one counts.", "two-lengths", LastLengthCounts)
wrong12("cr-is-line-end", "What follows a CR in a line is left out.", "bare-cr", CrIsLineEnd)
wrong12("skips-garbage", "Bytes that begin no request are passed over.",
        "garbage-tls garbage-no-version", SkipsGarbage)
wrong12("empty-line-ends-12", "An empty line before a request ends the connection.",
        "empty-line-before", line_after_empty_line=empty_line_ends_connection)
wrong12("slow-second", "The deadline holds for the first request of a connection alone.",
        "slow-second-request", SlowSecondServed)
wrong12("never-idle", "A connection on which nothing comes stays open.", "idle-connection",
        idle_timeout=60)
wrong12("idle-half-a-second", "A connection is closed after half a second.", "busy-connection idle-connection",
        idle_timeout=0.5)
wrong12("idle-dies", "An idle connection ends the server.", "slow-request idle-connection slow-second-request", IdleDies)
wrong12("idle-deaf", "An idle connection stays open after the signal.", "orderly-end-idle",
        but(IdleDeafToSignals, idle_timeout=8))
wrong12("keeps-at-the-end", "After the signal an answered connection stays open.", "orderly-end-idle",
        KeepsAtTheEnd)
wrong12("cuts-at-the-end", "The signal cuts connections off that have a request.", "orderly-end",
        CutsAtTheEnd)
wrong12("reset-after-close", "The connection is closed with unread bytes.",
        "long-body garbage-tls", ResetAfterClose)
wrong12("shared-buffer", "What is left of one connection begins the next one.",
        "garbage-no-version", SharedBuffer)
wrong12("two-hundred-at-most", "A connection ends after 200 requests, and the last response does not say so.",
        "three-hundred-requests", Recursive)

# Wrong in ways that are harder to see.


class DateOfFirst(KeptThreads):
    """Only the response that closes has a Date."""

    def response_fields(self, response):
        fields = super().response_fields(response)
        return [field for field in fields if field[0] != "Date" or not getattr(response, "keeps", False)]


class OneDeadline(KeptThreads):
    """A connection has 10 s in all."""

    def serve(self, conn):
        self.ends = getattr(self, "ends", {})
        self.ends[conn] = time.monotonic() + self.timeout
        super().serve(conn)

    def filler(self, conn):
        def fill():
            left = self.ends[conn] - time.monotonic()
            if left <= 0:
                raise socket.timeout("the connection took too long")
            conn.settimeout(left)
            return conn.recv(65536) or self.end_of_input()

        return fill

    def wait_for_request(self, conn, buffer):
        left = self.ends[conn] - time.monotonic()
        return left > 0 and super().wait_for_request(conn, buffer)


class IdleFromTheStart(KeptThreads):
    """The time without a request is counted from the beginning of the connection."""

    def serve(self, conn):
        self.starts = getattr(self, "starts", {})
        self.starts[conn] = time.monotonic()
        super().serve(conn)

    def wait_for_request(self, conn, buffer):
        if time.monotonic() > self.starts[conn] + self.idle_timeout:
            return False
        return super().wait_for_request(conn, buffer)


class TrailersAreFields(KeptThreads):
    """A trailer field Content-Length cuts the body."""

    def read_trailers(self, buffer):
        self.cut = None
        while True:
            line = self.check_line(buffer.line(self.max_head, 431))
            if not line:
                break
            name, value = self.parse_field(line)
            if name.lower() == "content-length":
                self.cut = int(value)

    def read_chunks(self, buffer):
        self.cut = None
        return super().read_chunks(buffer)[:self.cut]


def octal_length(self, value):
    length = Hardened.parse_length(self, value)
    return int(value, 8) if re.fullmatch("0[0-7]+", value) else length


def no_zeros_in_length(self, value):
    if value.startswith("0") and value != "0":
        raise ValueError("no length")
    return Hardened.parse_length(self, value)


def without_parameters(self, request, codings):
    Kept.check_codings(self, request, [coding.partition(";")[0] for coding in codings])


def version_in_any_case(self, line):
    return Hardened.parse_request_line(self, re.sub("http/1[.]1$", "HTTP/1.1", line))


class StickyClose(KeptThreads):
    """A field of one request is a field of each later one on the connection."""

    def parse(self, buffer, head):
        request = super().parse(buffer, head)
        old = getattr(buffer, "old", [])
        request.fields += old
        buffer.old = [field for field in request.fields if field[0] != "Host"]
        return request

    def check_host(self, request):
        super().check_host(request)


class StickyChunks(KeptThreads):
    """Once chunks have come, each later body of the connection is read as chunks."""

    def read_content(self, buffer, request):
        if getattr(buffer, "chunked", False) and request.method in ("POST", "PUT"):
            request.fields = [field for field in request.fields if field[0] != "Content-Length"]
            request.fields.append(("Transfer-Encoding", "chunked"))
        super().read_content(buffer, request)
        buffer.chunked = bool(request.values("Transfer-Encoding"))


class LateAnswers(KeptThreads):
    """Sends a response when the next request has come."""

    def wait_for_request(self, conn, buffer):
        came = super().wait_for_request(conn, buffer)
        held, self.held = getattr(self, "held", b""), b""
        conn.sendall(held)
        return came

    def send(self, conn, data):
        if b"keep-alive" in data[:300]:
            self.held = data
        else:
            conn.sendall(data)


class ContinueLate(KeptThreads):
    """Sends 100 when the first byte of the body has come."""

    def look_at_expect(self, buffer, request, has_body):
        interim = buffer.interim
        said = []
        buffer.interim = said.append
        try:
            super().look_at_expect(buffer, request, has_body)
        finally:
            buffer.interim = interim
        if said:
            buffer.data += b"" if buffer.data else buffer.fill()
            interim(said[0])


class ClosesAfterPost(KeptThreads):
    """Closes after a POST, whose response does not say so."""

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        return data, keeps and b" 201 " not in data[:20]


class ClosesAfterError(KeptThreads):
    """Closes after a 404 that does not say so, and drops what has come."""

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        return data, keeps and b" 404 " not in data[:20]


class FullBuffer(KeptThreads):
    """Has room for 4 KiB of requests that wait."""

    def respond_once(self, buffer):
        data, keeps = super().respond_once(buffer)
        buffer.data = buffer.data[:4096]
        return data, keeps


class ChunkOfOneRecv(KeptThreads):
    """Takes a chunk to be in the bytes that have come."""

    def read_chunks(self, buffer):
        fill = buffer.fill

        def no_more():
            raise ValueError("a chunk is not there")

        body = b""
        while True:
            buffer.fill = fill
            size = self.chunk_size(buffer.chunk_line(self.max_chunk_line))
            if size == 0:
                self.read_trailers(buffer)
                return body
            if len(body) + size > self.max_body:
                raise Refused(413)
            buffer.fill = no_more
            body += buffer.bytes(size)
            buffer.fill = fill
            self.end_of_chunk(buffer)


class EndsOfWhites(KeptThreads):
    """Strips the white space of each chunk."""

    def read_chunks(self, buffer):
        return super().read_chunks(buffer).strip()


class TwiceOnExpect(KeptThreads):
    """A request with Expect is done when its head has come, and again with its body."""

    def look_at_expect(self, buffer, request, has_body):
        super().look_at_expect(buffer, request, has_body)
        if request.values("Expect") and request.method == "POST":
            with self.lock:
                self.messages.add("")


class RefusedAndDone(KeptThreads):
    """Stores what has come where a chunk is wrong, and answers 400 all the same."""

    def read_chunks(self, buffer):
        before = buffer.data
        try:
            return super().read_chunks(buffer)
        except ValueError:
            with self.lock:
                self.messages.add(before[3:8].decode("utf-8", "replace"))
            raise


class SecondHeadOnly(KeptThreads):
    """The limit of fields counts all requests of a connection."""

    def parse(self, buffer, head):
        request = super().parse(buffer, head)
        buffer.fields = getattr(buffer, "fields", 0) + len(request.fields)
        if buffer.fields > self.max_fields:
            raise Refused(431)
        return request


class SayHelloAtClose(KeptThreads):
    """An empty chunk line or two come after each 404."""

    def render(self, response, method=""):
        data = super().render(response, method)
        return data + b"\r\n" if response.status == 404 and method != "HEAD" else data


wrong12("date-only-at-the-end", "Only a response that closes has a Date.", "two-requests", DateOfFirst)
wrong12("one-deadline", "A connection has 10 s in all.", "busy-connection", OneDeadline)
wrong12("idle-from-the-start", "The idle time is counted from the beginning of the connection.",
        "busy-connection", IdleFromTheStart)
wrong12("trailers-are-fields", "A trailer field Content-Length cuts the body.",
        "trailers-are-no-fields", TrailersAreFields)
wrong12("octal-length", "A length that begins with 0 is octal.", "length-with-zeros",
        parse_length=octal_length)
wrong12("no-zeros-in-length", "A length may not begin with 0.", "length-with-zeros",
        parse_length=no_zeros_in_length)
wrong12("coding-without-parameters", "A parameter of chunked is left out.", "coding-with-parameter",
        check_codings=without_parameters)
wrong12("version-in-any-case", "A version may be in small letters.", "version-in-small-letters",
        parse_request_line=version_in_any_case)
wrong12("sticky-fields", "A field of one request is one of the next as well.",
        "old-version-keep-alive", StickyClose)
wrong12("sticky-chunks", "After a body in chunks each body is read as chunks.", "chunked-then-request",
        StickyChunks)
wrong12("late-answers", "A response is sent when the next request has come.",
        "two-requests", LateAnswers)
wrong12("continue-late", "100 is sent when the body has begun.", "expect-continue", ContinueLate)
wrong12("closes-after-post", "The connection closes after a POST, whose response does not say so.",
        "requests-of-all-kinds", ClosesAfterPost)
wrong12("closes-after-404", "The connection closes after a 404 that does not say so.",
        "pipelined-reads", ClosesAfterError)
wrong12("full-buffer", "Of the requests that wait 4 KiB are kept.", "three-hundred-requests", FullBuffer)
wrong12("chunk-of-one-recv", "A chunk has to come in the segment of its length.",
        "chunked-in-pieces", ChunkOfOneRecv)
wrong12("chunks-stripped", "White space around a body in chunks is removed.",
        "chunk-looks-like-end", EndsOfWhites)
wrong12("twice-on-expect", "A request with Expect is done twice.", "expect-continue", TwiceOnExpect)
wrong12("refused-and-done", "A body with a wrong chunk is answered 400 and stored.",
        "chunks-too-long chunk-size-0x half-chunks-and-fin", RefusedAndDone)
wrong12("fields-of-all", "The limit of fields counts all requests of a connection.",
        "three-hundred-requests", SecondHeadOnly)
wrong12("line-end-after-404", "CR LF comes after the body of each 404.", "get-before get-beyond",
        SayHelloAtClose)


class ListOfOthersLater(KeptThreads):
    """While several clients are connected, the list can be 0.2 s old."""

    shown, at = 0, 0.0

    def list_body(self):
        texts, now = list(self.messages.texts), time.monotonic()
        if threading.active_count() < 8 or now - self.at > 0.2:
            self.shown, self.at = len(texts), now
        return json.dumps(texts[:self.shown], ensure_ascii=False)


wrong("list-of-others-later", 13, "While several clients write, a list is sent that is a little old.",
      "posts-at-once write-is-seen", ListOfOthersLater)

# --- The command line -----------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=SERVERS, metavar="NAME")
    parser.add_argument("address", nargs="?", metavar="HOST:PORT")
    parser.add_argument("--db", default="messages.db", metavar="PATH")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        print(json.dumps([entry for entry, _ in SERVERS.values()], indent=1))
    elif args.address is None:
        parser.error("say which server, and HOST:PORT")
    else:
        SERVERS[args.name][1](args.address, args.db).run()


if __name__ == "__main__":
    main()
