"""The bill, the limits, and docs/scaling.md, which shows exactly what the command prints."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from infra.scaling import limits, prices
from infra.scaling.__main__ import BEGIN, PAGE, embed
from infra.scaling.bill import ALARMS, DASHBOARDS, MEMORY, total, usage
from infra.scaling.load import Load
from infra.scaling.report import dollars, report
from infra.testing.template import read

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"


def test_the_page_shows_exactly_the_printed_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == embed(page, report(Load(0))), "run `python -m infra.scaling --write`"


def test_the_page_lists_every_assumption() -> None:
    page = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    for assumption in fields(Load):
        if assumption.name != "deliveries":
            assert f"| `--{assumption.name}` | {assumption.default}" in page


@pytest.mark.parametrize("deliveries", [0, 100, 1_000, 10_000, 100_000])
def test_the_documents_agree_with_the_bill(deliveries: int) -> None:
    whole, reduced = (total(Load(deliveries), free_tier=free) for free in (False, True))
    page = OPERATING.read_text(encoding="utf-8")
    assert f" {dollars(whole)} |" in page
    assert f" {dollars(reduced)} |" in page


def test_the_bill_follows_the_load() -> None:
    used = usage(Load(1_000_000, start=0.0))
    assert used[prices.API] == 30_000_000
    assert used[prices.INVOCATIONS] == 31_500_000
    assert used[prices.COMPUTE] == pytest.approx((30e6 * 0.003 + 1.5e6 * 0.315) / 2)
    assert used[prices.QUEUE] == 650_000 + 3 * 1_500_000


def test_the_free_tier_is_subtracted_once() -> None:
    assert prices.QUEUE.cost(3_000_000, free_tier=False) == pytest.approx(1.5)
    assert prices.QUEUE.cost(3_000_000, free_tier=True) == pytest.approx(1.0)
    assert prices.QUEUE.cost(999_999, free_tier=True) == 0


def test_the_first_limit_depends_on_the_load() -> None:
    load = Load(100_000, tasks=1.0)
    assert limits.limits(load)[0].name == "gitlab.com: notes by one user"
    assert limits.limits(replace(load, work=10.0))[0].name == "`MaximumConcurrency`: tasks"
    assert limits.limits(replace(load, notes=0, issues=5))[0].name.endswith("issues by one user")
    assert limits.limits(replace(load, deliveries=0)) == []


def test_the_figures_of_the_stack_are_those_of_the_template() -> None:
    template = read({"AccessToken": "t", "GitLabUrl": "https://gitlab.example.com"})
    api, work = (template.properties(name, lambda *_: "") for name in ("HttpApi", "WorkFunction"))
    assert api["DefaultRouteSettings"]["ThrottlingRateLimit"] == limits.API_RATE
    assert work["MemorySize"] == MEMORY * 1024
    (source,) = work["Events"].values()
    scaling = source["Properties"]["ScalingConfig"]
    assert scaling["MaximumConcurrency"] == limits.MAXIMUM_CONCURRENCY
    kinds = template.resources
    alarms = [name for name, kind in kinds.items() if kind == "AWS::CloudWatch::Alarm"]
    watched = [template.properties(name, lambda *_: "").get("Metrics", [{}]) for name in alarms]
    assert sum(one == {} or "MetricStat" in one for metrics in watched for one in metrics) == ALARMS
    assert list(kinds.values()).count("AWS::CloudWatch::Dashboard") == DASHBOARDS
