"""`python -m benchmark`."""

import sys


def _start() -> None:
    try:
        from benchmark.cli.main import main
    except (ImportError, MemoryError, OSError) as error:
        sys.exit(f"error: the program cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())})")
    main()


if __name__ == "__main__":
    _start()
