"""The sandbox GitLab as a program: `python -m tests.benchmarks.gitlab PORT`."""

import sys

import uvicorn

from .events import sandbox

if __name__ == "__main__":
    uvicorn.run(sandbox().app, port=int(sys.argv[1]), log_level="warning", access_log=False)
