import io
import json
from typing import Any

import pytest
from gidgetlambda.metrics import Metrics


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_count_writes_one_line_in_the_embedded_metric_format(stream: io.StringIO) -> None:
    Metrics("Bots", stream).count("Queued")

    line = json.loads(stream.getvalue())
    assert line["Queued"] == 1
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Bots",
            "Dimensions": [[]],
            "Metrics": [{"Name": "Queued", "Unit": "Count"}],
        }
    ]


def test_counts_with_and_without_the_dimensions(stream: io.StringIO) -> None:
    Metrics("Bots", stream).count("Refused", Reason="Unauthorized")

    line = json.loads(stream.getvalue())
    assert line["Reason"] == "Unauthorized"
    assert description(line)["Dimensions"] == [[], ["Reason"]]


def test_rounds_seconds(stream: io.StringIO) -> None:
    Metrics("Bots", stream).seconds("SecondsToDone", 1.23456)

    line = json.loads(stream.getvalue())
    assert line["SecondsToDone"] == 1.235
    assert description(line)["Metrics"] == [{"Name": "SecondsToDone", "Unit": "Seconds"}]


@pytest.mark.parametrize(("namespace", "lines"), [("Bots", 1), (None, 0)])
def test_prints_only_with_a_namespace(
    namespace: str | None, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Metrics(namespace).count("Parked")

    assert len(capsys.readouterr().out.splitlines()) == lines


def description(line: dict[str, Any]) -> Any:
    return line["_aws"]["CloudWatchMetrics"][0]
