"""A client that resets its connection. Use it against your own server alone.

    python3 python/reset.py silent 127.0.0.1:8080     sends nothing and resets
    python3 python/reset.py request 127.0.0.1:8080    sends a request and resets at once
    python3 python/reset.py queue 127.0.0.1:8080      does the same while another connection is served
"""

import socket
import struct
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

kind, addr = sys.argv[1:]


def connect():
    host, port = addr.split(":")
    return socket.create_connection((host, int(port)))


def reset(connection):
    # 1 turns SO_LINGER on, and 0 is its time in seconds. Then close sends RST in place of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


if kind == "silent":
    reset(connect())
elif kind == "request":
    connection = connect()
    connection.sendall(REQUEST)
    reset(connection)
else:
    # The server serves the first connection. The second one waits in the queue of accept.
    first, second = connect(), connect()
    second.sendall(REQUEST)
    reset(second)
    first.sendall(REQUEST)
    print(first.recv(1024).decode().split("\r\n")[0])
