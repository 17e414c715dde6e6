"""`python -m failover`: see `failover.cli`."""

from __future__ import annotations

import sys

from failover.cli import main

sys.exit(main())
