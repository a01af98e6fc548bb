"""The minimum spanning tree of mutual reachability, and the hierarchies made of it."""
