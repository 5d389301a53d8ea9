"""Server metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["RequestCounts"]


class RequestCounts:
    """Metrics of one server, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "fieldmark_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram("fieldmark_request_seconds", "Time of a request.", ["route"], registry=self.registry)
        self._photos = Counter("fieldmark_photos", "Photos by outcome.", ["outcome"], registry=self.registry)
        self._batches = Histogram(
            "fieldmark_batch_photos", "Photos computed together.", registry=self.registry, buckets=(1, 2, 4, 8, 16, 32)
        )
        self._waiting = Gauge("fieldmark_photos_waiting", "Photos waiting for a worker.", registry=self.registry)

    def watch_waiting(self, count: Callable[[], int]) -> None:
        """Call `count` for the number of waiting photos whenever the metrics are read."""
        self._waiting.set_function(count)

    def request(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def photos_read(self, good: int, bad: int) -> None:
        self._photos.labels("read").inc(good)
        self._photos.labels("unreadable").inc(bad)
        self._batches.observe(good + bad)

    def text(self) -> bytes:
        """Return the metrics in the exposition format."""
        return generate_latest(self.registry)
