"""``kpsearch remove``: take images out of an index."""

from __future__ import annotations

import click

from kpsearch.cli.options import index_option, json_flag


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="PATH_OR_ID...")
@index_option
@json_flag
def remove(targets: tuple[str, ...], index: str, as_json: bool) -> None:
    """Take images out of an index: by id, by path, or all under a folder.

    A number is an id (./12 is a path). The files need not exist any more, and are never touched.
    If one is not in the index, nothing is removed.
    """
    from kpsearch.cli.output import print_json
    from kpsearch.images import escape_path
    from kpsearch.indexing import remove_images

    # An id has at most 19 digits; what has more is a strange file name.
    numbers = [target.isascii() and target.isdecimal() and len(target) < 20 for target in targets]
    wanted = [int(t) if number else t for t, number in zip(targets, numbers, strict=True)]
    removal = remove_images(wanted, index)
    if as_json:
        print_json(
            {
                "index": index,
                "generation": removal.generation,
                "removed": list(removal.paths),
                "forgotten_rejects": list(removal.rejects),
            }
        )
        return
    for path in removal.paths:
        click.echo(f"removed {escape_path(path)}")
    for path in removal.rejects:
        click.echo(f"forgot the reject {escape_path(path)}")
    click.echo(f"committed generation {removal.generation} of {escape_path(index)}")
