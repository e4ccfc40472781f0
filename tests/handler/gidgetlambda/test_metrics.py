import io
import json

import pytest
from gidgetlambda.metrics import Metrics


@pytest.mark.parametrize(
    ("names", "reason", "described", "values"),
    [
        (["Parked"], None, [([], ["Parked"])], {"Parked": 1}),
        (
            ["Received", "Accepted", "Queued"],
            None,
            [([], ["Received", "Accepted", "Queued"])],
            {"Received": 1, "Accepted": 1, "Queued": 1},
        ),
        (
            ["Received"],
            "Unauthorized",
            [([], ["Received", "Refused"]), (["Reason"], ["Refused"])],
            {"Received": 1, "Refused": 1, "Reason": "Unauthorized"},
        ),
    ],
)
def test_writes_one_line_in_the_embedded_metric_format(
    names: list[str],
    reason: str | None,
    described: list[tuple[list[str], list[str]]],
    values: dict[str, object],
) -> None:
    stream = io.StringIO()
    Metrics("Bots", stream).count(*names, refused_because=reason)

    line = json.loads(stream.getvalue())
    assert isinstance(line["_aws"].pop("Timestamp"), int)
    descriptions = [
        {
            "Namespace": "Bots",
            "Dimensions": [dimensions],
            "Metrics": [{"Name": metric, "Unit": "Count"} for metric in metrics],
        }
        for dimensions, metrics in described
    ]
    assert line == {"_aws": {"CloudWatchMetrics": descriptions}, **values}


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
