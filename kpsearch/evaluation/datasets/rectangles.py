"""Rectangles as ground truths write them."""

from kpsearch.search import Region


def region_between(x1: float, y1: float, x2: float, y2: float) -> Region:
    """The whole pixels between two corners, each rounded, as Pillow's crop does for revisitop.

    Raises `ValueError` for corners that are not finite or in the wrong order.
    """
    try:
        left, top, right, bottom = round(x1), round(y1), round(x2), round(y2)
    except OverflowError as error:
        raise ValueError("a corner is not finite") from error
    if left >= right or top >= bottom:
        raise ValueError("the rectangle is empty")
    return Region(left, top, right - left, bottom - top)
