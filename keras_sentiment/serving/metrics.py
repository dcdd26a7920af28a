"""The metrics of a server for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The metrics of one server, in their own registry.

    The label `route` has few values: the template of the path, such as `/v2/models/{model_name}`, or `other`
    if there is no such route.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "keras_sentiment_requests",
            "Requests; status 499: the client closed its connection before the answer.",
            ["route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "keras_sentiment_request_seconds",
            "Seconds from the headers of a request to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._texts = Counter("keras_sentiment_texts", "Texts scored.", registry=self.registry)
        self._batches = Histogram(
            "keras_sentiment_batch_texts",
            "Texts in a batch.",
            buckets=_TEXTS,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "keras_sentiment_waiting_texts", "Texts that wait for the model.", registry=self.registry
        )

    def follow(self, waiting: Callable[[], float]) -> None:
        """Sets the function that returns the number of waiting texts."""
        self._waiting.set_function(waiting)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that has ended."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_batch(self, texts: int) -> None:
        """Counts a batch and its texts."""
        self._batches.observe(texts)
        self._texts.inc(texts)

    def page(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        return generate_latest(self.registry)
