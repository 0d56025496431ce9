"""All the SQL of facturacion. Locks are taken here, always in the order of the ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.facturacion.domain import (
    Cliente,
    Cuenta,
    EstadoFactura,
    EstadoVenta,
    Factura,
    FiltroFacturas,
    FiltroVentas,
    LoteDeVentas,
    TipoVenta,
    Venta,
)
from services.facturacion.models import ClienteModel, CuentaModel, FacturaModel, VentaModel
from shared.pagination import Posicion

_ANOTAR_LOTE = text(
    "INSERT INTO ventas (id, tipo, origen, cuenta_id, cliente_id, nic, cantidad, importe, en)"
    " SELECT v.id, :tipo, :origen, :cuenta_id, v.cliente_id, v.nic, v.cantidad, v.importe, :en"
    " FROM unnest(CAST(string_to_array(:ids, ',') AS uuid[]), CAST(string_to_array(:clientes, ',') AS uuid[]),"
    " CAST(string_to_array(:nics, ',') AS bigint[]), CAST(string_to_array(:cantidades, ',') AS numeric[]),"
    " CAST(string_to_array(:importes, ',') AS numeric[])) v(id, cliente_id, nic, cantidad, importe)"
    " ON CONFLICT DO NOTHING"
)

# Those of invoices, which show the cliente's name; by the primary key's first column.
_OLVIDAR_RESPUESTAS = text(
    """UPDATE idempotency SET respuesta = respuesta || '{"cliente": "Cliente suprimido"}'"""
    " WHERE contrato IN ('facturacion.registrar_factura_v1', 'facturacion.anular_factura_v1')"
    " AND respuesta ->> 'nic' = :nic AND respuesta ->> 'cliente' IS NOT NULL"
)

# Locked in order of id, so that two lots can't deadlock; looked at again by the update once they are.
_NOMBRAR = text(
    "WITH n AS (SELECT * FROM unnest(CAST(string_to_array(:clientes, ',') AS uuid[]),"
    " CAST(string_to_array(:versiones, ',') AS bigint[]), CAST(:nombres AS text[])) t(cliente_id, version, nombre)),"
    " filas AS (SELECT c.cliente_id FROM clientes c JOIN n USING (cliente_id) ORDER BY c.cliente_id"
    " FOR NO KEY UPDATE OF c),"
    " puestos AS (UPDATE clientes c SET nombre = n.nombre, nombre_version = n.version FROM n"
    " JOIN filas USING (cliente_id) WHERE c.cliente_id = n.cliente_id AND c.nombre_version < n.version)"
    " SELECT (SELECT count(*) FROM filas) = (SELECT count(*) FROM n)"
)


class Repositorio:
    """Ventas, invoices and projections, inside the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def anotar_cuenta(self, cuenta: Cuenta) -> None:
        """Keep a CM; one that is known stays as it is."""
        self._session.execute(insert(CuentaModel).values(asdict(cuenta)).on_conflict_do_nothing())

    def anotar_cliente(self, cliente: Cliente) -> None:
        """Keep a cliente; one that is known stays as it is."""
        self._session.execute(insert(ClienteModel).values(asdict(cliente)).on_conflict_do_nothing())

    def anotar_clientes(self, clientes: Sequence[Cliente]) -> None:
        """Keep many clientes in one statement; those that are known stay as they are."""
        filas = [asdict(cliente) for cliente in clientes]
        self._session.execute(insert(ClienteModel).values(filas).on_conflict_do_nothing())

    def pasar_cliente(self, cliente_id: UUID, anterior: UUID, nueva: UUID) -> bool:
        """Note that a cliente is of another CM now; False when neither of the two has it. Its ventas stay."""
        cambio = (
            update(ClienteModel)
            .where(ClienteModel.cliente_id == cliente_id, ClienteModel.cuenta_id.in_((anterior, nueva)))
            .values(cuenta_id=nueva)
        )
        return self._session.execute(cambio.returning(ClienteModel.cliente_id)).first() is not None

    def nombrar_clientes(self, clientes: str, versiones: str, nombres: Sequence[str]) -> bool:
        """Put names, as columns, unless a newer one is here; False when some cliente is not."""
        datos = {"clientes": clientes, "versiones": versiones, "nombres": list(nombres)}
        return bool(self._session.scalar(_NOMBRAR, datos))

    def olvidar_cuenta(self, cuenta_id: UUID) -> bool:
        """Put nobody's name in the place of a CM's; False when it is not here."""
        cambio = (
            update(CuentaModel).where(CuentaModel.cuenta_id == cuenta_id).values(nombre="Cuenta eliminada")
        )
        return self._session.execute(cambio.returning(CuentaModel.cuenta_id)).first() is not None

    def olvidar_cliente(self, cliente_id: UUID, nic: int, version: int) -> bool:
        """Put nobody's name in the place of a cliente's, also in answers that were kept; False when it is not here.

        `version`: what no later name is newer than.
        """
        cambio = (
            update(ClienteModel)
            .where(ClienteModel.cliente_id == cliente_id)
            .values(nombre="Cliente suprimido", nombre_version=version)
        )
        if self._session.execute(cambio.returning(ClienteModel.cliente_id)).first() is None:
            return False
        self._session.execute(_OLVIDAR_RESPUESTAS, {"nic": str(nic)})
        return True

    def anotar_venta(self, venta: Venta) -> None:
        """Keep a venta; a second event for the same transfer does nothing."""
        datos = asdict(venta)
        del datos["cliente"]
        self._session.execute(insert(VentaModel).values(datos).on_conflict_do_nothing())

    def anotar_ventas(self, lote: LoteDeVentas) -> None:
        """Keep many ventas in one statement, however many; those that are known stay as they are."""
        self._session.execute(_ANOTAR_LOTE, asdict(lote))

    def ventas(self, filtro: FiltroVentas, desde: Posicion | None, limite: int) -> list[Venta]:
        """Ventas after a position, newest first."""
        consulta = _ventas(filtro.cuenta_id)
        if filtro.estado is not None:
            libre = VentaModel.factura_id.is_(None)
            consulta = consulta.where(libre if filtro.estado is EstadoVenta.POR_FACTURAR else ~libre)
        if filtro.origen is not None:
            consulta = consulta.where(VentaModel.origen == filtro.origen)
        if filtro.tipo is not None:
            consulta = consulta.where(VentaModel.tipo == filtro.tipo)
        if filtro.nic is not None:
            consulta = consulta.where(VentaModel.nic == filtro.nic)
        if desde is not None:
            consulta = consulta.where(tuple_(VentaModel.en, VentaModel.id) < (desde.en, desde.id))
        consulta = consulta.order_by(VentaModel.en.desc(), VentaModel.id.desc()).limit(limite)
        return [_venta(fila, nombre) for fila, nombre in self._session.execute(consulta)]

    def tomar_ventas(self, cuenta_id: UUID, ids: Sequence[UUID]) -> list[Venta]:
        """Those of `ids` that are ventas of this CM, locked until the end of the transaction."""
        consulta = _ventas(cuenta_id).where(VentaModel.id.in_(ids)).order_by(VentaModel.id)
        filas = self._session.execute(consulta.with_for_update(of=VentaModel))
        return [_venta(fila, nombre) for fila, nombre in filas]

    def registrar(self, factura: Factura) -> None:
        """Keep an invoice and mark its ventas, which the caller has locked and found free."""
        datos = asdict(factura)
        del datos["cliente"]
        self._session.execute(insert(FacturaModel).values(datos | {"ventas": list(factura.ventas)}))
        self._session.execute(
            update(VentaModel)
            .where(VentaModel.cuenta_id == factura.cuenta_id, VentaModel.id.in_(factura.ventas))
            .values(factura_id=factura.id)
        )

    def facturas(self, filtro: FiltroFacturas, desde: Posicion | None, limite: int) -> list[Factura]:
        """Invoices after a position, newest first."""
        consulta = _facturas(filtro.cuenta_id)
        if filtro.estado is not None:
            vigente = FacturaModel.anulada_en.is_(None)
            consulta = consulta.where(vigente if filtro.estado is EstadoFactura.VIGENTE else ~vigente)
        if filtro.nic is not None:
            consulta = consulta.where(FacturaModel.nic == filtro.nic)
        if desde is not None:
            consulta = consulta.where(tuple_(FacturaModel.en, FacturaModel.id) < (desde.en, desde.id))
        consulta = consulta.order_by(FacturaModel.en.desc(), FacturaModel.id.desc()).limit(limite)
        return [_factura(fila, nombre) for fila, nombre in self._session.execute(consulta)]

    def tomar_factura(self, cuenta_id: UUID, id: UUID) -> Factura | None:
        """An invoice of this CM, locked until the end of the transaction."""
        consulta = _facturas(cuenta_id).where(FacturaModel.id == id).with_for_update(of=FacturaModel)
        fila = self._session.execute(consulta).one_or_none()
        return None if fila is None else _factura(*fila)

    def anular(self, factura: Factura, en: datetime) -> Factura:
        """Annul an invoice that the caller has locked, and free its ventas."""
        self._session.execute(update(FacturaModel).where(FacturaModel.id == factura.id).values(anulada_en=en))
        self._session.execute(
            update(VentaModel).where(VentaModel.factura_id == factura.id).values(factura_id=None)
        )
        return replace(factura, anulada_en=en)


def _ventas(cuenta_id: UUID) -> Select[VentaModel, str]:
    return (
        select(VentaModel, ClienteModel.nombre)
        .outerjoin(ClienteModel, ClienteModel.cliente_id == VentaModel.cliente_id)
        .where(VentaModel.cuenta_id == cuenta_id)
    )


def _facturas(cuenta_id: UUID) -> Select[FacturaModel, str]:
    return (
        select(FacturaModel, ClienteModel.nombre)
        .outerjoin(ClienteModel, ClienteModel.cliente_id == FacturaModel.cliente_id)
        .where(FacturaModel.cuenta_id == cuenta_id)
    )


def _venta(fila: VentaModel, cliente: str | None) -> Venta:
    return Venta(
        id=fila.id,
        tipo=TipoVenta(fila.tipo),
        origen=fila.origen,
        cuenta_id=fila.cuenta_id,
        cliente_id=fila.cliente_id,
        nic=fila.nic,
        cliente=cliente,
        cantidad=fila.cantidad,
        importe=fila.importe,
        factura_id=fila.factura_id,
        en=fila.en,
    )


def _factura(fila: FacturaModel, cliente: str | None) -> Factura:
    return Factura(
        id=fila.id,
        cuenta_id=fila.cuenta_id,
        cliente_id=fila.cliente_id,
        nic=fila.nic,
        cliente=cliente,
        referencia=fila.referencia,
        importe=fila.importe,
        ventas=tuple(fila.ventas),
        en=fila.en,
        anulada_en=fila.anulada_en,
    )
