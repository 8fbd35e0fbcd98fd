"""The peers by name. Listing them loads none of them."""

from __future__ import annotations

from kpsearch.registry import Registry
from peers.peer import Peer, Setting

PEERS = Registry(
    "peer",
    {
        "kpsearch": "peers.engine:Engine",
        "colmap": "peers.colmap:Colmap",
        "asmk": "peers.aggregated:Asmk",
        "brute-force": "peers.brute_force:BruteForce",
        "phash": "peers.hashes:PerceptualHash",
        "pdq": "peers.hashes:Pdq",
        "cnn": "peers.embedding:Embedding",
    },
)


def make_peer(name: str, setting: Setting) -> Peer:
    """The peer registered under ``name``; raises `Unavailable` where something of it is missing."""
    peer: Peer = PEERS.resolve(name)(setting)
    return peer
