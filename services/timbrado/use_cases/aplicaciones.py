"""Registered applications, and what an ilimitada is admitted by before it spends."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.timbrado import domain
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import aplicaciones as reglas
from services.timbrado.domain import ilimitada, uso
from shared import pagination
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, no_encontrado
from shared.pagination import Posicion
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import CtiGuardada
    from services.timbrado.repository import Repositorio

#: Seconds for which an ilimitada that was refused is not read again.
RELECTURA = 0.2
#: CTIs of which a process remembers that.
MAXIMO = 10_000

#: Checks a proof: the header as it came, CTI, the document's bytes, now. Raises `no_permitido`.
Verificar = Callable[[str | None, str, bytes, datetime], None]
#: What the pipeline asks for an ilimitada: the CTI to spend with, or a refusal.
Admitir = Callable[["CtiGuardada", str, c.SolicitudDeTimbrado], "CtiGuardada"]


def negar_ilimitada(cti: CtiGuardada, emisor: str, s: c.SolicitudDeTimbrado) -> CtiGuardada:  # noqa: ARG001
    """A pipeline that was given no `Admision` stamps for no ilimitada: the check can't be forgotten."""
    raise DomainError(Codigo.NO_PERMITIDO, "Las CTI ilimitadas no se admiten aquí. Use una CTI estándar.")


class Admision:
    """Who may stamp with an ilimitada: its year is paid, the issuer is the contracted one, the application proves itself.

    A process remembers a CTI for as long as its version lasts, but time passes without any version: so a refusal
    is only given after reading the CTI again, and a renewal works at once, which is within `RELECTURA`. What is
    admitted costs no SQL, and what is refused over and over delays nobody else's lot.
    """

    def __init__(
        self,
        credenciales: Credenciales,
        uow: Callable[[], UnitOfWork[Repositorio]],
        verificar: Verificar,
        reloj: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credenciales = credenciales
        self._uow = uow
        self._verificar = verificar
        self._reloj = reloj
        self._versiones: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admitir(self, cti: CtiGuardada, emisor: str, s: c.SolicitudDeTimbrado) -> CtiGuardada:
        """The CTI to spend with, read anew if the remembered one was no longer good.

        Raises `contrato_requerido` or `no_permitido`.
        """
        ahora = datetime.now(UTC)
        try:
            ilimitada.revisar(cti, emisor, ahora)
        except DomainError:
            cti = self._releida(cti, s)
            ilimitada.revisar(cti, emisor, ahora)
            uso.revisar(cti, emisor, s.ip)
        self._verificar(s.aplicacion, cti.id, s.xml.encode(), ahora)
        return cti

    def _releida(self, cti: CtiGuardada, s: c.SolicitudDeTimbrado) -> CtiGuardada:
        version = self._version(cti.id)
        if version == cti.version:
            # Nothing changed: argon2 is not paid each time that an expired one is used.
            return cti
        [nueva] = self._credenciales.verificar([(s.cti, s.contrasena)])
        if nueva is not None and nueva.version < version:
            self._credenciales.olvidar(cti.id)
            [nueva] = self._credenciales.verificar([(s.cti, s.contrasena)])
        if nueva is None:
            raise domain.credenciales_invalidas()
        return nueva

    def _version(self, cti: str) -> int:
        version, hasta = self._versiones.get(cti, (0, 0.0))
        if self._reloj() < hasta:
            return version
        with self._uow() as uow:
            version = uow.repo.ctis([cti])[cti].version
        self._versiones[cti] = version, self._reloj() + RELECTURA
        self._versiones.move_to_end(cti)
        while len(self._versiones) > MAXIMO:
            self._versiones.popitem(last=False)
        return version


def registrar(
    leer_llave: Callable[[str], bytes],
) -> Callable[[UnitOfWork[Repositorio], c.RegistrarAplicacion], c.Aplicacion]:
    """Register an application. Raises `conflicto` when its key is registered, also if it was revoked."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.RegistrarAplicacion) -> c.Aplicacion:
        nueva = reglas.AplicacionRegistrada(
            uuid4(), reglas.nombre_valido(p.nombre), p.plataforma, leer_llave(p.llave_publica)
        )
        if not uow.repo.registrar_aplicacion(nueva, uow.ahora):
            raise DomainError(
                Codigo.CONFLICTO,
                "Esa llave pública ya está registrada o fue revocada. Genere un par de llaves nuevo.",
            )
        return _obtener(uow, nueva.id)

    return use_case


def revocar(uow: UnitOfWork[Repositorio], p: c.RevocarAplicacion) -> c.Aplicacion:
    """Revoke an application for good. Twice is harmless."""
    if not uow.repo.revocar_aplicacion(p.aplicacion_id, uow.ahora):
        raise no_encontrado("la aplicación")
    return _obtener(uow, p.aplicacion_id)


def listar(uow: UnitOfWork[Repositorio], p: c.ListarAplicaciones) -> c.PaginaAplicaciones:
    """Every application, the newest first."""
    lugar = pagination.posicion(p.cursor)
    filas = uow.repo.pagina_aplicaciones((lugar.en, lugar.id) if lugar else None, p.limite + 1)
    datos = [_publica(f) for f in filas[: p.limite]]
    return c.PaginaAplicaciones(
        datos=datos,
        siguiente=Posicion(datos[-1].creada_en, datos[-1].id).cursor() if len(filas) > p.limite else None,
    )


def _obtener(uow: UnitOfWork[Repositorio], id_: UUID) -> c.Aplicacion:
    fila = uow.repo.detalle_aplicacion(id_)
    assert fila is not None
    return _publica(fila)


def _publica(fila: dict[str, Any]) -> c.Aplicacion:
    return c.Aplicacion(
        id=fila["id"],
        nombre=fila["nombre"],
        plataforma=fila["plataforma"],
        huella=hashlib.sha256(fila["llave"]).hexdigest(),
        creada_en=fila["creada_en"],
        revocada_en=fila["revocada_en"],
    )
