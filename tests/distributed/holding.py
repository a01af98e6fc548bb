"""Another client that holds a spool folder until it is killed: python -m tests.distributed.holding FOLDER."""

from __future__ import annotations

import sys
import time

from sqlclust.distributed.folder import held

if __name__ == "__main__":
    with held(sys.argv[1]):
        print("held", flush=True)
        time.sleep(60)
