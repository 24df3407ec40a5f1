"""The server of server.py with a guard: an empty read and a reset at `recv` no longer end it.

    python3 python/server_with_guard.py 127.0.0.1:8080
"""

import socket
import sys

host, port = sys.argv[1].split(":")
listener = socket.create_server((host, int(port)))
print(f"listening on {host}:{listener.getsockname()[1]}", flush=True)
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
