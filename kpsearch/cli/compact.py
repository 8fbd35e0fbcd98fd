"""``kpsearch compact``: one segment, and nothing deleted in it."""

from __future__ import annotations

import click

from kpsearch.cli.options import json_flag


@click.command()
@click.argument("index", metavar="INDEX")
@json_flag
def compact(index: str, as_json: bool) -> None:
    """Merge the segments of an index and drop deleted images from the disk.

    No answer changes. Indexing merges by itself; this goes all the way. The files of the
    generation before stay until the next commit, for readers and for `kpsearch recover`.
    """
    from kpsearch.cli.output import print_json
    from kpsearch.images import escape_path
    from kpsearch.index import IndexWriter, Snapshot

    before = Snapshot.open(index)
    with IndexWriter(index) as writer:
        writer.compact()
    after = Snapshot.open(index)
    facts = {
        "index": index,
        "generation": after.generation,
        "images": after.images,
        "segments_before": len(before.segments),
        "segments": len(after.segments),
        "deleted_before": len(before.deletes.ids),
        "deleted": len(after.deletes.ids),
        "bytes_before": before.size_bytes,
        "bytes": after.size_bytes,
    }
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{len(before.segments)} segments to {len(after.segments)}, "
        f"{len(before.deletes.ids) - len(after.deletes.ids)} deleted images dropped, "
        f"{before.size_bytes:,} bytes to {after.size_bytes:,}\n"
        f"generation {after.generation} of {escape_path(index)}"
    )
