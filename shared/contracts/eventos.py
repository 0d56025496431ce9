"""Events that cross services, by owner, and who consumes them. The topology job declares their queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.contracts.base import Evento


@dataclass(frozen=True, kw_only=True)
class CuentaMaestraCreada:
    """A distributor's account exists. `padre_id` is null for the root."""

    cuenta_id: UUID
    padre_id: UUID | None = None
    nombre: str


@dataclass(frozen=True, kw_only=True)
class ClienteCreado:
    """A cliente entered a CM's cartera; `cti` is the id of its first CTI estándar, chosen by clientes."""

    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    nombre: str
    cti: str


@dataclass(frozen=True, kw_only=True)
class ClienteConvertido:
    """A cliente became a distributor: from now on it is the first cliente of its own CM, under the CM that had it.

    NIC, CTI, their passwords and keys, and the accounts of both ledgers keep their ids; what moves is whose they are.
    - timbrado: the CTI go to `cuenta_id`, with their statements, documents and logbooks, which hang from the CTI.
      Automatic sales of the earlier CM end. Its transfers, bulk transfers, notices and contracts of ilimitadas stay
      as its history: it sold, it paid. A stamping under way goes on, since it knows only the CTI and its account; a
      transfer under way ends before or is refused after.
    - puntos: the wallet goes. licencias: the cliente goes; licences issued stay signed by who issued them, who alone
      may revoke them, and the new CM sees them. facturacion: the cliente goes; ventas and invoices stay the seller's.

    It may come twice (each consumer looks at who has the cliente now) or before `ClienteCreado` (the consumer fails
    and the bus brings it again later). A cliente is converted once, so no order between two conversions matters.
    """

    cliente_id: UUID
    nic: int
    cuenta_anterior_id: UUID
    cuenta_id: UUID
    nombre: str
    padre_id: UUID
    en: datetime


@dataclass(frozen=True, kw_only=True)
class ClientesCreadosLote:
    """Clientes that one CM imported together, up to 500: the fields of `ClienteCreado`, as columns.

    Value `i` of every column is of one cliente; ids, NIC and CTI are texts joined by commas. An event for each of
    100,000 would be handled 400,000 times.
    """

    cuenta_id: UUID
    clientes: str
    nics: str
    ctis: str
    nombres: list[str]

    def filas(self) -> list[ClienteCreado]:
        """The same, one by one."""
        columnas = (self.clientes.split(","), self.nics.split(","), self.ctis.split(","), self.nombres)
        return [
            ClienteCreado(
                cuenta_id=self.cuenta_id, cliente_id=UUID(id_), nic=int(nic), nombre=nombre, cti=cti
            )
            for id_, nic, cti, nombre in zip(*columnas, strict=True)
        ]


#: Of a name that was erased: newer than every version that a cliente may have.
VERSION_DE_SUPRIMIDO = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class ClientesCambiados:
    """Clientes with another name, as columns (see `ClientesCreadosLote`), up to 1,000, each once.

    `versiones`: of each cliente, growing with its changes. A name of an older version says nothing new, nor does any
    of one that is erased (`VERSION_DE_SUPRIMIDO`). It may come before the cliente's creation: the consumer fails, and
    the bus brings it again later.
    """

    clientes: str
    versiones: str
    nombres: list[str]


@dataclass(frozen=True, kw_only=True)
class TimbresTransferidos:
    """A CM moved timbres from its stock to a cliente's CTI: a venta to invoice. `importe` in MXN."""

    transferencia_id: UUID
    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cti: str
    cantidad: int
    importe: Decimal
    origen: str
    en: datetime


@dataclass(frozen=True, kw_only=True)
class TimbresTransferidosLote:
    """Transfers that one CM made together, up to 500: the fields of `TimbresTransferidos`, as columns.

    A column is the text of its values joined by commas, which none of them contains; value `i` of every column is
    of one transfer. One SQL statement writes them and another reads them as they are: an object for each of 50,000,
    checked and built on either side, would cost several times the transfers.
    """

    cuenta_id: UUID
    origen: str
    en: datetime
    transferencias: str
    clientes: str
    nics: str
    ctis: str
    cantidades: str
    importes: str


@dataclass(frozen=True, kw_only=True)
class PuntosTransferidos:
    """A CM moved puntos from its wallet to a cliente's: a venta to invoice."""

    transferencia_id: UUID
    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    puntos: Decimal
    importe: Decimal
    origen: str
    en: datetime


@dataclass(frozen=True, kw_only=True)
class Consumo:
    """Timbres that one CTI spent in a lot; `en` is the last of them."""

    cti: str
    cuenta_id: UUID
    cliente_id: UUID
    cantidad: int
    en: datetime


@dataclass(frozen=True, kw_only=True)
class TimbresConsumidos:
    """What one lot of stampings spent, by CTI."""

    consumos: list[Consumo]


@dataclass(frozen=True, kw_only=True)
class AvisoCreado:
    """Something that a CM has to know (`services/timbrado/repository/avisos.py`); `mensaje` is Spanish."""

    aviso_id: UUID
    cuenta_id: UUID
    tipo: str
    cti: str | None = None
    mensaje: str
    en: datetime


@dataclass(frozen=True, kw_only=True)
class CobroSolicitado:
    """Charge a CM's wallet `puntos`, once per `cargo_id`; puntos answers with `CobroResuelto`."""

    cargo_id: UUID
    cuenta_id: UUID
    puntos: Decimal
    concepto: str
    referencia: str = ""


@dataclass(frozen=True, kw_only=True)
class CobroResuelto:
    """What became of a charge. Refused: `motivo` (Spanish) and, for lack of balance, the puntos that `faltan`."""

    cargo_id: UUID
    cuenta_id: UUID
    concepto: str
    cobrado: bool
    motivo: str | None = None
    faltan: Decimal | None = None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class CobroDevuelto:
    """What was paid with this charge can't be given: puntos gives it back, once.

    `puntos`, `concepto` and `referencia` are those of a charge that nobody answered in time: one that puntos has not met
    yet is refused from now on, whenever it comes.
    """

    cargo_id: UUID
    cuenta_id: UUID
    motivo: str
    puntos: Decimal | None = None
    concepto: str = ""
    referencia: str = ""


@dataclass(frozen=True, kw_only=True)
class AsientoDeAuditoria:
    """An entry of the audit log of a CM, or of the platform (`cuenta_id` null). `shared/auditoria` says what is in it.

    `detalle` is JSON in the canonical form in which it is stored and sealed. `resultado`: hecho or rechazado.
    """

    id: UUID
    cuenta_id: UUID | None = None
    en: datetime
    accion: str
    actor_tipo: str
    actor: str = ""
    ip: str = ""
    correlacion: str = ""
    objeto: str = ""
    resultado: str = "hecho"
    detalle: str = "{}"


@dataclass(frozen=True, kw_only=True)
class CuentaMaestraCambiada:
    """A CM changed: its state, its expiry. `version` grows with each change; an older word says nothing new."""

    cuenta_id: UUID
    estado: str
    vence_en: datetime | None = None
    version: int
    en: datetime


@dataclass(frozen=True, kw_only=True)
class CuentaSuprimida:
    """A CM was removed: who it was is to be forgotten; its id and its movements stay."""

    cuenta_id: UUID
    en: datetime


@dataclass(frozen=True, kw_only=True)
class ClienteSuprimido:
    """Who a cliente is was erased at its request: its name is to be forgotten, its NIC and movements stay."""

    cliente_id: UUID
    nic: int
    en: datetime


@dataclass(frozen=True, kw_only=True)
class CuentaRenovada:
    """A CM's further year was paid, with these MKL contracts: they end with it, on the day `vence_en`."""

    renovacion_id: UUID
    cuenta_id: UUID
    vence_en: date
    mkl: list[UUID]


@dataclass(frozen=True, kw_only=True)
class MklContratada:
    """An MKL contract of a CM, new or extended; both days included. `precio_anual` in puntos."""

    mkl_id: UUID
    cuenta_id: UUID
    producto: str
    inicia_en: date
    vence_en: date
    precio_anual: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class SaldosDeTimbres:
    """Sealed balances of CTI estándar, as columns (see `TimbresTransferidosLote`), each CTI once.

    `versiones`: the link of its account's chain that a balance is of; it only grows, so that an older word says
    nothing new. `compras`: when timbres last came in, RFC 3339, empty when not among these movements.
    """

    ctis: str
    clientes: str
    saldos: str
    versiones: str
    compras: str


@dataclass(frozen=True, kw_only=True)
class SaldosDePuntos:
    """Sealed balances of wallets of clientes, in hundredths of a punto, as columns."""

    clientes: str
    saldos: str
    versiones: str


@dataclass(frozen=True, kw_only=True)
class CtisCreadas:
    """CTI that now exist, and whose they are, as columns."""

    ctis: str
    clientes: str


CUENTA_MAESTRA_CREADA = Evento("clientes", "cuenta_maestra_creada_v1", CuentaMaestraCreada)
CLIENTE_CREADO = Evento("clientes", "cliente_creado_v1", ClienteCreado)
CLIENTE_CONVERTIDO = Evento("clientes", "cliente_convertido_v1", ClienteConvertido)
CLIENTES_CREADOS_LOTE = Evento("clientes", "clientes_creados_lote_v1", ClientesCreadosLote)
CLIENTES_CAMBIADOS = Evento("clientes", "clientes_cambiados_v1", ClientesCambiados)
TIMBRES_TRANSFERIDOS = Evento("timbrado", "timbres_transferidos_v1", TimbresTransferidos)
TIMBRES_TRANSFERIDOS_LOTE = Evento("timbrado", "timbres_transferidos_lote_v1", TimbresTransferidosLote)
TIMBRES_CONSUMIDOS = Evento("timbrado", "timbres_consumidos_v1", TimbresConsumidos)
PUNTOS_TRANSFERIDOS = Evento("puntos", "puntos_transferidos_v1", PuntosTransferidos)
AVISO_CREADO = Evento("timbrado", "aviso_creado_v1", AvisoCreado)
COBRO_SOLICITADO = Evento("timbrado", "cobro_solicitado_v1", CobroSolicitado)
COBRO_DEVUELTO = Evento("timbrado", "cobro_devuelto_v1", CobroDevuelto)
COBRO_RESUELTO = Evento("puntos", "cobro_resuelto_v1", CobroResuelto)
CUENTA_MAESTRA_CAMBIADA = Evento("clientes", "cuenta_maestra_cambiada_v1", CuentaMaestraCambiada)
CUENTA_SUPRIMIDA = Evento("clientes", "cuenta_suprimida_v1", CuentaSuprimida)
CLIENTE_SUPRIMIDO = Evento("clientes", "cliente_suprimido_v1", ClienteSuprimido)
CUENTA_RENOVADA = Evento("clientes", "cuenta_renovada_v1", CuentaRenovada)
MKL_CONTRATADA = Evento("licencias", "mkl_contratada_v1", MklContratada)
RENOVACION_COBRO_SOLICITADO = Evento("clientes", "cobro_solicitado_v1", CobroSolicitado)
RENOVACION_COBRO_DEVUELTO = Evento("clientes", "cobro_devuelto_v1", CobroDevuelto)
SALDOS_DE_TIMBRES = Evento("timbrado", "saldos_de_timbres_v1", SaldosDeTimbres)
SALDOS_DE_PUNTOS = Evento("puntos", "saldos_de_puntos_v1", SaldosDePuntos)
CTIS_CREADAS = Evento("timbrado", "ctis_creadas_v1", CtisCreadas)
#: Each service's entries of the audit log, written in the transaction of what they tell.
AUDITORIA: dict[str, Evento[AsientoDeAuditoria]] = {
    servicio: Evento(servicio, "auditoria_v1", AsientoDeAuditoria)
    for servicio in ("clientes", "timbrado", "puntos", "licencias", "facturacion")
}

SUSCRIPCIONES: dict[Evento[Any], tuple[str, ...]] = {
    CUENTA_MAESTRA_CREADA: ("timbrado", "puntos", "licencias", "facturacion"),
    CLIENTES_CREADOS_LOTE: ("timbrado", "puntos", "licencias", "facturacion"),
    CLIENTE_CREADO: ("timbrado", "puntos", "licencias", "facturacion"),
    CLIENTE_CONVERTIDO: ("timbrado", "puntos", "licencias", "facturacion"),
    CLIENTES_CAMBIADOS: ("puntos", "licencias", "facturacion"),
    TIMBRES_TRANSFERIDOS: ("facturacion",),
    TIMBRES_TRANSFERIDOS_LOTE: ("facturacion",),
    TIMBRES_CONSUMIDOS: ("clientes",),
    PUNTOS_TRANSFERIDOS: ("facturacion",),
    AVISO_CREADO: ("clientes",),
    COBRO_SOLICITADO: ("puntos",),
    COBRO_DEVUELTO: ("puntos",),
    COBRO_RESUELTO: ("timbrado", "clientes"),
    CUENTA_MAESTRA_CAMBIADA: ("timbrado",),
    CUENTA_SUPRIMIDA: ("puntos", "licencias", "facturacion"),
    CLIENTE_SUPRIMIDO: ("puntos", "licencias", "facturacion"),
    CUENTA_RENOVADA: ("licencias",),
    MKL_CONTRATADA: ("clientes",),
    RENOVACION_COBRO_SOLICITADO: ("puntos",),
    RENOVACION_COBRO_DEVUELTO: ("puntos",),
    SALDOS_DE_TIMBRES: ("clientes",),
    SALDOS_DE_PUNTOS: ("clientes",),
    CTIS_CREADAS: ("clientes",),
    **dict.fromkeys(AUDITORIA.values(), ("clientes",)),
}
