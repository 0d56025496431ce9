"""The life of a distributor: which state follows which, who may bring it about, and what it is told when it can't be.

sin_validar → sin_activar → activo ⇄ suspendido; activo → vencido → activo; what is not active → cancelado → eliminado

`eliminado` is the seventh state, which nobody sees: the row stays without personal data, because the ledger of the
other services names it. The database keeps the same table (`transiciones_de_cuenta`) and refuses any other change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.clientes.domain.cuentas import CuentaGuardada, Estado
from shared.errors import Codigo, DomainError, campo_invalido

#: The MKL that lets a CM have distributors of its own.
MULTINIVEL = "multinivel"
#: Purpose of the token that goes in the mail of an alta.
PROPOSITO_ALTA = "alta_distribuidor"
MAX_MOTIVO = 300


class Accion(StrEnum):
    """What happens to a CM."""

    ALTA = "alta"
    VALIDAR = "validacion"
    ACTIVAR = "activacion"
    SUSPENDER = "suspension"
    REACTIVAR = "reactivacion"
    VENCER = "vencimiento"
    RENOVAR = "renovacion"
    CANCELAR = "cancelacion"
    ELIMINAR = "eliminacion"
    ADOPTAR = "adopcion"


class Quien(StrEnum):
    """Who brings it about: the parent, the CM itself, or time."""

    PADRE = "padre"
    PROPIA = "propia"
    SISTEMA = "sistema"


class Origen(StrEnum):
    """By which way a CM was opened."""

    PORTAL = "portal"
    EXTERNA = "externa"
    INSCRIPCION = "inscripcion"
    CONVERSION = "conversion"
    INTERNA = "interna"


#: A CM in one of these states hangs from a parent that is there.
VIVAS = frozenset({Estado.SIN_VALIDAR, Estado.SIN_ACTIVAR, Estado.ACTIVO, Estado.SUSPENDIDO, Estado.VENCIDO})

#: Action → from which states, to which. Renewing a suspended CM pays its year and leaves it suspended: only the
#: parent lifts a suspension, which it also does by renewing it (`renovaciones.levanta_suspension`).
TRANSICIONES: dict[Accion, dict[Estado, Estado]] = {
    Accion.VALIDAR: {Estado.SIN_VALIDAR: Estado.SIN_ACTIVAR},
    Accion.ACTIVAR: {Estado.SIN_ACTIVAR: Estado.ACTIVO},
    Accion.SUSPENDER: {Estado.ACTIVO: Estado.SUSPENDIDO},
    Accion.REACTIVAR: {Estado.SUSPENDIDO: Estado.ACTIVO},
    Accion.VENCER: {Estado.ACTIVO: Estado.VENCIDO},
    Accion.RENOVAR: {
        Estado.ACTIVO: Estado.ACTIVO,
        Estado.VENCIDO: Estado.ACTIVO,
        Estado.SUSPENDIDO: Estado.SUSPENDIDO,
    },
    Accion.CANCELAR: {
        Estado.SIN_VALIDAR: Estado.CANCELADO,
        Estado.SIN_ACTIVAR: Estado.CANCELADO,
        Estado.SUSPENDIDO: Estado.CANCELADO,
        Estado.VENCIDO: Estado.CANCELADO,
    },
    Accion.ELIMINAR: {Estado.CANCELADO: Estado.ELIMINADO},
    Accion.ADOPTAR: {x: x for x in Estado if x in VIVAS},
}

#: Who may. A CM does nothing to itself but confirm its alta and renew.
PERMITIDOS: dict[Accion, frozenset[Quien]] = {
    Accion.VALIDAR: frozenset({Quien.PROPIA}),
    Accion.ACTIVAR: frozenset({Quien.PADRE}),
    Accion.SUSPENDER: frozenset({Quien.PADRE}),
    Accion.REACTIVAR: frozenset({Quien.PADRE}),
    Accion.VENCER: frozenset({Quien.SISTEMA}),
    Accion.RENOVAR: frozenset({Quien.PADRE, Quien.PROPIA}),
    Accion.CANCELAR: frozenset({Quien.PADRE, Quien.SISTEMA}),
    Accion.ELIMINAR: frozenset({Quien.SISTEMA}),
    # Nobody asks for it: it comes with the cancellation of the parent.
    Accion.ADOPTAR: frozenset({Quien.SISTEMA}),
}

#: Actions that ask for a reason.
CON_MOTIVO = frozenset({Accion.SUSPENDER, Accion.CANCELAR})

#: The states as the manual's tabs name them.
EN_PALABRAS: dict[Estado, str] = {
    Estado.SIN_VALIDAR: "sin validar",
    Estado.SIN_ACTIVAR: "sin activar",
    Estado.ACTIVO: "activa",
    Estado.SUSPENDIDO: "suspendida",
    Estado.VENCIDO: "vencida",
    Estado.CANCELADO: "cancelada",
    Estado.ELIMINADO: "eliminada",
}

_QUE_HACER: dict[Estado, str] = {
    Estado.SIN_VALIDAR: (
        "Espere a que el distribuidor confirme desde su correo, reenvíeselo (si está mal escrito, con el correcto) o"
        " cancélela."
    ),
    Estado.SIN_ACTIVAR: "Puede activarla o cancelarla.",
    Estado.ACTIVO: "Puede suspenderla o renovarla; para cancelarla, suspéndala antes.",
    Estado.SUSPENDIDO: "Puede reactivarla, renovarla o cancelarla.",
    Estado.VENCIDO: "Puede renovarla o cancelarla.",
    Estado.CANCELADO: "Ya no admite cambios y será eliminada 30 días naturales después de su cancelación.",
    Estado.ELIMINADO: "Ya no admite cambios.",
}


@dataclass(frozen=True, kw_only=True)
class DatosDeAlta:
    """What is asked of a new distributor. `nombre` is the CM's, `titular_nombre` the person's, if known."""

    nombre: str
    correo: str
    movil: str
    rfc: str | None = None
    titular_nombre: str | None = None


@dataclass(frozen=True, kw_only=True)
class Correccion:
    """What a parent corrects of an alta that nobody has confirmed; None: as it was written."""

    correo: str | None = None
    movil: str | None = None
    titular_nombre: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cambio:
    """A transition as recorded in the history. `actor` is the perfil; None for time."""

    cuenta_id: UUID
    accion: Accion
    de: Estado | None
    a: Estado
    quien: Quien
    actor: UUID | None
    motivo: str | None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class CambioGuardado:
    """One line of the history."""

    accion: str
    de: str | None
    a: str
    quien: str
    motivo: str | None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class FilaDistribuidor:
    """One line of a parent's list of direct sub-distributors, with its titular, if it has one."""

    cuenta_id: UUID
    nombre: str
    rfc: str | None
    estado: str
    estado_desde: datetime
    vence_en: datetime | None
    creado_en: datetime
    correo: str | None
    movil: str | None
    titular: str | None
    origen: str


def transitar(estado: str, accion: Accion, quien: Quien) -> Estado:
    """The state that follows. Raises `no_permitido` or `conflicto`, which says the state and what can be done."""
    if quien not in PERMITIDOS[accion]:
        raise DomainError(
            Codigo.NO_PERMITIDO, "Esto sólo lo puede hacer el distribuidor que dio de alta la cuenta."
        )
    siguiente = TRANSICIONES[accion].get(Estado(estado))
    if siguiente is None:
        raise fuera_de_estado(Estado(estado), accion)
    return siguiente


def fuera_de_estado(estado: Estado, accion: Accion) -> DomainError:
    """The state does not allow for the action."""
    return DomainError(
        Codigo.CONFLICTO,
        f"La cuenta está {EN_PALABRAS[estado]} y no admite la {NOMBRES[accion]}. {_QUE_HACER[estado]}",
        datos={"estado": str(estado), "acciones": acciones_del_padre(estado)},
    )


NOMBRES: dict[Accion, str] = {
    Accion.ALTA: "alta",
    Accion.VALIDAR: "confirmación",
    Accion.ACTIVAR: "activación",
    Accion.SUSPENDER: "suspensión",
    Accion.REACTIVAR: "reactivación",
    Accion.VENCER: "expiración",
    Accion.RENOVAR: "renovación",
    Accion.CANCELAR: "cancelación",
    Accion.ELIMINAR: "eliminación",
    Accion.ADOPTAR: "adopción",
}


def acciones_del_padre(estado: str) -> list[str]:
    """What the parent can do with a CM in that state, in the order of the manual."""
    return [
        str(accion)
        for accion, pasos in TRANSICIONES.items()
        if Quien.PADRE in PERMITIDOS[accion] and estado in pasos
    ]


def motivo_valido(accion: Accion, motivo: str | None) -> str | None:
    """The reason without blanks around. Raises `datos_invalidos` when the action asks for one and it lacks."""
    limpio = " ".join((motivo or "").split())
    if not limpio and accion in CON_MOTIVO:
        raise campo_invalido(
            "motivo", f"Escriba el motivo de la {NOMBRES[accion]}; se le informa a la cuenta."
        )
    if len(limpio) > MAX_MOTIVO:
        raise campo_invalido("motivo", f"Escriba el motivo en a lo más {MAX_MOTIVO} caracteres.")
    return limpio or None


def exigir_hija(padre_id: UUID, cuenta: CuentaGuardada | None) -> CuentaGuardada:
    """The CM, if it is a direct sub-distributor that is still there. Raises `no_encontrado`: the same for all others."""
    if cuenta is None or cuenta.padre_id != padre_id or cuenta.estado == Estado.ELIMINADO:
        raise DomainError(
            Codigo.NO_ENCONTRADO, "No existe ese distribuidor. Revise el identificador e intente de nuevo."
        )
    return cuenta


def contacto_de_quien_da_de_alta() -> DomainError:
    """The new distributor is somebody else (manual: Alta de distribuidor en el portal)."""
    return campo_invalido(
        "correo",
        "El correo y el móvil del nuevo distribuidor no pueden ser de quien administra la cuenta que lo da de alta."
        " Use los del distribuidor.",
    )


def ya_espera_otra(espera: CuentaGuardada | None) -> DomainError:
    """Of one correo, one alta waits at a time under one parent."""
    return DomainError(
        Codigo.CONFLICTO,
        "Ya hay una cuenta sin validar con ese correo. Reenvíele el correo de confirmación, o cancélela.",
        datos={} if espera is None else {"cuenta_id": str(espera.cuenta_id)},
    )


def sin_multinivel() -> DomainError:
    """Sub-distributors need the MKL Multi-nivel (manual: Alta de distribuidor en el portal)."""
    return DomainError(
        Codigo.CONTRATO_REQUERIDO,
        "Para dar de alta distribuidores necesita el MKL Multi-nivel vigente. Adquiéralo en Compras.",
        datos={"producto": MULTINIVEL},
    )


def en_ambos_lados(nombres: list[str]) -> DomainError:
    """Of the adopting CM's own usuarios: they administer a sub-distributor that would hang from it."""
    return DomainError(
        Codigo.CONFLICTO,
        f"{', '.join(nombres)} administra su cuenta y también la de un distribuidor de la que va a cancelar, que pasaría a"
        " depender de la suya; un perfil no puede estar en ambos lados de la relación. Quítelo antes de los usuarios de"
        " su cuenta.",
    )


def dos_altas_de_un_correo(espera: CuentaGuardada) -> DomainError:
    """One alta of a correo waits at a time under one parent, also when one is adopted."""
    return DomainError(
        Codigo.CONFLICTO,
        f"Un alta sin validar de la cuenta que va a cancelar pasaría a depender de la suya, y «{espera.nombre}» ya espera"
        " con el mismo correo. Cancele antes la suya, o corríjale el correo al reenviarla.",
        datos={"cuenta_id": str(espera.cuenta_id)},
    )
