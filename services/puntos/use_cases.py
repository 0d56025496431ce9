"""What puntos does: one function per action, inside the unit of work that it is handed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.puntos import domain
from services.puntos.domain import Cargo, Concepto, EstadoCargo
from shared import pagination
from shared.contracts import puntos as c
from shared.contracts.eventos import (
    COBRO_RESUELTO,
    PUNTOS_TRANSFERIDOS,
    VERSION_DE_SUPRIMIDO,
    ClienteConvertido,
    ClienteCreado,
    ClientesCambiados,
    ClientesCreadosLote,
    ClienteSuprimido,
    CobroDevuelto,
    CobroResuelto,
    CobroSolicitado,
    CuentaMaestraCreada,
    CuentaSuprimida,
    PuntosTransferidos,
)
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, no_encontrado
from shared.ledger.domain import Rechazo, Transferencia
from shared.money import importe, puntos_a_unidades, unidades_a_puntos
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.puntos.repository import Repositorio


def abrir_monedero_de_cuenta(uow: UnitOfWork[Repositorio], e: CuentaMaestraCreada) -> None:
    """A CM exists: so does its wallet."""
    uow.repo.abrir_cm(domain.MonederoCM(cuenta_id=e.cuenta_id, padre_id=e.padre_id, nombre=e.nombre))


def abrir_monedero_de_cliente(uow: UnitOfWork[Repositorio], e: ClienteCreado) -> None:
    """A cliente exists: so does its wallet."""
    uow.repo.abrir_cliente(
        domain.MonederoCliente(cliente_id=e.cliente_id, cuenta_id=e.cuenta_id, nic=e.nic, nombre=e.nombre)
    )


def abrir_monederos_de_clientes(uow: UnitOfWork[Repositorio], e: ClientesCreadosLote) -> None:
    """The same for many that came in one import."""
    uow.repo.abrir_clientes(
        [
            domain.MonederoCliente(cliente_id=x.cliente_id, cuenta_id=x.cuenta_id, nic=x.nic, nombre=x.nombre)
            for x in e.filas()
        ]
    )


def pasar_monedero_a_su_cuenta(uow: UnitOfWork[Repositorio], e: ClienteConvertido) -> None:
    """A cliente became a distributor: its wallet as a cliente is of its own CM from now on, with what it holds.

    A transfer under way ends as a venta of the earlier CM. Raises `conflicto` while the wallet is not open yet.
    """
    if not uow.repo.pasar_cliente(e.cliente_id, e.cuenta_anterior_id, e.cuenta_id):
        raise DomainError(Codigo.CONFLICTO, f"El monedero del cliente {e.nic} todavía no llega.")


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
    if not uow.repo.olvidar_cliente(e.cliente_id, VERSION_DE_SUPRIMIDO):
        raise DomainError(Codigo.CONFLICTO, f"El cliente {e.nic} todavía no llega.")


def acreditar(uow: UnitOfWork[Repositorio], p: c.Acreditar) -> c.Acreditacion:
    """Mint puntos into a CM's wallet. Only the root may ask."""
    unidades = domain.unidades_a_mover(p.puntos)
    referencia = domain.referencia_valida(p.referencia)
    solicitante = uow.repo.monedero_cm(p.cuenta_id)
    if solicitante is None or not solicitante.es_raiz:
        raise DomainError(Codigo.NO_PERMITIDO, "Solo la cuenta raíz puede acreditar puntos.")
    destino = _monedero_cm(uow, p.destino_id)
    movimiento = Transferencia(
        uuid4(), uow.repo.emision(), destino.libro_id, unidades, Concepto.ACREDITACION, referencia
    )
    _mover(uow, movimiento, p.puntos)
    return c.Acreditacion(
        id=movimiento.operacion,
        destino_id=p.destino_id,
        puntos=unidades_a_puntos(unidades),
        saldo=_saldo(uow, destino.libro_id).saldo,
        en=uow.ahora,
    )


def transferir(uow: UnitOfWork[Repositorio], p: c.Transferir) -> c.Transferencia:
    """Move puntos from a CM to its cliente, and tell it as a venta. It can't be undone."""
    unidades = domain.unidades_a_mover(p.puntos)
    precio = importe(p.importe)
    origen = _monedero_cm(uow, p.cuenta_id)
    destino = _monedero_cliente(uow, p.cuenta_id, p.nic)
    movimiento = Transferencia(
        uuid4(), origen.libro_id, destino.libro_id, unidades, Concepto.TRANSFERENCIA, str(destino.nic), precio
    )
    _mover(uow, movimiento, p.puntos)
    ahora, puntos = uow.ahora, unidades_a_puntos(unidades)
    queda = _saldo(uow, origen.libro_id).saldo
    uow.auditar(
        objeto=f"cliente:{destino.nic}",
        antes={"saldo": queda + puntos},
        despues={"saldo": queda, "transferencia_id": movimiento.operacion},
    )
    uow.publish(
        PUNTOS_TRANSFERIDOS,
        PuntosTransferidos(
            transferencia_id=movimiento.operacion,
            cuenta_id=p.cuenta_id,
            cliente_id=destino.cliente_id,
            nic=destino.nic,
            puntos=puntos,
            importe=precio,
            origen=Concepto.TRANSFERENCIA,
            en=ahora,
        ),
    )
    return c.Transferencia(
        id=movimiento.operacion,
        nic=destino.nic,
        puntos=puntos,
        importe=precio,
        saldo=queda,
        en=ahora,
    )


def cobrar(uow: UnitOfWork[Repositorio], e: CobroSolicitado) -> None:
    """Charge a CM's wallet, or refuse; asked again with the same id, the first answer is told again.

    The wallet's lock comes first, so a repeat waits here for the charge that is under way.
    """
    monedero = _monedero_cm(uow, e.cuenta_id)
    uow.repo.libro.tomar([monedero.libro_id])
    cargo = uow.repo.tomar_cargo(e.cargo_id)
    if cargo is None:
        cargo = _resolver(uow, e, monedero)
        crash_point("cargo.al_cobrar")
    uow.publish(
        COBRO_RESUELTO,
        CobroResuelto(
            cargo_id=cargo.id,
            cuenta_id=cargo.cuenta_id,
            concepto=cargo.concepto,
            cobrado=cargo.estado != EstadoCargo.RECHAZADO,
            motivo=cargo.motivo,
            faltan=None if cargo.faltan is None else unidades_a_puntos(cargo.faltan),
            en=uow.ahora,
        ),
    )


def devolver(uow: UnitOfWork[Repositorio], e: CobroDevuelto) -> None:
    """Give a charge back, once. One that was refused, or given back before, moves nothing.

    One that nobody waits for any more and has not come is noted as refused, so that it charges nothing when it comes.
    """
    monedero = _monedero_cm(uow, e.cuenta_id)
    uow.repo.libro.tomar([monedero.libro_id])
    cargo = uow.repo.tomar_cargo(e.cargo_id)
    if cargo is None and e.puntos is not None:
        _negar(uow, e, domain.unidades_a_mover(e.puntos))
        return
    if cargo is None:
        raise no_encontrado("el cargo que se devuelve")
    if cargo.estado != EstadoCargo.COBRADO:
        return
    movimiento = Transferencia(
        cargo.devolucion,
        uow.repo.consumo(),
        monedero.libro_id,
        cargo.unidades,
        Concepto.DEVOLUCION,
        cargo.referencia,
    )
    [rechazo] = uow.repo.libro.transferir([movimiento])
    if rechazo is not None:
        raise RuntimeError(f"the ledger refused a refund: {rechazo}")
    uow.repo.devolver_cargo(cargo.id, uow.ahora)
    crash_point("cargo.al_devolver")


def consultar_saldo(uow: UnitOfWork[Repositorio], p: c.ConsultarSaldo) -> c.Saldo:
    """Balance of a CM or of its cliente."""
    return _saldo(uow, _libro(uow, p.cuenta_id, p.nic))


def saldos_de_clientes(uow: UnitOfWork[Repositorio], p: c.SaldosDeClientes) -> c.SaldosSellados:
    """Sealed balances of clientes, for the rebuilding of the cartera; zero for a wallet that never moved."""
    movidos = {id_: (saldo, version) for id_, saldo, version in uow.repo.saldos_de_clientes(p.clientes)}
    saldos = [movidos.get(id_, (0, 0)) for id_ in p.clientes]
    return c.SaldosSellados(
        clientes=",".join(map(str, p.clientes)),
        saldos=",".join(str(saldo) for saldo, _ in saldos),
        versiones=",".join(str(version) for _, version in saldos),
    )


def listar_movimientos(uow: UnitOfWork[Repositorio], p: c.ListarMovimientos) -> c.PaginaMovimientos:
    """One page of the statement of a CM or of its cliente, newest first."""
    limite = pagination.limite_valido(p.limite)
    desde = pagination.numero(p.cursor)
    # One more than asked tells whether there is a next page.
    filas = uow.repo.libro.estado_de_cuenta(_libro(uow, p.cuenta_id, p.nic), limite + 1, desde)
    pagina = filas[:limite]
    return c.PaginaMovimientos(
        datos=[
            c.Movimiento(
                id=str(f["operacion"]),
                concepto=f["motivo"],
                puntos=unidades_a_puntos(f["cantidad"]),
                importe=f["importe"],
                referencia=f["referencia"],
                en=f["creado_en"],
                saldo=None if f["saldo"] is None else unidades_a_puntos(f["saldo"]),
                sello=None if f["sello"] is None else bytes(f["sello"]).hex(),
            )
            for f in pagina
        ],
        siguiente=pagination.cursor_de(pagina[-1]["id"]) if len(filas) > limite else None,
    )


def _resolver(uow: UnitOfWork[Repositorio], e: CobroSolicitado, monedero: domain.MonederoCM) -> Cargo:
    unidades = domain.unidades_a_mover(e.puntos)
    movimiento = Transferencia(
        e.cargo_id, monedero.libro_id, uow.repo.consumo(), unidades, Concepto.CARGO, e.referencia
    )
    [rechazo] = uow.repo.libro.transferir([movimiento])
    motivo, faltan = None, None
    if rechazo is Rechazo.BLOQUEADA:
        motivo = domain.monedero_bloqueado().detail
    elif rechazo is not None:
        disponible = _saldo(uow, monedero.libro_id).disponible
        motivo = domain.motivo_sin_saldo(disponible, e.puntos)
        faltan = unidades - puntos_a_unidades(disponible)
    cargo = Cargo(
        id=e.cargo_id,
        cuenta_id=e.cuenta_id,
        concepto=e.concepto,
        referencia=e.referencia,
        unidades=unidades,
        estado=EstadoCargo.COBRADO if motivo is None else EstadoCargo.RECHAZADO,
        motivo=motivo,
        faltan=faltan,
    )
    if not uow.repo.abrir_cargo(cargo, uow.ahora):
        raise DomainError(Codigo.CONFLICTO, f"El cargo {cargo.id} ya existe en otra cuenta.")
    return cargo


def _negar(uow: UnitOfWork[Repositorio], e: CobroDevuelto, unidades: int) -> None:
    cargo = Cargo(
        id=e.cargo_id,
        cuenta_id=e.cuenta_id,
        concepto=e.concepto,
        referencia=e.referencia,
        unidades=unidades,
        estado=EstadoCargo.RECHAZADO,
        motivo=e.motivo,
        faltan=None,
    )
    if not uow.repo.abrir_cargo(cargo, uow.ahora):
        raise DomainError(Codigo.CONFLICTO, f"El cargo {cargo.id} ya existe en otra cuenta.")


def _mover(uow: UnitOfWork[Repositorio], movimiento: Transferencia, puntos: Decimal) -> None:
    [rechazo] = uow.repo.libro.transferir([movimiento])
    if rechazo is Rechazo.BLOQUEADA:
        raise domain.monedero_bloqueado()
    if rechazo is not None:
        raise domain.saldo_insuficiente(_saldo(uow, movimiento.origen).disponible, puntos)


def _libro(uow: UnitOfWork[Repositorio], cuenta_id: UUID, nic: int | None) -> int:
    if nic is None:
        return _monedero_cm(uow, cuenta_id).libro_id
    return _monedero_cliente(uow, cuenta_id, nic).libro_id


def _monedero_cm(uow: UnitOfWork[Repositorio], cuenta_id: UUID) -> domain.MonederoCM:
    monedero = uow.repo.monedero_cm(cuenta_id)
    if monedero is None:
        raise no_encontrado("el monedero de puntos de esa cuenta")
    return monedero


def _monedero_cliente(uow: UnitOfWork[Repositorio], cuenta_id: UUID, nic: int) -> domain.MonederoCliente:
    monedero = uow.repo.monedero_cliente(cuenta_id, nic)
    if monedero is None:
        raise no_encontrado("un cliente con ese NIC")
    return monedero


def _saldo(uow: UnitOfWork[Repositorio], libro_id: int) -> c.Saldo:
    saldo, disponible = uow.repo.saldo(libro_id)
    return c.Saldo(saldo=unidades_a_puntos(saldo), disponible=unidades_a_puntos(disponible))
