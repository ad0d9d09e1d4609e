"""`/metrics` for Prometheus and its kin, on a port of its own: what was counted elsewhere, in its words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from tornado.web import Application

from tornadochat.http.handlers import Alive, Missing, PlainHandler
from tornadochat.http.server import Patience, Server
from tornadochat.metrics import Family, Histogram
from tornadochat.places import Places

BODY_BYTES: Final = 1024
"""Nothing that is asked here has a body."""
PATIENCE: Final = Patience(first=10.0, body=10.0, idle=300.0, unread=30.0)
"""With scrapers, which come every few minutes at the least, by the same connection."""

CONNECTIONS: Final = 8
"""Two scrapers, a probe, and what they left open."""


class Families(Collector):
    """Reads the families when it is asked, and keeps nothing."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Each of them as it is now."""
        return map(_metric, self._families)


def _metric(family: Family) -> Metric:
    reading = family.read()
    if isinstance(reading, Histogram):
        histogram = HistogramMetricFamily(family.name, family.meaning)
        names = [*(repr(float(bound)) for bound in reading.bounds), "+Inf"]
        buckets = list(zip(names, accumulate(map(float, reading.counts)), strict=True))
        histogram.add_metric([], buckets, reading.sum)
        return histogram
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(family.name, family.meaning, labels=() if family.label is None else (family.label,))
    values: Mapping[str, float] = reading if isinstance(reading, Mapping) else {"": reading}
    for value, number in values.items():
        metric.add_metric([] if family.label is None else [value], number)
    return metric


class Exposition(PlainHandler):
    """`/metrics`."""

    def initialize(self, registry: CollectorRegistry) -> None:
        """`registry`: what there is to read."""
        self._registry = registry

    def get(self) -> None:
        """In the format that the scraper takes: OpenMetrics, or the plain text of Prometheus."""
        encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(encode(self._registry))

    head = get


def metrics_server(families: Iterable[Family]) -> Server:
    """A server with nothing but this; what the process itself costs is among it."""
    registry = CollectorRegistry()
    registry.register(Families(tuple(families)))
    ProcessCollector(registry=registry)
    routes: list[Any] = [(r"/metrics", Exposition, {"registry": registry}), (r"/healthz", Alive)]
    server = Server(
        Application(routes, default_handler_class=Missing),
        body_bytes=BODY_BYTES,
        trusted=(),
        patience=PATIENCE,
    )
    # Their descriptors are of those that are kept for the store, and a crowd here must not take them all.
    server.places = Places(CONNECTIONS, full=f"the port of the metrics takes {CONNECTIONS} at a time")
    return server
