"""A cliente becomes a distributor of the CM that had it (manual: Convertir un cliente existente en distribuidor)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import conversiones as reglas
from services.clientes.domain.clientes import ClienteGuardado
from services.clientes.domain.conversiones import ConversionGuardada
from services.clientes.domain.distribuidores import DatosDeAlta, Origen
from services.clientes.use_cases import distribuidores
from services.clientes.use_cases.clientes import cliente_de
from services.clientes.use_cases.cuentas import cuenta_de
from services.clientes.use_cases.perfiles import perfil_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import CLIENTE_CONVERTIDO, ClienteConvertido
from shared.errors import campo_invalido
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def convertir_cliente(uow: Uow, p: c.ConvertirCliente) -> c.Conversion:
    """Open a CM of the cliente under the CM that asks, and give it to it as its first cliente, at once.

    It happens here and not at the activation: the parent decided it, and from then on two carteras would show the
    cliente otherwise. While the new CM waits to be confirmed or activated nobody administers the cliente in the
    portal; its CTI keep stamping with what they have, since they ask for nothing but their own credentials.

    The titular will be the cliente's perfil principal; without one, whoever `correo` and `movil` name. Either
    confirms by mail, as in any alta: nobody is given an account, with its duties, unasked. A perfil is never on both
    sides: the link of the perfil principal ends in this transaction, and one that is another cliente's too is refused.
    Locks: perfil, cuenta maestra, cliente. Raises `contrato_requerido` without Multi-nivel and what an alta raises.
    """
    if not p.confirmar:
        raise reglas.confirmacion_requerida()
    visto = cliente_de(uow, p.cuenta_id, p.nic)
    contacto = _titular(uow, p, visto)
    uow.repo.cuenta_para_hijas(p.cuenta_id)
    domain.exigir_activa(cuenta_de(uow, p.cuenta_id))
    cliente = cliente_de(uow, p.cuenta_id, p.nic, bloquear=True)
    if cliente.perfil_principal_id != visto.perfil_principal_id:
        raise reglas.cambio_mientras()
    if uow.repo.es_la_propia(cliente.cliente_id, p.cuenta_id):
        raise reglas.ya_es_distribuidor()
    uow.repo.soltar_perfil_principal(cliente.cliente_id)
    nueva = distribuidores.abrir(uow, p.cuenta_id, contacto, Origen.CONVERSION, p.actor)
    conversion = ConversionGuardada(
        cliente_id=cliente.cliente_id,
        nic=cliente.nic,
        cuenta_id=p.cuenta_id,
        distribuidor_id=nueva.cuenta_id,
        actor=p.actor,
        notas=cliente.notas,
        precio_especifico=cliente.precio_especifico,
        en=uow.ahora,
    )
    uow.repo.convertir(conversion)
    uow.auditar(
        objeto=f"cliente:{cliente.nic}",
        antes={"cuenta_id": p.cuenta_id, "perfil_principal_id": cliente.perfil_principal_id},
        despues={"cuenta_id": nueva.cuenta_id, "perfil_principal_id": "ninguno", "estado": nueva.estado},
    )
    _contar(uow, conversion, cliente, nueva.cuenta_id)
    return c.Conversion(
        nic=cliente.nic,
        cliente_id=cliente.cliente_id,
        distribuidor_id=nueva.cuenta_id,
        nombre=nueva.nombre,
        estado=nueva.estado,
        en=conversion.en,
    )


def listar_conversiones(uow: Uow, p: c.ListarConversiones) -> c.PaginaConversiones:
    """Clientes that the CM made distributors, with what it had written of them."""
    lugar = pagination.posicion(p.cursor)
    filas = uow.repo.conversiones(p.cuenta_id, None if lugar is None else (lugar.en, lugar.id), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(pagina[-1].en, pagina[-1].distribuidor_id).cursor()
    return c.PaginaConversiones(datos=[c.ConversionHecha(**asdict(x)) for x in pagina], siguiente=siguiente)


def _titular(uow: Uow, p: c.ConvertirCliente, cliente: ClienteGuardado) -> DatosDeAlta:
    """Who will administer the new CM, with the perfil locked, if there is one."""
    correo = domain.normalizar_correo(p.correo) if p.correo else None
    movil = domain.normalizar_movil(p.movil) if p.movil else None
    titular = None
    if cliente.perfil_principal_id is not None:
        perfil = perfil_de(uow, cliente.perfil_principal_id, bloquear=True)
        if correo not in (None, perfil.correo) or movil not in (None, perfil.movil):
            raise campo_invalido(
                "correo",
                "El titular será el perfil principal del cliente: deje vacíos el correo y el móvil, o escriba los"
                " suyos. Para que sea otra persona, cambie antes el perfil principal.",
            )
        correo, movil, titular = perfil.correo, perfil.movil, perfil.nombre
    if correo is None:
        raise campo_invalido("correo", "Escriba el correo de quien será el titular de la nueva cuenta.")
    if movil is None:
        raise campo_invalido("movil", "Escriba el móvil de quien será el titular de la nueva cuenta.")
    _exigir_que_pueda_confirmar(uow, p, cliente, correo)
    return DatosDeAlta(
        nombre=cliente.nombre, correo=correo, movil=movil, rfc=cliente.rfc, titular_nombre=titular
    )


def _exigir_que_pueda_confirmar(
    uow: Uow, p: c.ConvertirCliente, cliente: ClienteGuardado, correo: str
) -> None:
    """Its confirmed perfil, locked, is no other cliente's perfil principal: confirming would refuse it for ever.

    Of a correo that the CM wrote, only what the CM knows is looked at: whether somebody's correo is of a perfil
    principal elsewhere is not its business (ADR 20), and it can correct the correo afterwards.
    """
    perfil = uow.repo.perfil_confirmado(correo)
    if perfil is None:
        return
    propios = [n for n in uow.repo.nics_de_perfil(perfil.perfil_id, en=p.cuenta_id) if n != cliente.nic]
    if cliente.perfil_principal_id is None:
        if propios:
            raise reglas.correo_de_quien_controla(propios)
    elif set(uow.repo.nics_de_perfil(perfil.perfil_id)) - {cliente.nic}:
        raise reglas.controla_a_otros(propios)


def _contar(uow: Uow, conversion: ConversionGuardada, cliente: ClienteGuardado, nueva: UUID) -> None:
    uow.publish(
        CLIENTE_CONVERTIDO,
        ClienteConvertido(
            cliente_id=cliente.cliente_id,
            nic=cliente.nic,
            cuenta_anterior_id=conversion.cuenta_id,
            cuenta_id=nueva,
            nombre=cliente.nombre,
            padre_id=conversion.cuenta_id,
            en=conversion.en,
        ),
    )
