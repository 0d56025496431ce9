"""Imports of clientes: a file is received in pieces, and worked on in the background a piece at a time.

recibiendo ─ last piece ─ recibida ─ piece ─ trabajando ─ piece ─ … ─ terminada | terminada_con_rechazos

Each piece is one transaction that holds the import's lock: its rows are read and decided, clientes are created and
changed, told to the other services, and the piece's rows and counts written. Wherever a worker dies, either all of
that happened or none, and any replica takes up the next piece.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import ClienteGuardado, columnas
from services.clientes.domain import importaciones as reglas
from services.clientes.use_cases.clientes import contar_nombres
from services.clientes.use_cases.cuentas import cuenta_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, no_encontrado
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

log = get_logger(__name__)

#: Runs a function on its arguments off the event loop; handed in by the service.
Calculo = Callable[..., Any]
#: Seconds until one that failed has another turn.
ESPERA = 2.0


def recibir_importacion(uow: Uow, p: c.RecibirImportacion) -> c.Importacion:
    """Announce a file of clientes; nothing is done until all its pieces came."""
    domain.exigir_activa(cuenta_de(uow, p.cuenta_id))
    uow.repo.olvidar_importaciones(p.cuenta_id)
    if uow.repo.importaciones_en_curso(p.cuenta_id) >= reglas.SIMULTANEAS:
        raise DomainError(
            Codigo.CONFLICTO,
            f"Ya tiene {reglas.SIMULTANEAS} importaciones en curso. Espere a que termine una, o cancélela.",
        )
    importacion = uow.repo.recibir_importacion(
        {
            "id": uuid4(),
            "cuenta_id": p.cuenta_id,
            "actor": p.actor,
            "archivo": (p.archivo or "").strip(),
            "simular": p.simular,
            "actualizar": p.actualizar,
            "duplicados": p.duplicados,
            "columnas": p.columnas,
            "filas": p.filas,
            "piezas": p.piezas,
        }
    )
    return _ver(importacion)


def recibir_pieza(uow: Uow, p: c.RecibirPieza) -> c.Importacion:
    """Keep rows of an announced file; a piece that comes again is the same piece."""
    importacion = _de(uow, p.cuenta_id, p.importacion_id, bloquear=True)
    if importacion.estado == "recibiendo":
        uow.repo.recibir_pieza(importacion, p.numero, p.filas, p.contenido)
        crash_point("importacion.despues_de_recibir")
        importacion = _de(uow, p.cuenta_id, p.importacion_id)
    return _ver(importacion)


def cancelar_importacion(uow: Uow, p: c.CancelarImportacion) -> c.Importacion:
    """Stop an import where it is: clientes that it made or changed stay."""
    importacion = _de(uow, p.cuenta_id, p.importacion_id, bloquear=True)
    return _ver(
        uow.repo.cancelar_importacion(importacion.id, "Se canceló. Lo que ya se había importado se conserva.")
        or importacion
    )


def obtener_importacion(uow: Uow, p: c.ObtenerImportacion) -> c.Importacion:
    """One import of the CM, with its progress."""
    return _ver(_de(uow, p.cuenta_id, p.importacion_id))


def listar_importaciones(uow: Uow, p: c.ListarImportaciones) -> c.PaginaImportaciones:
    """Imports of the CM, newest first."""
    filas = uow.repo.importaciones(p.cuenta_id, pagination.posicion(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = (
        pagination.Posicion(pagina[-1].creada_en, pagina[-1].id).cursor() if len(filas) > p.limite else None
    )
    return c.PaginaImportaciones(datos=[_ver(i) for i in pagina], siguiente=siguiente)


def listar_filas(uow: Uow, p: c.ListarFilasDeImportacion) -> c.PaginaFilasDeImportacion:
    """What became of each row, in the order of the file; the cursor is the last line."""
    _de(uow, p.cuenta_id, p.importacion_id)
    despues = min(pagination.numero(p.cursor) or 0, 2**31 - 1)
    filas = uow.repo.filas_de_importacion(p.importacion_id, p.resultado, despues, p.limite + 1)
    datos = [c.FilaDeImportacion(**fila._mapping) for fila in filas[: p.limite]]
    return c.PaginaFilasDeImportacion(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].linea) if len(filas) > p.limite else None
    )


def avanzar_una(abrir: Callable[[], Uow], calcular: Calculo) -> bool:
    """Take the import whose turn it is one piece further; false when none waits."""
    with abrir() as uow:
        importacion = uow.repo.tomar_importacion()
        if importacion is None:
            return False
        try:
            _trabajar(uow, importacion, calcular)
            crash_point("importacion.antes_de_confirmar")
            uow.commit()
        except Exception:
            # In another transaction, since this one is lost: else it would be taken again before all others.
            uow.session.rollback()
            with abrir() as otra:
                otra.repo.posponer_importacion(importacion.id, ESPERA)
                otra.commit()
            raise
    crash_point("importacion.despues_de_confirmar")
    return True


def _trabajar(uow: Uow, importacion: reglas.Importacion, calcular: Calculo) -> None:
    """Work on the next piece, inside the transaction that has the import locked."""
    cuenta = cuenta_de(uow, importacion.cuenta_id)
    if cuenta.estado != domain.Estado.ACTIVO:
        motivo = f"La Cuenta Maestra pasó a «{cuenta.estado}». Lo que ya se había importado se conserva."
        uow.repo.cancelar_importacion(importacion.id, motivo)
        return
    contenido = uow.repo.pieza(importacion.id, importacion.piezas_hechas + 1)
    leidas = calcular(_leer, importacion.columnas, contenido)
    conocidos = _conocidos(uow, importacion, leidas)
    plan: reglas.Plan = calcular(_planear, importacion, conocidos, leidas, uow.ahora)
    if not importacion.simular:
        _escribir(uow, importacion, plan, conocidos.por_nic)
        crash_point("importacion.despues_de_escribir")
    uow.repo.anotar_filas(importacion, plan.resultados)
    cuantas = {resultado: plan.cuenta(resultado) for resultado in c.RESULTADOS_DE_FILA}
    estado = "trabajando"
    if importacion.piezas_hechas + 1 == importacion.piezas:
        estado = reglas.estado_final(importacion.rechazadas + cuantas["rechazado"])
        log.info("importacion_terminada", id=str(importacion.id), estado=estado, filas=importacion.filas)
    uow.repo.avanzar_importacion(importacion, cuantas, estado)


def _leer(nombres: list[str], contenido: str) -> list[columnas.FilaLeida]:
    return columnas.leer(nombres, json.loads(contenido))


def _planear(
    importacion: reglas.Importacion,
    conocidos: reglas.Conocidos,
    leidas: list[columnas.FilaLeida],
    ahora: Any,
) -> reglas.Plan:
    plantilla = ClienteGuardado(
        cliente_id=importacion.id,
        cuenta_id=importacion.cuenta_id,
        nic=reglas.SIN_NIC,
        cti="",
        nombre="",
        creado_en=ahora,
    )
    planeador = reglas.Planeador(importacion, conocidos, plantilla)
    for leida in leidas:
        planeador.fila(leida)
    return planeador.plan


def _conocidos(
    uow: Uow, importacion: reglas.Importacion, leidas: list[columnas.FilaLeida]
) -> reglas.Conocidos:
    """What the rows name, asked for all at once; what may be changed is locked."""
    rfcs = sorted({rfc for leida in leidas if (rfc := leida.datos.get("rfc"))})
    nics = {leida.nic for leida in leidas if leida.nic is not None} if importacion.actualizar else set()
    por_rfc = uow.repo.nics_por_rfc(importacion.cuenta_id, rfcs)
    lineas_de_rfc, lineas_de_nic = uow.repo.lineas_anteriores(importacion.id, rfcs, sorted(nics))
    if importacion.duplicados == "actualizar":
        nics |= {suyos[0] for suyos in por_rfc.values() if len(suyos) == 1}
    leer = uow.repo.leer_clientes if importacion.simular else uow.repo.tomar_clientes
    return reglas.Conocidos(
        por_nic={x.nic: x for x in leer(importacion.cuenta_id, nics) if x.suprimido_en is None}
        if nics
        else {},
        por_rfc=por_rfc,
        lineas_de_nic=lineas_de_nic,
        lineas_de_rfc=lineas_de_rfc,
    )


def _escribir(
    uow: Uow, importacion: reglas.Importacion, plan: reglas.Plan, antes: Mapping[int, ClienteGuardado]
) -> None:
    """Create and change the clientes of a piece, and tell those that are new, together, and the new names.

    `antes`: those that it changes, by NIC, as they were locked.
    """
    if plan.cambiados:
        uow.repo.cambiar_clientes(list(plan.cambiados.values()))
        otros = [x for x in plan.cambiados.values() if x.nombre != antes[x.nic].nombre]
        contar_nombres(uow, [replace(x, version=x.version + 1) for x in otros])
    if not plan.nuevos:
        return
    nics = uow.repo.nuevos_nics(len(plan.nuevos))
    nuevos = [
        replace(nuevo, cliente_id=uuid4(), nic=nic, cti=domain.cti_inicial(nic))
        for nuevo, nic in zip(plan.nuevos, nics, strict=True)
    ]
    uow.repo.agregar_clientes(nuevos)
    for resultado in plan.resultados:
        if resultado.nuevo is not None:
            resultado.nic = nuevos[resultado.nuevo].nic
    uow.publish(
        ev.CLIENTES_CREADOS_LOTE,
        ev.ClientesCreadosLote(
            cuenta_id=importacion.cuenta_id,
            clientes=",".join(str(x.cliente_id) for x in nuevos),
            nics=",".join(str(x.nic) for x in nuevos),
            ctis=",".join(x.cti for x in nuevos),
            nombres=[x.nombre for x in nuevos],
        ),
    )


def _de(uow: Uow, cuenta_id: UUID, importacion_id: UUID, *, bloquear: bool = False) -> reglas.Importacion:
    importacion = uow.repo.importacion(cuenta_id, importacion_id, bloquear=bloquear)
    if importacion is None:
        raise no_encontrado("la importación")
    return importacion


def _ver(i: reglas.Importacion) -> c.Importacion:
    return c.Importacion(
        id=i.id,
        archivo=i.archivo,
        estado=i.estado,
        simular=i.simular,
        actualizar=i.actualizar,
        duplicados=i.duplicados,
        filas=i.filas,
        hechas=i.hechas,
        porcentaje=i.hechas * 100 // i.filas,
        creadas=i.creadas,
        actualizadas=i.actualizadas,
        sin_cambios=i.sin_cambios,
        omitidas=i.omitidas,
        rechazadas=i.rechazadas,
        motivo=i.motivo,
        nota=i.nota,
        creada_en=i.creada_en,
        iniciada_en=i.iniciada_en,
        terminada_en=i.terminada_en,
    )
