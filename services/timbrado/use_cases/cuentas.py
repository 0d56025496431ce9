"""CTI: creation, delivery of the first password, block, password reset, lists, and the logbook of all that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from services.timbrado import domain
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import Contrasena, CtiGuardada
    from services.timbrado.repository import Repositorio

_MAX_BIGINT = 2**63 - 1
#: Ids tried for a further CTI while others are created for the same cliente at the same time.
_INTENTOS = 20


def abrir_existencia(uow: UnitOfWork[Repositorio], evento: ev.CuentaMaestraCreada) -> None:
    """A new CM has a stock of timbres, empty."""
    uow.repo.libro.abrir([("existencia", str(evento.cuenta_id), True)])


def crear_cti_estandar(uow: UnitOfWork[Repositorio], evento: ev.ClienteCreado) -> None:
    """Each new cliente has a CTI estándar, ready to use (manual: Cuentas de Timbrado)."""
    _abrir(uow, evento.cti, evento.nic, evento.cliente_id, evento.cuenta_id, actor="")


def crear_ctis_estandar(uow: UnitOfWork[Repositorio], evento: ev.ClientesCreadosLote) -> None:
    """The same for many that came in one import, as one would be: their passwords are set later."""
    uow.repo.crear_ctis_estandar(
        evento.cuenta_id, evento.ctis.split(","), evento.nics.split(","), evento.clientes.split(",")
    )


def entregar_cti_inicial(
    nueva: Contrasena,
) -> Callable[[UnitOfWork[Repositorio], c.EntregarCtiInicial], c.CtiConContrasena]:
    """Deliver the first password once; creates the CTI if its event has not arrived yet."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.EntregarCtiInicial) -> c.CtiConContrasena:
        _abrir(uow, p.cti, p.nic, p.cliente_id, p.cuenta_id, p.actor)
        cti = tomar_propia(uow, p.cuenta_id, p.cti)
        if cti.hash_contrasena is not None:
            return c.CtiConContrasena(id=cti.id)
        _poner(uow, cti, nueva, 0)
        uow.repo.anotar(cti.id, "contrasena", p.actor)
        return c.CtiConContrasena(id=cti.id, contrasena=nueva.revelada)

    return use_case


def crear_cti(
    nueva: Contrasena,
) -> Callable[[UnitOfWork[Repositorio], c.CrearCti], c.CtiCreada]:
    """A further CTI for a cliente of this CM (manual: Crear Cuentas de Timbrado adicionales)."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.CrearCti) -> c.CtiCreada:
        cliente_id = uow.repo.cliente_de(p.cuenta_id, p.nic)
        if cliente_id is None:
            raise no_encontrado("el cliente")
        id_ = _crear_con_id(uow, p, cliente_id) if p.id is not None else _crear_asignada(uow, p, cliente_id)
        cti = tomar_propia(uow, p.cuenta_id, id_)
        _poner(uow, cti, nueva, 0)
        uow.repo.anotar(
            id_, "creacion", p.actor, p.origen_ip, detalle={"tipo": p.tipo, "id_propio": p.id is not None}
        )
        return c.CtiCreada(id=id_, nic=p.nic, tipo=p.tipo, contrasena=nueva.revelada)

    return use_case


def restablecer_contrasena(
    nueva: Contrasena,
) -> Callable[[UnitOfWork[Repositorio], c.RestablecerContrasena], c.CtiConContrasena]:
    """Set a new password (manual: Restablecer la contraseña de una CTI).

    From the commit on whoever holds the old one can't spend, but for the overlap that was asked for.
    """

    def use_case(uow: UnitOfWork[Repositorio], p: c.RestablecerContrasena) -> c.CtiConContrasena:
        cti = tomar_propia(uow, p.cuenta_id, p.cti)
        _poner(uow, cti, nueva, p.traslape_horas)
        uow.repo.anotar(
            cti.id, "contrasena", p.actor, p.origen_ip, detalle={"traslape_horas": p.traslape_horas}
        )
        detalle = obtener_cti(uow, c.ObtenerCti(cuenta_id=p.cuenta_id, cti=p.cti))
        return c.CtiConContrasena(id=cti.id, contrasena=nueva.revelada, anterior_hasta=detalle.anterior_hasta)

    return use_case


def bloquear_cti(uow: UnitOfWork[Repositorio], p: c.BloquearCti) -> c.Cti:
    """Block or reactivate (manual: Bloquear/reactivar una Cuenta de Timbrado). Doing it twice is harmless."""
    motivo = (p.motivo or "").strip() or None
    if p.bloqueada and motivo is None:
        raise campo_invalido("motivo", "Escriba el motivo del bloqueo.")
    cti = tomar_propia(uow, p.cuenta_id, p.cti)
    if p.bloqueada or cti.bloqueada:
        uow.repo.libro.bloquear(cti.libro_id, p.bloqueada)
        uow.repo.poner_motivo(cti.id, motivo if p.bloqueada else None)
        uow.repo.anotar(
            cti.id,
            "bloqueo" if p.bloqueada else "reactivacion",
            p.actor,
            p.origen_ip,
            motivo,
            {"estaba_bloqueada": cti.bloqueada},
        )
        if not p.bloqueada:
            uow.repo.aquietar(cti.id)
    uow.auditar(
        objeto=f"cti:{cti.id}",
        antes={"bloqueada": cti.bloqueada},
        despues={"bloqueada": p.bloqueada, "motivo": motivo},
    )
    return obtener_cti(uow, c.ObtenerCti(cuenta_id=p.cuenta_id, cti=p.cti))


def obtener_cti(uow: UnitOfWork[Repositorio], p: c.ObtenerCti) -> c.Cti:
    """One CTI of the CM."""
    detalle = uow.repo.detalle_cti(p.cuenta_id, p.cti)
    if detalle is None:
        raise no_encontrado("la cuenta de timbrado")
    return c.Cti(**detalle)


def listar_ctis(uow: UnitOfWork[Repositorio], p: c.ListarCtis) -> c.PaginaCtis:
    """CTIs of the CM in the order asked for; the cursor is the last balance and id of the page, or the id alone."""
    filas = uow.repo.pagina_ctis(
        p.cuenta_id,
        p.limite + 1,
        orden=p.orden,
        despues=_lugar(p.orden, p.cursor),
        activa=p.activa,
        nic=p.nic,
        nics=p.nics,
        tipo=p.tipo,
        saldo_menor_que=p.saldo_menor_que,
        texto=p.texto,
    )
    datos = [c.Cti(**f) for f in filas[: p.limite]]
    siguiente = None
    if len(filas) > p.limite:
        ultima = datos[-1]
        siguiente = pagination.cursor_de(ultima.id if p.orden == "id" else f"{ultima.saldo}:{ultima.id}")
    return c.PaginaCtis(datos=datos, siguiente=siguiente)


def listar_bitacora(uow: UnitOfWork[Repositorio], p: c.ListarBitacora) -> c.PaginaBitacora:
    """What was done to a CTI, newest first; the cursor is the last entry's number."""
    cti = propia(uow, p.cuenta_id, p.cti)
    filas = uow.repo.bitacora(cti.id, p.limite + 1, pagination.numero(p.cursor))
    datos = [c.Anotacion(**f) for f in filas[: p.limite]]
    return c.PaginaBitacora(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].id) if len(filas) > p.limite else None
    )


def propia(uow: UnitOfWork[Repositorio], cuenta_id: UUID, id_: str) -> CtiGuardada:
    """A CTI of this CM. Raises `no_encontrado` for one that is not there or is someone else's."""
    cti = uow.repo.cti_de(cuenta_id, id_)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    return cti


def tomar_propia(uow: UnitOfWork[Repositorio], cuenta_id: UUID, id_: str) -> CtiGuardada:
    """The same under its account's lock, to change it."""
    cti = uow.repo.tomar_cti(cuenta_id, id_)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    return cti


def _crear_con_id(uow: UnitOfWork[Repositorio], p: c.CrearCti, cliente_id: UUID) -> str:
    id_ = domain.revisar_id(p.id or "")
    if not uow.repo.crear_cti(id_, p.nic, cliente_id, p.cuenta_id, p.tipo):
        raise DomainError(
            Codigo.CONFLICTO,
            f"El id {id_} ya está en uso. Elija otro, o déjelo vacío para que el sistema asigne uno.",
            errores={"id": ["Ya está en uso."]},
        )
    return id_


def _crear_asignada(uow: UnitOfWork[Repositorio], p: c.CrearCti, cliente_id: UUID) -> str:
    for _ in range(_INTENTOS):
        numero = uow.repo.numero_libre(p.cuenta_id, p.nic, domain.id_asignado(p.nic))
        id_ = domain.id_asignado(p.nic, numero)
        if uow.repo.crear_cti(id_, p.nic, cliente_id, p.cuenta_id, p.tipo):
            return id_
    raise DomainError(
        Codigo.CONFLICTO, "Se están creando muchas cuentas de este cliente a la vez. Intente de nuevo."
    )


def _abrir(
    uow: UnitOfWork[Repositorio], cti: str, nic: int, cliente_id: UUID, cuenta_id: UUID, actor: str
) -> None:
    """A cliente's first CTI, whether its event or its delivery comes first."""
    if uow.repo.crear_cti(cti, nic, cliente_id, cuenta_id):
        uow.repo.anotar(cti, "creacion", actor, detalle={"tipo": str(domain.TipoCti.ESTANDAR)})


def _poner(uow: UnitOfWork[Repositorio], cti: CtiGuardada, nueva: Contrasena, traslape_horas: int) -> None:
    assert nueva.hash, "only a replay comes without a hash, and a replay sets nothing"
    hasta = None
    if traslape_horas and cti.hash_contrasena is not None:
        hasta = uow.ahora + timedelta(hours=traslape_horas)
    uow.repo.poner_contrasena(cti.id, nueva.hash, hasta)
    uow.repo.libro.cambiar_version(cti.libro_id)


def _lugar(orden: str, cursor: str | None) -> tuple[int, str] | None:
    """Balance and id that a cursor of this order names. Raises `datos_invalidos`, for another order's too."""
    clave = pagination.texto(cursor)
    if clave is None:
        return None
    saldo, separador, id_ = clave.rpartition(":")
    if orden == "id":
        if not separador:
            return 0, clave
    elif saldo.isascii() and saldo.isdigit() and int(saldo) <= _MAX_BIGINT:
        return int(saldo), id_
    raise campo_invalido("cursor", "El cursor no es de esta lista. Pida de nuevo la primera página.")
