"""Compose's first job: makes every secret once, and gives each container a folder with its own alone.

What the operator says of mail in `correo.env` comes as this job's own environment and goes to clientes alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.lanzar import formatear
from deploy.local.servidores import Postgres
from deploy.local.servidores.rabbit import AJUSTES
from deploy.secretos import RUTAS, clave, escribir, preparar_llaves
from deploy.servicios import SERVICIOS

USUARIO_AMQP = "cuenta_maestra"
EN_CONTENEDOR = Path("/secretos")
#: What `correo.env` may say, besides SMTP_PASSWORD, which becomes a file.
CORREO = ("SMTP_URL", "SMTP_USER", "SMTP_TIMEOUT", "CORREO_DE", "PORTAL_URL")
_CONTRASENA = Path("secretos") / "smtp" / "contrasena"


def main(salida: Path = Path("/salida"), dichas: Mapping[str, str] = os.environ) -> None:
    """Fill the folders under `salida`; what the folder `maestro` holds already is kept. `dichas`: the operator's."""
    maestro = salida / "maestro"
    preparar_llaves(maestro)
    claves = {nombre: clave(maestro / "claves" / nombre) for nombre in ("postgres", "rabbitmq")}
    claves |= {s.nombre: clave(maestro / "claves" / s.nombre) for s in SERVICIOS if s.base}

    # These two are read by other accounts in their own images; nobody else mounts the folders.
    _publicar(salida / "postgres" / "clave", claves["postgres"])
    _publicar(
        salida / "rabbitmq" / "50-cuenta-maestra.conf",
        (AJUSTES / "rabbitmq.conf").read_text()
        + f"default_user = {USUARIO_AMQP}\ndefault_pass = {claves['rabbitmq']}\n",
    )
    servidor = Postgres(5432, claves["postgres"], "postgres")
    comunes = {"AMQP_URL": f"amqp://{USUARIO_AMQP}:{claves['rabbitmq']}@rabbitmq:5672//"}
    bases = {s.nombre: servidor.url(s.nombre, s.nombre, claves[s.nombre]) for s in SERVICIOS if s.base}
    for servicio in SERVICIOS:
        variables = {"SERVICIO": servicio.nombre, **comunes}
        if servicio.base:
            variables["DATABASE_URL"] = bases[servicio.nombre]
        if servicio.http:
            variables |= {"HTTP_HOST": "0.0.0.0", "HTTP_PORT": "8000"}
        if servicio.nombre == "clientes":
            variables |= _de_correo(salida / servicio.nombre, dichas)
        _entregar(salida / servicio.nombre, maestro, variables, servicio.secretos)
    herramientas = {
        "SERVICIO": "herramienta",
        **comunes,
        "POSTGRES_CLAVE": claves["postgres"],
        "CUENTA_MAESTRA_URL": "http://gateway:8000",
        "CUENTA_MAESTRA_RUN": "/tmp/demo",  # noqa: S108 - the container's own tmpfs
        **{f"DATABASE_URL_{nombre.upper()}": url for nombre, url in bases.items()},
    }
    _entregar(salida / "herramientas", maestro, herramientas, tuple(RUTAS))
    shutil.copytree(maestro / "cfdi", salida / "herramientas" / "cfdi", dirs_exist_ok=True)


def _de_correo(carpeta: Path, dichas: Mapping[str, str]) -> dict[str, str]:
    """How clientes sends mails and what their links begin with; the password is a file of its own."""
    variables = {"PORTAL_URL": f"http://127.0.0.1:{dichas.get('HTTP_PORT') or 8080}"}
    variables |= {nombre: valor for nombre in CORREO if (valor := dichas.get(nombre, "").strip())}
    if any("\n" in valor for valor in variables.values()):
        raise ValueError("correo.env: a value has a line break")
    if contrasena := dichas.get("SMTP_PASSWORD"):
        escribir(carpeta / _CONTRASENA, contrasena.encode())
        variables["SMTP_PASSWORD_FILE"] = str(EN_CONTENEDOR / _CONTRASENA)
    else:
        (carpeta / _CONTRASENA).unlink(missing_ok=True)
    return variables


def _publicar(archivo: Path, contenido: str) -> None:
    escribir(archivo, contenido.encode())
    archivo.chmod(0o444)


def _entregar(carpeta: Path, maestro: Path, variables: dict[str, str], secretos: tuple[str, ...]) -> None:
    for nombre in secretos:
        origen, destino = maestro / RUTAS[nombre], carpeta / RUTAS[nombre]
        if origen.is_dir():
            shutil.copytree(origen, destino, dirs_exist_ok=True)
        else:
            escribir(destino, origen.read_bytes())
        variables[nombre] = str(EN_CONTENEDOR / RUTAS[nombre])
    escribir(carpeta / "entorno.env", formatear(variables))


if __name__ == "__main__":
    main()
