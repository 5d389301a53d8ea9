"""Many clients for a long time at a share of the server's capacity, while the model is replaced again and again.

    python benchmarks/server_soak.py MODEL PHOTOS [--clients 64] [--minutes 30] [--share 0.7] [--replace 60]
                                       [--log FILE]

First, all clients ask as fast as they are answered; that is the capacity. Then they ask at the given share of it. Each
request has one to three items: photos, and photos spoiled by truncation, changed bytes, other modes, or not photos at
all. Every `--replace` seconds a class is enrolled or removed, which makes a new generation. Before the run, Python's
`Recognizer` answers every item with both models. An answer is wrong if it is not the one of the model that was current:
between the change on disk and the moment when ``GET /v1/model`` shows it, either one counts, and these answers are
counted by themselves. Prints the statuses, the wrong answers, latencies, and the server's memory at both ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from local_server import LocalServer, local_server, multipart
from spoiled_photos import spoiled

from fieldmark import Recognizer
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.enroll import enroll, unenroll

CLASS = "enrolled meanwhile"
KEPT_OPEN = 4.0  # the server closes idle connections after 5 s; a request that meets the closing gets no answer
Expected = Sequence[Sequence[Answer]]


@dataclass
class Found:
    """What the clients got."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    either: int = 0
    items: int = 0
    bad_items: int = 0
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    generations: int = 0


class Soak:
    """Clients of one server, and the answers that they expect.

    Args:
        server: The server.
        items: Bodies of files.
        expected: The answers of both models to each item.
    """

    def __init__(self, server: LocalServer, items: Sequence[bytes], expected: Expected) -> None:
        self.server, self.items, self.expected = server, items, expected
        self.state = 0
        self.changed: list[tuple[float, float]] = []  # from the change on disk to the server's answer
        self.found = Found()

    async def client(self, number: int, until: float, pause: float) -> None:
        """Ask until then; the next request starts `pause` seconds after the last one started."""
        random = np.random.default_rng(number)
        await asyncio.sleep(pause * random.random())
        connection = None
        asked = 0.0
        while (started := time.monotonic()) < until:
            chosen = random.integers(len(self.items), size=int(random.choice([1, 1, 1, 1, 2, 3])))
            before = self.state
            try:
                if connection is None or started - asked > KEPT_OPEN:
                    if connection is not None:
                        connection[1].close()
                    connection = await asyncio.open_connection("127.0.0.1", self.server.port)
                status, body = await self._ask(connection, chosen)
                asked = time.monotonic()
            except (OSError, asyncio.IncompleteReadError) as error:
                connection = None
                self.found.statuses[f"connection: {type(error).__name__}"] += 1
                continue
            self._judge(chosen, status, body, started, before)
            await asyncio.sleep(max(0.0, started + pause * 2 * random.random() - time.monotonic()))
        if connection is not None:
            connection[1].close()

    async def _ask(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], chosen: Iterable[int]
    ) -> tuple[int, bytes]:
        reader, writer = connection
        body, headers = multipart([(f"{index}.jpg", self.items[index]) for index in chosen])
        fields = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST /v1/predict HTTP/1.1\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)

    def _judge(self, chosen: Sequence[int], status: int, body: bytes, started: float, before: int) -> None:
        found = self.found
        found.statuses[str(status)] += 1
        found.seconds.append(time.monotonic() - started)
        changing = [span for span in self.changed if span[1] >= started]
        states = (0, 1) if changing or before != self.state else (self.state,)
        found.either += len(states) > 1
        if status == 503:
            return
        answers = json.loads(body).get("answers", [])
        fits = self._fits(chosen, status, answers, states)
        found.items += len(chosen)
        found.bad_items += sum(self.expected[0][index].error is not None for index in chosen)
        if not fits:
            found.wrong.append(f"{status} for items {list(chosen)} with model {states}: {body[:300]!r}")

    def _fits(
        self, chosen: Sequence[int], status: int, answers: Sequence[dict[str, Any]], states: Sequence[int]
    ) -> bool:
        good = any(self.expected[0][index].error is None for index in chosen)
        if (status == 200) != good or (not good and status not in (413, 422)) or len(answers) != len(chosen):
            return False
        return all(
            any(_same(given, self.expected[state][index]) for state in states)
            for given, index in zip(answers, chosen, strict=True)
        )

    async def replace(self, model: Path, photos: Sequence[Path], until: float, every: float) -> None:
        """Make a new generation again and again."""
        while (now := time.monotonic()) + every < until:
            await asyncio.sleep(every)
            now = time.monotonic()
            self.changed.append((now, float("inf")))
            change = unenroll if self.state else lambda model, label: enroll(model, label, photos)
            await asyncio.to_thread(change, model, CLASS)
            while (CLASS in await asyncio.to_thread(self._enrolled)) == bool(self.state):
                await asyncio.sleep(0.1)
            self.state = 1 - self.state
            self.changed[-1] = (now, time.monotonic())
            self.found.generations += 1

    async def watch(self, until: float, log: Path | None) -> None:
        """Read the server's memory every second, and write a line every minute."""
        started = time.monotonic()
        while (now := time.monotonic()) < until:
            self.found.memory.append(self.server.resident())
            if log is not None and int(now - started) % 60 == 0:
                with log.open("a", encoding="utf-8") as file:
                    counts = dict(self.found.statuses)
                    memory = self.found.memory[-1] / 1e6
                    file.write(f"{now - started:.0f} s: {counts}, {len(self.found.wrong)} wrong, {memory:.0f} MB\n")
            await asyncio.sleep(1)

    def _enrolled(self) -> list[str]:
        connection = self.server.connect()
        connection.request("GET", "/v1/model")
        return list(json.loads(connection.getresponse().read())["enrolled"])


def _same(given: dict[str, Any], wanted: Answer) -> bool:
    if wanted.error is not None:
        return bool(given.get("error"))
    whole = json.loads(json.dumps(wanted.to_dict()))
    rest = [{**answer, "path": "", "candidates": []} for answer in (given, whole)]
    numbers = [{one["label"]: one["probability"] for one in answer["candidates"]} for answer in (given, whole)]
    close = all(abs(value - numbers[1].get(label, 2.0)) < 1e-4 for label, value in numbers[0].items())
    return rest[0] == rest[1] and list(numbers[0]) == list(numbers[1]) and close


def answers_one_by_one(model: Path, items: Sequence[bytes]) -> list[Answer]:
    recognizer = Recognizer(model)
    return [answer for item in items for answer in recognizer.answers([item])]


async def capacity(server: LocalServer, items: Sequence[bytes], expected: Expected, clients: int) -> float:
    """Items a second when every client asks as fast as it is answered, over 20 s."""
    soak = Soak(server, items, expected)
    until = time.monotonic() + 20
    await asyncio.gather(*(soak.client(number, until, 0.0) for number in range(clients)))
    return soak.found.items / 20


async def run(arguments: argparse.Namespace, server: LocalServer, model: Path, soak: Soak, photos: list[Path]) -> float:
    items = await capacity(server, soak.items, soak.expected, arguments.clients)
    each = 10 / 6  # items in a request, on average
    pause = arguments.clients * each / (arguments.share * items)
    until = time.monotonic() + 60 * arguments.minutes
    await asyncio.gather(
        soak.replace(model, photos, until, arguments.replace),
        soak.watch(until, arguments.log),
        *(soak.client(100 + number, until, pause) for number in range(arguments.clients)),
    )
    return items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--replace", type=float, default=60.0)
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    photos = photos_below(arguments.photos)
    chosen = photos[:: max(1, len(photos) // 120)][:120]
    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copytree(arguments.model, Path(folder) / "model")
        items = [path.read_bytes() for path in chosen]
        items += spoiled(items[:40])
        expected = [answers_one_by_one(model, items)]
        enroll(model, CLASS, chosen[:3])
        expected.append(answers_one_by_one(model, items))
        unenroll(model, CLASS)
        with local_server(model) as server:
            soak = Soak(server, items, expected)
            measured = asyncio.run(run(arguments, server, model, soak, chosen[:3]))
    report(soak.found, measured, arguments)


def report(found: Found, capacity: float, arguments: argparse.Namespace) -> None:
    rate = found.items / (60 * arguments.minutes)
    print(f"capacity {capacity:.1f} items/s before; {rate:.1f} items/s for {arguments.minutes:g} min")
    print(f"requests by status: {dict(sorted(found.statuses.items()))}; {found.generations} new generations")
    print(f"items: {found.items}, of which {found.bad_items} cannot be read")
    print(f"wrong answers: {len(found.wrong)}; {found.either} requests ran while the model changed")
    for line in found.wrong[:5]:
        print(f"  {line}")
    middle, slow, slowest = np.percentile(1e3 * np.array(found.seconds), (50, 95, 100))
    print(f"latency: median {middle:.0f} ms, p95 {slow:.0f} ms, longest {slowest:.0f} ms")
    part = max(1, len(found.memory) // 10)
    first, last = statistics.mean(found.memory[part : 2 * part]), statistics.mean(found.memory[-part:])
    print(
        f"memory of the server: {first / 1e6:.0f} MB in the second tenth, {last / 1e6:.0f} MB in the last, "
        f"ratio {last / first:.3f}, at most {max(found.memory) / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
