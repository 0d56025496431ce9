"""timbrado: stocks, CTI, transfers and stampings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio

CONTRASENA = validate.Length(min=8, max=128, error="La contraseña debe tener de 8 a 128 caracteres.")
CANTIDAD = validate.Range(min=1, max=100_000_000, error="La cantidad debe ser de 1 a 100,000,000 timbres.")
LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class Cti:
    """A cuenta de timbrado. `disponible` = balance less holds; `con_contrasena`: it can stamp."""

    id: str
    nic: int
    cuenta_id: UUID
    cliente_id: UUID
    tipo: str
    activa: bool
    motivo_bloqueo: str | None = None
    saldo: int
    disponible: int
    con_contrasena: bool
    creada_en: datetime


@dataclass(frozen=True, kw_only=True)
class CtiConContrasena:
    """A CTI's id and its generated password, shown once: null on a replay or when it was delivered before."""

    id: str
    contrasena: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class EntregarCtiInicial(PeticionConClave):
    """Make sure that a new cliente's first CTI exists, and deliver its generated password once."""

    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cti: str
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ListarCtis:
    """CTIs of a CM, optionally of one cliente, by id."""

    cuenta_id: UUID
    nic: int | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaCtis:
    datos: list[Cti]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerCti:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class BloquearCti(PeticionConClave):
    """Block (`bloqueada`) or reactivate a CTI. No debit begins after this is answered."""

    cuenta_id: UUID
    cti: str
    bloqueada: bool
    motivo: str | None = field(default=None, metadata={"validate": validate.Length(max=500)})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class RestablecerContrasena(PeticionConClave):
    """Set a CTI's password, or have one generated when `contrasena` is null."""

    # The password stays out of the stored hash of the request: a fast hash of it could be guessed.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    cuenta_id: UUID
    cti: str
    contrasena: str | None = field(default=None, metadata={"validate": CONTRASENA}, repr=False)
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Transferir(PeticionConClave):
    """Timbres from a CM's stock to a cliente's CTI. Irreversible; a venta of `importe` MXN."""

    cuenta_id: UUID
    cti: str
    cantidad: int = field(metadata={"validate": CANTIDAD})
    importe: Decimal
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class TransferenciaHecha:
    """`saldo` of the CTI and `existencia` of the CM after the transfer."""

    transferencia_id: UUID
    cti: str
    cantidad: int
    importe: Decimal
    saldo: int
    existencia: int


@dataclass(frozen=True, kw_only=True)
class Emitir(PeticionConClave):
    """Mint timbres into the root's stock. Only the root's own staff."""

    cuenta_id: UUID
    cantidad: int = field(metadata={"validate": CANTIDAD})
    referencia: str = ""
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Abastecer(PeticionConClave):
    """Timbres from a CM's stock to a direct sub-distributor's stock."""

    cuenta_id: UUID
    destino_id: UUID
    cantidad: int = field(metadata={"validate": CANTIDAD})
    importe: Decimal
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Existencia:
    """Stock of a CM."""

    cuenta_id: UUID
    existencia: int


@dataclass(frozen=True, kw_only=True)
class ConsultarExistencia:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class ListarMovimientos:
    """Statement of the CM's stock, or of one of its CTIs when `cti` is given; newest first."""

    cuenta_id: UUID
    cti: str | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class MovimientoDeTimbres:
    """`cantidad` is negative when timbres leave. `saldo`, `secuencia`, `sello` are null until sealed (seconds)."""

    id: int
    operacion: UUID
    cantidad: int
    motivo: str
    referencia: str
    importe: Decimal | None = None
    creado_en: datetime
    secuencia: int | None = None
    saldo: int | None = None
    sello: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaMovimientos:
    datos: list[MovimientoDeTimbres]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class SolicitudDeTimbrado:
    """One CFDI to stamp with a CTI's credentials. `idd`: the caller's own id of the document."""

    cti: str
    contrasena: str = field(repr=False)
    xml: str = field(repr=False)
    idd: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoteDeTimbrado:
    """Stampings that arrived together: one message, one transaction."""

    solicitudes: list[SolicitudDeTimbrado]


@dataclass(frozen=True, kw_only=True)
class ResultadoDeTimbrado:
    """Either `uuid` and `xml` (with its TFD), or `error` with detail and facts. `repetido`: stamped before, free."""

    uuid: UUID | None = None
    xml: str | None = None
    idd: str | None = None
    repetido: bool = False
    error: str | None = None
    detail: str | None = None
    datos: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResultadosDeTimbrado:
    """One result per request, in the same order."""

    resultados: list[ResultadoDeTimbrado]


@dataclass(frozen=True, kw_only=True)
class ConsultarTimbrado:
    """A CFDI stamped by this CTI, by its UUID or by the caller's idd."""

    cti: str
    contrasena: str = field(repr=False)
    uuid_o_idd: str


@dataclass(frozen=True, kw_only=True)
class InyectarFalla:
    """Tell the sandbox PAC to fail, `veces` times, as a PAC fails (`services/timbrado/pac/sandbox.py`)."""

    modo: str
    veces: int = field(default=1, metadata={"validate": validate.Range(min=1, max=10_000)})


ENTREGAR_CTI_INICIAL = Rpc(
    "timbrado", "entregar_cti_inicial_v1", EntregarCtiInicial, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
LISTAR_CTIS = Rpc("timbrado", "listar_ctis_v1", ListarCtis, PaginaCtis)
OBTENER_CTI = Rpc("timbrado", "obtener_cti_v1", ObtenerCti, Cti)
BLOQUEAR_CTI = Rpc("timbrado", "bloquear_cti_v1", BloquearCti, Cti, cambia=True)
RESTABLECER_CONTRASENA = Rpc(
    "timbrado", "restablecer_contrasena_v1", RestablecerContrasena, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
TRANSFERIR = Rpc("timbrado", "transferir_v1", Transferir, TransferenciaHecha, cambia=True)
EMITIR = Rpc("timbrado", "emitir_v1", Emitir, Existencia, cambia=True)
ABASTECER = Rpc("timbrado", "abastecer_v1", Abastecer, Existencia, cambia=True)
CONSULTAR_EXISTENCIA = Rpc("timbrado", "consultar_existencia_v1", ConsultarExistencia, Existencia)
LISTAR_MOVIMIENTOS = Rpc("timbrado", "listar_movimientos_v1", ListarMovimientos, PaginaMovimientos)
TIMBRAR_LOTE = Rpc("timbrado", "timbrar_lote_v1", LoteDeTimbrado, ResultadosDeTimbrado, plazo=12.0)
CONSULTAR_TIMBRADO = Rpc("timbrado", "consultar_timbrado_v1", ConsultarTimbrado, ResultadoDeTimbrado)
VALIDAR_CFDI = Rpc("timbrado", "validar_cfdi_v1", SolicitudDeTimbrado, ResultadoDeTimbrado)
INYECTAR_FALLA = Rpc("timbrado", "inyectar_falla_v1", InyectarFalla, Vacio)
