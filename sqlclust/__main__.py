"""`python -m sqlclust` is `sqlclust`."""

from sqlclust.cli import main

if __name__ == "__main__":
    main()
