"""``kpsearch extractors``: what ``--features`` may be."""

from __future__ import annotations

from typing import Any

import click

from kpsearch.cli.options import json_flag

HEADERS = ["extractor", "bytes", "distance", "threshold", "description"]


@click.command()
@json_flag
def extractors(as_json: bool) -> None:
    """List the extractors, what their descriptors are, and how to get one that is missing."""
    from kpsearch.cli.output import print_json
    from kpsearch.evaluation.table import format_table
    from kpsearch.features import EXTRACTORS
    from kpsearch.options import FeatureOptions

    found = [_facts(name, EXTRACTORS.resolve(name)) for name in EXTRACTORS.names()]
    if as_json:
        print_json(found)
        return
    default = FeatureOptions().extractor
    rows = [
        [
            fact["name"] + (" (default)" if fact["name"] == default else ""),
            fact["bytes"],
            fact["distance"],
            None if fact["threshold"] is None else f"{fact['threshold']:g}",
            fact["description"],
        ]
        for fact in found
    ]
    click.echo(format_table(HEADERS, rows, align="lrlrl"))
    for fact in found:
        if fact["missing"]:
            click.echo(f"\n{fact['name']} is missing: {fact['missing']}")


def _facts(name: str, factory: Any) -> dict[str, Any]:
    from kpsearch.errors import NotInstalled
    from kpsearch.features import make_extractor

    facts = {
        "name": name,
        "bytes": None,
        "distance": None,
        "threshold": None,
        "description": factory.__doc__.splitlines()[0],
        "missing": None,
    }
    try:
        extractor = make_extractor(name)
    except NotInstalled as error:
        return {**facts, "missing": str(error)}
    return {
        **facts,
        "bytes": extractor.descriptor_size,
        "distance": "Hamming" if extractor.binary else "Euclidean",
        "threshold": extractor.default_threshold,
    }
