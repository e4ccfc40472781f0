"""The monthly bill: how much of each thing is used, and what that costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from infra.scaling import prices
from infra.scaling.load import HOURS
from infra.scaling.queueing import KEPT_WARM

if TYPE_CHECKING:
    from infra.scaling.load import Load
    from infra.scaling.prices import Price

DAYS = 30  # all of them as busy as a working day
MEMORY = 0.5  # GB, as template.yaml gives both functions
IDLE_POLLS = 650_000  # requests a month by which Lambda asks an empty queue

# Bytes, rounded up from what one delivery and one try write at the log level INFO: a line of ours,
# two of Lambda's, one or two of metrics, and API Gateway's access log.
LOGGED_FOR_DELIVERY = 1_800
LOGGED_FOR_TRY = 1_500
COMPRESSED = 0.15  # of what was taken in
ANSWER = 600  # bytes to GitLab for a delivery, headers and encryption included
CALL = 2_500  # bytes to GitLab for a call of the API

METRICS = 11  # names in handler/core; AWS counts one only in hours that have data for it
ALARMS = 8  # metrics that template.yaml's alarms look at, with a queue
DASHBOARDS = 1
GB = 1e9


def usage(load: Load, tries: float) -> dict[Price, float]:
    """How much of each thing a month takes, in the unit of its price.

    tries: for each task, in the mean.
    """
    deliveries = load.deliveries * DAYS
    tasks = load.tasks_a_day * DAYS
    tried = tasks * tries
    seconds = (
        deliveries * _billed(load.receive)
        + tasks * load.queue
        + tried * _billed(load.work)
        + (_starts(load.deliveries) + _starts(load.tasks_a_day)) * DAYS * load.start
    )
    logged = (deliveries * LOGGED_FOR_DELIVERY + tried * LOGGED_FOR_TRY) / GB
    return {
        prices.API: deliveries,
        prices.INVOCATIONS: deliveries + tried,
        prices.COMPUTE: seconds * MEMORY,
        # Each task is sent and deleted once, received for each try, and put off for each further.
        prices.QUEUE: IDLE_POLLS + tasks * 2 + tried + (tried - tasks),
        prices.LOGS: logged,
        prices.LOG_STORAGE: logged * COMPRESSED,
        prices.METRICS: METRICS,
        prices.ALARMS: ALARMS,
        prices.DASHBOARDS: DASHBOARDS,
        prices.TRANSFER: (deliveries * ANSWER + tried * load.calls * CALL) / GB,
    }


def _billed(seconds: float) -> float:
    """Lambda bills whole milliseconds."""
    return math.ceil(round(seconds * 1000, 6)) / 1000


def _starts(a_day: int) -> float:
    """How often in a day a function is called that was idle for so long that it is gone."""
    starts = 0.0
    for weight in HOURS:
        in_hour = a_day * weight / sum(HOURS)
        starts += in_hour * math.exp(-in_hour * KEPT_WARM / 3600)
    return starts
