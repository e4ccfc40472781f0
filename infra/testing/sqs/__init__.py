"""SQS over HTTP for tests: moto's, and before it a proxy that puts back what moto lacks.

    from infra.testing.sqs import WORKER, serve

    with serve() as sqs:
        queue = sqs.create_fifo_queue("tasks")
        environment = {"QUEUE_URL": queue, **sqs.environment(sqs.owner)}

What is put back: de-duplication ids are remembered for 5 minutes whatever was deleted, forbidden
characters are refused, sizes are counted in bytes, every request's signature is verified, and every
action is checked against the role whose key signed it. Besides, time is a `Clock` that a test may
move, and faults can be asked for.
"""

from .faults import Fault
from .policies import Policy, PolicyError
from .server import serve
from .sqs import Sqs
from .stored import Stored

__all__ = ["Fault", "Policy", "PolicyError", "Sqs", "Stored", "serve"]
