"""A parent's view of its direct sub-distributors: lists, counts, one with its history; and the calls that change one."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import distribuidores as reglas
from services.clientes.domain import vigencia
from services.clientes.domain.distribuidores import Accion, Correccion, DatosDeAlta, FilaDistribuidor, Origen
from services.clientes.use_cases import distribuidores, renovaciones
from shared import pagination
from shared.contracts import clientes as c
from shared.errors import campo_invalido
from shared.persistence.uow import UnitOfWork
from shared.rfc import validar_rfc

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Lines of the history that a detail shows.
HISTORIA = 100
_SIN_FECHA = "infinity"


def crear(uow: Uow, p: c.CrearDistribuidor) -> c.Distribuidor:
    """Manual: Alta de distribuidor en el portal."""
    datos = DatosDeAlta(
        nombre=domain.texto_requerido(p.nombre, "nombre"),
        correo=domain.normalizar_correo(p.correo),
        movil=domain.normalizar_movil(p.movil),
        rfc=validar_rfc(p.rfc) if p.rfc and p.rfc.strip() else None,
        titular_nombre=" ".join((p.titular or "").split()) or None,
    )
    cuenta = distribuidores.abrir(uow, p.cuenta_id, datos, Origen.PORTAL, p.actor)
    return _ver(uow, p.cuenta_id, cuenta.cuenta_id)


def cambiar(uow: Uow, p: c.CambiarDistribuidor) -> c.Distribuidor:
    """Manual: Activar, Suspender/re-activar, Cancelar una cuenta."""
    distribuidores.actuar(uow, p.cuenta_id, p.distribuidor_id, Accion(p.accion), p.actor, p.motivo)
    return _ver(uow, p.cuenta_id, p.distribuidor_id)


def reenviar(uow: Uow, p: c.ReenviarAlta) -> c.Distribuidor:
    """Mail the confirmation again, to whom it should have gone."""
    correccion = Correccion(
        correo=domain.normalizar_correo(p.correo) if p.correo is not None else None,
        movil=domain.normalizar_movil(p.movil) if p.movil is not None else None,
        titular_nombre=domain.texto_requerido(p.titular, "titular") if p.titular is not None else None,
    )
    distribuidores.reenviar(uow, p.cuenta_id, p.distribuidor_id, correccion)
    return _ver(uow, p.cuenta_id, p.distribuidor_id)


def listar(uow: Uow, p: c.ListarDistribuidores) -> c.PaginaDistribuidores:
    """One page of one tab, or of all."""
    filas = uow.repo.pagina_de_hijas(
        p.cuenta_id,
        estado=p.estado,
        q=(p.q or "").strip() or None,
        orden=p.orden,
        despues=_lugar(p.orden, p.cursor),
        limite=p.limite + 1,
    )
    pagina = filas[: p.limite]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.cursor_de(f"{pagina[-1].cuenta_id} {_llave(p.orden, pagina[-1])}")
    return c.PaginaDistribuidores(datos=[_mostrar(f, uow.ahora) for f in pagina], siguiente=siguiente)


def resumir(uow: Uow, p: c.ResumirDistribuidores) -> c.ResumenDistribuidores:
    """How many are in each state."""
    cuantas = uow.repo.resumen_de_hijas(p.cuenta_id)
    return c.ResumenDistribuidores(**cuantas, total=sum(cuantas.values()))


def obtener(uow: Uow, p: c.ObtenerDistribuidor) -> c.DetalleDistribuidor:
    """One of them; those of others, and of sub-distributors, are not there."""
    distribuidor = _ver(uow, p.cuenta_id, p.distribuidor_id)
    renovacion = uow.repo.ultima_renovacion(p.distribuidor_id)
    return c.DetalleDistribuidor(
        distribuidor=distribuidor,
        historia=[c.CambioDeEstado(**asdict(x)) for x in uow.repo.historia(p.distribuidor_id, HISTORIA)],
        renovacion=None if renovacion is None else renovaciones.publica(renovacion, p.cuenta_id),
    )


def _ver(uow: Uow, padre_id: UUID, cuenta_id: UUID) -> c.Distribuidor:
    reglas.exigir_hija(padre_id, uow.repo.cuenta(cuenta_id))
    fila = uow.repo.hija(padre_id, cuenta_id)
    assert fila is not None
    return _mostrar(fila, uow.ahora)


def _mostrar(fila: FilaDistribuidor, ahora: datetime) -> c.Distribuidor:
    return c.Distribuidor(
        **asdict(fila),
        dias_restantes=None if fila.vence_en is None else vigencia.dias_restantes(fila.vence_en, ahora),
        acciones=reglas.acciones_del_padre(fila.estado),
    )


def _llave(orden: str, fila: FilaDistribuidor) -> str:
    if orden == "nombre":
        return fila.nombre.lower()
    en = fila.vence_en if orden == "vencimiento" else fila.creado_en
    return en.isoformat() if en else _SIN_FECHA


def _lugar(orden: str, cursor: str | None) -> tuple[str, UUID] | None:
    escrito = pagination.texto(cursor)
    if escrito is None:
        return None
    fila, _, llave = escrito.partition(" ")
    try:
        id_ = UUID(fila)
        if orden != "nombre" and llave != _SIN_FECHA and datetime.fromisoformat(llave).tzinfo is None:
            raise ValueError(llave)
    except ValueError:
        raise campo_invalido("cursor", "El cursor no es válido. Pida de nuevo la primera página.") from None
    return llave, id_
