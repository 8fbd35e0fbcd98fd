"""``kpsearch verify``: whether an index is what was written."""

from __future__ import annotations

import click

from kpsearch.cli.options import json_flag
from kpsearch.errors import IndexDamaged


@click.command()
@click.argument("index", metavar="INDEX")
@json_flag
@click.pass_context
def verify(ctx: click.Context, /, index: str, as_json: bool) -> None:
    """Check every byte of an index, and every rule its arrays keep.

    Names each damaged file and exits with 7 if there is one. The generation before, which
    `kpsearch recover --to-previous` would go back to, is checked too.
    """
    from kpsearch.cli.output import print_json, progress_bars
    from kpsearch.images import escape_path
    from kpsearch.index import Storage, check_index

    with progress_bars() as progress:
        report = check_index(Storage(index), progress)
    if as_json:
        print_json(
            {
                "index": index,
                "generation": report.generation,
                "previous_generation": report.previous,
                "files": report.files,
                "bytes": report.size_bytes,
                "damage": [{"file": item.file, "text": item.text} for item in report.damage],
            }
        )
    else:
        for item in report.damage:
            click.echo(f"damaged {escape_path(item.file)}: {escape_path(item.text)}")
        state = f"{len(report.damage)} damaged" if report.damage else "nothing is damaged"
        click.echo(f"{report.files} files, {report.size_bytes:,} bytes: {state}")
    if report.damage:
        if not as_json:
            click.echo("`kpsearch recover` saves what is left", err=True)
        ctx.exit(IndexDamaged.exit_code)
