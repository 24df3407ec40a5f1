"""A small HTTP server. As in the first stages, nothing protects it from an error of a connection.

    python3 python/server.py 127.0.0.1:8080
"""

import socket
import sys

host, port = sys.argv[1].split(":")
listener = socket.create_server((host, int(port)))
print(f"listening on {host}:{listener.getsockname()[1]}", flush=True)
while True:
    connection, peer = listener.accept()
    request = connection.recv(1024)
    first_line = request.decode().split("\r\n")[0]
    method, path, version = first_line.split(" ")
    body = f"{method} {path}\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)
    connection.close()
