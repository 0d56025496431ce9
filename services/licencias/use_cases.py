"""What licencias does: one function per action, inside the unit of work that it is handed.

Those that sign or verify are handed the key ring too.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from uuid import uuid4

from services.licencias import domain
from services.licencias.domain import CodigoValidacion, Llavero
from shared import pagination
from shared.contracts import licencias as c
from shared.contracts.base import Vacio
from shared.contracts.eventos import (
    MKL_CONTRATADA,
    VERSION_DE_SUPRIMIDO,
    ClienteConvertido,
    ClienteCreado,
    ClientesCambiados,
    ClientesCreadosLote,
    ClienteSuprimido,
    CuentaMaestraCreada,
    CuentaRenovada,
    CuentaSuprimida,
    MklContratada,
)
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, no_encontrado
from shared.money import importe
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.licencias.repository import Repositorio


def contratar_mkl(uow: UnitOfWork[Repositorio], p: c.ContratarMkl) -> c.Mkl:
    """Record a contract that was paid for."""
    hoy = domain.dia_en_mexico(uow.ahora)
    inicia_en = p.inicia_en or hoy
    domain.plazo_valido(inicia_en, p.vence_en)
    producto = domain.producto_valido(p.producto)
    mkl = domain.Mkl(
        id=uuid4(),
        cuenta_id=p.cuenta_id,
        producto=producto,
        inicia_en=inicia_en,
        vence_en=p.vence_en,
        precio_anual=importe(p.precio_anual, "precio_anual"),
    )
    uow.repo.contratar(mkl)
    _contar(uow, mkl)
    return _mkl(mkl, uow.ahora)


def listar_mkl(uow: UnitOfWork[Repositorio], p: c.ListarMkl) -> c.PaginaMkl:
    """One page of the contracts of a CM, the latest to end first."""
    limite = pagination.limite_valido(p.limite)
    # One more than asked tells whether there is a next page.
    contratos = uow.repo.contratos(p.cuenta_id, pagination.posicion(p.cursor), limite + 1)
    pagina = contratos[:limite]
    siguiente = None
    if len(contratos) > limite:
        fin = datetime.combine(pagina[-1].vence_en, time(), UTC)
        siguiente = pagination.Posicion(fin, pagina[-1].id).cursor()
    return c.PaginaMkl(datos=[_mkl(m, uow.ahora) for m in pagina], siguiente=siguiente)


def generar_licencia(uow: UnitOfWork[Repositorio], p: c.GenerarLicencia, llavero: Llavero) -> c.Licencia:
    """Sign a licence of one year for a cliente of this CM."""
    producto = domain.producto_valido(p.producto)
    caracteristicas = domain.caracteristicas_validas(p.caracteristicas)
    cliente = _cliente(uow, p)
    if not uow.repo.hay_contrato(p.cuenta_id, producto, domain.dia_en_mexico(uow.ahora)):
        raise domain.contrato_requerido(producto)
    # Whole seconds, as the document says them.
    emitida_en = uow.ahora.replace(microsecond=0)
    licencia = domain.Licencia(
        id=uuid4(),
        cuenta_id=p.cuenta_id,
        cliente_id=cliente.cliente_id,
        nic=cliente.nic,
        producto=producto,
        caracteristicas=caracteristicas,
        emitida_en=emitida_en,
        vence_en=domain.un_anio_despues(emitida_en),
    )
    documento = domain.documento_de(licencia, llavero)
    return _licencia(uow.repo.emitir(licencia, documento), uow.ahora)


def listar_licencias(uow: UnitOfWork[Repositorio], p: c.ListarLicencias) -> c.PaginaLicencias:
    """One page of the licences of a cliente of this CM, newest first."""
    limite = pagination.limite_valido(p.limite)
    cliente = _cliente(uow, p)
    licencias = uow.repo.licencias(cliente, pagination.posicion(p.cursor), limite + 1)
    pagina = licencias[:limite]
    siguiente = None
    if len(licencias) > limite:
        siguiente = pagination.Posicion(pagina[-1].emitida_en, pagina[-1].id).cursor()
    return c.PaginaLicencias(datos=[_licencia(v, uow.ahora) for v in pagina], siguiente=siguiente)


def revocar_licencia(uow: UnitOfWork[Repositorio], p: c.RevocarLicencia) -> c.Licencia:
    """Revoke a licence of this CM for good. One that is revoked already stays as it was."""
    licencia = uow.repo.tomar(p.cuenta_id, p.licencia_id)
    if licencia is None:
        raise no_encontrado("esa licencia")
    if licencia.revocada_en is None:
        licencia = uow.repo.revocar(licencia, uow.ahora)
    return _licencia(licencia, uow.ahora)


def validar_licencia(uow: UnitOfWork[Repositorio], p: c.ValidarLicencia, llavero: Llavero) -> c.Validacion:
    """Is this document a licence of that product, today?"""
    contenido = domain.leer(p.documento, llavero)
    if contenido is None:
        return c.Validacion(codigo=CodigoValidacion.FIRMA_INVALIDA)
    producto = p.producto.strip().lower()
    return c.Validacion(
        codigo=domain.juzgar(contenido, producto, uow.ahora, uow.repo.revocada),
        licencia_id=contenido.id,
        nic=contenido.nic,
        producto=contenido.producto,
        caracteristicas=list(contenido.caracteristicas),
        vence_en=contenido.vence_en,
    )


def llaves_publicas(uow: UnitOfWork[Repositorio], _: Vacio, llavero: Llavero) -> c.LlavesPublicas:
    """The keys to verify with, and the signed list of what is revoked and has not expired."""
    lista = {
        "emitida_en": domain.rfc3339(uow.ahora),
        "licencias": [str(revocada) for revocada in uow.repo.revocadas(uow.ahora)],
    }
    return c.LlavesPublicas(
        llaves=[
            c.LlavePublica(id=llave, algoritmo=domain.ALGORITMO, publica=domain.b64(publica))
            for llave, publica in llavero.publicas().items()
        ],
        revocaciones=domain.firmar("revocaciones", lista, llavero),
    )


def anotar_cliente(uow: UnitOfWork[Repositorio], e: ClienteCreado) -> None:
    """Remember whose NIC it is."""
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
    """A cliente became a distributor: it is of its own CM from now on. Its licences stay as they were signed.

    Who issued one may still revoke it; the new CM sees it. Raises `conflicto` while the cliente is not here yet.
    """
    if not uow.repo.pasar_cliente(e.cliente_id, e.cuenta_anterior_id, e.cuenta_id):
        raise DomainError(Codigo.CONFLICTO, f"El cliente {e.nic} todavía no llega.")


def renovar_contratos(uow: UnitOfWork[Repositorio], e: CuentaRenovada) -> None:
    """The CM paid a further year with these contracts: they end with it. Told to clientes as they are now."""
    for mkl in uow.repo.extender(e.cuenta_id, e.mkl, e.vence_en):
        _contar(uow, mkl)
    crash_point("renovacion.al_extender")


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


def anotar_cuenta(uow: UnitOfWork[Repositorio], e: CuentaMaestraCreada) -> None:
    """Remember a CM and its parent."""
    uow.repo.anotar_cuenta(domain.Cuenta(cuenta_id=e.cuenta_id, padre_id=e.padre_id, nombre=e.nombre))


def _cliente(uow: UnitOfWork[Repositorio], p: c.GenerarLicencia | c.ListarLicencias) -> domain.Cliente:
    cliente = uow.repo.cliente(p.cuenta_id, p.nic)
    if cliente is None:
        raise no_encontrado("un cliente con ese NIC")
    return cliente


def _contar(uow: UnitOfWork[Repositorio], mkl: domain.Mkl) -> None:
    uow.publish(
        MKL_CONTRATADA,
        MklContratada(
            mkl_id=mkl.id,
            cuenta_id=mkl.cuenta_id,
            producto=mkl.producto,
            inicia_en=mkl.inicia_en,
            vence_en=mkl.vence_en,
            precio_anual=mkl.precio_anual,
        ),
    )


def _mkl(m: domain.Mkl, ahora: datetime) -> c.Mkl:
    return c.Mkl(
        id=m.id,
        producto=m.producto,
        inicia_en=m.inicia_en,
        vence_en=m.vence_en,
        vigente=m.vigente(domain.dia_en_mexico(ahora)),
        precio_anual=m.precio_anual,
    )


def _licencia(v: domain.Licencia, ahora: datetime) -> c.Licencia:
    return c.Licencia(
        id=v.id,
        nic=v.nic,
        producto=v.producto,
        caracteristicas=list(v.caracteristicas),
        emitida_en=v.emitida_en,
        vence_en=v.vence_en,
        estado=v.estado(ahora),
        revocada_en=v.revocada_en,
        documento=v.documento,
    )
