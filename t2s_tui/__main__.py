"""`python -m t2s_tui` is `t2s`."""

from __future__ import annotations

import sys

from t2s_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
