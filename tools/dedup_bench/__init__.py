"""What tools/bench_dedup.py measures: sets of pairs with the truth, methods, figures, tables."""
