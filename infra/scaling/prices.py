"""AWS's prices in eu-west-1 (Ireland), without taxes, each with its source and date.

Prices change and differ by region: check the sources before you rely on a sum.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """The price of one item.

    Attributes:
        dollars: The price of `units` units.
        free: The units that every account gets free each month, without an end date.
        published: The date of the price list.
        source: The URL of the price list.
    """

    name: str
    dollars: float
    units: int
    unit: str
    free: int
    published: str
    source: str

    def cost(self, amount: float, *, free_tier: bool) -> float:
        """Return the dollars that an amount of units costs in a month."""
        charged = max(0.0, amount - self.free) if free_tier else amount
        return charged * self.dollars / self.units


def _list(service: str) -> str:
    return (
        f"https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{service}/current/eu-west-1/"
        "index.json"
    )


MILLION = 1_000_000
GATEWAY, LAMBDA, SQS = _list("AmazonApiGateway"), _list("AWSLambda"), _list("AWSQueueService")
CLOUDWATCH, TRANSFERS = _list("AmazonCloudWatch"), _list("AWSDataTransfer")
DASHBOARD_PAGE = "https://aws.amazon.com/cloudwatch/pricing/"

# An HTTP API costs 1.00 after 300 million requests a month, which no column of the bill exceeds.
API = Price("HTTP API requests", 1.11, MILLION, "requests", 0, "2026-09-21", GATEWAY)
INVOCATIONS = Price("Lambda requests", 0.20, MILLION, "requests", MILLION, "2026-10-01", LAMBDA)
COMPUTE = Price(
    "Lambda time (arm64)", 13.3334, MILLION, "GB-seconds", 400_000, "2026-10-01", LAMBDA
)
QUEUE = Price("SQS requests (FIFO)", 0.50, MILLION, "requests", MILLION, "2026-09-11", SQS)
LOGS = Price("Logs ingested", 0.57, 1, "GB", 5, "2026-09-22", CLOUDWATCH)
LOG_STORAGE = Price("Logs stored", 0.03, 1, "GB-month, compressed", 0, "2026-09-22", CLOUDWATCH)
METRICS = Price("Metrics", 0.30, 1, "metric", 10, "2026-09-22", CLOUDWATCH)
ALARMS = Price("Alarms", 0.10, 1, "alarm", 10, "2026-09-22", CLOUDWATCH)
DASHBOARDS = Price("Dashboard", 3.00, 1, "dashboard", 3, "2026-06-13", DASHBOARD_PAGE)
TRANSFER = Price("Data transferred out", 0.09, 1, "GB", 100, "2026-09-16", TRANSFERS)

PRICES = (
    *(API, INVOCATIONS, COMPUTE, QUEUE, LOGS),
    *(LOG_STORAGE, METRICS, ALARMS, DASHBOARDS, TRANSFER),
)
