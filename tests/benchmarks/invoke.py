"""Invokes a function over and over in its own process, without the emulator's HTTP in between.

    cd PACKAGE; python invoke.py MODULE.FUNCTION WARM_UP COUNT < EVENT.json

Prints each invocation's time in microseconds, as JSON. It runs on Lambda's Python with the package
and awslambdaric alone, and imports nothing of this project but the function. LOG_LEVEL is the level
of the root logger, which the template sets by `ApplicationLogLevel`; lines are formatted as Lambda
does with `LogFormat: JSON`, and written to nowhere.
"""

import importlib
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
    entry_point, warm_up, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.path[0] = str(Path.cwd())
    _log_as_lambda_does()
    module, _, name = entry_point.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    event = json.load(sys.stdin)
    context = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 9000)
    taken = []
    for number in range(warm_up + count):
        started = time.perf_counter_ns()
        answer = function(event, context)
        ended = time.perf_counter_ns()
        if answer["statusCode"] != 200:
            raise SystemExit(f"the function answered {answer}")
        if number >= warm_up:
            taken.append((ended - started) / 1000)
    json.dump(taken, sys.stdout)


def _log_as_lambda_does() -> None:
    handler = logging.FileHandler(os.devnull)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(os.environ["LOG_LEVEL"])


if __name__ == "__main__":
    main()
