"""``kpsearch recover``: a way back from damage, or by one generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kpsearch.cli.options import json_flag

if TYPE_CHECKING:
    from kpsearch.index import Recovery


@click.command()
@click.argument("index", metavar="INDEX")
@click.option("--to-previous", is_flag=True, help="Go back to the generation before this one.")
@json_flag
def recover(index: str, to_previous: bool, as_json: bool) -> None:
    """Make a damaged index whole again, losing as little as can be.

    Damaged segments are left out and kept beside as *.damaged; the next `kpsearch index` takes
    their pictures in again. An index without damage stays as it is.
    """
    from dataclasses import asdict

    from kpsearch.cli.output import print_json, progress_bars
    from kpsearch.index import Storage, recover

    with progress_bars() as progress:
        recovery = recover(Storage(index), to_previous=to_previous, progress=progress)
    if as_json:
        print_json({"index": index, **asdict(recovery)})
    else:
        click.echo(_summary(recovery, index))


def _summary(recovery: Recovery, index: str) -> str:
    from kpsearch.images import escape_path

    name = escape_path(index)
    if not recovery.changed:
        return f"{name}: nothing is damaged, generation {recovery.generation} stays"
    lines = [
        f"{name}: generation {recovery.base} recovered as generation {recovery.generation}, "
        f"{recovery.images} images"
    ]
    if recovery.base < recovery.latest:
        lines.append(f"what was committed after generation {recovery.base} is not in it")
    if recovery.lost_images:
        lines.append(f"{recovery.lost_images} images are lost: index their folders again")
    if recovery.restored_deletes:
        lines.append("images that were removed are back: `kpsearch index --prune` drops those gone")
    if not recovery.images:
        lines.append("NO image is left: index the folders again")
    lines += [f"set aside {escape_path(file)}" for file in recovery.set_aside]
    return "\n".join(lines)
