"""The cartera of a cuenta maestra: its clientes and the fields of their form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import ClienteGuardado, ficha
from services.clientes.domain.privacidad import cliente_suprimido
from services.clientes.use_cases.cuentas import cuenta_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import (
    CLIENTE_CREADO,
    CLIENTES_CAMBIADOS,
    ClienteCreado,
    ClientesCambiados,
    TimbresConsumidos,
)
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def crear_cliente(uow: Uow, peticion: c.CrearCliente) -> c.Cliente:
    """A final customer in a CM's cartera, with its NIC and the id of its first CTI."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    datos = ficha.revisar(_dados(peticion)).exigir()
    nic = uow.repo.nuevo_nic()
    cliente = ClienteGuardado(
        cliente_id=uuid4(),
        cuenta_id=peticion.cuenta_id,
        nic=nic,
        cti=domain.cti_inicial(nic),
        creado_en=uow.ahora,
        **datos,
    )
    uow.repo.agregar_cliente(cliente)
    uow.publish(
        CLIENTE_CREADO,
        ClienteCreado(
            cuenta_id=cliente.cuenta_id,
            cliente_id=cliente.cliente_id,
            nic=cliente.nic,
            nombre=cliente.nombre,
            cti=cliente.cti,
        ),
    )
    return _con_advertencias(uow, cliente)


def editar_cliente(uow: Uow, peticion: c.EditarCliente) -> c.Cliente:
    """Change some fields of a cliente; refused when `version` is not the current one."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    cliente = cliente_de(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
    if peticion.version is not None and peticion.version != cliente.version:
        raise DomainError(
            Codigo.CONFLICTO,
            "Otra persona cambió a este cliente mientras lo editaba. Consúltelo de nuevo y repita el cambio.",
            datos={"version": cliente.version},
        )
    dados = _dados(peticion)
    repetidos = sorted(dados.keys() & set(peticion.borrar))
    if repetidos:
        raise campo_invalido(repetidos[0], "El mismo campo no se puede escribir y vaciar a la vez.")
    cambios = ficha.cambios(cliente, ficha.revisar(dados).exigir(), peticion.borrar)
    uow.auditar(
        objeto=f"cliente:{cliente.nic}",
        antes={campo: getattr(cliente, campo) for campo in cambios},
        despues=cambios,
    )
    if cambios:
        cliente = uow.repo.cambiar_cliente(cliente.cliente_id, cambios)
    if "nombre" in cambios:
        contar_nombres(uow, [cliente])
    return _con_advertencias(uow, cliente)


def obtener_cliente(uow: Uow, peticion: c.ObtenerCliente) -> c.Cliente:
    """One cliente of a CM, with what is worth a second look in its form."""
    return _con_advertencias(uow, cliente_de(uow, peticion.cuenta_id, peticion.nic))


def listar_clientes(uow: Uow, peticion: c.ListarClientes) -> c.PaginaClientes:
    """One page of a CM's cartera."""
    filas = uow.repo.listar_clientes(
        peticion.cuenta_id,
        q=(peticion.q or "").strip() or None,
        antes_de=pagination.numero(peticion.cursor),
        limite=peticion.limite + 1,
    )
    datos = filas[: peticion.limite]
    siguiente = pagination.cursor_de(datos[-1].nic) if len(filas) > peticion.limite else None
    return c.PaginaClientes(datos=[ver_cliente(x) for x in datos], siguiente=siguiente)


def registrar_consumos(uow: Uow, carga: TimbresConsumidos) -> None:
    """Remember when each cliente stamped last."""
    emisiones: dict[UUID, Any] = {}
    for consumo in carga.consumos:
        previa = emisiones.get(consumo.cliente_id)
        emisiones[consumo.cliente_id] = max(previa, consumo.en) if previa else consumo.en
    if emisiones:
        uow.repo.registrar_emisiones(emisiones)


def contar_nombres(uow: Uow, clientes: Sequence[ClienteGuardado]) -> None:
    """Tell the services that show clientes by their names that these have another, each with its version by now."""
    if clientes:
        uow.publish(
            CLIENTES_CAMBIADOS,
            ClientesCambiados(
                clientes=",".join(str(x.cliente_id) for x in clientes),
                versiones=",".join(str(x.version) for x in clientes),
                nombres=[x.nombre for x in clientes],
            ),
        )


def cliente_de(uow: Uow, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado:
    cliente = uow.repo.cliente(cuenta_id, nic, bloquear=bloquear)
    if cliente is None:
        raise no_encontrado("ese cliente")
    if bloquear and cliente.suprimido_en is not None:
        raise cliente_suprimido()
    return cliente


def ver_cliente(cliente: ClienteGuardado) -> c.Cliente:
    datos = asdict(cliente)
    for campo in ficha.CONTACTOS:
        datos[campo] = c.Contacto(**datos[campo]) if datos[campo] else None
    datos["domicilio"] = c.Domicilio(**cliente.domicilio) if cliente.domicilio else None
    datos["precio_especifico"] = domain.precio_unitario(cliente.precio_especifico)
    return c.Cliente(**datos)


def _dados(peticion: c.CrearCliente | c.EditarCliente) -> dict[str, Any]:
    """The fields that a request brings, as plain values."""
    dados = {campo: valor for campo in ficha.CAMPOS if (valor := getattr(peticion, campo)) is not None}
    return {
        campo: asdict(valor) if isinstance(valor, c.Contacto | c.Domicilio) else valor
        for campo, valor in dados.items()
    }


def _con_advertencias(uow: Uow, cliente: ClienteGuardado) -> c.Cliente:
    avisos = ficha.advertencias(cliente.__dict__)
    if cliente.rfc:
        otros = uow.repo.nics_con_rfc(cliente.cuenta_id, cliente.rfc, salvo=cliente.cliente_id)
        if otros:
            avisos["rfc"] = " ".join(filter(None, (avisos.get("rfc"), ficha.aviso_de_rfc_repetido(otros))))
    return replace(
        ver_cliente(cliente),
        advertencias=[c.Advertencia(campo=campo, mensaje=mensaje) for campo, mensaje in avisos.items()],
    )
