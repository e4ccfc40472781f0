"""Invokes a function over and over in its own process, without the emulator's HTTP in between.

    cd PACKAGE; python invoke.py MODULE.FUNCTION COUNT EXPECTED < EVENTS.json

The events are taken in turns, and each answer must hold what is expected, a JSON object. Prints for
each invocation the time and the processor time that it took, in microseconds, as JSON; the first is
what a container's first takes. It runs on Lambda's Python with the package and what Lambda has
beside it, and imports nothing of this project but the function. LOG_LEVEL is the level of the root
logger, which the template sets by `ApplicationLogLevel`; lines are formatted as Lambda does with
`LogFormat: JSON`, and these and what is printed are written to nowhere.
"""

import contextlib
import importlib
import itertools
import json
import logging
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from awslambdaric.lambda_runtime_log_utils import JsonFormatter


def main() -> None:
    """Invoke, and print how long each took."""
    entry_point, count, expected = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    sys.path[0] = str(Path.cwd())
    _log_as_lambda_does()
    module, _, name = entry_point.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    events = json.load(sys.stdin)
    context = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 9000)
    taken = []
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        for event in itertools.islice(itertools.cycle(events), count):
            started, cpu = time.perf_counter_ns(), time.process_time_ns()
            answer = function(event, context)
            ended, cpu_ended = time.perf_counter_ns(), time.process_time_ns()
            if any(answer.get(key) != value for key, value in expected.items()):
                raise SystemExit(f"the function answered {answer}")
            taken.append(((ended - started) / 1000, (cpu_ended - cpu) / 1000))
    json.dump(taken, sys.stdout)


def _log_as_lambda_does() -> None:
    handler = logging.FileHandler(os.devnull)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(os.environ["LOG_LEVEL"])


if __name__ == "__main__":
    main()
