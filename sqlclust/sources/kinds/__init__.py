"""The kinds of sources, one file for each program; `registry.py` lists them."""
