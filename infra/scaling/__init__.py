"""The monthly bill and the limits, from a hundred deliveries a day to ten million.

`python -m infra.scaling` prints the tables of docs/scaling.md; `--write` updates the page.
"""
