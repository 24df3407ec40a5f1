"""The server of server.py with the guard of section 10: an empty read and a reset at `recv` no longer end it.

    python3 python/guarded.py [PORT]     8080 by default, 0 for a free port
"""

import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8080))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    connection, peer = listener.accept()
    try:
        request = connection.recv(1024)
    except ConnectionResetError:
        connection.close()
        continue
    if not request:
        connection.close()
        continue
    first_line = request.decode().split("\r\n")[0]
    method, path, version = first_line.split(" ")
    body = f"{method} {path}\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)
    connection.close()
