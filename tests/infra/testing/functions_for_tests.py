"""Functions that `test_functions` runs in processes of their own."""

import logging
import os
import time
from typing import Any


def tell(event: Any, context: Any) -> Any:
    logging.getLogger("bot").info("asked", extra={"about": event["about"]})
    about = {"pid": os.getpid(), "name": os.environ.get("NAME"), "path": os.environ.get("PATH")}
    return {**about, "left": context.get_remaining_time_in_millis()}


def fail(event: Any, context: Any) -> Any:
    raise ValueError("a bug")


def sleep(event: Any, context: Any) -> Any:
    time.sleep(60)
