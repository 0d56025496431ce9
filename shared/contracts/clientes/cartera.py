"""RPC of clientes: the cartera searched, ordered and counted, and its rebuilding."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import Rpc
from shared.contracts.clientes.campos import COLOR, LIMITE, TEXTO, opcional
from shared.contracts.clientes.clientes import NICS_MAXIMOS, Cliente

#: Manual, Filtrar y buscar: a to l, in its order.
ORDENES_DE_CARTERA = (
    "nombre", "nic", "mayor_saldo_timbres", "menor_saldo_timbres", "mayor_saldo_puntos", "menor_saldo_puntos",
    "compra_reciente", "compra_antigua", "alta_reciente", "alta_antigua", "emision_reciente", "emision_antigua",
)  # fmt: skip
#: Clientes by whom the rows of another service are looked for.
NICS_HALLADOS = 1_000
BAJAS = ("false", "true", "todas")
_TIMBRES = validate.Range(min=0, max=2**62, error="Escriba un número de timbres de cero en adelante.")
_PUNTOS = validate.Range(
    min=Decimal(0), max=Decimal(10) ** 15, error="Escriba una cantidad de puntos de cero en adelante."
)


@dataclass(frozen=True, kw_only=True)
class BuscarEnCartera:
    """What is looked for in a CM's cartera. `q`: every word must be in some field; `baja`: `false` hides the bajas."""

    cuenta_id: UUID
    q: str | None = opcional(TEXTO)
    orden: str = field(
        default="alta_reciente",
        metadata={
            "validate": validate.OneOf(
                ORDENES_DE_CARTERA, error=f"El orden debe ser uno de: {', '.join(ORDENES_DE_CARTERA)}."
            )
        },
    )
    favorito: bool | None = None
    baja: str = field(
        default="false",
        metadata={"validate": validate.OneOf(BAJAS, error="Baja debe ser true, false o todas.")},
    )
    color: str | None = opcional(COLOR)
    timbres_desde: int | None = opcional(_TIMBRES)
    timbres_hasta: int | None = opcional(_TIMBRES)
    puntos_desde: Decimal | None = field(default=None, metadata={"validate": _PUNTOS})
    puntos_hasta: Decimal | None = field(default=None, metadata={"validate": _PUNTOS})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListarCartera(BuscarEnCartera):
    """One page of it."""

    limite: int = field(default=50, metadata={"validate": LIMITE})


@dataclass(frozen=True, kw_only=True)
class ExportarCartera(BuscarEnCartera):
    """A piece of it as lines of a CSV."""


@dataclass(frozen=True, kw_only=True)
class PiezaDeCartera:
    """`csv`: lines of up to `PIEZA_DE_EXPORTACION` clientes, no header; `siguiente`: null at the end."""

    csv: str
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClienteDeCartera(Cliente):
    """A cliente with what other services told of it, seconds behind: the timbres of all its CTI estándar, its puntos,
    and when timbres were last sold to it."""

    saldo_timbres: int = 0
    saldo_puntos: Decimal = Decimal(0)
    ultima_compra: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaDeCartera:
    datos: list[ClienteDeCartera] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ContarCartera:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class ResumenDeCartera:
    """How many clientes each tab has; `colores` only those that are in use."""

    todos: int
    favoritos: int
    bajas: int
    colores: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HallarClientes:
    """The NIC of all clientes, bajas too, that a search finds, if they are no more than `NICS_HALLADOS`."""

    cuenta_id: UUID
    q: str = field(metadata={"validate": TEXTO})


@dataclass(frozen=True, kw_only=True)
class ClientesHallados:
    """`completos`: there are no others."""

    nics: list[int] = field(default_factory=list)
    completos: bool = True


@dataclass(frozen=True, kw_only=True)
class NombrarClientes:
    """The names of the clientes that rows of another service are of."""

    cuenta_id: UUID
    nics: list[int] = field(metadata={"validate": validate.Length(max=NICS_MAXIMOS)})


@dataclass(frozen=True, kw_only=True)
class NombresDeClientes:
    """By NIC, as text; whoever is not the CM's is missing."""

    nombres: dict[str, str] = field(default_factory=dict)


LISTAR_CARTERA = Rpc("clientes", "listar_cartera_v1", ListarCartera, PaginaDeCartera)
CONTAR_CARTERA = Rpc("clientes", "contar_cartera_v1", ContarCartera, ResumenDeCartera)
EXPORTAR_CARTERA = Rpc("clientes", "exportar_cartera_v1", ExportarCartera, PiezaDeCartera)
HALLAR_CLIENTES = Rpc("clientes", "hallar_clientes_v1", HallarClientes, ClientesHallados)
NOMBRAR_CLIENTES = Rpc("clientes", "nombrar_clientes_v1", NombrarClientes, NombresDeClientes)
