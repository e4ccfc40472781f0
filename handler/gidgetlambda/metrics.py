"""Metrics: numbers for CloudWatch, written to standard output in the embedded metric format.

They are printed, not logged, so that the log level does not suppress them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping


class Metrics:
    """Writes counts, durations and values.

    Args:
        namespace: The namespace of the metrics in CloudWatch; `None` disables them.
        stream: The destination; standard output by default.
    """

    def __init__(self, namespace: str | None, stream: TextIO | None = None) -> None:
        self._namespace = namespace
        self._stream = stream

    def count(self, name: str, **dimensions: str) -> None:
        """Add one to the metric `name`."""
        self._put(name, 1, "Count", dimensions)

    def seconds(self, name: str, seconds: float, **dimensions: str) -> None:
        """Write a duration in seconds."""
        self._put(name, round(seconds, 3), "Seconds", dimensions)

    def value(self, name: str, value: float) -> None:
        """Write a value without a unit."""
        self._put(name, value, "None", {})

    def _put(self, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
        if self._namespace is None:
            return
        description = {
            "Namespace": self._namespace,
            # Also without the dimensions, because alarms watch the sum.
            "Dimensions": [[], list(dimensions)] if dimensions else [[]],
            "Metrics": [{"Name": name, "Unit": unit}],
        }
        line = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [description]},
            **dimensions,
            name: value,
        }
        print(json.dumps(line), file=self._stream or sys.stdout, flush=True)
