"""`python -m infra.cli`."""

from . import app

app()
