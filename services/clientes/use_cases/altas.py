"""Altas of distributors from outside: a CM's publishable keys, the form on a foreign page, the root's inscription.

Whoever asks is told the same whether its correo is known or not; what could not be done is told by mail to that
correo alone (manual: Integrar el alta desde un sitio Web externo a CM).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from services.clientes import domain
from services.clientes.domain import altas as reglas
from services.clientes.domain import vigencia
from services.clientes.domain.altas import LlaveGuardada
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import DatosDeAlta, Origen
from services.clientes.mensajes import altas as mensajes
from services.clientes.use_cases import correos, distribuidores
from services.clientes.use_cases.cuentas import cuenta_de
from shared import pagination
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork
from shared.rfc import validar_rfc

if TYPE_CHECKING:
    from services.clientes.domain import Credenciales
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: What `abrir` refuses because of the CM that would take the distributor, not because of who asks.
_DEL_PADRE = frozenset({Codigo.CONTRATO_REQUERIDO, Codigo.CUENTA_BLOQUEADA, Codigo.NO_ENCONTRADO})
#: What it refuses because of who asks: told by mail alone.
_DE_LA_PERSONA = frozenset({Codigo.DATOS_INVALIDOS, Codigo.CONFLICTO, Codigo.NO_PERMITIDO})


def crear_llave_publica(uow: Uow, p: c.CrearLlavePublica) -> c.LlavePublica:
    """A key for pages of these sites. Raises `contrato_requerido` without Multi-nivel."""
    cuenta = cuenta_de(uow, p.cuenta_id)
    domain.exigir_activa(cuenta)
    distribuidores.exigir_multinivel(uow, cuenta)
    url, version = reglas.aviso_valido(p.aviso_url, p.aviso_version)
    llave = LlaveGuardada(
        llave=reglas.nueva_llave_publica(),
        cuenta_id=p.cuenta_id,
        nombre=domain.texto_requerido(p.nombre, "nombre"),
        origenes=reglas.origenes_validos(p.origenes),
        titulo=(p.titulo or "").strip() or reglas.TITULO,
        gracias=(p.gracias or "").strip() or reglas.GRACIAS,
        aviso_url=url,
        aviso_version=version,
        creada_por=p.actor,
        creada_en=uow.ahora,
    )
    uow.repo.agregar_llave_publica(llave)
    return _llave(llave)


def listar_llaves_publicas(uow: Uow, p: c.ListarLlavesPublicas) -> c.PaginaLlavesPublicas:
    """Keys of the CM, newest first; the cursor is when and which."""
    filas = uow.repo.llaves_publicas(p.cuenta_id, _lugar(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.cursor_de(f"{pagina[-1].creada_en.isoformat()} {pagina[-1].llave}")
    return c.PaginaLlavesPublicas(datos=[_llave(x) for x in pagina], siguiente=siguiente)


def revocar_llave_publica(uow: Uow, p: c.RevocarLlavePublica) -> c.LlavePublica:
    """No page can use it from the commit on. Altas that came by it stay."""
    llave = uow.repo.revocar_llave_publica(p.cuenta_id, p.llave, uow.ahora)
    if llave is None:
        raise no_encontrado("esa llave pública")
    return _llave(llave)


def consultar_formulario(uow: Uow, p: c.ConsultarFormulario, credenciales: Credenciales) -> c.Formulario:
    """What the page shows. Raises `no_encontrado` for a key that is not in use, `no_permitido` for another site."""
    llave = _vigente(uow, p.llave, p.origen)
    url, version = _aviso(uow, llave)
    ahora = uow.ahora
    boleto = credenciales.firmar(
        {
            "uso": reglas.USO_DEL_BOLETO,
            "llave": llave.llave,
            "iat": int(ahora.timestamp()),
            "exp": int((ahora + reglas.VIDA_DEL_BOLETO).timestamp()),
        }
    )
    return c.Formulario(
        llave=llave.llave,
        cuenta=cuenta_de(uow, llave.cuenta_id).nombre,
        titulo=llave.titulo,
        aviso_url=url,
        aviso_version=version,
        boleto=boleto,
        origenes=llave.origenes,
    )


def leer_aviso(uow: Uow, _: c.LeerAviso) -> c.AvisoPublicado:
    """The privacy notice in force, for whoever is asked to accept it."""
    version, texto, publicado_en = uow.repo.aviso_publicado()
    return c.AvisoPublicado(version=version, texto=texto, publicado_en=publicado_en)


def permitir_origen(uow: Uow, p: c.PermitirOrigen) -> c.OrigenPermitido:
    """Whether a browser may let pages of this origin talk to us with this key, or with some key."""
    if p.llave is None:
        return c.OrigenPermitido(permitido=uow.repo.origen_en_alguna_llave(p.origen))
    llave = uow.repo.llave_publica(p.llave)
    return c.OrigenPermitido(permitido=llave is not None and p.origen in llave.origenes)


def solicitar_alta(uow: Uow, p: c.SolicitarAlta) -> c.AltaRecibida:
    """Open a CM that waits to be confirmed, under the key's CM or the root, and mail the confirmation."""
    llave = None if p.llave is None else _vigente(uow, p.llave, p.origen)
    url, version = _aviso(uow, llave)
    if not p.acepta_aviso:
        raise campo_invalido("acepta_aviso", "Para registrarse, lea y acepte el aviso de privacidad.")
    if p.aviso_version != version:
        raise reglas.aviso_cambiado()
    datos = DatosDeAlta(
        nombre=domain.texto_requerido(p.nombre, "nombre"),
        correo=domain.normalizar_correo(p.correo),
        movil=domain.normalizar_movil(p.movil),
        rfc=validar_rfc(p.rfc) if p.rfc and p.rfc.strip() else None,
        titular_nombre=domain.texto_requerido(p.titular, "titular"),
    )
    padre = _padre(uow, llave)
    recibida = c.AltaRecibida(mensaje=llave.gracias if llave else reglas.GRACIAS)
    espera = uow.repo.alta_en_espera(padre.cuenta_id, datos.correo)
    if espera is not None and uow.ahora < reglas.otro_correo_desde(*espera):
        return recibida
    try:
        # Half of it was done before whatever was refused.
        with uow.todo_o_nada():
            nueva = distribuidores.abrir(
                uow, padre.cuenta_id, datos, Origen.EXTERNA if llave else Origen.INSCRIPCION
            )
    except DomainError as error:
        if error.code in _DEL_PADRE:
            raise reglas.altas_cerradas() from error
        if error.code not in _DE_LA_PERSONA:
            raise
        _explicar(uow, padre, datos, error)
        return recibida
    uow.repo.anotar_alta(
        distribuidor_id=nueva.cuenta_id,
        cuenta_id=padre.cuenta_id,
        llave=p.llave,
        sitio=p.origen,
        aviso_url=url,
        aviso_version=version,
        ahora=uow.ahora,
    )
    return recibida


def listar_altas(uow: Uow, p: c.ListarAltas) -> c.PaginaAltas:
    """Altas that came to the CM from outside, newest first."""
    if p.estado is not None and p.estado not in set(Estado):
        raise campo_invalido("estado", f"Debe ser uno de: {', '.join(e for e in Estado)}.")
    lugar = pagination.posicion(p.cursor)
    filas = uow.repo.altas(
        p.cuenta_id,
        estado=p.estado,
        llave=p.llave,
        despues=None if lugar is None else (lugar.en, lugar.id),
        limite=p.limite + 1,
    )
    pagina = filas[: p.limite]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(pagina[-1].creada_en, pagina[-1].distribuidor_id).cursor()
    return c.PaginaAltas(datos=[c.Alta(**asdict(x)) for x in pagina], siguiente=siguiente)


def _vigente(uow: Uow, llave: str, origen: str | None) -> LlaveGuardada:
    """A key in use. `origen`: of the page; None is our own page, or no page at all."""
    guardada = uow.repo.llave_publica(llave)
    if guardada is None:
        raise reglas.llave_desconocida()
    if origen is not None and origen not in guardada.origenes:
        raise reglas.sitio_no_permitido()
    return guardada


def _aviso(uow: Uow, llave: LlaveGuardada | None) -> tuple[str, str]:
    """Privacy notice that the form shows, and its version: the CM's own, or that of Cuenta Maestra."""
    if llave is not None and llave.aviso_url is not None and llave.aviso_version is not None:
        return llave.aviso_url, llave.aviso_version
    return reglas.RUTA_DEL_AVISO, uow.repo.aviso_publicado()[0]


def _padre(uow: Uow, llave: LlaveGuardada | None) -> CuentaGuardada:
    """The CM that would take the distributor. Raises `conflicto` when it can't: why is not told to strangers."""
    padre_id = llave.cuenta_id if llave else uow.repo.raiz()
    if padre_id is None:
        raise reglas.altas_cerradas()
    padre = cuenta_de(uow, padre_id)
    try:
        domain.exigir_activa(padre)
        distribuidores.exigir_multinivel(uow, padre)
    except DomainError as error:
        if error.code not in _DEL_PADRE:
            raise
        raise reglas.altas_cerradas() from error
    return padre


def _explicar(uow: Uow, padre: CuentaGuardada, datos: DatosDeAlta, error: DomainError) -> None:
    """By mail, once a day per correo."""
    quien = hashlib.sha256(datos.correo.encode()).hexdigest()[:32]
    correos.escribir(
        uow,
        datos.correo,
        mensajes.no_se_pudo(datos.nombre, padre.nombre, error.detail),
        f"alta-no-se-pudo:{padre.cuenta_id}:{quien}:{vigencia.dia_en_mexico(uow.ahora)}",
    )


def _lugar(cursor: str | None) -> tuple[datetime, str] | None:
    clave = pagination.texto(cursor)
    if clave is None:
        return None
    en, _, llave = clave.partition(" ")
    try:
        momento = datetime.fromisoformat(en)
    except ValueError:
        momento = None
    if momento is None or momento.tzinfo is None or not llave:
        raise campo_invalido("cursor", "El cursor no es válido. Pida de nuevo la primera página.")
    return momento, llave


def _llave(guardada: LlaveGuardada) -> c.LlavePublica:
    datos = asdict(guardada)
    return c.LlavePublica(**{k: v for k, v in datos.items() if k not in ("cuenta_id", "creada_por")})
