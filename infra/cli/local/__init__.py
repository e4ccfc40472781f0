"""`run` and `demo`: the bot on this machine."""
