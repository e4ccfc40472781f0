"""The simulation behind docs/scaling.md, and that the page shows what it prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gidgetlambda.retries import RATE_LIMIT_AGE
from samcli.yamlhelper import yaml_parse

from infra.scaling import limits, prices
from infra.scaling.__main__ import BEGIN, END, embed
from infra.scaling.bill import ALARMS, DASHBOARDS, MEMORY, usage
from infra.scaling.load import DAY, HOURS, PEAK, Load
from infra.scaling.queueing import Waits, fits, simulate
from infra.scaling.report import report

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "scaling.md"


def test_the_page_shows_what_the_simulation_prints() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == embed(page, report(Load(0))), "run `python -m infra.scaling --write`"


def test_the_pages_short_story_holds() -> None:
    waits = simulate(Load(800_000), limits.GITLAB_COM, limits.MAXIMUM_CONCURRENCY)
    assert waits.median < 1
    assert waits.p99 < 120
    assert fits(Load(1_720_000), limits.GITLAB_COM)
    assert not fits(Load(1_730_000), limits.GITLAB_COM)
    assert 39 < limits.API_RATE / Load(1_000_000).at_peak(1_000_000) < 42
    used = usage(Load(100_000), tries=1.0)
    assert sum(one.cost(amount, free_tier=False) for one, amount in used.items()) < 20
    assert sum(one.cost(amount, free_tier=True) for one, amount in used.items()) < 5


def test_every_row_of_a_table_has_a_cell_for_each_column() -> None:
    columns = None
    for line in PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].splitlines():
        cells = line.count("|") if line.startswith("|") else None
        assert columns is None or cells in (None, columns), line
        columns = cells


def test_the_page_tells_every_assumption() -> None:
    page = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    load = Load(0)
    for option, value in vars(load).items():
        if option != "deliveries":
            assert f"`--{option}`" in page
            assert str(value) in page
    assert f"`--concurrency` | {limits.MAXIMUM_CONCURRENCY} |" in page


def test_the_limits_are_the_templates() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    route = template["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]
    assert route["ThrottlingRateLimit"] == limits.API_RATE
    assert template["Globals"]["Function"]["MemorySize"] == MEMORY * 1024
    concurrency = template["Parameters"]["MaximumConcurrency"]
    assert concurrency["Default"] == limits.MAXIMUM_CONCURRENCY


def test_the_alarms_and_dashboards_are_the_templates() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
    watched = 0
    for resource in resources:
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource.get("Condition") != "Inline":
            metrics = resource["Properties"].get("Metrics")
            watched += 1 if metrics is None else sum("MetricStat" in one for one in metrics)
    assert watched == ALARMS
    assert sum(one["Type"] == "AWS::CloudWatch::Dashboard" for one in resources) == DASHBOARDS


def test_a_day_brings_its_tasks_most_of_them_in_the_busy_hours() -> None:
    arrivals = list(Load(100_000).arrivals(seed=1))
    assert len(arrivals) == Load(100_000).tasks_a_day == 5_000
    seconds = [second for second, _ in arrivals]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] < seconds[-1] < DAY
    night = sum(second < 4 * 3600 for second in seconds)
    morning = sum(8 * 3600 <= second < 12 * 3600 for second in seconds)
    assert morning > 8 * night
    assert Load(86_400).at_peak(86_400) == PEAK == 24 * max(HOURS) / sum(HOURS)


def test_the_same_seed_plays_the_same_day() -> None:
    load = Load(50_000, work=30.0)
    first = simulate(load, limits.GITLAB_COM, 2, seed=3)
    assert first == simulate(load, limits.GITLAB_COM, 2, seed=3)
    assert first != simulate(load, limits.GITLAB_COM, 2, seed=4)


def test_a_task_that_meets_no_limit_takes_as_long_as_its_work() -> None:
    waits = simulate(Load(100_000, work=0.25, start=0.0), limits.RAISED, 100)
    assert waits.median == pytest.approx(0.25)
    assert (waits.tries, waits.parked) == (1.0, 0)


def test_after_ten_idle_minutes_a_task_waits_for_the_start() -> None:
    waits = simulate(Load(100, work=0.25, start=0.5), limits.RAISED, 10)
    assert waits.median == pytest.approx(0.75)


def test_tasks_of_one_target_run_one_after_the_other() -> None:
    everywhere = Load(100_000, work=10.0, hot=0.0)
    one_issue = replace(everywhere, hot=1.0)
    assert simulate(everywhere, limits.RAISED, 100).p99 < 25
    assert simulate(one_issue, limits.RAISED, 100).median > 1000


def test_more_tasks_than_functions_wait_for_a_function() -> None:
    load = Load(100_000, work=20.0, hot=0.0)
    assert simulate(load, limits.RAISED, 50).median == pytest.approx(20)
    assert simulate(load, limits.RAISED, 2).median > 1000


def test_gitlab_takes_so_many_notes_a_minute_and_the_rest_comes_again() -> None:
    load = Load(50_000, hot=0.0)  # 2,500 tasks, of which 3.7 come in a minute of the busiest hour
    few = limits.GitLabLimits(notes=3, issues=200, calls=2_000)
    waits = simulate(load, few, 10)
    assert waits.tries > 2
    assert waits.backlog > 100
    assert waits.p99 < RATE_LIMIT_AGE
    assert waits.parked == 0


def test_what_gitlab_refuses_for_a_day_is_parked_and_counted() -> None:
    load = Load(20_000)  # 1,000 tasks, of which 720 find a place within 24 hours
    half = limits.GitLabLimits(notes=1, issues=200, calls=2_000)
    swamped = replace(load, deliveries=60_000)
    assert fits(load, half)
    assert not fits(swamped, half)
    waits = simulate(swamped, half, 10)
    assert waits.parked > 0


def test_calls_and_issues_are_limits_too() -> None:
    load = Load(1_000_000, notes=0, issues=1)
    assert fits(load, limits.GITLAB_COM)
    assert not fits(replace(load, calls=100), limits.GITLAB_COM)
    assert not fits(replace(load, issues=6), limits.GITLAB_COM)
    assert fits(replace(load, issues=0, calls=0), limits.GITLAB_COM)


def test_a_day_without_tasks_is_no_trouble() -> None:
    assert simulate(Load(10), limits.GITLAB_COM, 5) == Waits(0.0, 0.0, 0.0, 0, 0)


def test_a_price_counts_tiers_and_what_is_free() -> None:
    price = prices.Price("thing", 2.0, 10, "things", 100, "2026-01-01", "", 1_000, 1.0)
    assert price.cost(50, free_tier=True) == 0
    assert price.cost(50, free_tier=False) == 10
    assert price.cost(1_100, free_tier=True) == 200
    assert price.cost(2_000, free_tier=False) == 200 + 100


def test_the_bill_follows_the_load() -> None:
    idle = usage(Load(0), tries=1.0)
    assert idle[prices.QUEUE] == 650_000
    assert idle[prices.API] == idle[prices.COMPUTE] == idle[prices.LOGS] == 0
    used = usage(Load(1_000_000, start=0.0), tries=2.0)
    assert used[prices.API] == 30_000_000
    assert used[prices.INVOCATIONS] == 30_000_000 + 2 * 1_500_000
    received, worked = 30e6 * 0.003 + 1.5e6 * 0.015, 2 * 1.5e6 * 0.3
    assert used[prices.COMPUTE] == pytest.approx((received + worked) / 2)
    assert used[prices.QUEUE] == 650_000 + 1_500_000 * (1 + 1 + 2 + 1)


def test_every_price_has_its_date_and_page() -> None:
    for price in prices.PRICES:
        assert price.published.startswith("2026-")
        assert price.source.startswith("https://")


def test_the_tables_are_put_between_their_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert embed(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
