"""Compose's migration job: roles and databases that lack, then every service's migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

from deploy.local.servidores import Postgres
from deploy.servicios import SERVICIOS


def main() -> None:
    """Stop at the first failure, so that no service starts on a half migrated system."""
    servidor = Postgres(5432, os.environ["POSTGRES_CLAVE"], "postgres")
    for servicio in (uno for uno in SERVICIOS if uno.base):
        url = os.environ[f"DATABASE_URL_{servicio.nombre.upper()}"]
        servidor.asegurar_base(servicio.nombre, str(urlsplit(url).password))
        print(f"migrating {servicio.nombre}", flush=True)
        subprocess.run(
            [sys.executable, "-m", "shared.persistence.migrar", servicio.nombre],
            env={**os.environ, "SERVICIO": servicio.nombre, "DATABASE_URL": url},
            check=True,
        )


if __name__ == "__main__":
    main()
