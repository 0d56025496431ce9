"""The PACs that an installation uses: a TOML or JSON file (`PACS_FILE`), checked whole at start.

    [[pacs]]
    nombre = "finkok"                    # [a-z0-9_-], kept for ever: each stamping remembers it
    tipo = "finkok"                      # finkok, sw, prodigia, diverza, comercio_digital
    usuario = "…"
    secreto_file = "/run/secrets/finkok" # its content, without the last end of line
    contrato = "…"                       # prodigia
    prioridad = 10                       # the lower goes first
    timeout = 8.0                        # seconds of one request and of a lot
    timeout_conexion = 3.0
    concurrencia = 8                     # documents in flight per replica
    certificados_dir = "/etc/…/finkok"   # its .cer files, with which its stamps are verified
    rfc_prov_certif = "FIN1203015JA"     # whose those certificates are
    activo = true
    urls = { timbrado = "https://…" }    # only what differs from production
    autoridades_tls = "/…/ca.pem"        # only for a server with a certificate of one's own

    [sat]
    url = "https://consultaqr.facturaelectronica.sat.gob.mx"

Paths are relative to the file. No secret is in it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from services.timbrado.cfdi.certificados import Certificado, CertificadoIlegible, Confianza, leer_archivo
from services.timbrado.pac.comercio_digital import ComercioDigital
from services.timbrado.pac.diverza import Diverza
from services.timbrado.pac.finkok import Finkok
from services.timbrado.pac.prodigia import Prodigia
from services.timbrado.pac.protocolo import PacCompleto
from services.timbrado.pac.remoto import Cuenta, PacRemoto
from services.timbrado.pac.sat import ConsultaSat
from services.timbrado.pac.sw import SwSapien

TIPOS: Final[Mapping[str, type[PacRemoto]]] = {
    "finkok": Finkok,
    "sw": SwSapien,
    "prodigia": Prodigia,
    "diverza": Diverza,
    "comercio_digital": ComercioDigital,
}
RESERVADO: Final = "sandbox"
"""The sandbox's own name: no other PAC may be called so."""
_NOMBRE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class ConfiguracionInvalida(ValueError):
    """What is wrong in PACS_FILE, with the field's name; for whoever installs."""


@dataclass(frozen=True, slots=True)
class ConfiguracionPac:
    """One PAC of the file. `secreto` was read from its file."""

    nombre: str
    tipo: str
    usuario: str
    secreto: str = field(repr=False)
    certificados_dir: Path
    rfc_prov_certif: str
    urls: Mapping[str, str] = field(default_factory=dict)
    contrato: str = ""
    prioridad: int = 100
    timeout: float = 8.0
    timeout_conexion: float = 3.0
    concurrencia: int = 8
    activo: bool = True
    autoridades_tls: Path | None = None
    sat_url: str | None = None


def cargar(ruta: Path) -> list[ConfiguracionPac]:
    """The active PACs, by priority. Raises `ConfiguracionInvalida` naming file and field."""
    datos = _leer(ruta)
    sobra = set(datos) - {"pacs", "sat"}
    if sobra:
        raise ConfiguracionInvalida(f"{ruta}: unknown section {sorted(sobra)[0]}")
    filas, sat = datos.get("pacs"), datos.get("sat", {})
    if not isinstance(filas, list) or not filas:
        raise ConfiguracionInvalida(f"{ruta}: pacs must be a list with at least one PAC")
    if not isinstance(sat, dict) or set(sat) - {"url"}:
        raise ConfiguracionInvalida(f"{ruta}: sat holds only url")
    url_sat = _Fila(ruta, "sat", sat).url("url") if sat else None
    leidos = [_pac(ruta, i, fila, url_sat) for i, fila in enumerate(filas)]
    nombres = [p.nombre for p in leidos]
    if repetidos := sorted({n for n in nombres if nombres.count(n) > 1}):
        raise ConfiguracionInvalida(f"{ruta}: two PACs are called {repetidos[0]}")
    activos = sorted((p for p in leidos if p.activo), key=lambda p: (p.prioridad, p.nombre))
    if not activos:
        raise ConfiguracionInvalida(f"{ruta}: no PAC is activo")
    return activos


def construir(config: ConfiguracionPac, autoridades: Confianza | None = None) -> PacCompleto:
    """The adapter of one PAC, with its certificates read and checked. Raises `ConfiguracionInvalida`."""
    certificados = leer_certificados(
        config.certificados_dir, config.rfc_prov_certif, autoridades, f"pac {config.nombre}: certificados_dir"
    )
    tls = str(config.autoridades_tls) if config.autoridades_tls else None
    cuenta = Cuenta(
        config.nombre,
        config.urls,
        config.usuario,
        config.secreto,
        config.timeout_conexion,
        config.timeout,
        config.concurrencia,
        config.contrato,
        tls,
    )
    sat = None
    if config.sat_url is not None:
        sat = ConsultaSat(
            config.sat_url, conectar=config.timeout_conexion, plazo=config.timeout, autoridades=tls
        )
    return TIPOS[config.tipo](cuenta, certificados, sat)


def leer_certificados(
    carpeta: Path, rfc: str, autoridades: Confianza | None, que: str
) -> dict[str, Certificado]:
    """A PAC's certificates by number: each its own, for sealing, valid in the past or now, and vouched for.

    `autoridades`: who may have issued it; None where the SAT's roots are not configured. An expired one is kept:
    stamps of its time are still to be verified. Raises `ConfiguracionInvalida` naming the file.
    """
    hallados: dict[str, Certificado] = {}
    try:
        archivos = sorted(a for a in carpeta.iterdir() if a.suffix.lower() in (".cer", ".crt", ".pem"))
    except OSError as error:
        raise ConfiguracionInvalida(f"{que}: {carpeta} can't be read ({error.strerror})") from error
    for archivo in archivos:
        try:
            certificados = leer_archivo(archivo)
        except (CertificadoIlegible, OSError) as error:
            raise ConfiguracionInvalida(f"{que}: {archivo} is not a certificate") from error
        for certificado in certificados:
            _revisar(certificado, rfc, autoridades, f"{que}: {archivo}")
            hallados[certificado.numero] = certificado
    if not hallados:
        raise ConfiguracionInvalida(f"{que}: {carpeta} holds no .cer: stamps could not be verified")
    return hallados


def _revisar(c: Certificado, rfc: str, autoridades: Confianza | None, que: str) -> None:
    if not c.numero:
        raise ConfiguracionInvalida(f"{que}: its serial holds no certificate number of the SAT's form")
    if c.es_autoridad or c.llave is None:
        raise ConfiguracionInvalida(f"{que}: not a certificate that seals")
    if c.rfc != rfc:
        raise ConfiguracionInvalida(f"{que}: of {c.rfc or 'nobody'}, and rfc_prov_certif says {rfc}")
    if autoridades is not None and not autoridades.confia(c, min(c.hasta, datetime.now(UTC))):
        raise ConfiguracionInvalida(f"{que}: not issued by a configured authority")


class _Fila:
    """One table of the file, and complaints that name it."""

    def __init__(self, ruta: Path, donde: str, datos: Mapping[str, Any]) -> None:
        self.ruta, self.donde, self.datos = ruta, donde, datos

    def error(self, campo: str, que: str) -> ConfiguracionInvalida:
        return ConfiguracionInvalida(f"{self.ruta}: {self.donde}.{campo} {que}")

    def texto(self, campo: str, omision: str | None = None) -> str:
        valor = self.datos.get(campo, omision)
        if not isinstance(valor, str) or (omision is None and not valor.strip()):
            raise self.error(campo, "must be a text that is not empty")
        return valor

    def numero(self, campo: str, omision: float, minimo: float, maximo: float) -> float:
        valor = self.datos.get(campo, omision)
        if isinstance(valor, bool) or not isinstance(valor, int | float) or not minimo <= valor <= maximo:
            raise self.error(campo, f"must be a number from {minimo:g} to {maximo:g}")
        return float(valor)

    def url(self, campo: str) -> str:
        valor = self.texto(campo)
        if not re.fullmatch(r"https://[^\s]+|http://(127\.0\.0\.1|localhost)(:\d+)?[^\s]*", valor):
            raise self.error(campo, "must be an https URL (http only to this machine)")
        return valor

    def ruta_de(self, campo: str) -> Path:
        return (self.ruta.parent / self.texto(campo)).resolve()


_CAMPOS: Final = frozenset(
    {
        "nombre", "tipo", "usuario", "secreto_file", "contrato", "prioridad", "timeout", "timeout_conexion",
        "concurrencia", "certificados_dir", "rfc_prov_certif", "activo", "urls", "autoridades_tls",
    }
)  # fmt: skip


def _pac(ruta: Path, i: int, datos: Any, url_sat: str | None) -> ConfiguracionPac:
    donde = f"pacs[{i}]"
    if not isinstance(datos, dict):
        raise ConfiguracionInvalida(f"{ruta}: {donde} must be a table")
    f = _Fila(ruta, donde, datos)
    if sobra := sorted(set(datos) - _CAMPOS):
        raise f.error(sobra[0], "is no known field")
    nombre, tipo = f.texto("nombre"), f.texto("tipo")
    if not _NOMBRE.fullmatch(nombre) or nombre == RESERVADO:
        raise f.error("nombre", f"must be 1 to 40 of a-z, 0-9, _ and -, and not {RESERVADO}")
    if tipo not in TIPOS:
        raise f.error("tipo", f"must be one of {', '.join(TIPOS)}")
    activo = datos.get("activo", True)
    if not isinstance(activo, bool):
        raise f.error("activo", "must be true or false")
    contrato = f.texto("contrato", "")
    if tipo == "prodigia" and not contrato:
        raise f.error("contrato", "is required by prodigia")
    return ConfiguracionPac(
        nombre=nombre,
        tipo=tipo,
        usuario=f.texto("usuario"),
        secreto=_secreto(f),
        certificados_dir=f.ruta_de("certificados_dir"),
        rfc_prov_certif=f.texto("rfc_prov_certif"),
        urls=_urls(f, tipo),
        contrato=contrato,
        prioridad=int(f.numero("prioridad", 100, 0, 1000)),
        timeout=f.numero("timeout", 8.0, 0.1, 60),
        timeout_conexion=f.numero("timeout_conexion", 3.0, 0.1, 30),
        concurrencia=int(f.numero("concurrencia", 8, 1, 128)),
        activo=activo,
        autoridades_tls=f.ruta_de("autoridades_tls") if "autoridades_tls" in datos else None,
        sat_url=url_sat,
    )


def _urls(f: _Fila, tipo: str) -> dict[str, str]:
    urls = f.datos.get("urls", {})
    conocidas = TIPOS[tipo].URLS
    if not isinstance(urls, dict):
        raise f.error("urls", "must be a table")
    if sobra := sorted(set(urls) - set(conocidas)):
        raise f.error(f"urls.{sobra[0]}", f"is none of {', '.join(conocidas)}")
    tabla = _Fila(f.ruta, f"{f.donde}.urls", urls)
    return {servicio: tabla.url(servicio) for servicio in urls}


def _secreto(f: _Fila) -> str:
    archivo = f.ruta_de("secreto_file")
    try:
        secreto = archivo.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise f.error("secreto_file", f"can't be read: {archivo}") from error
    if not secreto:
        raise f.error("secreto_file", f"is empty: {archivo}")
    return secreto


def _leer(ruta: Path) -> dict[str, Any]:
    try:
        crudo = ruta.read_bytes()
        datos = orjson.loads(crudo) if ruta.suffix.lower() == ".json" else tomllib.loads(crudo.decode())
    except OSError as error:
        raise ConfiguracionInvalida(f"{ruta}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfiguracionInvalida(f"{ruta}: {error}") from error
    if not isinstance(datos, dict):
        raise ConfiguracionInvalida(f"{ruta}: must hold a table")
    return datos
