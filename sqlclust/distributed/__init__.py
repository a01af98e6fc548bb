"""Neighbours and spanning tree in shards, by workers: see README.md."""
