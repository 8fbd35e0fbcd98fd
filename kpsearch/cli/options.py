"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
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
    """Add --features, --max-side, --max-keypoints, --words and --vocabulary."""
    for option in reversed(
        [
            click.option("--features", metavar="NAME", help="Extractor.  [default: sift]"),
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


def chosen_features(
    features: str | None, max_side: int | None, max_keypoints: int | None, index: str
) -> FeatureOptions | None:
    """The extraction asked for; what is not given is as the index has it, else the default.

    None when no option was given.
    """
    from kpsearch.errors import IndexMissing
    from kpsearch.index import feature_options_of
    from kpsearch.options import FeatureOptions

    wanted = {"extractor": features, "max_side_px": max_side, "max_keypoints": max_keypoints}
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        return None
    try:
        base = feature_options_of(index)
    except IndexMissing:
        base = FeatureOptions()
    return dataclasses.replace(base, **given)  # type: ignore[arg-type]


def chosen_vocabulary(words: int | None, vocabulary: str | None) -> VocabularyOptions | str | None:
    """The vocabulary asked for: a file, a size, or None for the default."""
    from kpsearch.errors import UsageError
    from kpsearch.options import VocabularyOptions

    if vocabulary is not None and words is not None:
        raise UsageError("--words and --vocabulary exclude each other")
    return vocabulary or (VocabularyOptions(words=words) if words else None)
