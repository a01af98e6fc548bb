"""Stored fits: ClusteringFit, and the neighbours kept with it."""
