"""What README shows, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest

from kpsearch.cli import main
from tests.models import convolution
from tests.models import save as save_model
from tests.textures import textured

README = (Path(__file__).parents[2] / "README.md").read_text()


def save(path: Path, seed: int) -> None:
    path.write_bytes(cv2.imencode(".jpg", textured(seed, 200, 150))[1].tobytes())


def write_labels(folder: Path, name: str, seeds: range) -> None:
    """A table of pictures of two categories, and the pictures."""
    rows = ["path,category"]
    for seed in seeds:
        save(folder / f"{seed}.jpg", seed)
        rows.append(f"{seed}.jpg,Packages/{'Milk' if seed % 2 else 'Juice'}")
    (folder / name).write_text("\n".join(rows))


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """A folder with the files that README's examples name."""
    (tmp_path / "catalogue" / "old").mkdir(parents=True)
    save(tmp_path / "catalogue" / "old" / "4.jpg", 4)
    for seed in range(4):
        save(tmp_path / "catalogue" / f"{seed}.jpg", seed)
    save(tmp_path / "photo.jpg", 2)
    save_model(tmp_path, convolution(), "MODEL.onnx")
    write_labels(tmp_path, "LABELS.csv", range(10, 18))
    write_labels(tmp_path, "QUERIES.csv", range(100, 200))
    decided = f"content_hash_a,content_hash_b,verdict\n{'a' * 32},{'b' * 32},different\n"
    (tmp_path / "decisions.csv").write_text(decided)
    (tmp_path / "catalogue.csv").write_text("path,category\ncatalogue/2.jpg,Packages/Milk\n")
    monkeypatch.chdir(tmp_path)


def test_the_python_example_runs_and_finds_the_picture(in_a_folder, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(example, {})
    rank, path = capsys.readouterr().out.splitlines()[0].split()[:2]
    assert (rank, Path(path).name) == ("1", "2.jpg")


def test_the_commands_run(in_a_folder, capsys):
    commands = re.findall(r"^    kpsearch (?!evaluate)(.*?)(?: +#.*)?$", README, re.MULTILINE)
    names = [command.split()[0] for command in commands]
    assert names[:4] == ["index", "query", "query", "info"]
    assert names[4:10] == ["index", "remove", "verify", "recover", "recover", "compact"]
    assert names[10:13] == ["dedup", "dedup", "dedup"]
    assert names[13:15] == ["index", "query"]
    assert names[15:17] == ["train-categories", "calibrate-categories"]
    assert names[17:] == ["index", "info", "query", "query"]
    main(["index", "photo.jpg", "-i", "batch-index"], standalone_mode=False)
    for command in commands:
        main(command.replace("~/", "").split(), standalone_mode=False)
    assert Path("out/index.html").exists()
    assert "photo.jpg: 1 match" in capsys.readouterr().out
