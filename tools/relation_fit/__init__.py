"""Pairs of pictures whose relation is known, and what is learnt from them."""
