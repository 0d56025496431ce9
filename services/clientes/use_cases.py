"""One function per action of clientes, with the unit of work handed in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    ClienteGuardado,
    Credenciales,
    CuentaGuardada,
    Estado,
    PerfilGuardado,
    Rol,
)
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.contracts.eventos import (
    CLIENTE_CREADO,
    CUENTA_MAESTRA_CREADA,
    ClienteCreado,
    CuentaMaestraCreada,
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
)


# ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────


def iniciar_sesion(uow: Uow, peticion: c.IniciarSesion, credenciales: Credenciales) -> c.Sesion:
    """Sign in. An unknown usuario costs the same work and gets the same answer as a wrong password."""
    usuario = domain.normalizar_usuario(peticion.usuario)
    perfil = uow.repo.perfil_por_usuario(usuario) if usuario else None
    # Ends the reading transaction, so that no connection waits for argon2.
    uow.commit()
    if (
        not credenciales.coincide(perfil.hash_contrasena if perfil else None, peticion.contrasena)
        or perfil is None
    ):
        raise domain.credenciales_invalidas()
    sesion_id, ahora = uuid4(), uow.ahora
    vence_en = ahora + domain.VIDA_SESION
    uow.repo.agregar_sesion(
        sesion_id=sesion_id,
        perfil_id=perfil.perfil_id,
        origen_ip=peticion.origen_ip,
        creada_en=ahora,
        vence_en=vence_en,
    )
    return _emitir(uow, sesion_id, perfil, min(ahora + domain.VIDA_RENOVACION, vence_en), credenciales)


def renovar_sesion(uow: Uow, peticion: c.RenovarSesion, credenciales: Credenciales) -> c.Sesion:
    """New tokens for a renewal token, once. A second use means that someone copied it: the session ends."""
    ahora = uow.ahora
    renovacion = uow.repo.tomar_renovacion(domain.huella_de(peticion.renovacion))
    if renovacion is None or renovacion.revocada_en is not None or ahora >= renovacion.vence_en:
        raise domain.sesion_terminada()
    if renovacion.usada_en is not None:
        uow.repo.revocar_sesion(renovacion.sesion_id, ahora, perfil_id=renovacion.perfil_id)
        # The refusal that follows rolls back; the revocation has to stay.
        uow.commit()
        raise domain.sesion_terminada()
    perfil = _perfil(uow, renovacion.perfil_id)
    uow.repo.usar_renovacion(renovacion.huella, ahora)
    vence_en = min(ahora + domain.VIDA_RENOVACION, renovacion.sesion_vence_en)
    return _emitir(uow, renovacion.sesion_id, perfil, vence_en, credenciales)


def cerrar_sesion(uow: Uow, peticion: c.CerrarSesion) -> Vacio:
    """End a session; its access token still lives for the minutes that it has left."""
    uow.repo.revocar_sesion(peticion.sesion_id, uow.ahora, perfil_id=peticion.perfil_id)
    return Vacio()


def _emitir(
    uow: Uow, sesion_id: UUID, perfil: PerfilGuardado, renovacion_vence_en: Any, credenciales: Credenciales
) -> c.Sesion:
    ahora = uow.ahora
    expira_en = (ahora + domain.VIDA_ACCESO).replace(microsecond=0)
    cuentas, nics = _cuentas(uow, perfil.perfil_id), uow.repo.nics_de_perfil(perfil.perfil_id)
    renovacion = domain.nueva_renovacion()
    uow.repo.agregar_renovacion(
        huella=domain.huella_de(renovacion), sesion_id=sesion_id, vence_en=renovacion_vence_en
    )
    acceso = credenciales.firmar(
        {
            "sub": str(perfil.perfil_id),
            "sid": str(sesion_id),
            "nombre": perfil.nombre,
            "cuentas": [{"id": str(x.cuenta_id), "rol": x.rol, "raiz": x.es_raiz} for x in cuentas],
            "nics": nics,
            "iat": int(ahora.timestamp()),
            "exp": int(expira_en.timestamp()),
        }
    )
    return c.Sesion(
        sesion_id=sesion_id,
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        acceso=acceso,
        renovacion=renovacion,
        expira_en=expira_en,
        cuentas=cuentas,
        nics=nics,
    )


# ── Perfiles ─────────────────────────────────────────────────────────────────────────────────────────


def crear_perfil(uow: Uow, peticion: c.CrearPerfil, credenciales: Credenciales) -> c.Perfil:
    """A person, with a correo and a móvil that no other perfil has."""
    perfil = PerfilGuardado(
        perfil_id=uuid4(),
        nombre=domain.texto_requerido(peticion.nombre, "nombre"),
        correo=domain.normalizar_correo(peticion.correo),
        movil=domain.normalizar_movil(peticion.movil),
        hash_contrasena=credenciales.resumir(peticion.contrasena),
        creado_en=uow.ahora,
    )
    if not uow.repo.agregar_perfil(perfil):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ya existe un perfil con ese correo o ese móvil. Inicie sesión con él, o use otros datos.",
        )
    return _ver_perfil(uow, perfil)


def obtener_perfil(uow: Uow, peticion: c.ObtenerPerfil) -> c.Perfil:
    """A perfil with the CMs that it administers."""
    return _ver_perfil(uow, _perfil(uow, peticion.perfil_id))


def _perfil(uow: Uow, perfil_id: UUID, *, bloquear: bool = False) -> PerfilGuardado:
    perfil = uow.repo.perfil(perfil_id, bloquear=bloquear)
    if perfil is None:
        raise no_encontrado("ese perfil")
    return perfil


def _cuentas(uow: Uow, perfil_id: UUID) -> list[c.CuentaDePerfil]:
    return [c.CuentaDePerfil(**asdict(x)) for x in uow.repo.administra(perfil_id)]


def _ver_perfil(uow: Uow, perfil: PerfilGuardado) -> c.Perfil:
    return c.Perfil(
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        correo=perfil.correo,
        movil=perfil.movil,
        creado_en=perfil.creado_en,
        cuentas=_cuentas(uow, perfil.perfil_id),
        nics=uow.repo.nics_de_perfil(perfil.perfil_id),
    )


# ── Cuentas maestras ─────────────────────────────────────────────────────────────────────────────────


def crear_cuenta_maestra(uow: Uow, peticion: c.CrearCuentaMaestra) -> c.CuentaMaestra:
    """The root (once), or a distributor under an active CM, with its titular."""
    padre = None
    if peticion.padre_id is not None:
        padre = _cuenta(uow, peticion.padre_id)
        domain.exigir_activa(padre)
    titular = _perfil(uow, peticion.titular_perfil_id, bloquear=True)
    if padre is not None and uow.repo.es_usuario(padre.cuenta_id, titular.perfil_id):
        raise campo_invalido(
            "titular_perfil_id", "El titular no puede ser quien administra la cuenta padre. Use otro perfil."
        )
    if uow.repo.nics_de_perfil(titular.perfil_id):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ese perfil es el perfil principal de un cliente y no puede administrar una Cuenta Maestra. "
            "Use otro perfil, o convierta al cliente en distribuidor.",
        )
    ahora = uow.ahora
    cuenta = CuentaGuardada(
        cuenta_id=uuid4(),
        padre_id=peticion.padre_id,
        nombre=domain.texto_requerido(peticion.nombre, "nombre"),
        rfc=validar_rfc(peticion.rfc) if peticion.rfc else None,
        estado=Estado.ACTIVO.value,
        vence_en=domain.un_anio_despues(ahora) if padre else None,
        creado_en=ahora,
    )
    if not uow.repo.agregar_cuenta(cuenta):
        raise DomainError(
            Codigo.CONFLICTO, "La cuenta raíz ya existe. Indique la cuenta padre del distribuidor."
        )
    uow.repo.agregar_usuario(
        cuenta_id=cuenta.cuenta_id, perfil_id=titular.perfil_id, rol=Rol.TITULAR, creado_en=ahora
    )
    uow.publish(
        CUENTA_MAESTRA_CREADA,
        CuentaMaestraCreada(cuenta_id=cuenta.cuenta_id, padre_id=cuenta.padre_id, nombre=cuenta.nombre),
    )
    return _ver_cuenta(cuenta)


def obtener_cuenta(uow: Uow, peticion: c.ObtenerCuenta) -> c.CuentaMaestra:
    """One CM."""
    return _ver_cuenta(_cuenta(uow, peticion.cuenta_id))


def _cuenta(uow: Uow, cuenta_id: UUID) -> CuentaGuardada:
    cuenta = uow.repo.cuenta(cuenta_id)
    if cuenta is None:
        raise no_encontrado("esa Cuenta Maestra")
    return cuenta


def _ver_cuenta(cuenta: CuentaGuardada) -> c.CuentaMaestra:
    return c.CuentaMaestra(**asdict(cuenta), es_raiz=cuenta.es_raiz)


# ── Clientes ─────────────────────────────────────────────────────────────────────────────────────────


def crear_cliente(uow: Uow, peticion: c.CrearCliente) -> c.Cliente:
    """A final customer in a CM's cartera, with its NIC and the id of its first CTI."""
    domain.exigir_activa(_cuenta(uow, peticion.cuenta_id))
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
    return _ver_cliente(cliente)


def editar_cliente(uow: Uow, peticion: c.EditarCliente) -> c.Cliente:
    """Change some fields of a cliente; refused when `version` is not the current one."""
    domain.exigir_activa(_cuenta(uow, peticion.cuenta_id))
    cliente = _cliente(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
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
        return _ver_cliente(cliente)
    return _ver_cliente(uow.repo.cambiar_cliente(cliente.cliente_id, cambios))


def obtener_cliente(uow: Uow, peticion: c.ObtenerCliente) -> c.Cliente:
    """One cliente of a CM."""
    return _ver_cliente(_cliente(uow, peticion.cuenta_id, peticion.nic))


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
    return c.PaginaClientes(datos=[_ver_cliente(x) for x in datos], siguiente=siguiente)


def asignar_perfil_principal(uow: Uow, peticion: c.AsignarPerfilPrincipal) -> c.PerfilPrincipal:
    """Who controls the cliente's account: never a perfil that administers a CM, as its distributor does."""
    domain.exigir_activa(_cuenta(uow, peticion.cuenta_id))
    # The perfil is locked before the cliente, and before a CM can be given to it.
    perfil = uow.repo.perfil_por_correo_y_movil(
        domain.normalizar_correo(peticion.correo), domain.normalizar_movil(peticion.movil)
    )
    cliente = _cliente(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
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


def _cliente(uow: Uow, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado:
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


def _ver_cliente(cliente: ClienteGuardado) -> c.Cliente:
    datos = asdict(cliente)
    for campo in _CONTACTOS:
        datos[campo] = c.Contacto(**datos[campo]) if datos[campo] else None
    datos["precio_especifico"] = domain.precio_unitario(cliente.precio_especifico)
    return c.Cliente(**datos)
