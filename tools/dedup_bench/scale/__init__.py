"""Catalogues of any size without a picture: what they cost to deduplicate."""
