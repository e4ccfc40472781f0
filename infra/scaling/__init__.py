"""How the bot behaves and what it costs from a hundred deliveries a day to ten million.

`python -m infra.scaling` prints the tables of docs/scaling.md; `--write` puts them there.
"""
