"""Webhooks per second, and the time from a webhook to its comment: our bot and gidgetlab's.

Both have the same handler, the same sandbox GitLab and the same sender of webhooks. Each is a
process of its own, and they take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.sandbox import BOT_TOKEN

from . import gitlab, load
from .environment import bots_python
from .processes import BUILD, Program, free_port, running
from .report import TIMES, Goal, show, times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "benchmark-secret"
ROUND_TRIP = 20  # milliseconds
OURS, THEIRS = "ours", "gidgetlab"
MODULES = {OURS: "tests.benchmarks.bots.ours", THEIRS: "tests.benchmarks.bots.gidgetlabs"}
CONCURRENCIES = (1, 8)


@dataclass(frozen=True)
class Effort:
    """How much is sent.

    loopback, distant: webhooks in one round, without and with the round trip; no more than the
        sandbox has issues, since a comment is known by its issue.
    rounds: of each bot in each scenario.
    """

    loopback: int
    distant: int
    rounds: int


QUICK = Effort(loopback=100, distant=40, rounds=2)
FULL = Effort(loopback=400, distant=100, rounds=8)


@dataclass
class Score:
    """What was measured of one bot in one scenario.

    rates: webhooks per second, of each round.
    delays: milliseconds from a webhook to its comment, of each webhook.
    cpu: the bot's processor time for one webhook in milliseconds, of each round.
    """

    rates: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.delays, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True)
class Scenario:
    """Where GitLab is, and how many webhooks are under way at once."""

    place: str
    concurrency: int


def measure(effort: Effort) -> None:
    """Let both bots run through every scenario, and print the table."""
    python = bots_python()
    events = gitlab.issue_events()
    scores: dict[Scenario, dict[str, Score]] = {}
    with gitlab.started() as sandbox:
        contest = Contest(sandbox.port, events, effort.rounds)
        ceiling = contest.ceiling()
        with _bots(python, f"http://127.0.0.1:{sandbox.port}") as bots:
            for concurrency in CONCURRENCIES:
                scenario = Scenario("loopback", concurrency)
                scores[scenario] = contest.run(bots, concurrency, effort.loopback)
        with _distance(python, sandbox.port) as (url, ca_file), _bots(python, url, ca_file) as bots:
            for concurrency in CONCURRENCIES:
                scenario = Scenario(f"TLS, {ROUND_TRIP} ms", concurrency)
                scores[scenario] = contest.run(bots, concurrency, effort.distant)
    _show(scores, effort, ceiling)


class Contest:
    """Lets bots take turns at the same webhooks.

    gitlab_port: where the sandbox listens.
    events: the path of its notes, and the body, of each issue's event.
    rounds: of each bot.
    """

    def __init__(self, gitlab_port: int, events: list[tuple[str, bytes]], rounds: int) -> None:
        self._gitlab_port = gitlab_port
        self._events = events
        self._rounds = rounds

    def run(self, bots: dict[str, Program], concurrency: int, count: int) -> dict[str, Score]:
        """Warm up, then measure; each goes first as often as second."""
        scores = {name: Score() for name in bots}
        for bot in bots.values():
            self._round(bot, concurrency, count, Score())
        for number in range(self._rounds):
            for name in list(bots)[:: 1 if number % 2 else -1]:
                self._round(bots[name], concurrency, count, scores[name])
        return scores

    def ceiling(self) -> float:
        """How many notes a second the sandbox takes from this sender, without any bot."""
        notes = [
            load.webhook(
                path,
                path,
                self._gitlab_port,
                {"Content-Type": "application/json", "Authorization": f"Bearer {BOT_TOKEN}"},
                b'{"body": "Thanks for the report!"}',
            )
            for path, _ in self._events
        ]
        done = asyncio.run(load.send(notes, self._gitlab_port, max(CONCURRENCIES)))
        gitlab.stored(self._gitlab_port)
        return len(notes) / done.seconds

    def _round(self, bot: Program, concurrency: int, count: int, score: Score) -> None:
        webhooks = [
            load.webhook(path, "/", bot.port, _headers(), body)
            for path, body in self._events[:count]
        ]
        before = bot.cpu_seconds()
        done = asyncio.run(load.send(webhooks, bot.port, concurrency))
        after = bot.cpu_seconds()
        stored = gitlab.stored(self._gitlab_port)
        if set(stored) != set(done.sent):
            raise RuntimeError(f"{bot.name}: {count} webhooks, {len(stored)} comments; see its log")
        score.rates.append(count / done.seconds)
        score.delays.extend((stored[key] - sent) / 1e6 for key, sent in done.sent.items())
        score.cpu.append((after - before) / count * 1000)


def _headers() -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Issue Hook",
        "X-Gitlab-Token": SECRET,
        "Idempotency-Key": str(uuid.uuid4()),
    }


@contextlib.contextmanager
def _bots(python: Path, url: str, ca_file: str = "") -> Iterator[dict[str, Program]]:
    with contextlib.ExitStack() as stack:
        bots = {}
        for name, module in MODULES.items():
            port = free_port()
            environ = {
                "GL_URL": url,
                "GL_ACCESS_TOKEN": BOT_TOKEN,
                "GL_SECRET": SECRET,
                "BENCHMARK_PORT": str(port),
                "BENCHMARK_CA_FILE": ca_file,
            }
            command = [str(python), "-m", module]
            bots[name] = stack.enter_context(running(f"bot-{name}", command, port, environ))
        yield bots


@contextlib.contextmanager
def _distance(python: Path, to_port: int) -> Iterator[tuple[str, str]]:
    """A URL by which the sandbox is far away and behind TLS, and the file of whom to trust."""
    tls = BUILD / "tls"
    tls.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(python), "-m", "trustme", "--quiet", "--dir", str(tls), "--identities", "localhost"],
        check=True,
    )
    port = free_port()
    command = [
        *(sys.executable, "-m", "tests.benchmarks.proxy", str(port), str(to_port)),
        *(str(tls / "server.pem"), str(tls / "server.key"), str(ROUND_TRIP)),
    ]
    with running("proxy", command, port, {}):
        yield f"https://localhost:{port}", str(tls / "client.pem")


def _show(scores: dict[Scenario, dict[str, Score]], effort: Effort, ceiling: float) -> None:
    rows = []
    goals = []
    for scenario, by_bot in scores.items():
        ratio = by_bot[OURS].rate / by_bot[THEIRS].rate
        for name, score in by_bot.items():
            rows.append(
                (
                    f"{scenario.place}, {scenario.concurrency} at once",
                    name,
                    f"{score.rate:.0f}",
                    times(ratio) if name == OURS else "",
                    f"{score.percentile(50):.1f}",
                    f"{score.percentile(99):.1f}",
                    f"{statistics.median(score.cpu):.2f}",
                )
            )
        limit = 1.0 if scenario.place == "loopback" else 2.0
        what = f"webhooks/s over gidgetlab's, {scenario.place}, {scenario.concurrency} at once,"
        goals.append(Goal(what, ratio, limit, TIMES, at_least=True))
    show(
        "(c) From a webhook to the comment posted, the article's handler",
        ("GitLab is", "bot", "webhooks/s", "ratio", "p50 ms", "p99 ms", "CPU ms"),
        rows,
        told=(
            "Ours under uvicorn with httptools, gidgetlab's with wait_consistency=False under "
            "aiohttp. A connection for",
            "each webhook, as GitLab opens it. p50 and p99: from the start of a webhook until the "
            "sandbox has stored the",
            "note. CPU: the bot's processor time for one webhook. Medians of "
            f"{effort.rounds} rounds of each, taken in turns.",
            f"The sandbox alone takes {ceiling:.0f} notes/s from the same sender.",
        ),
        goals=goals,
    )
