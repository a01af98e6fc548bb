"""Clusters, cut from a hierarchy, and what is said about them."""
