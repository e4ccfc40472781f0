"""Invokes a function many times in its own process, without the emulator's HTTP.

    cd PACKAGE; python invoke.py MODULE.FUNCTION COUNT EXPECTED < EVENTS.json

Takes the events in turns and requires that each answer contains EXPECTED, a JSON object. Prints the
wall-clock time and the CPU time of each invocation in microseconds, as JSON. Runs on Lambda's
Python and imports nothing of this project but the function. Log lines are formatted as Lambda does
with `LogFormat: JSON`, at LOG_LEVEL, and discarded.
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
    """Invoke, and print the times."""
    entry_point, count, expected = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    sys.path[0] = str(Path.cwd())
    handler = logging.FileHandler(os.devnull)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=os.environ["LOG_LEVEL"], handlers=[handler])
    module, _, name = entry_point.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    events = json.load(sys.stdin)
    context = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 9000)
    times = []
    with Path(os.devnull).open("w") as discarded, contextlib.redirect_stdout(discarded):
        for event in itertools.islice(itertools.cycle(events), count):
            started, cpu = time.perf_counter_ns(), time.process_time_ns()
            answer = function(event, context)
            ended, cpu_ended = time.perf_counter_ns(), time.process_time_ns()
            if not expected.items() <= answer.items():
                raise SystemExit(f"the function answered {answer}")
            times.append(((ended - started) / 1000, (cpu_ended - cpu) / 1000))
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
