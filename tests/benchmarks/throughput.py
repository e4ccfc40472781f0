"""Webhooks per second that our bot and gidgetlab's answer with a note on GitLab.

Both run as they are shipped: `bot.run()`, ours with the extra `server`. They have the same handler,
the same sandbox GitLab and the same sender of webhooks. Each is a process of its own, and they take
turns. Both answer a webhook after the note is created.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import itertools
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from infra.package import find_python
from infra.sandbox import BOT_TOKEN
from infra.testing.emulator import free_ports

from .events import ISSUES, SECRET, bodies, headers, sandbox
from .processes import BUILD, ROOT, Program, running
from .report import Goal, percentile, show, times
from .sender import post, send

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUND_TRIP = 20  # milliseconds
OURS, GIDGETLAB = "ours", "gidgetlab"
MODULES = {OURS: "tests.benchmarks.bots.ours", GIDGETLAB: "tests.benchmarks.bots.gidgetlabs"}
CONCURRENCIES = (1, 8)
# The ratios to reach, with a connection for each webhook.
GOALS = {("loopback", 1): 0.85, ("loopback", 8): 0.7}
DISTANT_GOAL = 2.5
SERVER = ("uvicorn", "uvloop", "httptools")  # of the extra `server`, those that serve
BOTS_HOME = ROOT / "build" / "bench-venv"
AUTHORIZATION = {"Authorization": f"Bearer {BOT_TOKEN}"}


@dataclass(frozen=True)
class ThroughputEffort:
    """How much is sent.

    Attributes:
        loopback: The webhooks in one round without a distance, at most `ISSUES`.
        distant: The webhooks in one round with a distance.
        rounds: The rounds of each bot in each scenario.
    """

    loopback: int
    distant: int
    rounds: int


QUICK = ThroughputEffort(loopback=100, distant=40, rounds=2)
FULL = ThroughputEffort(loopback=ISSUES, distant=100, rounds=8)


@dataclass
class Score:
    """The measurements of one bot in one scenario.

    Attributes:
        rates: The webhooks per second, of each round.
        milliseconds: The time from a webhook to its answer, of each webhook.
        cpu: The milliseconds of the bot's CPU time for one webhook, of each round.
    """

    rates: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


@dataclass(frozen=True)
class Scenario:
    """A way in which the webhooks are sent."""

    place: str
    concurrency: int
    keep_alive: bool = False

    def __str__(self) -> str:
        kept = ", keep-alive" if self.keep_alive else ""
        return f"{self.place}, {self.concurrency} at once{kept}"


Scores = dict[Scenario, dict[str, Score]]  # then by bot


def measure(effort: ThroughputEffort) -> None:
    """Let both bots run through every scenario, and print the table."""
    python = _bots_python()
    scores: Scores = {}
    (port,) = free_ports(1)
    app = ("--factory", "tests.benchmarks.events:sandbox_app", "--port", str(port))
    command = [sys.executable, "-m", "uvicorn", *app, "--log-level=warning", "--no-access-log"]
    with running("gitlab", command, port, {}):
        contest = Contest(port, effort.rounds)
        ceiling = contest.notes_per_second()
        with _bots(python, f"http://127.0.0.1:{port}") as bots:
            for keep_alive, concurrency in itertools.product((False, True), CONCURRENCIES):
                scenario = Scenario("loopback", concurrency, keep_alive)
                scores[scenario] = contest.run(bots, scenario, effort.loopback)
        with _distance(python, port) as (url, ca_file), _bots(python, url, ca_file) as bots:
            for concurrency in CONCURRENCIES:
                scenario = Scenario(f"TLS, {ROUND_TRIP} ms", concurrency)
                scores[scenario] = contest.run(bots, scenario, effort.distant)
    _show(scores, effort, ceiling)


class Contest:
    """Lets bots take turns at the same webhooks.

    Args:
        gitlab_port: The port of the sandbox.
        rounds: The rounds of each bot.
    """

    def __init__(self, gitlab_port: int, rounds: int) -> None:
        made = sandbox()
        self._bodies = bodies(made)
        self._issues = f"/api/v4/projects/{made.project.id}/issues"
        self._gitlab_port = gitlab_port
        self._rounds = rounds

    def run(self, bots: dict[str, Program], scenario: Scenario, count: int) -> dict[str, Score]:
        """Warm up, then measure; each bot goes first as often as second."""
        scores = {name: Score() for name in bots}
        for bot in bots.values():
            self._round(bot, scenario, count, Score())
        for number in range(self._rounds):
            for name in list(bots)[:: 1 if number % 2 else -1]:
                self._round(bots[name], scenario, count, scores[name])
        return scores

    def notes_per_second(self) -> float:
        """Return the notes per second that the sandbox takes from this sender, without a bot."""
        fields = {**AUTHORIZATION, "Content-Type": "application/json"}
        body = b'{"body": "Thanks for the report!"}'
        notes = [
            post(f"{self._issues}/{number}/notes", self._gitlab_port, fields, body)
            for number in range(1, ISSUES + 1)
        ]
        return ISSUES / asyncio.run(send(notes, self._gitlab_port, max(CONCURRENCIES))).seconds

    def _round(self, bot: Program, scenario: Scenario, count: int, score: Score) -> None:
        webhooks = [post("/", bot.port, headers(), body) for body in self._bodies[:count]]
        notes, cpu = self._count_notes(), bot.cpu_seconds()
        sending = send(webhooks, bot.port, scenario.concurrency, keep_alive=scenario.keep_alive)
        sent = asyncio.run(sending)
        cpu = bot.cpu_seconds() - cpu
        notes = self._count_notes() - notes
        if notes != count:
            raise RuntimeError(f"{bot.name}: {count} webhooks made {notes} notes; see its log")
        score.rates.append(count / sent.seconds)
        score.milliseconds += sent.milliseconds
        score.cpu.append(cpu / count * 1000)

    def _count_notes(self) -> int:
        address = f"http://127.0.0.1:{self._gitlab_port}{self._issues}?per_page=100&page="
        with httpx.Client(trust_env=False, headers=AUTHORIZATION) as client:
            pages = [client.get(f"{address}{page}") for page in range(1, ISSUES // 100 + 1)]
        return sum(issue["user_notes_count"] for page in pages for issue in page.json())


def _bots_python() -> Path:
    """Return Lambda's Python with the locked dependencies and gidgetlab, in build/bench-venv.

    Raises:
        RuntimeError: An installation failed.
    """
    python = BOTS_HOME / "bin" / "python"
    if not python.exists():
        _run(str(find_python() or sys.executable), "-m", "venv", str(BOTS_HOME))
    server = [f"{name}=={importlib.metadata.version(name)}" for name in SERVER]
    others = Path(__file__).with_name("requirements.txt")
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--requirement", str(ROOT / "requirements.txt"))
    _run(*pip, *server, "--requirement", str(others))
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


@contextlib.contextmanager
def _bots(python: Path, url: str, ca_file: str = "") -> Iterator[dict[str, Program]]:
    with contextlib.ExitStack() as stack:
        bots = {}
        for name, module in MODULES.items():
            (port,) = free_ports(1)
            environ = {
                "PYTHONPATH": str(ROOT / "handler"),
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
    """Yield the URL of the sandbox at a distance and behind TLS, and the file with its CA."""
    tls = BUILD / "tls"
    tls.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(python), "-m", "trustme", "--quiet", "--dir", str(tls), "--identities", "localhost"],
        check=True,
    )
    (port,) = free_ports(1)
    command = [
        *(sys.executable, "-m", "tests.benchmarks.proxy", str(port), str(to_port)),
        *(str(tls / "server.pem"), str(tls / "server.key"), str(ROUND_TRIP)),
    ]
    with running("proxy", command, port, {}):
        yield f"https://localhost:{port}", str(tls / "client.pem")


def _show(scores: Scores, effort: ThroughputEffort, ceiling: float) -> None:
    rows = []
    goals = []
    for scenario, by_bot in scores.items():
        ratio = by_bot[OURS].rate / by_bot[GIDGETLAB].rate
        rows += [
            (
                str(scenario),
                name,
                f"{score.rate:.0f}",
                times(ratio) if name == OURS else "",
                f"{percentile(score.milliseconds, 50):.1f}",
                f"{percentile(score.milliseconds, 99):.1f}",
                f"{statistics.median(score.cpu):.2f}",
            )
            for name, score in by_bot.items()
        ]
        if not scenario.keep_alive:
            limit = GOALS.get((scenario.place, scenario.concurrency), DISTANT_GOAL)
            name = f"webhooks/s to gidgetlab's, {scenario}"
            goals.append(Goal(name, ratio, limit, at_least=True))
    show(
        "(c) From a webhook to its answer, after one note was posted",
        ("GitLab", "bot", "webhooks/s", "to gidgetlab", "p50 ms", "p99 ms", "CPU ms"),
        rows,
        notes=(
            "Ours by bot.run() with the extra server, which is uvicorn with uvloop and httptools; "
            "gidgetlab's by bot.run() with wait_consistency=False, which is aiohttp. A new "
            "connection for each webhook, except with keep-alive. CPU: the bot's CPU time "
            f"for one webhook. Medians of {effort.rounds} rounds of each, in turns. The sandbox "
            f"alone takes {ceiling:.0f} notes/s from the same sender."
        ),
        goals=goals,
    )
