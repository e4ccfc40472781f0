"""Event types: the values of `X-Gitlab-Event`, and the kinds of payload that belong to each.

The header is not signed. Somebody who has a signed delivery could send it again as another type,
and so choose the handlers that run. This module performs no I/O.

https://docs.gitlab.com/user/project/integrations/webhook_events/
https://docs.gitlab.com/administration/system_hooks/
"""

from __future__ import annotations

import re
from typing import Literal, get_args

EventType = Literal[
    "Confidential Issue Hook",
    "Confidential Note Hook",
    "Deployment Hook",
    "Emoji Hook",
    "Feature Flag Hook",
    "Issue Hook",
    "Job Hook",
    "Member Hook",
    "Merge Request Hook",
    "Milestone Hook",
    "Note Hook",
    "Pipeline Hook",
    "Project Hook",
    "Push Hook",
    "Release Hook",
    "Resource Access Token Hook",
    "Resource Deploy Token Hook",
    "Subgroup Hook",
    "System Hook",
    "Tag Push Hook",
    "Vulnerability Hook",
    "Wiki Page Hook",
]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)

ISSUE = "issue|work_item"
# The payload's `object_kind`, else its `event_name`.
KINDS: dict[str, str] = {
    "Build Hook": "build",  # the first name of "Job Hook"
    "Confidential Issue Hook": ISSUE,
    "Confidential Note Hook": "note",
    "Deployment Hook": "deployment",
    "Emoji Hook": "emoji",
    "Feature Flag Hook": "feature_flag",
    "Issue Hook": ISSUE,
    "Job Hook": "build",
    "Member Hook": "user_.*_group",
    "Merge Request Hook": "merge_request",
    "Milestone Hook": "milestone",
    "Note Hook": "note",
    "Pipeline Hook": "pipeline",
    "Project Hook": "project_.*",
    "Push Hook": "push",
    "Release Hook": "release",
    "Resource Access Token Hook": "access_token",
    "Resource Deploy Token Hook": "deploy_token",
    "Subgroup Hook": "subgroup_.*",
    "Tag Push Hook": "tag_push",
    "Vulnerability Hook": "vulnerability",
    "Wiki Page Hook": "wiki_page",
}
SYSTEM_HOOK = "System Hook"
# System hooks have many kinds of their own, and these of other types.
SYSTEM_KINDS = re.compile("push|tag_push|merge_request|repository_update|user_.*|project_.*")


def belongs_to(kind: str | None, event_type: str) -> bool:
    """Return whether GitLab sends a kind of payload with an event type.

    Args:
        kind: The payload's kind. `None`, as in a custom template, belongs to every type.
        event_type: The value of `X-Gitlab-Event`. An unknown one may have any payload, because
            GitLab adds types.
    """
    if kind is None:
        return True
    if event_type == SYSTEM_HOOK:
        return SYSTEM_KINDS.fullmatch(kind) is not None or not _is_of_another_type(kind)
    pattern = KINDS.get(event_type)
    return pattern is None or re.fullmatch(pattern, kind) is not None


def _is_of_another_type(kind: str) -> bool:
    return any(re.fullmatch(pattern, kind) for pattern in KINDS.values())
