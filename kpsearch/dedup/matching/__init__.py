"""Which pictures geometry finds something common in, from what an index stores of them."""
