"""A container's health check: `python -m deploy.docker.salud URL` succeeds when the URL answers 200."""

from __future__ import annotations

import sys
import urllib.request

if __name__ == "__main__":
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=4) as respuesta:
            sys.exit(respuesta.status != 200)
    except OSError as fallo:
        sys.exit(str(fallo))
