"""Metrics: numbers for CloudWatch, written to standard output in the embedded metric format.

They are printed, not logged: a higher log level would swallow them.

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
    """Writes metrics.

    namespace: of the stack's metrics in CloudWatch; `None` writes none.
    stream: where they are written, standard output where left out.
    """

    def __init__(self, namespace: str | None, stream: TextIO | None = None) -> None:
        self._namespace = namespace
        self._stream = stream

    def count(self, name: str, **dimensions: str) -> None:
        """One more of what `name` counts."""
        self._put({name: 1}, "Count", dimensions)

    def seconds(self, name: str, seconds: float, **dimensions: str) -> None:
        """A time, in seconds."""
        self._put({name: round(seconds, 3)}, "Seconds", dimensions)

    def _put(self, values: Mapping[str, float], unit: str, dimensions: Mapping[str, str]) -> None:
        if self._namespace is None:
            return
        description = {
            "Namespace": self._namespace,
            # Also without the dimensions: an alarm looks at the sum of all.
            "Dimensions": [[], list(dimensions)] if dimensions else [[]],
            "Metrics": [{"Name": name, "Unit": unit} for name in values],
        }
        line = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [description]},
            **dimensions,
            **values,
        }
        print(json.dumps(line), file=self._stream or sys.stdout, flush=True)
