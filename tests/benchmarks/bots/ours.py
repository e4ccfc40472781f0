"""The bot of gidgetlab's documentation on gidgetlambda: one note for each opened issue."""

import os
import ssl

from gidgetlambda.startup import imported_for_good

with imported_for_good():  # as in the functions' entry points
    from gidgetlambda import Event, GitLabAPI, GitLabBot

ca_file = os.environ.get("BENCHMARK_CA_FILE")
bot = GitLabBot(
    "benchmark", ssl_context=ssl.create_default_context(cafile=ca_file) if ca_file else None
)


@bot.router.register("Issue Hook", action="open")
async def issue_opened_event(event: Event, gl: GitLabAPI) -> None:
    url = f"/projects/{event.project_id}/issues/{event.object_attributes['iid']}/notes"
    message = f"Thanks for the report @{event.data['user']['username']}! (I'm a bot)."
    await gl.post(url, data={"body": message})


if __name__ == "__main__":
    # The bot logs each delivery itself.
    bot.run(host="127.0.0.1", port=int(os.environ["BENCHMARK_PORT"]), access_log=False)
