"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kpsearch.options import (
        CategoryOptions,
        EmbeddingOptions,
        FeatureOptions,
        SearchOptions,
        VocabularyOptions,
    )

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


def layout_options(command: Command) -> Command:
    """Add --layout and --protocol, for a ground truth that is a manifest or a data set."""
    for option in reversed(
        [
            click.option(
                "--layout",
                metavar="NAME",
                default="manifest",
                show_default=True,
                help="manifest, or the data set in FOLDER: ukbench, holidays, copydays, oxford5k, "
                "paris6k, roxford5k, rparis6k, disc21, sop or gldv2.",
            ),
            click.option(
                "--protocol",
                metavar="NAME",
                help="How to score it.  [default: the layout's usual one]",
            ),
        ]
    ):
        command = option(command)
    return command


def search_options(command: Command) -> Command:
    """Add the options of a search; `chosen_search` takes their values."""
    for option in reversed(
        [
            click.option(
                "--no-verify", is_flag=True, help="Rank by score alone, without geometry."
            ),
            click.option(
                "--expand", is_flag=True, help="Ask the verified hits in their turn, too."
            ),
            click.option(
                "--mirror", is_flag=True, help="Find what a mirror shows of the picture, too."
            ),
            click.option(
                "--verify-for",
                type=click.FloatRange(0, min_open=True),
                metavar="MS",
                help="Begin no further block of candidates after so many milliseconds; answers "
                "then depend on the machine.",
            ),
            click.option(
                "--fuse",
                metavar="MODEL.onnx",
                help="Hear the deep embedding too, by the model the index was embedded with.",
            ),
            click.option(
                "--category",
                metavar="auto|off|NAME",
                default="off",
                show_default=True,
                help="Search in one category and what is within it, or in those that a classifier "
                "holds possible.",
            ),
            click.option(
                "--alpha",
                type=float,
                metavar="RATE",
                help="How often they may miss the right one, with --category auto.  "
                "[default: 0.01]",
            ),
            click.option(
                "--category-model",
                metavar="MODEL.onnx",
                help="The classifier, with --category auto.  [default: the index's own]",
            ),
        ]
    ):
        command = option(command)
    return command


def chosen_search(given: Mapping[str, Any], *, limit: int | None = None) -> SearchOptions:
    """The search asked for; ``given`` has the values of `search_options`, among others."""
    from kpsearch.errors import UsageError
    from kpsearch.options import (
        ExpansionOptions,
        FusionOptions,
        SearchOptions,
        VerificationOptions,
    )

    if given["no_verify"] and given["verify_for"] is not None:
        raise UsageError("--no-verify and --verify-for exclude each other")
    verification = VerificationOptions(milliseconds=given["verify_for"])
    return SearchOptions(
        limit=limit or SearchOptions().limit,
        verification=None if given["no_verify"] else verification,
        expansion=ExpansionOptions() if given["expand"] else None,
        mirrored=given["mirror"],
        fuse=None if given["fuse"] is None else FusionOptions(given["fuse"]),
        category=_chosen_category(given),
    )


def _chosen_category(given: Mapping[str, Any]) -> CategoryOptions | None:
    from kpsearch.errors import UsageError
    from kpsearch.options import CategoryOptions

    changes = {"alpha": given["alpha"], "model": given["category_model"]}
    changes = {name: value for name, value in changes.items() if value is not None}
    name = given["category"]
    if name == "auto":
        return CategoryOptions(**changes)
    if changes:
        raise UsageError("--alpha and --category-model are of a classifier: --category auto")
    return None if name == "off" else CategoryOptions(name=name)


def worker_limits(command: Command) -> Command:
    """Add --timeout and --memory-limit."""
    for option in reversed(
        [
            click.option(
                "--timeout",
                type=click.FloatRange(0, 86_400, min_open=True),
                default=30.0,
                show_default=True,
                metavar="SECONDS",
                help="Give a picture up after so long.",
            ),
            click.option(
                "--memory-limit",
                type=click.IntRange(256),
                default=4096,
                show_default=True,
                metavar="MIB",
                help="Give a picture up that takes more memory.",
            ),
        ]
    ):
        command = option(command)
    return command


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
    if vocabulary is not None:
        return vocabulary
    return VocabularyOptions(words=words) if words else None


def numbers_in(value: object) -> tuple[float, ...]:
    """Numbers with commas between; none where anything else is there."""
    try:
        return tuple(float(part) for part in str(value).split(","))
    except ValueError:
        return ()


class NumbersType(click.ParamType[Any]):
    """Three numbers, one a channel."""

    name = "A,B,C"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Three finite numbers."""
        if isinstance(value, tuple):
            return value
        found = numbers_in(value)
        if len(found) != 3 or not all(map(math.isfinite, found)):
            self.fail(f"{value!r} is not three numbers with commas between", param, ctx)
        return found


def embedding_options(
    prefix: str = "", *, without: str | None = None
) -> Callable[[Command], Command]:
    """Add the options of a deep model's input and output, named with a prefix; all but one."""

    def add(command: Command) -> Command:
        options = _embedding_options(prefix)
        for name in reversed([name for name in options if name != without]):
            command = options[name](command)
        return command

    return add


def _embedding_options(prefix: str) -> dict[str, Callable[[Command], Command]]:
    def option(name: str, **settings: Any) -> tuple[str, Callable[[Command], Command]]:
        made = click.option(f"--{prefix}{name}", f"embedding_{name}", default=None, **settings)
        return name, made

    options = (
        option(
            "size",
            type=click.IntRange(8, 4096),
            metavar="PX",
            help="Sides of the model's input.  [default: its own, or 224]",
        ),
        option(
            "crop",
            type=click.FloatRange(0, 1),
            metavar="SHARE",
            help="Of the shorter side that the centre crop keeps; 0 squashes the whole picture "
            "into the input.  [default: 0.875]",
        ),
        option("scale", type=float, metavar="S", help="Of pixel values, 0-255.  [default: 1/255]"),
        option("mean", type=NumbersType(), help="Taken off each channel.  [default: ImageNet's]"),
        option(
            "std", type=NumbersType(), help="Each channel is divided by.  [default: ImageNet's]"
        ),
        option(
            "colour", type=click.Choice(["rgb", "bgr"]), help="Order of channels.  [default: rgb]"
        ),
        option(
            "layout",
            type=click.Choice(["auto", "nchw", "nhwc"]),
            help="Where the channels are.  [default: by the shape of the input]",
        ),
        option(
            "output",
            metavar="NAME",
            help="Tensor to take, an output or one within the model.  [default: the last vector, "
            "else the last map averaged over its places]",
        ),
    )
    return dict(options)


def chosen_embedding(given: Mapping[str, Any]) -> EmbeddingOptions | None:
    """The embedding asked for; None when none of `embedding_options` was given."""
    from kpsearch.options import EmbeddingOptions

    prefix = "embedding_"
    named = {key.removeprefix(prefix): v for key, v in given.items() if key.startswith(prefix)}
    changes = {name: value for name, value in named.items() if value is not None}
    if changes.get("crop") == 0:
        changes["crop"] = None
    return EmbeddingOptions(**changes) if changes else None
