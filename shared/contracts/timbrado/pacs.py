"""PACs, as operators see them: their health, pauses, and the daily reconciliation against their lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio

MOTIVO_DE_PAUSA = validate.Length(min=1, max=300, error="Escriba el motivo, de 1 a 300 caracteres.")
_LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class InyectarFalla:
    """Tell the sandbox PAC to fail, `veces` times, as a PAC fails (`services/timbrado/pac/sandbox.py`)."""

    modo: str
    veces: int = field(default=1, metadata={"validate": validate.Range(min=1, max=10_000)})


@dataclass(frozen=True, kw_only=True)
class PacDeOperacion:
    """A configured PAC now. `disyuntor`: cerrado (in use), abierto (resting) or semiabierto (one request tries it).

    `prioridad`: the lower goes first. `timbrados` and `rechazados` are of the last hour, `pendientes` of now.
    """

    nombre: str
    tipo: str
    prioridad: int
    publica_lista: bool
    pausado: bool
    motivo: str | None = None
    disyuntor: str
    abierto_hasta: datetime | None = None
    fallas_seguidas: int = 0
    ultimo_error: str | None = None
    ultimo_error_en: datetime | None = None
    timbrados: int = 0
    rechazados: int = 0
    pendientes: int = 0


@dataclass(frozen=True, kw_only=True)
class ListarPacs:
    """The configured PACs, in the order in which they are tried."""


@dataclass(frozen=True, kw_only=True)
class Pacs:
    datos: list[PacDeOperacion]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class PausarPac(PeticionConClave):
    """Send nothing more to a PAC; what it may have stamped is still asked of it. `cuenta_id` is the root's."""

    cuenta_id: UUID
    nombre: str
    motivo: str = field(metadata={"validate": MOTIVO_DE_PAUSA})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ReanudarPac(PeticionConClave):
    """Send to it again, with its failures forgotten."""

    cuenta_id: UUID
    nombre: str
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ConciliarPac(PeticionConClave):
    """Compare a day (central time, by FechaTimbrado) with the PAC's list, now or again. `cuenta_id` is the root's."""

    cuenta_id: UUID
    pac: str
    dia: date
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Conciliacion:
    """`estado`: pendiente, en_curso, terminada or fallida (the PAC did not give its list; `detalle` says why).

    `en_pac` and `aqui` are the stamps of the day that each side has; `abiertas` the differences not resolved.
    """

    id: UUID
    pac: str
    dia: date
    estado: str
    en_pac: int | None = None
    aqui: int | None = None
    diferencias: int | None = None
    abiertas: int = 0
    detalle: str | None = None
    solicitada_en: datetime
    terminada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarConciliaciones:
    """Newest day first; of one PAC if it is named."""

    pac: str | None = None
    limite: int = field(default=50, metadata={"validate": _LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaConciliaciones:
    datos: list[Conciliacion]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class DiferenciaDePac:
    """`tipo`: falta_en_pac (we have it, its list does not), falta_aqui (the other way) or emisor_distinto."""

    id: UUID
    uuid: UUID
    tipo: str
    emisor_pac: str | None = None
    emisor_aqui: str | None = None
    timbrado_en: datetime | None = None
    visto_en: datetime
    resuelta_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarDiferenciasDePac:
    """Of one reconciliation, oldest first. `abiertas`: only those not resolved, or only those resolved."""

    conciliacion_id: UUID
    abiertas: bool | None = None
    limite: int = field(default=50, metadata={"validate": _LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaDiferenciasDePac:
    datos: list[DiferenciaDePac]
    siguiente: str | None = None


INYECTAR_FALLA = Rpc("timbrado", "inyectar_falla_v1", InyectarFalla, Vacio)
LISTAR_PACS = Rpc("timbrado", "listar_pacs_v1", ListarPacs, Pacs)
PAUSAR_PAC = Rpc("timbrado", "pausar_pac_v1", PausarPac, PacDeOperacion, cambia=True)
REANUDAR_PAC = Rpc("timbrado", "reanudar_pac_v1", ReanudarPac, PacDeOperacion, cambia=True)
CONCILIAR_PAC = Rpc("timbrado", "conciliar_pac_v1", ConciliarPac, Conciliacion, cambia=True)
LISTAR_CONCILIACIONES = Rpc(
    "timbrado", "listar_conciliaciones_v1", ListarConciliaciones, PaginaConciliaciones
)
LISTAR_DIFERENCIAS_DE_PAC = Rpc(
    "timbrado", "listar_diferencias_de_pac_v1", ListarDiferenciasDePac, PaginaDiferenciasDePac
)
