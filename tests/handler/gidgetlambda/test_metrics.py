import io
import json

import pytest
from gidgetlambda.metrics import Metrics


@pytest.mark.parametrize(
    ("dimensions", "watched"), [({}, [[]]), ({"Reason": "Unauthorized"}, [[], ["Reason"]])]
)
def test_writes_one_line_in_the_embedded_metric_format(
    dimensions: dict[str, str], watched: list[list[str]]
) -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).count("Refused", **dimensions)

    line = json.loads(stream.getvalue())
    assert isinstance(line["_aws"].pop("Timestamp"), int)
    description = {
        "Namespace": "Bots",
        "Dimensions": watched,
        "Metrics": [{"Name": "Refused", "Unit": "Count"}],
    }
    assert line == {"_aws": {"CloudWatchMetrics": [description]}, "Refused": 1, **dimensions}


def test_rounds_seconds() -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).seconds("SecondsToDone", 1.23456)

    line = json.loads(stream.getvalue())
    assert line["SecondsToDone"] == 1.235
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Seconds"


@pytest.mark.parametrize(("namespace", "lines"), [("Bots", 1), (None, 0)])
def test_prints_only_with_a_namespace(
    namespace: str | None, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Metrics(namespace).count("Parked")

    assert len(capsys.readouterr().out.splitlines()) == lines
