"""Drawings that a classifier of ImageNet knows, by the number of their class."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
SIDE_PX = 300
CENTRE = (150, 150)


def analog_clock() -> Picture:
    """Class 409."""
    picture = _filled(150, 180, 200)
    cv2.circle(picture, CENTRE, 120, (245, 245, 245), -1, cv2.LINE_AA)
    cv2.circle(picture, CENTRE, 120, (20, 20, 20), 6, cv2.LINE_AA)
    for hour in range(12):
        across, down = np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)
        ends = [(int(150 + r * across), int(150 + r * down)) for r in (100, 112)]
        cv2.line(picture, *ends, (0, 0, 0), 4, cv2.LINE_AA)
        _write(picture, str(hour or 12), int(140 + 85 * across), int(158 + 85 * down))
    cv2.line(picture, CENTRE, (200, 110), (0, 0, 0), 6, cv2.LINE_AA)
    cv2.line(picture, CENTRE, (150, 70), (0, 0, 0), 4, cv2.LINE_AA)
    return picture


def spider_web() -> Picture:
    """Class 815."""
    picture = _filled(40, 90, 60)
    turns = np.arange(16) * np.pi / 8
    spokes = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    for spoke in spokes:
        end = (150 + 200 * spoke).astype(int).tolist()
        cv2.line(picture, CENTRE, end, (230, 230, 230), 1, cv2.LINE_AA)
    for radius in range(10, 200, 10):
        ring = (150 + radius * spokes).astype(np.int32)
        cv2.polylines(picture, [ring], True, (230, 230, 230), 1, cv2.LINE_AA)
    return picture


def crossword_puzzle() -> Picture:
    """Class 918."""
    rng = np.random.default_rng(0)
    picture = _filled(255, 255, 255)
    for left in range(0, SIDE_PX, 25):
        for top in range(0, SIDE_PX, 25):
            black = rng.random() < 0.25
            corners = (left, top), (left + 25, top + 25)
            cv2.rectangle(picture, *corners, (0, 0, 0), -1 if black else 1)
            if not black:
                _write(picture, chr(65 + rng.integers(26)), left + 5, top + 20)
    return picture


def traffic_light() -> Picture:
    """Class 920."""
    picture = _filled(200, 170, 120)
    cv2.rectangle(picture, (100, 30), (200, 270), (30, 30, 30), -1)
    for y, colour in ((75, (40, 40, 230)), (150, (60, 200, 240)), (225, (80, 180, 40))):
        cv2.circle(picture, (150, y), 32, colour, -1, cv2.LINE_AA)
    return picture


DRAWINGS = {409: analog_clock, 815: spider_web, 918: crossword_puzzle, 920: traffic_light}


def _filled(*colour: int) -> Picture:
    return np.full((SIDE_PX, SIDE_PX, 3), colour, np.uint8)


def _write(picture: Picture, text: str, left: int, bottom: int) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, (left, bottom), font, 0.65, (0, 0, 0), 2, cv2.LINE_AA)
