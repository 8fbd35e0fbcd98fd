"""What two pictures are to each other, from their pixels."""

from kpsearch.dedup.relation.judge import compare, judge_hash_pair, judge_pair

__all__ = ["compare", "judge_hash_pair", "judge_pair"]
