"""CTI ilimitadas: prices, contracts and their years, and the applications that may use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio

MODALIDAD = validate.OneOf(("abierta", "un_rfc"), error="La modalidad debe ser abierta o un_rfc.")
LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class TarifaIlimitada:
    """Price of a year in puntos."""

    modalidad: str
    precio: Decimal
    descripcion: str
    actualizada_en: datetime


@dataclass(frozen=True, kw_only=True)
class TarifasIlimitadas:
    """The modalidades that can be contracted now."""

    datos: list[TarifaIlimitada] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class PonerTarifas(PeticionConClave):
    """Set both prices. Only the root's own staff; contracts that were made keep theirs."""

    abierta: Decimal
    un_rfc: Decimal
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ContratarIlimitada(PeticionConClave):
    """Ask for a year of an ilimitada, paid with the CM's puntos. `precio`: refuse if it is another one now.

    `rfc` goes with `un_rfc` and only with it. The same call renews: the new year follows the present one.
    """

    cuenta_id: UUID
    cti: str
    modalidad: str = field(metadata={"validate": MODALIDAD})
    rfc: str | None = None
    precio: Decimal | None = None
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Contratacion:
    """A year of an ilimitada. `estado`: solicitada, activa, rechazada, cancelada or caducada (no answer in time).

    `precio` in puntos. `motivo` and `faltan` (puntos) say why it was refused. `desde` and `hasta` are the year that
    was paid. `devolucion_en`: a charge that arrived too late was given back.
    """

    id: UUID
    cti: str
    nic: int
    modalidad: str
    rfc: str | None = None
    precio: Decimal
    estado: str
    motivo: str | None = None
    faltan: Decimal | None = None
    solicitada_en: datetime
    caduca_en: datetime
    resuelta_en: datetime | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
    devolucion_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerContrato:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class Contrato:
    """What an ilimitada is good for now: `modalidad`, `rfc` and `vigente_hasta` are null before its first year.

    `en_proceso`: a request that puntos has not answered yet. `siguientes`: paid years that have not begun.
    """

    cti: str
    vigente: bool
    modalidad: str | None = None
    rfc: str | None = None
    vigente_hasta: datetime | None = None
    en_proceso: Contratacion | None = None
    siguientes: list[Contratacion] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CancelarContratacion(PeticionConClave):
    """Call off a request that was not resolved yet. A charge that arrives later is given back."""

    cuenta_id: UUID
    contratacion_id: UUID
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ObtenerContratacion:
    cuenta_id: UUID
    contratacion_id: UUID


@dataclass(frozen=True, kw_only=True)
class ListarContrataciones:
    """Contracts of one CTI, the newest first."""

    cuenta_id: UUID
    cti: str
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaContrataciones:
    datos: list[Contratacion] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class Aplicacion:
    """A registered application. `huella`: SHA-256 of its public key in hexadecimal, to compare by eye."""

    id: UUID
    nombre: str
    plataforma: str
    huella: str
    creada_en: datetime
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RegistrarAplicacion(PeticionConClave):
    """Register an application that may stamp with ilimitadas. `llave_publica`: Ed25519, PEM or base64url."""

    nombre: str
    plataforma: str = field(
        metadata={
            "validate": validate.OneOf(("windows", "web"), error="La plataforma debe ser windows o web.")
        }
    )
    llave_publica: str = field(metadata={"validate": validate.Length(max=1000)})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class RevocarAplicacion(PeticionConClave):
    """Revoke an application for good; within seconds nobody stamps with it."""

    aplicacion_id: UUID
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ListarAplicaciones:
    """Every application, revoked or not, the newest first."""

    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaAplicaciones:
    datos: list[Aplicacion] = field(default_factory=list)
    siguiente: str | None = None


CONSULTAR_TARIFAS = Rpc("timbrado", "consultar_tarifas_ilimitadas_v1", Vacio, TarifasIlimitadas)
PONER_TARIFAS = Rpc("timbrado", "poner_tarifas_ilimitadas_v1", PonerTarifas, TarifasIlimitadas, cambia=True)
CONTRATAR_ILIMITADA = Rpc("timbrado", "contratar_ilimitada_v1", ContratarIlimitada, Contratacion, cambia=True)
CANCELAR_CONTRATACION = Rpc(
    "timbrado", "cancelar_contratacion_v1", CancelarContratacion, Contratacion, cambia=True
)
OBTENER_CONTRATO = Rpc("timbrado", "obtener_contrato_v1", ObtenerContrato, Contrato)
OBTENER_CONTRATACION = Rpc("timbrado", "obtener_contratacion_v1", ObtenerContratacion, Contratacion)
LISTAR_CONTRATACIONES = Rpc(
    "timbrado", "listar_contrataciones_v1", ListarContrataciones, PaginaContrataciones
)
REGISTRAR_APLICACION = Rpc(
    "timbrado", "registrar_aplicacion_v1", RegistrarAplicacion, Aplicacion, cambia=True
)
REVOCAR_APLICACION = Rpc("timbrado", "revocar_aplicacion_v1", RevocarAplicacion, Aplicacion, cambia=True)
LISTAR_APLICACIONES = Rpc("timbrado", "listar_aplicaciones_v1", ListarAplicaciones, PaginaAplicaciones)
