"""`gidgetlambda run` and `gidgetlambda demo`: the bot on this machine."""
