"""The same bot on gidgetlab, without its wait of one second before each handler."""

import os
import ssl
from typing import Any

from gidgetlab.abc import GitLabAPI
from gidgetlab.aiohttp import GitLabBot
from gidgetlab.sansio import Event

ca_file = os.environ.get("BENCHMARK_CA_FILE")
bot = GitLabBot(
    "benchmark",
    url=os.environ["GL_URL"],
    ssl_context=ssl.create_default_context(cafile=ca_file) if ca_file else None,
    wait_consistency=False,
)


@bot.router.register("Issue Hook", action="open")  # type: ignore[untyped-decorator]
async def issue_opened_event(event: Event, gl: GitLabAPI, *args: Any, **kwargs: Any) -> None:
    url = f"/projects/{event.project_id}/issues/{event.object_attributes['iid']}/notes"
    message = f"Thanks for the report @{event.data['user']['username']}! (I'm a bot)."
    await gl.post(url, data={"body": message})


if __name__ == "__main__":
    bot.run(host="127.0.0.1", port=int(os.environ["BENCHMARK_PORT"]))
