"""SQS over HTTP for tests: moto's, as strict as the service.

`strict` adds the checks that moto lacks and a clock that a test can move. `principals` verifies the
signature of every request, and every action is checked against the role whose key signed it.
`faults` happen on request.
"""

from ..iam import Policy
from .faults import Fault, SqsError
from .principals import Principal
from .sqs import Sqs, Stored, serve
from .strict import SkippableClock

__all__ = ["Fault", "Policy", "Principal", "SkippableClock", "Sqs", "SqsError", "Stored", "serve"]
