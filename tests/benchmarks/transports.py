"""The CPU time and the time of one note, by the transport that sends it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpcore
import httpx
from gidgetlambda.network import Network
from gidgetlambda.proxies import Proxies
from gidgetlambda.transport import Transport

from infra.sandbox import BOT_TOKEN
from infra.testing.emulator import free_ports

from .events import ISSUES, sandbox
from .processes import running
from .report import percentile, show, times

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

HOST = "127.0.0.1"
CONCURRENCIES = (1, 8)
OURS = "ours"
HEADERS = {"Authorization": f"Bearer {BOT_TOKEN}", "Content-Type": "application/json"}
BODY = b'{"body": "Thanks for the report!"}'
LIMITS = {"timeout": httpx.Timeout(5.0).as_dict()}


@dataclass(frozen=True)
class TransportEffort:
    """The number of notes in a round, at most `ISSUES`, and of rounds."""

    notes: int
    rounds: int


QUICK = TransportEffort(notes=100, rounds=2)
FULL = TransportEffort(notes=ISSUES, rounds=8)


@dataclass
class Measured:
    """The measurements of one transport, in milliseconds.

    Attributes:
        notes: The time of each note.
        cpu: The CPU time of one note, in each round.
    """

    notes: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(effort: TransportEffort) -> None:
    """Let all transports send notes in turns, and print the table."""
    (port,) = free_ports(1)
    app = ("--factory", "tests.benchmarks.events:sandbox_app", "--port", str(port))
    command = [sys.executable, "-m", "uvicorn", *app, "--log-level=warning", "--no-access-log"]
    rows = []
    with running("gitlab", command, port, {}):
        for at_once in CONCURRENCIES:
            measured = asyncio.run(_measure(port, at_once, effort))
            ours = statistics.median(measured[OURS].cpu)
            for name, of in measured.items():
                cpu = statistics.median(of.cpu)
                spans = (percentile(of.notes, 50), percentile(of.notes, 99), max(of.notes))
                figures = (f"{cpu:.2f}", times(cpu / ours), *(f"{span:.1f}" for span in spans))
                rows.append((f"{name}, {at_once} at once", *figures))
    show(
        "(f) One note in milliseconds, by the transport that sends it",
        ("transport", "CPU", "to ours", "p50", "p99", "slowest"),
        rows,
        notes=(
            "Notes on the sandbox GitLab, on connections that stay. Medians of "
            f"{effort.rounds} rounds of {effort.notes} notes of each, in turns, on asyncio."
        ),
    )


async def _measure(port: int, at_once: int, effort: TransportEffort) -> dict[str, Measured]:
    made = sandbox()
    issues = f"http://{HOST}:{port}/api/v4/projects/{made.project.id}/issues"
    urls = [f"{issues}/{number}/notes" for number in range(1, effort.notes + 1)]
    async with _transports() as posts:
        measured = {name: Measured() for name in posts}
        for post in posts.values():
            await _round(urls, post, at_once, Measured())
        for _ in range(effort.rounds):
            for name, post in posts.items():
                await _round(urls, post, at_once, measured[name])
        return measured


async def _round(
    urls: list[str], post: Callable[[str], Awaitable[int]], at_once: int, measured: Measured
) -> None:
    async def post_some(waiting: Iterator[str]) -> None:
        for url in waiting:
            started = time.perf_counter()
            if await post(url) != 201:
                raise RuntimeError(f"no note was created at {url}")
            measured.notes.append((time.perf_counter() - started) * 1000)

    started, waiting = time.process_time(), iter(urls)
    await asyncio.gather(*(post_some(waiting) for _ in range(at_once)))
    measured.cpu.append((time.process_time() - started) / len(urls) * 1000)


@contextlib.asynccontextmanager
async def _transports() -> AsyncIterator[dict[str, Callable[[str], Awaitable[int]]]]:
    """Yield functions that post a note and return the answer's status, by their names."""
    context = ssl.create_default_context()
    async with (
        httpx.AsyncClient(verify=context, trust_env=False) as client,
        httpx.AsyncHTTPTransport(verify=context, trust_env=False) as theirs,
        httpcore.AsyncConnectionPool(
            context, network_backend=Network({HOST}), max_keepalive_connections=20
        ) as pool,
        Transport(context, Proxies(), {HOST}) as ours,
    ):

        async def by_client(url: str) -> int:
            return (await client.post(url, headers=HEADERS, content=BODY)).status_code

        async def by_pool(url: str) -> int:
            response = await pool.request(
                "POST", url, headers=tuple(HEADERS.items()), content=BODY, extensions=LIMITS
            )
            return response.status

        def by(transport: httpx.AsyncBaseTransport) -> Callable[[str], Awaitable[int]]:
            async def post(url: str) -> int:
                request = httpx.Request(
                    "POST", url, headers=tuple(HEADERS.items()), content=BODY, extensions=LIMITS
                )
                response = await transport.handle_async_request(request)
                await response.aread()
                return response.status_code

            return post

        yield {
            "httpx.AsyncClient": by_client,
            "httpx.AsyncHTTPTransport": by(theirs),
            "our network, httpcore's pool": by_pool,
            OURS: by(ours),
        }
