"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kpsearch.options import FeatureOptions, VocabularyOptions

Command = TypeVar("Command", bound=Callable[..., Any])

index_option = click.option(
    "-i",
    "--index",
    "index",
    metavar="INDEX",
    envvar="KPSEARCH_INDEX",
    default=os.path.join("indexes", "default"),
    show_default="$KPSEARCH_INDEX, then indexes/default",
    help="Folder of the index.",
)

jobs_option = click.option(
    "-j",
    "--jobs",
    default=-1,
    metavar="N",
    show_default="all CPUs",
    help="Processes that read pictures; the result does not depend on it.",
)

json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


class WordsType(click.ParamType[Any]):
    """``auto`` or a number of words."""

    name = "auto|N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """None for ``auto``."""
        if value is None or value == "auto":
            return None
        if str(value).isdecimal() and 1 <= int(value) <= 65_536:
            return int(value)
        self.fail(f"{value!r} is neither auto nor a number from 1 to 65536", param, ctx)


def feature_options(command: Command) -> Command:
    """Add the options of extraction, --words and --vocabulary."""
    for option in reversed(
        [
            click.option(
                "--features",
                metavar="NAME",
                help="Extractor; `kpsearch extractors` lists them.  [default: sift]",
            ),
            click.option(
                "--max-side",
                type=click.IntRange(64, 8192),
                metavar="PX",
                help="Shrink pictures to this longest side.  [default: 800]",
            ),
            click.option(
                "--max-keypoints",
                type=click.IntRange(16, 65_535),
                metavar="N",
                help="Keypoints kept of a picture.  [default: 1000]",
            ),
            click.option(
                "--threshold",
                type=click.FloatRange(0, min_open=True),
                metavar="T",
                help="Of the detector, in its own units: lower finds fainter keypoints.",
            ),
            click.option(
                "--upright/--turned",
                default=None,
                help="Leave keypoints upright, for pictures that are never turned (brisk cannot).",
            ),
            click.option(
                "--words",
                type=WordsType(),
                default="auto",
                show_default=True,
                help="Size of a new vocabulary.",
            ),
            click.option(
                "--vocabulary",
                metavar="FILE",
                help="Vocabulary of another index (its folder, or its vocabulary-….h5).",
            ),
        ]
    ):
        command = option(command)
    return command


def chosen_features(given: Mapping[str, Any], index: str) -> FeatureOptions | None:
    """The extraction asked for; what is not given is as the index has it, else the default.

    ``given`` has the values of `feature_options`, among others. None when none was given.
    """
    from kpsearch.errors import IndexMissing
    from kpsearch.index import feature_options_of
    from kpsearch.options import FeatureOptions

    fields = {
        "extractor": given["features"],
        "max_side_px": given["max_side"],
        "max_keypoints": given["max_keypoints"],
        "threshold": given["threshold"],
        "upright": given["upright"],
    }
    changes = {name: value for name, value in fields.items() if value is not None}
    if not changes:
        return None
    try:
        base = feature_options_of(index)
    except IndexMissing:
        base = FeatureOptions()
    return dataclasses.replace(base, **changes)


def chosen_vocabulary(words: int | None, vocabulary: str | None) -> VocabularyOptions | str | None:
    """The vocabulary asked for: a file, a size, or None for the default."""
    from kpsearch.errors import UsageError
    from kpsearch.options import VocabularyOptions

    if vocabulary is not None and words is not None:
        raise UsageError("--words and --vocabulary exclude each other")
    return vocabulary or (VocabularyOptions(words=words) if words else None)
