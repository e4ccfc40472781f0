import io
import json
from typing import Any

import pytest
from gidgetlambda.metrics import Metrics


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_count_is_one_line_in_the_embedded_metric_format() -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).count("Queued")

    (line,) = written(stream)
    (description,) = line["_aws"]["CloudWatchMetrics"]
    assert line["Queued"] == 1
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert description == {
        "Namespace": "Bots",
        "Dimensions": [[]],
        "Metrics": [{"Name": "Queued", "Unit": "Count"}],
    }


def test_a_dimension_is_told_and_the_sum_of_all_too() -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).count("Refused", Reason="Unauthorized")

    (line,) = written(stream)
    assert line["Reason"] == "Unauthorized"
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[], ["Reason"]]


def test_a_time_is_in_seconds() -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).seconds("SecondsToDone", 1.23456)

    (line,) = written(stream)
    assert line["SecondsToDone"] == 1.235
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "SecondsToDone", "Unit": "Seconds"}
    ]


def test_metrics_go_to_standard_output_whatever_the_log_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Metrics("Bots").count("Parked")

    assert json.loads(capsys.readouterr().out)["Parked"] == 1


def test_without_a_namespace_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics(None).count("Parked")

    assert capsys.readouterr().out == ""
