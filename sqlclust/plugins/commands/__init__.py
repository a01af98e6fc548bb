"""Commands of ours in other programs, imported when they run. See README.md."""
