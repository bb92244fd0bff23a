"""`python -m benchmark`."""

import os
import sys


def _start() -> None:
    # Read when torch is imported: threads that spin for long while they wait starve one another on a busy machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        from benchmark.cli.main import main
    except (ImportError, MemoryError, OSError) as error:
        hint = "; is the environment active that it is installed in?" if isinstance(error, ModuleNotFoundError) else ""
        sys.exit(f"error: the program cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())}){hint}")
    main()


if __name__ == "__main__":
    _start()
