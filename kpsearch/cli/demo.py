"""``kpsearch demo``: the whole road, on a catalogue of its own or on the user's pictures."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", required=False)
@click.option("-o", "--output", default="demo-output", show_default=True, help="Output folder.")
def demo(folder: str | None, output: str) -> None:
    """x"""
