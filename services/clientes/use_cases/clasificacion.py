"""Favoritos, bajas and colours (manual: Clasificar clientes): the distributor's own labels.

They change nothing of the cliente: one in bajas keeps stamping and buying. They are not part of the form either,
so a label put by a colleague does not refuse the form that one has open (`version` stays).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.clientes import domain
from services.clientes.use_cases.clientes import cliente_de, ver_cliente
from services.clientes.use_cases.cuentas import cuenta_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: NIC named in a refusal.
_MOSTRADOS = 50


def clasificar_cliente(uow: Uow, peticion: c.ClasificarCliente) -> c.Cliente:
    """Put the whole classification of a cliente: what is not given is taken away."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    cliente = cliente_de(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
    etiquetas = {"favorito": peticion.favorito, "baja": peticion.baja, "color": peticion.color}
    uow.auditar(
        objeto=f"cliente:{cliente.nic}",
        antes={campo: getattr(cliente, campo) for campo in etiquetas},
        despues=etiquetas,
    )
    uow.repo.clasificar([cliente.cliente_id], etiquetas)
    return ver_cliente(cliente_de(uow, peticion.cuenta_id, peticion.nic))


def clasificar_clientes(uow: Uow, peticion: c.ClasificarClientes) -> c.Clasificados:
    """Put some labels on several clientes, on all or on none; those of others are named as not there."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    if peticion.quitar_color and peticion.color is not None:
        raise campo_invalido("color", "El color no se puede poner y quitar a la vez.")
    etiquetas: dict[str, Any] = {
        campo: valor
        for campo in ("favorito", "baja", "color")
        if (valor := getattr(peticion, campo)) is not None
    }
    if peticion.quitar_color:
        etiquetas["color"] = None
    if not etiquetas:
        raise campo_invalido("favorito", "Indique qué clasificación poner: favorito, baja o color.")
    nics = set(peticion.nics)
    propios = uow.repo.tomar_clientes(peticion.cuenta_id, nics)
    ajenos = sorted(nics - {cliente.nic for cliente in propios})
    if ajenos:
        lista = ", ".join(str(nic) for nic in ajenos[:_MOSTRADOS])
        mensaje = f"No existen entre sus clientes los NIC {lista}. No se clasificó ninguno."
        raise DomainError(
            Codigo.NO_ENCONTRADO, mensaje, errores={"nics": [mensaje]}, datos={"nics": ajenos[:_MOSTRADOS]}
        )
    # Of each that changes, what it had: labels name nobody.
    uow.auditar(
        antes={
            str(x.nic): tuvo for x in propios if (tuvo := {k: getattr(x, k) for k in etiquetas}) != etiquetas
        },
        despues=etiquetas,
    )
    cambiados = uow.repo.clasificar([cliente.cliente_id for cliente in propios], etiquetas)
    return c.Clasificados(clientes=len(propios), cambiados=cambiados)
