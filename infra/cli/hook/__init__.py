"""`hook`: the webhooks at GitLab, and what they could not deliver."""
