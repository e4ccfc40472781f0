"""What tests of the SQS stand-in may ask for."""

import pytest

from infra.testing.sqs import Sqs


@pytest.fixture
def queue(sqs: Sqs) -> str:
    """A FIFO queue's URL, in its high-throughput form."""
    return sqs.create_queue(
        "tasks.fifo",
        FifoQueue="true",
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        VisibilityTimeout="360",
    )
