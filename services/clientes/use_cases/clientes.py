"""The cartera of a cuenta maestra: its clientes and who controls their account."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    ClienteGuardado,
)
from services.clientes.use_cases.cuentas import cuenta_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import (
    CLIENTE_CREADO,
    ClienteCreado,
    TimbresConsumidos,
)
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork
from shared.rfc import validar_rfc

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

_CONTACTOS = ("representante", "financiero", "tecnico")


_CAMPOS = (
    "nombre",
    "nombre_comercial",
    "rfc",
    "telefono",
    "correo",
    *_CONTACTOS,
    "notas",
    "precio_especifico",
    "regimen_fiscal",
    "uso_cfdi",
    "sitio_web",
    "domicilio",
    "otros",
)


def crear_cliente(uow: Uow, peticion: c.CrearCliente) -> c.Cliente:
    """A final customer in a CM's cartera, with its NIC and the id of its first CTI."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    datos = _datos_de_cliente({campo: getattr(peticion, campo) for campo in _CAMPOS})
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
    return ver_cliente(cliente)


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
    dados = {campo: valor for campo in _CAMPOS if (valor := getattr(peticion, campo)) is not None}
    repetidos = sorted(dados.keys() & set(peticion.borrar))
    if repetidos:
        raise campo_invalido(repetidos[0], "El mismo campo no se puede escribir y vaciar a la vez.")
    cambios = _datos_de_cliente(dados) | dict.fromkeys(peticion.borrar)
    if not cambios:
        return ver_cliente(cliente)
    return ver_cliente(uow.repo.cambiar_cliente(cliente.cliente_id, cambios))


def obtener_cliente(uow: Uow, peticion: c.ObtenerCliente) -> c.Cliente:
    """One cliente of a CM."""
    return ver_cliente(cliente_de(uow, peticion.cuenta_id, peticion.nic))


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


def asignar_perfil_principal(uow: Uow, peticion: c.AsignarPerfilPrincipal) -> c.PerfilPrincipal:
    """Who controls the cliente's account: never a perfil that administers a CM, as its distributor does."""
    domain.exigir_activa(cuenta_de(uow, peticion.cuenta_id))
    # The perfil is locked before the cliente, and before a CM can be given to it.
    perfil = uow.repo.perfil_por_correo_y_movil(
        domain.normalizar_correo(peticion.correo), domain.normalizar_movil(peticion.movil)
    )
    cliente = cliente_de(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
    if perfil is None:
        raise campo_invalido(
            "correo",
            "No existe un perfil con ese correo y ese móvil. Pida a su cliente que se registre primero.",
        )
    if uow.repo.administra_alguna(perfil.perfil_id):
        raise DomainError(
            Codigo.NO_PERMITIDO,
            "Ese perfil administra una Cuenta Maestra y no puede ser el perfil principal de un cliente. "
            "Use el perfil propio del cliente.",
        )
    if cliente.perfil_principal_id != perfil.perfil_id:
        uow.repo.cambiar_cliente(cliente.cliente_id, {"perfil_principal_id": perfil.perfil_id})
    return c.PerfilPrincipal(
        nic=cliente.nic,
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        correo=perfil.correo,
        movil=perfil.movil,
    )


def registrar_consumos(uow: Uow, carga: TimbresConsumidos) -> None:
    """Remember when each cliente stamped last."""
    emisiones: dict[UUID, Any] = {}
    for consumo in carga.consumos:
        previa = emisiones.get(consumo.cliente_id)
        emisiones[consumo.cliente_id] = max(previa, consumo.en) if previa else consumo.en
    if emisiones:
        uow.repo.registrar_emisiones(emisiones)


def cliente_de(uow: Uow, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado:
    cliente = uow.repo.cliente(cuenta_id, nic, bloquear=bloquear)
    if cliente is None:
        raise no_encontrado("ese cliente")
    return cliente


def _datos_de_cliente(dados: dict[str, Any]) -> dict[str, Any]:
    """The given fields as stored: normalised, empty text as null, contacts as plain values."""
    datos: dict[str, Any] = {}
    for campo, valor in dados.items():
        if isinstance(valor, c.Contacto):
            datos[campo] = _contacto(valor)
        elif isinstance(valor, str):
            datos[campo] = valor.strip() or None
        else:
            datos[campo] = valor
    if "nombre" in datos:
        datos["nombre"] = domain.texto_requerido(dados["nombre"], "nombre")
    if datos.get("rfc"):
        datos["rfc"] = validar_rfc(datos["rfc"])
    if datos.get("correo"):
        datos["correo"] = domain.normalizar_correo(datos["correo"])
    if "precio_especifico" in datos:
        datos["precio_especifico"] = domain.precio_unitario(datos["precio_especifico"])
    return datos


def _contacto(contacto: c.Contacto) -> dict[str, Any] | None:
    dado = {campo: valor.strip() for campo, valor in asdict(contacto).items() if valor and valor.strip()}
    if "correo" in dado:
        dado["correo"] = domain.normalizar_correo(dado["correo"])
    return dado or None


def ver_cliente(cliente: ClienteGuardado) -> c.Cliente:
    datos = asdict(cliente)
    for campo in _CONTACTOS:
        datos[campo] = c.Contacto(**datos[campo]) if datos[campo] else None
    datos["domicilio"] = c.Domicilio(**cliente.domicilio) if cliente.domicilio else None
    datos["precio_especifico"] = domain.precio_unitario(cliente.precio_especifico)
    return c.Cliente(**datos)
