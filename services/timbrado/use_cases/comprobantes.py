"""Stamped documents for their owners: one with its XML, a CTI's list, and the sandbox's receiver."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from services.timbrado import domain
from services.timbrado.cfdi.tfd import insertar
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import uso
from services.timbrado.use_cases.cancelar import contrato_de
from shared import pagination
from shared.contracts import timbrado as c
from shared.errors import no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def consultar_comprobante(
    credenciales: Credenciales,
) -> Callable[[UnitOfWork[Repositorio], c.ConsultarComprobante], c.Comprobante]:
    """A document that this CTI stamped. One still under way is `pendiente`."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.ConsultarComprobante) -> c.Comprobante:
        [cti] = credenciales.verificar([(p.cti, p.contrasena)], al_dia=True)
        if cti is None:
            raise domain.credenciales_invalidas()
        fila = uow.repo.comprobante(cti.id, p.uuid_o_idd)
        if fila is None:
            raise no_encontrado("un comprobante timbrado con ese UUID o idd")
        uso.revisar(cti, fila.emisor, p.ip)
        if fila.tfd is None:
            raise domain.pendiente()
        return _comprobante(uow, fila)

    return use_case


def obtener_comprobante(uow: UnitOfWork[Repositorio], p: c.ObtenerComprobante) -> c.Comprobante:
    """A document stamped by a CTI of this CM."""
    fila = uow.repo.comprobante_de(p.cuenta_id, p.uuid)
    if fila is None:
        raise no_encontrado("un comprobante timbrado con ese UUID")
    return _comprobante(uow, fila)


def listar_timbrados(uow: UnitOfWork[Repositorio], p: c.ListarTimbrados) -> c.PaginaTimbrados:
    """A CTI's documents, newest first. Raises `no_encontrado` for a CTI of someone else."""
    if uow.repo.cti_de(p.cuenta_id, p.cti) is None:
        raise no_encontrado("la cuenta de timbrado")
    despues = pagination.posicion(p.cursor)
    filas = uow.repo.pagina_comprobantes(
        p.cti,
        {
            "desde": p.desde,
            "hasta": p.hasta,
            "emisor": p.emisor,
            "receptor": p.receptor,
            "uuid": p.uuid,
            "idd": p.idd,
        },
        p.estado,
        (despues.en, despues.id) if despues is not None else None,
        p.limite + 1,
    )
    datos = [c.TimbradoEnLista(**{**f._mapping, "estado": _estado(f)}) for f in filas[: p.limite]]
    sobran = len(filas) > p.limite
    return c.PaginaTimbrados(
        datos=datos,
        siguiente=pagination.Posicion(datos[-1].creado_en, datos[-1].id).cursor() if sobran else None,
    )


def _estado(fila: Any) -> str:
    return "cancelado" if fila.cancelacion == "cancelada" else str(fila.estado)


def _comprobante(uow: UnitOfWork[Repositorio], f: Any) -> c.Comprobante:
    cancelacion = uow.repo.cancelacion_de(f.uuid)
    return c.Comprobante(
        uuid=f.uuid,
        idd=f.idd or str(f.uuid).upper(),
        tipo=f.tipo,
        emisor=f.emisor,
        receptor=f.receptor,
        total=f.total,
        pac=f.pac,
        timbrado_en=f.terminado_en,
        xml=insertar(bytes(f.xml), bytes(f.tfd)).decode(),
        cancelacion=contrato_de(cancelacion) if cancelacion is not None else None,
    )
