"""What AWS asks for in eu-west-1 (Ireland), without taxes, and since when.

Prices change, and differ by region: look at the pages named here before relying on a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

PRICE_LIST = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{}/current/eu-west-1/index.json"
)


@dataclass(frozen=True)
class Price:
    """The price of one thing.

    name: as the tables call it.
    dollars: for so many units.
    units: what one pays for that much.
    unit: its name.
    free: units that every account has free each month, for as long as it exists.
    published: when AWS published the list that it is from.
    source: the page.
    after: the amount of units a month after which `dollars_after` is asked.
    """

    name: str
    dollars: float
    units: int
    unit: str
    free: int
    published: str
    source: str
    after: int | None = None
    dollars_after: float = 0.0

    def cost(self, amount: float, *, free_tier: bool) -> float:
        """What an amount of units in a month costs, in dollars."""
        paid = max(0.0, amount - self.free) if free_tier else amount
        cheaper = max(0.0, paid - self.after) if self.after is not None else 0.0
        dollars = (paid - cheaper) * self.dollars + cheaper * self.dollars_after
        return dollars / self.units


API = Price(
    "HTTP API requests",
    1.11,
    1_000_000,
    "requests",
    0,
    "2026-09-21",
    PRICE_LIST.format("AmazonApiGateway"),
    after=300_000_000,
    dollars_after=1.00,
)
INVOCATIONS = Price(
    "Lambda requests",
    0.20,
    1_000_000,
    "requests",
    1_000_000,
    "2026-10-01",
    PRICE_LIST.format("AWSLambda"),
)
COMPUTE = Price(
    "Lambda time (arm64)",
    13.3334,
    1_000_000,
    "GB-seconds",
    400_000,
    "2026-10-01",
    PRICE_LIST.format("AWSLambda"),
)
QUEUE = Price(
    "SQS requests (FIFO)",
    0.50,
    1_000_000,
    "requests",
    1_000_000,
    "2026-09-11",
    PRICE_LIST.format("AWSQueueService"),
)
LOGS = Price(
    "Logs taken in",
    0.57,
    1,
    "GB",
    5,
    "2026-09-22",
    PRICE_LIST.format("AmazonCloudWatch"),
)
LOG_STORAGE = Price(
    "Logs kept",
    0.03,
    1,
    "GB-month, compressed",
    0,
    "2026-09-22",
    PRICE_LIST.format("AmazonCloudWatch"),
)
METRICS = Price(
    "Metrics",
    0.30,
    1,
    "metric",
    10,
    "2026-09-22",
    PRICE_LIST.format("AmazonCloudWatch"),
)
ALARMS = Price(
    "Alarms",
    0.10,
    1,
    "alarm",
    10,
    "2026-09-22",
    PRICE_LIST.format("AmazonCloudWatch"),
)
DASHBOARDS = Price(
    "Dashboard",
    3.00,
    1,
    "dashboard",
    3,
    "2026-06-13",
    "https://aws.amazon.com/cloudwatch/pricing/",
)
TRANSFER = Price(
    "Data sent out",
    0.09,
    1,
    "GB",
    100,
    "2026-09-16",
    PRICE_LIST.format("AWSDataTransfer"),
)
PRICES = (
    API,
    INVOCATIONS,
    COMPUTE,
    QUEUE,
    LOGS,
    LOG_STORAGE,
    METRICS,
    ALARMS,
    DASHBOARDS,
    TRANSFER,
)
