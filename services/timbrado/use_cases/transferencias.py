"""Timbres that move: minted, supplied to a sub-distributor, transferred to a CTI; and the statements."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.timbrado import domain
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.ledger.domain import Cuenta, Rechazo, Transferencia
from shared.money import importe
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def emitir(uow: UnitOfWork[Repositorio], p: c.Emitir) -> c.Existencia:
    """Mint timbres: the only way in which new ones come to be (domain: Balances, 1)."""
    emision = _cuenta(uow, "emision", "")
    existencia = _existencia(uow, p.cuenta_id)
    _mover(uow, emision, existencia, p.cantidad, "emision", p.referencia, None)
    return consultar_existencia(uow, c.ConsultarExistencia(cuenta_id=p.cuenta_id))


def abastecer(uow: UnitOfWork[Repositorio], p: c.Abastecer) -> c.Existencia:
    """From a CM's stock to its sub-distributor's."""
    origen = _existencia(uow, p.cuenta_id)
    destino = uow.repo.cuenta("existencia", str(p.destino_id))
    if destino is None:
        raise no_encontrado("el distribuidor")
    _mover(uow, origen, destino, p.cantidad, "abasto", str(p.destino_id), p.importe)
    return consultar_existencia(uow, c.ConsultarExistencia(cuenta_id=p.cuenta_id))


def consultar_abasto(uow: UnitOfWork[Repositorio], p: c.ConsultarAbasto) -> c.Abasto:
    """What a CM has sold to a sub-distributor's stock; nothing for whoever it never sold to."""
    origen = uow.repo.cuenta("existencia", str(p.cuenta_id))
    destino = uow.repo.cuenta("existencia", str(p.destino_id))
    if origen is None or destino is None:
        return c.Abasto(timbres=0, importe=importe("0"))
    timbres, total, ultimo = uow.repo.abasto(origen.id, destino.id)
    return c.Abasto(timbres=timbres, importe=importe(total), ultimo_en=ultimo)


def transferir(uow: UnitOfWork[Repositorio], p: c.Transferir) -> c.TransferenciaHecha:
    """From the CM's stock to a CTI estándar: a venta (manual: Transferir Timbres a una CTI Estándar)."""
    cti = uow.repo.cti_de(p.cuenta_id, p.cti)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    if cti.tipo != "estandar":
        raise campo_invalido("cti", "Una CTI ilimitada no maneja saldo: elija una CTI estándar.")
    origen = _existencia(uow, p.cuenta_id)
    destino = _cuenta(uow, "cti", cti.id)
    operacion = _mover(uow, origen, destino, p.cantidad, "transferencia", cti.id, importe(p.importe))
    # Under the accounts' locks: its cliente may have been converted while they were waited for.
    if uow.repo.cti_de(p.cuenta_id, p.cti) is None:
        raise no_encontrado("la cuenta de timbrado")
    uow.publish(
        ev.TIMBRES_TRANSFERIDOS,
        ev.TimbresTransferidos(
            transferencia_id=operacion,
            cuenta_id=p.cuenta_id,
            cliente_id=cti.cliente_id,
            nic=cti.nic,
            cti=cti.id,
            cantidad=p.cantidad,
            importe=importe(p.importe),
            origen="transferencia",
            en=uow.ahora,
        ),
    )
    despues = uow.repo.libro.tomar([origen.id, destino.id])
    existencia, saldo = despues[origen.id].saldo, despues[destino.id].saldo
    uow.auditar(
        objeto=f"cti:{cti.id}",
        antes={"existencia": existencia + p.cantidad, "saldo": saldo - p.cantidad},
        despues={"existencia": existencia, "saldo": saldo, "transferencia_id": operacion},
    )
    return c.TransferenciaHecha(
        transferencia_id=operacion,
        cti=cti.id,
        cantidad=p.cantidad,
        importe=importe(p.importe),
        saldo=saldo,
        existencia=existencia,
    )


def consultar_existencia(uow: UnitOfWork[Repositorio], p: c.ConsultarExistencia) -> c.Existencia:
    """The CM's stock now; zero before its first."""
    cuenta = uow.repo.cuenta("existencia", str(p.cuenta_id))
    return c.Existencia(cuenta_id=p.cuenta_id, existencia=cuenta.disponible if cuenta else 0)


def listar_movimientos(uow: UnitOfWork[Repositorio], p: c.ListarMovimientos) -> c.PaginaMovimientos:
    """Statement of the stock or of a CTI, newest first; the cursor is the last movement's id."""
    if p.cti is not None:
        cti = uow.repo.cti_de(p.cuenta_id, p.cti)
        if cti is None:
            raise no_encontrado("la cuenta de timbrado")
        cuenta_id = cti.libro_id
    else:
        cuenta_id = _existencia(uow, p.cuenta_id).id
    filas = uow.repo.libro.estado_de_cuenta(cuenta_id, p.limite + 1, pagination.numero(p.cursor))
    datos = [
        c.MovimientoDeTimbres(**{**f, "sello": bytes(f["sello"]).hex() if f["sello"] else None})
        for f in filas[: p.limite]
    ]
    return c.PaginaMovimientos(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].id) if len(filas) > p.limite else None
    )


def _mover(
    uow: UnitOfWork[Repositorio],
    origen: Cuenta,
    destino: Cuenta,
    cantidad: int,
    motivo: str,
    referencia: str,
    precio: object,
) -> UUID:
    operacion = uuid4()
    monto = importe(str(precio)) if precio is not None else None
    [rechazo] = uow.repo.libro.transferir(
        [Transferencia(operacion, origen.id, destino.id, cantidad, motivo, referencia, monto)]
    )
    if rechazo is Rechazo.BLOQUEADA:
        raise domain.cti_bloqueada()
    if rechazo is not None:
        raise DomainError(
            Codigo.SALDO_INSUFICIENTE,
            f"No tiene timbres suficientes: pidió {cantidad:,} y tiene {origen.disponible:,}. Compre más timbres.",
            datos={"disponible": origen.disponible},
        )
    return operacion


def _existencia(uow: UnitOfWork[Repositorio], cuenta_id: UUID) -> Cuenta:
    clave = ("existencia", str(cuenta_id))
    # Its event may still be on the way; a read must not write each time.
    return uow.repo.cuenta(*clave) or uow.repo.libro.abrir([(*clave, True)])[clave]


def _cuenta(uow: UnitOfWork[Repositorio], tipo: str, titular: str) -> Cuenta:
    cuenta = uow.repo.cuenta(tipo, titular)
    if cuenta is None:
        raise no_encontrado("la cuenta")
    return cuenta
