"""Many clients at once against `fieldmark serve`, beside `predict` on the same photos from files.

    python benchmarks/server_load.py MODEL PHOTOS [--clients 32] [--seconds 60] [--warm-up 5] [--limit 200]

Each client sends one photo a request over a connection that stays open, as soon as the last one is answered. All of
them live in one thread of this process, which sends bytes that are ready and looks at no more of an answer than its
status and length: on a machine with few cores, what clients take is missing to the server. Their share is printed.
The offline figure is the mean of a run before and a run after the server's. Memory is the server's own, read every
second.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from local_server import LocalServer, local_server, multipart

from fieldmark import Recognizer
from fieldmark.data.photos.photo_files import photos_below


class Client:
    """One connection that asks again as soon as it is answered."""

    def __init__(self, port: int, requests: Sequence[bytes], first: int) -> None:
        self.port, self.requests, self.next = port, requests, first
        self.seconds: list[float] = []
        self.errors = 0
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        self.ask()

    def ask(self) -> None:
        self.left = memoryview(self.requests[self.next % len(self.requests)])
        self.next += 1
        self.answer, self.length = bytearray(), -1
        self.started = time.perf_counter()

    def send(self) -> bool:
        """Whether more is to be sent."""
        self.left = self.left[self.socket.send(self.left) :]
        return len(self.left) > 0

    def receive(self) -> bool:
        """Whether the answer is complete."""
        some = self.socket.recv(65536)
        if not some:
            raise ConnectionError("the server closed the connection")
        self.answer += some
        if self.length < 0:
            head = self.answer.find(b"\r\n\r\n")
            if head < 0:
                return False
            fields = bytes(self.answer[:head]).lower()
            body = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
            self.length = head + 4 + body
        if len(self.answer) < self.length:
            return False
        self.seconds.append(time.perf_counter() - self.started)
        self.errors += not self.answer.startswith(b"HTTP/1.1 200")
        return True


def load(
    server: LocalServer, requests: Sequence[bytes], clients: int, seconds: float
) -> tuple[list[Client], list[int]]:
    """The clients after that time, and the server's memory at each second."""
    waiting = selectors.DefaultSelector()
    running = [Client(server.port, requests, 7 * index) for index in range(clients)]
    for client in running:
        waiting.register(client.socket, selectors.EVENT_WRITE, client)
    started = time.perf_counter()
    memory: list[int] = []
    while (now := time.perf_counter()) < started + seconds:
        if now >= started + len(memory):
            memory.append(server.resident())
        for key, events in waiting.select(0.1):
            client = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    if not client.send():
                        waiting.modify(client.socket, selectors.EVENT_READ, client)
                elif client.receive():
                    client.ask()
                    if client.send():
                        waiting.modify(client.socket, selectors.EVENT_WRITE, client)
            except OSError:
                client.errors += 1
                waiting.unregister(client.socket)
                client.socket.close()
                client.connect()
                waiting.register(client.socket, selectors.EVENT_WRITE, client)
    for client in running:
        client.socket.close()
    return running, memory


def http_request(path: Path) -> bytes:
    body, headers = multipart([(path.name, path.read_bytes())])
    fields = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(["POST /v1/predict HTTP/1.1", *lines, "", ""]).encode() + body


def offline(recognizer: Recognizer, photos: Sequence[Path], seconds: float) -> float:
    """Photos a second of `predict`, for about so long."""
    count, started = 0, time.perf_counter()
    while time.perf_counter() < started + seconds:
        count += sum(answer.error is None for answer in recognizer.answers(photos))
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=5.0)
    parser.add_argument("--limit", type=int, default=200)
    arguments = parser.parse_args()
    found = photos_below(arguments.photos)
    photos = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
    recognizer = Recognizer(arguments.model)
    list(recognizer.answers(photos[:16]))
    alone = [offline(recognizer, photos, 10.0)]
    requests = [http_request(path) for path in photos]
    with local_server(arguments.model) as server:
        load(server, requests, arguments.clients, arguments.warm_up)
        own = time.process_time()
        clients, memory = load(server, requests, arguments.clients, arguments.seconds)
        own = time.process_time() - own
    alone.append(offline(recognizer, photos, 10.0))
    seconds = np.concatenate([client.seconds for client in clients])
    errors = sum(client.errors for client in clients)
    online = len(seconds) / arguments.seconds
    middle, slow, slowest = np.percentile(1e3 * seconds, (50, 95, 100))
    print(
        f"offline: {alone[0]:.0f} and {alone[1]:.0f} photos/s; {arguments.clients} clients, {arguments.seconds:g} s: "
        f"{online:.0f} photos/s (the clients themselves took {own / arguments.seconds:.2f} of a core)"
    )
    print(f"latency: median {middle:.0f} ms, p95 {slow:.0f} ms, longest {slowest:.0f} ms")
    print(f"errors: {errors} of {len(seconds)}")
    tenth = max(1, len(memory) // 10)
    print(
        f"memory of the server: {statistics.mean(memory[:tenth]) / 1e6:.0f} MB at the start, "
        f"{statistics.mean(memory[-tenth:]) / 1e6:.0f} MB at the end, at most {max(memory) / 1e6:.0f} MB"
    )
    print(f"server / offline: {online / statistics.mean(alone):.2f}")


if __name__ == "__main__":
    main()
