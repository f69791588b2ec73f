"""``python -m backend``: the same as ``att3d``, and ``serve`` without loading anything first."""

from __future__ import annotations

import sys

from .command_line import require_unicode
from .process_tuning import tune


def main() -> int:
    require_unicode()
    tune()
    if sys.argv[1:2] == ["serve"]:
        from .server import main as serve

        return serve(sys.argv[2:])
    from .cli import main as cli

    return cli()


if __name__ == "__main__":
    sys.exit(main())
