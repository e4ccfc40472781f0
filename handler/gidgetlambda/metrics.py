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
    from collections.abc import Iterable, Mapping


class Metrics:
    """Writes counts, durations and values.

    Args:
        namespace: The namespace of the metrics in CloudWatch; `None` disables them.
        stream: The destination; standard output by default.
    """

    def __init__(self, namespace: str | None, stream: TextIO | None = None) -> None:
        self._namespace = namespace
        self._stream = stream

    def count(self, *names: str, refused_because: str | None = None) -> None:
        """Add one to each metric, in one line.

        Args:
            names: The metrics.
            refused_because: Also add one to `Refused`, and to `Refused` with this reason.
        """
        if refused_because is None:
            self._put(dict.fromkeys(names, 1), "Count")
        else:
            reason = {"Reason": refused_because}
            self._put(dict.fromkeys([*names, "Refused"], 1), "Count", "Refused", reason)

    def seconds(self, name: str, seconds: float) -> None:
        """Write a duration in seconds."""
        self._put({name: round(seconds, 3)}, "Seconds")

    def value(self, name: str, value: float) -> None:
        """Write a value without a unit."""
        self._put({name: value}, "None")

    def _put(
        self,
        values: Mapping[str, float],
        unit: str,
        divided: str | None = None,
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        """Write a line.

        Args:
            values: The metrics and their values.
            unit: Their unit.
            divided: The metric that is also written with dimensions; alarms watch the sum.
            dimensions: Its dimensions.
        """
        if self._namespace is None:
            return
        descriptions = [self._description([], values, unit)]
        if divided is not None and dimensions is not None:
            descriptions.append(self._description(list(dimensions), [divided], unit))
        line = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": descriptions},
            **(dimensions or {}),
            **values,
        }
        print(json.dumps(line), file=self._stream or sys.stdout, flush=True)

    def _description(
        self, dimensions: list[str], names: Iterable[str], unit: str
    ) -> dict[str, object]:
        return {
            "Namespace": self._namespace,
            "Dimensions": [dimensions],
            "Metrics": [{"Name": name, "Unit": unit} for name in names],
        }
