"""`python -m fairlead_server` is the `fairlead` command, for where the script is not on the path."""

from __future__ import annotations

from fairlead_server.main import main

if __name__ == "__main__":
    main()
