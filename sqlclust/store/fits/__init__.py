"""Stored fits: ClusteringFit."""
