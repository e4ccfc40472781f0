"""Send again what the bot's endpoint missed.

Nothing is remembered between two runs: GitLab logs each resend under the delivery's own key, so a
run continues where the last one was interrupted.
"""

from collections.abc import Sequence

from ..failure import Failure
from ..report import Report
from .hooks import Hooks, Unsendable
from .log import Delivery, missed

_FAILURES_IN_A_ROW = 3  # after one more, GitLab pauses the hook


async def resend_missed(
    hooks: Hooks,
    hook_ids: Sequence[int],
    report: Report,
    *,
    since: float = 0,
    dry_run: bool = False,
    keep_going: bool = False,
) -> None:
    """Read the logs of hooks, and let GitLab send again what did not arrive, oldest first.

    Args:
        since: a Unix time; older deliveries are left out.
        dry_run: only list them.
        keep_going: continue after failures, at the risk that GitLab pauses or disables the hook.
    """
    entries = [entry for one in hook_ids for entry in await hooks.log(one, since=since)]
    deliveries = [delivery for delivery in missed(entries) if delivery.last.has_payload]
    lost = [delivery for delivery in missed(entries) if not delivery.last.has_payload]
    report.fields = {
        "hooks": list(hook_ids),
        "entries": len(entries),
        "deliveries": [delivery.summary() for delivery in deliveries],
        "lost": [delivery.summary() for delivery in lost],
    }
    for delivery in lost:
        problem = "GitLab's log has no payload to send again, since it was too large"
        report.printer.line(("✗ ", "red"), (delivery.describe(), ""), (f": {problem}", "red"))
    name = f"{'hook' if len(hook_ids) == 1 else 'hooks'} {', '.join(map(str, hook_ids))}"
    if not deliveries:
        report.printer.say(f"Nothing to send again in the {len(entries)} log entries of {name}.")
    elif dry_run:
        for delivery in deliveries:
            report.printer.say(f"· {delivery.describe()}")
        report.printer.say(f"Deliveries of {name} to send again: {len(deliveries)}.")
    else:
        report.total = len(deliveries)
        await _resend(hooks, deliveries, report, keep_going=keep_going)


async def _resend(
    hooks: Hooks, deliveries: Sequence[Delivery], report: Report, *, keep_going: bool
) -> None:
    unsendable: dict[tuple[int, str], str] = {}
    failures = 0
    for number, delivery in enumerate(deliveries, start=1):
        source = delivery.last.hook_id, delivery.last.url
        problem = unsendable.get(source)
        if problem is None:
            try:
                problem = await hooks.resend(delivery.last)
                failures = failures + 1 if problem else 0
            except Unsendable as error:
                problem = unsendable[source] = str(error)
        report.note(delivery, problem)
        if failures >= _FAILURES_IN_A_ROW and number < len(deliveries) and not keep_going:
            raise Failure(
                f"Stopped after {failures} failures in a row: GitLab pauses a hook after 4. Fix "
                "the endpoint (its log says more) and run this again, or add --keep-going."
            )
