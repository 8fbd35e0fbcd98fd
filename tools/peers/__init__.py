"""Other ways to find a picture, each behind one protocol: what `tools/bench_peers.py` compares."""

from peers.peer import Peer, Query, Ranked, Setting, Spent, Unavailable
from peers.registry import PEERS, make_peer

__all__ = [
    "PEERS",
    "Peer",
    "Query",
    "Ranked",
    "Setting",
    "Spent",
    "Unavailable",
    "make_peer",
]
