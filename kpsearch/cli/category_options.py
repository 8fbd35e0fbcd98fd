"""Options of the categories that an index keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from kpsearch.cli.options import Command


def category_options(command: Command) -> Command:
    """Add the options of an index's categories."""
    for option in reversed(
        [
            click.option(
                "--categories",
                metavar="MODEL.onnx",
                help="Predict the category of every picture that the catalogue has none of, by "
                "this classifier; the index remembers it, for queries too.",
            ),
            click.option(
                "--category-alpha",
                type=float,
                metavar="RATE",
                help="How often a predicted set of categories may miss the right one.  "
                "[default: 0.01]",
            ),
            click.option(
                "--category-csv",
                metavar="FILE.csv",
                help="The catalogue's own categories: columns path, relative to FILE's folder, and "
                "category.",
            ),
            click.option(
                "--category-column", metavar="NAME", help="Take this column.  [default: category]"
            ),
        ]
    ):
        command = option(command)
    return command


def chosen_categories(given: Mapping[str, Any]) -> dict[str, str] | None:
    """The catalogue's categories by path; ``given`` has the values of `category_options`."""
    from kpsearch.errors import UsageError
    from kpsearch.indexing import read_categories

    file, column = given["category_csv"], given["category_column"]
    if file is None:
        if column is not None:
            raise UsageError("a column is one of a file: --category-csv FILE.csv")
        return None
    return read_categories(file, column or "category")
