"""SQL of renewals, and of what a year costs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from services.clientes.domain.renovaciones import Capacidad, RenovacionGuardada
from services.clientes.repository.base import Base
from shared.pagination import Posicion

_COLUMNAS = (
    "id, cuenta_id, paga_id, quien, actor, conceptos, total, estado, motivo, faltan, vencia_en, vence_en,"
    " solicitada_en, caduca_en, resuelta_en, devolucion_en"
)
#: The partial unique index is the arbiter: one in process for a CM, whoever pays.
_ABRIR = text(
    f"INSERT INTO renovaciones_de_cuenta ({_COLUMNAS}) VALUES (:id, :cuenta_id, :paga_id, :quien, :actor, :conceptos,"
    " :total, :estado, :motivo, :faltan, :vencia_en, :vence_en, :solicitada_en, :caduca_en, :resuelta_en,"
    " :devolucion_en) ON CONFLICT (cuenta_id) WHERE estado = 'solicitada' DO NOTHING RETURNING id"
).bindparams(bindparam("conceptos", type_=JSONB))
_UNA = f"SELECT {_COLUMNAS} FROM renovaciones_de_cuenta WHERE id = :id"
_CAMBIAR = text(
    "UPDATE renovaciones_de_cuenta SET estado = :estado, motivo = :motivo, faltan = :faltan, vence_en = :vence_en,"
    " resuelta_en = :resuelta_en, devolucion_en = :devolucion_en WHERE id = :id"
)
_CAMBIA = {"id", "estado", "motivo", "faltan", "vence_en", "resuelta_en", "devolucion_en"}
_ULTIMA = text(
    f"SELECT {_COLUMNAS} FROM renovaciones_de_cuenta WHERE cuenta_id = :id ORDER BY solicitada_en DESC, id DESC LIMIT 1"
)
_CADUCAS = text(
    f"SELECT {_COLUMNAS} FROM renovaciones_de_cuenta WHERE estado = 'solicitada' AND caduca_en <= :ahora"
    " ORDER BY caduca_en LIMIT :limite FOR UPDATE SKIP LOCKED"
)
_CONTRATOS = text(
    "SELECT mkl_id, producto, inicia_en, vence_en, precio_anual FROM capacidades WHERE cuenta_id = :id"
)
_CUOTA = text("SELECT cuota, desde FROM cuotas_anuales ORDER BY id DESC LIMIT 1")
_PONER_CUOTA = text("INSERT INTO cuotas_anuales (cuota, actor, desde) VALUES (:cuota, :actor, :desde)")


class RenovacionesDeCuenta(Base):
    """A renewal's row is locked by whoever decides it; the CM's row before it."""

    def abrir_renovacion(self, renovacion: RenovacionGuardada) -> bool:
        """False when one of that CM is in process."""
        return self.session.execute(_ABRIR, asdict(renovacion)).first() is not None

    def renovacion(self, id_: UUID, *, bloquear: bool = False) -> RenovacionGuardada | None:
        """One, locked if asked."""
        fila = self.session.execute(
            text(_UNA + (" FOR UPDATE" if bloquear else "")), {"id": id_}
        ).one_or_none()
        return None if fila is None else RenovacionGuardada(**fila._mapping)

    def cambiar_renovacion(self, renovacion: RenovacionGuardada) -> None:
        """What became of one that the caller has locked."""
        self.session.execute(_CAMBIAR, {k: v for k, v in asdict(renovacion).items() if k in _CAMBIA})

    def ultima_renovacion(self, cuenta_id: UUID) -> RenovacionGuardada | None:
        """The latest that was asked for, whoever pays."""
        fila = self.session.execute(_ULTIMA, {"id": cuenta_id}).one_or_none()
        return None if fila is None else RenovacionGuardada(**fila._mapping)

    def renovaciones_caducas(self, ahora: datetime, limite: int) -> list[RenovacionGuardada]:
        """Those that puntos did not answer in time, locked."""
        filas = self.session.execute(_CADUCAS, {"ahora": ahora, "limite": limite})
        return [RenovacionGuardada(**f._mapping) for f in filas]

    def pagina_de_renovaciones(
        self, cuenta_id: UUID, despues: Posicion | None, limite: int
    ) -> list[RenovacionGuardada]:
        """Renewals of a CM, the newest first."""
        donde = " AND (solicitada_en, id) < (:en, :id)" if despues else ""
        datos: dict[str, Any] = {"cuenta_id": cuenta_id, "limite": limite}
        if despues:
            datos |= {"en": despues.en, "id": despues.id}
        filas = self.session.execute(
            text(
                f"SELECT {_COLUMNAS} FROM renovaciones_de_cuenta WHERE cuenta_id = :cuenta_id{donde}"
                " ORDER BY solicitada_en DESC, id DESC LIMIT :limite"
            ),
            datos,
        )
        return [RenovacionGuardada(**f._mapping) for f in filas]

    def contratos_de(self, cuenta_id: UUID) -> list[Capacidad]:
        """Every MKL contract of the CM that we were told of."""
        return [Capacidad(**f._mapping) for f in self.session.execute(_CONTRATOS, {"id": cuenta_id})]

    def cuota_anual(self) -> tuple[Decimal, datetime] | None:
        """What a year costs now, and since when."""
        fila = self.session.execute(_CUOTA).one_or_none()
        return None if fila is None else (fila.cuota, fila.desde)

    def poner_cuota_anual(self, cuota: Decimal, actor: UUID | None, desde: datetime) -> None:
        """A new fee, from now on."""
        self.session.execute(_PONER_CUOTA, {"cuota": cuota, "actor": actor, "desde": desde})
