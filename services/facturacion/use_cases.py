"""What facturacion does: one function per action, inside the unit of work that it is handed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

from services.facturacion import domain
from services.facturacion.domain import TipoVenta
from shared import pagination
from shared.contracts import facturacion as c
from shared.contracts.eventos import (
    VERSION_DE_SUPRIMIDO,
    ClienteConvertido,
    ClienteCreado,
    ClientesCambiados,
    ClientesCreadosLote,
    ClienteSuprimido,
    CuentaMaestraCreada,
    CuentaSuprimida,
    PuntosTransferidos,
    TimbresTransferidos,
    TimbresTransferidosLote,
)
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.facturacion.repository import Repositorio


def listar_ventas(uow: UnitOfWork[Repositorio], p: c.ListarVentas) -> c.PaginaVentas:
    """One page of the ventas of a CM, newest first."""
    filtro = domain.FiltroVentas(
        cuenta_id=p.cuenta_id,
        estado=domain.estado_de_venta(p.estado),
        origen=p.origen,
        tipo=domain.tipo_valido(p.tipo),
        nic=p.nic,
    )
    limite = pagination.limite_valido(p.limite)
    # One more than asked tells whether there is a next page.
    ventas = uow.repo.ventas(filtro, pagination.posicion(p.cursor), limite + 1)
    pagina = ventas[:limite]
    siguiente = pagination.Posicion(pagina[-1].en, pagina[-1].id).cursor() if len(ventas) > limite else None
    return c.PaginaVentas(datos=[_venta(v) for v in pagina], siguiente=siguiente)


def registrar_factura(uow: UnitOfWork[Repositorio], p: c.RegistrarFactura) -> c.Factura:
    """Put ventas of one cliente on an invoice. Each venta is locked, so that two invoices can't take it."""
    referencia = domain.referencia_valida(p.referencia)
    pedidas = domain.ventas_pedidas(p.ventas)
    factura = domain.emitir(
        id=uuid4(),
        cuenta_id=p.cuenta_id,
        nic=p.nic,
        referencia=referencia,
        pedidas=pedidas,
        ventas=uow.repo.tomar_ventas(p.cuenta_id, pedidas),
        en=uow.ahora,
    )
    uow.repo.registrar(factura)
    return _factura(factura)


def listar_facturas(uow: UnitOfWork[Repositorio], p: c.ListarFacturas) -> c.PaginaFacturas:
    """One page of the invoices of a CM, newest first."""
    filtro = domain.FiltroFacturas(
        cuenta_id=p.cuenta_id, estado=domain.estado_de_factura(p.estado), nic=p.nic
    )
    limite = pagination.limite_valido(p.limite)
    facturas = uow.repo.facturas(filtro, pagination.posicion(p.cursor), limite + 1)
    pagina = facturas[:limite]
    siguiente = pagination.Posicion(pagina[-1].en, pagina[-1].id).cursor() if len(facturas) > limite else None
    return c.PaginaFacturas(datos=[_factura(f) for f in pagina], siguiente=siguiente)


def anular_factura(uow: UnitOfWork[Repositorio], p: c.AnularFactura) -> c.Factura:
    """Annul a registration and free its ventas. One that is annulled already stays as it was."""
    factura = uow.repo.tomar_factura(p.cuenta_id, p.factura_id)
    if factura is None:
        raise no_encontrado("esa factura")
    if factura.anulada_en is None:
        factura = uow.repo.anular(factura, uow.ahora)
    return _factura(factura)


def anotar_venta_de_timbres(uow: UnitOfWork[Repositorio], e: TimbresTransferidos) -> None:
    """Timbres went from a CM to its cliente: a venta waits to be invoiced."""
    uow.repo.anotar_venta(
        domain.Venta(
            id=e.transferencia_id,
            tipo=TipoVenta.TIMBRES,
            origen=e.origen,
            cuenta_id=e.cuenta_id,
            cliente_id=e.cliente_id,
            nic=e.nic,
            cantidad=Decimal(e.cantidad),
            importe=e.importe,
            en=e.en,
        )
    )


def anotar_ventas_de_timbres(uow: UnitOfWork[Repositorio], e: TimbresTransferidosLote) -> None:
    """Timbres went from a CM to many clientes at once: as many ventas wait to be invoiced."""
    uow.repo.anotar_ventas(
        domain.LoteDeVentas(
            tipo=TipoVenta.TIMBRES,
            origen=e.origen,
            cuenta_id=e.cuenta_id,
            en=e.en,
            ids=e.transferencias,
            clientes=e.clientes,
            nics=e.nics,
            cantidades=e.cantidades,
            importes=e.importes,
        )
    )


def anotar_venta_de_puntos(uow: UnitOfWork[Repositorio], e: PuntosTransferidos) -> None:
    """Puntos went from a CM to its cliente: a venta waits to be invoiced."""
    uow.repo.anotar_venta(
        domain.Venta(
            id=e.transferencia_id,
            tipo=TipoVenta.PUNTOS,
            origen=e.origen,
            cuenta_id=e.cuenta_id,
            cliente_id=e.cliente_id,
            nic=e.nic,
            cantidad=e.puntos,
            importe=e.importe,
            en=e.en,
        )
    )


def anotar_cliente(uow: UnitOfWork[Repositorio], e: ClienteCreado) -> None:
    """Remember a cliente's name, to show it beside its NIC."""
    uow.repo.anotar_cliente(
        domain.Cliente(cliente_id=e.cliente_id, cuenta_id=e.cuenta_id, nic=e.nic, nombre=e.nombre)
    )


def anotar_clientes(uow: UnitOfWork[Repositorio], e: ClientesCreadosLote) -> None:
    """The same for many that came in one import."""
    uow.repo.anotar_clientes(
        [
            domain.Cliente(cliente_id=x.cliente_id, cuenta_id=x.cuenta_id, nic=x.nic, nombre=x.nombre)
            for x in e.filas()
        ]
    )


def pasar_cliente_a_su_cuenta(uow: UnitOfWork[Repositorio], e: ClienteConvertido) -> None:
    """A cliente became a distributor: it is of its own CM from now on; ventas and invoices stay with who sold.

    Raises `conflicto` while the cliente is not here yet, so that the bus brings the event again.
    """
    if not uow.repo.pasar_cliente(e.cliente_id, e.cuenta_anterior_id, e.cuenta_id):
        raise DomainError(Codigo.CONFLICTO, f"El cliente {e.nic} todavía no llega.")


def nombrar_clientes(uow: UnitOfWork[Repositorio], e: ClientesCambiados) -> None:
    """Clientes have another name. Raises `conflicto` while one of them is not here yet."""
    if not uow.repo.nombrar_clientes(e.clientes, e.versiones, e.nombres):
        raise DomainError(Codigo.CONFLICTO, "Algún cliente con otro nombre todavía no llega.")


def olvidar_cuenta(uow: UnitOfWork[Repositorio], e: CuentaSuprimida) -> None:
    """A CM was removed. Raises `conflicto` while it is not here yet, so that the bus brings the event again."""
    if not uow.repo.olvidar_cuenta(e.cuenta_id):
        raise DomainError(Codigo.CONFLICTO, f"La cuenta {e.cuenta_id} todavía no llega.")


def olvidar_cliente(uow: UnitOfWork[Repositorio], e: ClienteSuprimido) -> None:
    """A cliente's data were erased. Raises `conflicto` while it is not here yet."""
    if not uow.repo.olvidar_cliente(e.cliente_id, e.nic, VERSION_DE_SUPRIMIDO):
        raise DomainError(Codigo.CONFLICTO, f"El cliente {e.nic} todavía no llega.")


def anotar_cuenta(uow: UnitOfWork[Repositorio], e: CuentaMaestraCreada) -> None:
    """Remember a CM and its parent: who sells to whom."""
    uow.repo.anotar_cuenta(domain.Cuenta(cuenta_id=e.cuenta_id, padre_id=e.padre_id, nombre=e.nombre))


def _venta(v: domain.Venta) -> c.Venta:
    return c.Venta(
        id=v.id,
        tipo=v.tipo,
        origen=v.origen,
        nic=v.nic,
        cliente=v.cliente,
        cantidad=Decimal(int(v.cantidad)) if v.tipo is TipoVenta.TIMBRES else v.cantidad,
        importe=v.importe,
        estado=v.estado,
        factura_id=v.factura_id,
        en=v.en,
    )


def _factura(f: domain.Factura) -> c.Factura:
    return c.Factura(
        id=f.id,
        nic=f.nic,
        cliente=f.cliente,
        referencia=f.referencia,
        importe=f.importe,
        ventas=list(f.ventas),
        estado=f.estado,
        en=f.en,
        anulada_en=f.anulada_en,
    )
