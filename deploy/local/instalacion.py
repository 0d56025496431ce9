"""One installation of the system on this machine: a folder with its ports, secrets, data and logs.

`make up` uses `.run` in the clone. Tests and chaos runs make others: `CUENTA_MAESTRA_RUN` names the folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy.lanzar import formatear
from deploy.local.puertos import libre, libres
from deploy.local.servidores import PostgresPrivado, PuertosRabbit, RabbitPrivado
from deploy.secretos import RUTAS, clave, escribir, preparar_llaves
from deploy.servicios import SERVICIOS, Servicio

RAIZ = Path(__file__).resolve().parents[2]

#: Settings of mail that an operator gives `make up` in its environment, as they are.
CORREO = ("SMTP_URL", "SMTP_USER", "SMTP_PASSWORD_FILE", "CORREO_DE", "PORTAL_URL")


@dataclass(frozen=True)
class Instalacion:
    """An installation in `dir`; what does not exist yet is made at first use and kept."""

    dir: Path
    servicios: tuple[Servicio, ...] = SERVICIOS

    @classmethod
    def actual(cls) -> Instalacion:
        """Return the installation of this clone, or the one that `CUENTA_MAESTRA_RUN` names."""
        return cls(Path(os.environ.get("CUENTA_MAESTRA_RUN") or RAIZ / ".run").resolve())

    # --- ports ---------------------------------------------------------------------------------

    @cached_property
    def puertos(self) -> dict[str, int]:
        """The ports of everything, picked once and kept in `puertos.json`."""
        nombres = ("http", "postgres", "amqp", "gestion", "dist", "epmd", "supervisor")
        return self._puertos(nombres)

    def _puertos(self, nombres: Iterable[str]) -> dict[str, int]:
        archivo = self.dir / "puertos.json"
        puertos: dict[str, int] = json.loads(archivo.read_text()) if archivo.exists() else {}
        nuevos = [nombre for nombre in nombres if nombre not in puertos]
        if nuevos:
            puertos |= dict(zip(nuevos, libres(len(nuevos)), strict=True))
            escribir(archivo, json.dumps(puertos, indent=2).encode())
        return puertos

    def puertos_ocupados(self) -> list[str]:
        """Name the ports that something else took since; only true of a stopped installation."""
        return [nombre for nombre, puerto in self.puertos.items() if not libre(puerto)]

    def cambiar_puertos(self, nombres: list[str]) -> None:
        """Pick other ports for these names."""
        escribir(
            self.dir / "puertos.json",
            json.dumps({n: p for n, p in self.puertos.items() if n not in nombres}, indent=2).encode(),
        )
        del self.__dict__["puertos"]

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        return f"http://127.0.0.1:{self.puertos['http']}"

    # --- servers -------------------------------------------------------------------------------

    @cached_property
    def postgres(self) -> PostgresPrivado:
        """The private database server."""
        return PostgresPrivado(self.dir / "postgres", self.puertos["postgres"], self._clave("postgres"))

    @cached_property
    def rabbit(self) -> RabbitPrivado:
        """The private broker."""
        puertos = PuertosRabbit(*(self.puertos[nombre] for nombre in ("amqp", "gestion", "dist", "epmd")))
        return RabbitPrivado(self.dir / "rabbitmq", puertos, "cuenta_maestra", self._clave("rabbitmq"))

    def _clave(self, nombre: str) -> str:
        return clave(self.dir / "secretos" / "claves" / nombre)

    @property
    def amqp_url(self) -> str:
        """The broker's URL."""
        return self.rabbit.url()

    def base(self, servicio: str) -> str:
        """Return the database URL of a service."""
        return self.postgres.url(servicio, servicio, self._clave(servicio))

    def asegurar_bases(self) -> None:
        """Create the roles and databases that lack."""
        for servicio in self.servicios:
            if servicio.base:
                self.postgres.asegurar_base(servicio.nombre, self._clave(servicio.nombre))

    # --- environment ---------------------------------------------------------------------------

    def preparar(self) -> None:
        """Make folders, secrets and the environment files."""
        # PostgreSQL runs as another account when we are root, and has to get through.
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o711)
        (self.dir / "registros").mkdir(exist_ok=True)
        preparar_llaves(self.dir)
        for servicio in self.servicios:
            escribir(self.archivo_entorno(servicio.nombre), formatear(self.entorno(servicio)))
        escribir(self.archivo_entorno("herramientas"), formatear(self.entorno_herramientas()))

    def archivo_entorno(self, nombre: str) -> Path:
        """Return the file with a service's variables, for `python -m deploy.lanzar FILE MODULE`."""
        return self.dir / "entorno" / f"{nombre}.env"

    @property
    def archivo_pacs(self) -> Path:
        """Where an operator names real PACs (`services/timbrado/pac/configuracion.py`); absent: the sandbox."""
        return self.dir / "pacs" / "pacs.toml"

    def entorno(self, servicio: Servicio) -> dict[str, str]:
        """Return the variables of a service; each process adds its METRICS_PORT."""
        variables = {"SERVICIO": servicio.nombre, "AMQP_URL": self.amqp_url, **self._comunes()}
        if servicio.base:
            variables["DATABASE_URL"] = self.base(servicio.nombre)
        if servicio.http:
            variables |= {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.puertos["http"])}
            variables["PROXIES_DE_CONFIANZA"] = os.environ.get("PROXIES_DE_CONFIANZA", "")
        if servicio.nombre == "clientes":
            # Without an SMTP server each mail is a file, so that its links can be followed.
            variables |= {"PORTAL_URL": self.url, "CORREO_DIR": str(self.dir / "correo")}
            variables |= {n: v for n in CORREO if (v := os.environ.get(n))}
        if servicio.nombre == "timbrado" and self.archivo_pacs.exists():
            variables["PACS_FILE"] = str(self.archivo_pacs)
        return variables | {nombre: str(self.dir / RUTAS[nombre]) for nombre in servicio.secretos}

    def entorno_herramientas(self) -> dict[str, str]:
        """Return the variables of seed, demonstration and verification: they see everything."""
        bases = {f"DATABASE_URL_{s.nombre.upper()}": self.base(s.nombre) for s in self.servicios if s.base}
        return {
            "SERVICIO": "herramienta",
            "AMQP_URL": self.amqp_url,
            "HTTP_PORT": str(self.puertos["http"]),
            "CUENTA_MAESTRA_RUN": str(self.dir),
            "CUENTA_MAESTRA_URL": self.url,
            **self._comunes(),
            **bases,
            **{nombre: str(self.dir / ruta) for nombre, ruta in RUTAS.items()},
        }

    def _comunes(self) -> dict[str, str]:
        # The C wait of psycopg stops every greenthread of the process (docs/adr), so it is set everywhere.
        comunes = {"PSYCOPG_WAIT_FUNC": "wait_selector", "PYTHONUNBUFFERED": "1"}
        comunes["LOG_LEVEL"] = os.environ.get("LOG_LEVEL", "INFO")
        if crash := os.environ.get("CRASH_DIR"):
            comunes["CRASH_DIR"] = crash
        return comunes

    # --- processes -----------------------------------------------------------------------------

    def procesos(self) -> dict[str, int]:
        """Return how many processes each service has, `make scale` included."""
        archivo = self.dir / "procesos.json"
        elegidos = json.loads(archivo.read_text()) if archivo.exists() else {}
        return {s.nombre: int(elegidos.get(s.nombre, s.procesos)) for s in self.servicios}

    def escalar(self, cantidades: dict[str, int]) -> None:
        """Keep other numbers of processes."""
        escribir(self.dir / "procesos.json", json.dumps(self.procesos() | cantidades, indent=2).encode())

    def programas(self) -> dict[str, tuple[Servicio, int]]:
        """Return every service process by its name, with the port of its metrics."""
        nombres = {
            f"{servicio.nombre}-{numero}": servicio
            for servicio in self.servicios
            for numero in range(1, self.procesos()[servicio.nombre] + 1)
        }
        puertos = self._puertos(f"metricas-{nombre}" for nombre in nombres)
        return {nombre: (servicio, puertos[f"metricas-{nombre}"]) for nombre, servicio in nombres.items()}
