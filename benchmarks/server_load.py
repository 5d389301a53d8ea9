"""Many clients at once against `fieldmark serve`, beside `predict` on the same photos from files.

    python benchmarks/server_load.py MODEL PHOTOS [--clients 32] [--seconds 30] [--limit 200]

Clients send one photo a request over connections that stay open, as fast as they are answered, from this process: on a
machine with few cores they take a part of what the server could use. Memory is the server's own, after a warm-up and at
the end.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import numpy as np
from local_server import LocalServer, local_server, multipart

from fieldmark import Recognizer
from fieldmark.data.read import is_photo


class Client(threading.Thread):
    """One connection that asks until the time is over."""

    def __init__(
        self, server: LocalServer, bodies: list[tuple[bytes, dict[str, str]]], first: int, until: float
    ) -> None:
        super().__init__()
        self.server, self.bodies, self.next, self.until = server, bodies, first, until
        self.seconds: list[float] = []
        self.errors = 0

    def run(self) -> None:
        connection = self.server.connect()
        while time.perf_counter() < self.until:
            body, headers = self.bodies[self.next % len(self.bodies)]
            self.next += 1
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/predict", body, headers)
                response = connection.getresponse()
                response.read()
                self.errors += response.status != 200
            except OSError:
                self.errors += 1
                connection.close()
            self.seconds.append(time.perf_counter() - started)
        connection.close()


def load(server: LocalServer, bodies: list[tuple[bytes, dict[str, str]]], clients: int, seconds: float) -> list[Client]:
    until = time.perf_counter() + seconds
    running = [Client(server, bodies, 7 * index, until) for index in range(clients)]
    for client in running:
        client.start()
    for client in running:
        client.join()
    return running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--limit", type=int, default=200)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.rglob("*") if path.is_file() and is_photo(path.name))
    photos = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
    recognizer = Recognizer(arguments.model)
    list(recognizer.answers(photos[:16]))
    started = time.perf_counter()
    list(recognizer.answers(photos))
    offline = len(photos) / (time.perf_counter() - started)
    bodies = [multipart([(path.name, path.read_bytes())]) for path in photos]
    with local_server(arguments.model) as server:
        load(server, bodies, arguments.clients, min(3.0, arguments.seconds))
        before = server.resident()
        clients = load(server, bodies, arguments.clients, arguments.seconds)
        after = server.resident()
    seconds = np.concatenate([client.seconds for client in clients])
    errors = sum(client.errors for client in clients)
    online = len(seconds) / arguments.seconds
    middle, slow = np.percentile(1e3 * seconds, (50, 95))
    print(
        f"offline: {offline:.0f} photos/s; {arguments.clients} clients, {arguments.seconds:g} s: {online:.0f} photos/s"
    )
    print(f"latency: median {middle:.0f} ms, p95 {slow:.0f} ms; errors: {errors} of {len(seconds)}")
    print(f"memory of the server: {before / 1e6:.0f} MB after the warm-up, {after / 1e6:.0f} MB at the end")
    print(f"server / offline: {online / offline:.2f}")


if __name__ == "__main__":
    main()
