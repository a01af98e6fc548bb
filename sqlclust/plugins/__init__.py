"""Plugins of other programs, which find them by the entry points in pyproject.toml. See README.md."""
