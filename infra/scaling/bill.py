"""The monthly bill: the amount of each item that a load uses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from infra.scaling import prices
from infra.scaling.load import DAY

if TYPE_CHECKING:
    from infra.scaling.load import Load
    from infra.scaling.prices import Price

DAYS = 30  # each as busy as a working day

# In template.yaml, with a queue.
MEMORY = 0.5  # GB of each function
ALARMS = 10  # metrics that the alarms watch; AWS bills each of them
DASHBOARDS = 1

METRICS = 13  # names that the functions write, and the cold starts; billed in hours with data
KEPT_WARM = 600  # seconds that Lambda keeps an idle function; AWS promises none
IDLE_POLLS = 650_000  # requests a month with which Lambda polls an empty queue

# Bytes, rounded up. A delivery and a task log at INFO: one line of the function, two of Lambda's,
# one or two lines of metrics, and for a delivery the API's access log.
LOGGED_FOR_DELIVERY, LOGGED_FOR_TASK = 1_800, 1_500
COMPRESSION = 0.15  # stored bytes for each ingested byte
ANSWER, CALL = 600, 2_500  # bytes sent to GitLab for a delivery and for an API call, with TLS
GB = 1e9


def usage(load: Load) -> dict[Price, float]:
    """Return the amount of each item that a month uses, without retries."""
    deliveries, tasks = load.deliveries * DAYS, load.tasks_a_day * DAYS
    cold_starts = (_cold_starts(load.deliveries) + _cold_starts(load.tasks_a_day)) * DAYS
    seconds = (
        deliveries * load.receive + tasks * (load.queue + load.work) + cold_starts * load.start
    )
    logged = (deliveries * LOGGED_FOR_DELIVERY + tasks * LOGGED_FOR_TASK) / GB
    return {
        prices.API: deliveries,
        prices.INVOCATIONS: deliveries + tasks,
        prices.COMPUTE: seconds * MEMORY,
        prices.QUEUE: IDLE_POLLS + tasks * 3,  # send, receive, delete
        prices.LOGS: logged,
        prices.LOG_STORAGE: logged * COMPRESSION,
        prices.METRICS: METRICS if deliveries else 0,
        prices.ALARMS: ALARMS,
        prices.DASHBOARDS: DASHBOARDS,
        prices.TRANSFER: (deliveries * ANSWER + tasks * load.calls * CALL) / GB,
    }


def total(load: Load, *, free_tier: bool) -> float:
    """Return the dollars of a month."""
    return sum(price.cost(amount, free_tier=free_tier) for price, amount in usage(load).items())


def _cold_starts(invocations: float) -> float:
    """Return the cold starts of a function with that many invocations a day, at random times."""
    return invocations * math.exp(-invocations * KEPT_WARM / DAY)
