"""COLMAP's vocabulary tree (Schönberger et al. 2016), by its command line.

References and queries are one database, as its retriever wants it: each picture is a link in one
folder, a query under another name than the reference it may also be. What a picture's features
cost is kept in a ledger beside the database, so that a later run need not extract them again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from peers.peer import MAX_RANKING, Query, Ranked, Setting, Spent, Unavailable, best_first

WORDS = 65_536
DESCRIPTORS_A_WORD = 30
NEIGHBORS, CHECKS = 5, 256
TRAINED_ON = 1000
"""Images whose descriptors the tree is trained on, drawn at random by its builder."""
VERIFIED = 100
"""Images spatially verified of each ranking, as many as its matchers retrieve."""
QUERYING = re.compile(r"Querying for image (\S+) \[.*\] in ([0-9.]+)s")
SCORED = re.compile(r"image_id=\d+, image_name=(\S+), score=([-+0-9.a-z]+)")


class Colmap:
    """feature_extractor on the CPU, vocab_tree_builder, vocab_tree_retriever."""

    def __init__(self, setting: Setting) -> None:
        program = shutil.which("colmap")
        if program is None:
            raise Unavailable("apt-get install colmap, or another build of it on PATH")
        self.program = program
        self.folder = setting.work / "colmap"
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "features.db"
        self.ledger = Ledger(self.folder / "features.json")
        self.description = f"COLMAP {self._version()}, features of the CPU"

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        """Extract, train a tree on the references, index them."""
        self.paths = {self._link(path, "r"): path for path in references}
        self._extract(list(self.paths))
        self.references = folder / "references.txt"
        self.references.write_text("\n".join(self.paths) + "\n")
        self.index = folder / "index.bin"
        extraction = sum(self.ledger.of(name).wall_ms for name in self.paths) / 1000
        started = time.perf_counter()
        tree, words = self._train(folder)
        any_query = folder / "query.txt"
        any_query.write_text(next(iter(self.paths)) + "\n")
        self._retrieve(tree, any_query, "--output_index_path", os.fspath(self.index))
        self.description += (
            f", {words} words, {NEIGHBORS} words a keypoint, {VERIFIED} images verified"
        )
        return self.index.stat().st_size, extraction + time.perf_counter() - started

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        """All queries in one run of the retriever."""
        names = [self._link(query.path, "q") for query in queries]
        self._extract(names)
        listed = self.index.with_name("queries.txt")
        listed.write_text("\n".join(names) + "\n")
        share, printed = self._retrieve(self.index, listed)
        found = dict(answers(printed))
        ranked = []
        for name in names:
            wall_ms, hits = found.get(name, (0.0, []))
            paths = [self.paths[each] for each, _ in hits]
            ordered = best_first(paths, np.array([score for _, score in hits], np.float64))
            spent = Spent(wall_ms, wall_ms * share)
            ranked.append(Ranked(ordered, self.ledger.of(name), spent))
        return ranked

    def _version(self) -> str:
        printed = self._run("help")[1]
        found = re.search(r"COLMAP (\S+)", printed)
        return found[1] if found else "of unknown version"

    def _link(self, path: str, kind: str) -> str:
        """The name of a picture in the database; the link is made where there is none."""
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:20]
        name = f"{kind}{digest}{Path(path).suffix.lower()}"
        link = self.folder / "images" / name
        if not link.is_symlink():
            link.symlink_to(path)
        return name

    def _extract(self, names: Sequence[str]) -> None:
        """Extract what the ledger has not; each picture is charged its share of the run."""
        todo = [name for name in dict.fromkeys(names) if name not in self.ledger]
        if not todo:
            return
        listed = self.folder / "todo.txt"
        listed.write_text("\n".join(todo) + "\n")
        started, cpu = time.perf_counter(), children_seconds()
        self._run(
            "feature_extractor",
            *("--database_path", os.fspath(self.database)),
            *("--image_path", os.fspath(self.folder / "images")),
            *("--image_list_path", os.fspath(listed)),
            *("--SiftExtraction.use_gpu", "0", "--SiftExtraction.num_threads", "1"),
        )
        wall, cpu = time.perf_counter() - started, children_seconds() - cpu
        self.ledger.charge(todo, Spent(wall * 1000 / len(todo), cpu * 1000 / len(todo)))

    def _train(self, folder: Path) -> tuple[Path, int]:
        """A tree of the references alone: in a copy of the database without the rest."""
        copy, tree = folder / "references.db", folder / "tree.bin"
        shutil.copyfile(self.database, copy)
        descriptors = keep_only(copy, list(self.paths))
        trained = descriptors * min(1, TRAINED_ON / len(self.paths))
        words = int(min(WORDS, 2 ** max(4, int(np.log2(trained / DESCRIPTORS_A_WORD + 1)))))
        self._run(
            "vocab_tree_builder",
            *("--database_path", os.fspath(copy), "--vocab_tree_path", os.fspath(tree)),
            *("--num_visual_words", str(words), "--num_checks", str(CHECKS)),
            *("--max_num_images", str(TRAINED_ON if len(self.paths) > TRAINED_ON else -1)),
        )
        copy.unlink()
        return tree, words

    def _retrieve(self, tree: Path, queries: Path, *more: str) -> tuple[float, str]:
        """Run the retriever: its processor's time over the clock's, and what it printed."""
        return self._run(
            "vocab_tree_retriever",
            *("--database_path", os.fspath(self.database)),
            *("--vocab_tree_path", os.fspath(tree)),
            *("--database_image_list_path", os.fspath(self.references)),
            *("--query_image_list_path", os.fspath(queries)),
            *("--num_images", str(MAX_RANKING), "--num_neighbors", str(NEIGHBORS)),
            *("--num_checks", str(CHECKS)),
            *("--num_images_after_verification", str(VERIFIED)),
            *more,
        )

    def _run(self, *arguments: str) -> tuple[float, str]:
        """On one CPU, without a screen."""
        started, cpu = time.perf_counter(), children_seconds()
        one = max(os.sched_getaffinity(0))
        done = subprocess.run(
            [self.program, *arguments],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, {one}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"colmap {arguments[0]} failed: {done.stderr[-300:]}")
        wall = time.perf_counter() - started
        return (children_seconds() - cpu) / wall, done.stdout


class Ledger:
    """What the features of each picture cost, by its name in the database."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[str, list[float]] = json.loads(file.read_text()) if file.exists() else {}

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def of(self, name: str) -> Spent:
        return Spent(*self.entries[name])

    def charge(self, names: Sequence[str], each: Spent) -> None:
        self.entries.update({name: [each.wall_ms, each.cpu_ms] for name in names})
        self.file.write_text(json.dumps(self.entries))


def keep_only(database: Path, names: Sequence[str]) -> int:
    """Drop all other images from a database; the number of descriptors left."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TEMP TABLE kept (name TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO kept VALUES (?)", [(name,) for name in names])
        connection.execute("DELETE FROM images WHERE name NOT IN (SELECT name FROM kept)")
        for table in ("descriptors", "keypoints"):
            connection.execute(
                f"DELETE FROM {table} WHERE image_id NOT IN (SELECT image_id FROM images)"
            )
        (count,) = connection.execute("SELECT SUM(rows) FROM descriptors").fetchone()
    return int(count or 0)


def answers(printed: str) -> Iterator[tuple[str, tuple[float, list[tuple[str, float]]]]]:
    """The name of each query, its milliseconds, and its (name, score), as printed."""
    current: tuple[str, tuple[float, list[tuple[str, float]]]] | None = None
    for line in printed.splitlines():
        if head := QUERYING.search(line):
            if current:
                yield current
            current = head[1], (float(head[2]) * 1000, [])
        elif current and (hit := SCORED.search(line)):
            current[1][1].append((hit[1], float(hit[2])))
    if current:
        yield current


def children_seconds() -> float:
    """Processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
