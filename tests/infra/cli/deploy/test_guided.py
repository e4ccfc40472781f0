"""The questions of `sam deploy --guided`, answered in a terminal as the README says.

moto does not keep the tags by which SAM recognizes its own bucket, so that the command ends there.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[4]
SAM = Path(sys.executable).with_name("sam")
SECRETS = {
    "AccessToken": "an-access-token",
    "WebhookSecret": "a-webhook-secret",
    "PreviousWebhookSecret": "none",
    "SigningToken": "none",
}
# A question ends with a colon and no line break.
QUESTION = re.compile(r"(?:Parameter )?(\w[\w ]*)(?: \[[^\]\n]*\])?: *\Z")
SECONDS = 60.0


def converse(folder: Path, environ: dict[str, str]) -> list[str]:
    """Run the command in a terminal, and return its questions."""
    terminal, other = pty.openpty()
    command = subprocess.Popen(
        [SAM, "deploy", "--guided"],
        cwd=folder,
        env=environ,
        stdin=other,
        stdout=other,
        stderr=other,
    )
    os.close(other)
    questions: list[str] = []
    output, end = "", time.monotonic() + SECONDS
    while command.poll() is None and time.monotonic() < end:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            output += os.read(terminal, 4096).decode()
        except OSError:  # the command ended
            break
        line = re.sub(r"\x1b\[[0-9;]*m", "", output).rpartition("\n")[2]
        if question := QUESTION.search(line):
            questions.append(question[1])
            if question[1] in SECRETS:
                time.sleep(0.3)  # a hidden answer that comes too early is dropped
            os.write(terminal, f"{SECRETS.get(question[1], '')}\n".encode())
            output = ""
    command.kill()
    command.wait()
    os.close(terminal)
    return questions


def test_asks_for_the_parameters_that_the_readme_names(moto_server: str, tmp_path: Path) -> None:
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": "127.0.0.1",
        "SAM_CLI_TELEMETRY": "0",
        "COLUMNS": "200",
        "LANG": "C.UTF-8",
    }
    questions = converse(tmp_path, environ)
    parameters = list(yaml_parse((ROOT / "template.yaml").read_text())["Parameters"])
    assert questions[:2] == ["Stack Name", "AWS Region"]
    assert [name for name in questions if name in parameters] == parameters
    readme = (ROOT / "README.md").read_text()
    answers = re.search(r"\| parameter \| answer \|\n.*?\n\n", readme, re.DOTALL)
    assert answers is not None
    cells = re.findall(r"^\| (.*?) \|", answers[0], re.MULTILINE)
    answered = re.findall(r"`(\w+)`", " ".join(cells))
    assert set(SECRETS) <= set(answered) <= {*parameters}
