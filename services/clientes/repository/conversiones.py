"""SQL of conversions: a cliente passes to the CM that it became."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain.conversiones import ConversionGuardada, FilaConversion
from services.clientes.repository.base import Base

_ANOTAR = text(
    "INSERT INTO conversiones (cliente_id, nic, cuenta_id, distribuidor_id, actor, notas, precio_especifico, en)"
    " VALUES (:cliente_id, :nic, :cuenta_id, :distribuidor_id, :actor, :notas, :precio_especifico, :en)"
)
# What its earlier CM wrote for itself does not go to the cliente.
_PASAR = text(
    "UPDATE clientes SET cuenta_id = :distribuidor_id, perfil_principal_id = NULL, notas = NULL,"
    " precio_especifico = NULL, favorito = false, baja = false, color = NULL, version = version + 1"
    " WHERE cliente_id = :cliente_id AND cuenta_id = :cuenta_id"
)
_ES_LA_PROPIA = text(
    "SELECT EXISTS (SELECT FROM conversiones WHERE cliente_id = :cliente_id AND distribuidor_id = :cuenta_id)"
)
_SOLTAR = text("UPDATE clientes SET perfil_principal_id = NULL WHERE cliente_id = :cliente_id")

_LISTA = (
    "SELECT v.nic, v.distribuidor_id, c.nombre, c.estado, v.notas, v.precio_especifico, v.en FROM conversiones v"
    " JOIN cuentas_maestras c ON c.cuenta_id = v.distribuidor_id WHERE v.cuenta_id = :cuenta_id{despues}"
    " ORDER BY v.en DESC, v.distribuidor_id DESC LIMIT :limite"
)


class Conversiones(Base):
    """A cliente is converted once."""

    def es_la_propia(self, cliente_id: UUID, cuenta_id: UUID) -> bool:
        """Whether this CM was made of this cliente."""
        return bool(self.session.scalar(_ES_LA_PROPIA, {"cliente_id": cliente_id, "cuenta_id": cuenta_id}))

    def soltar_perfil_principal(self, cliente_id: UUID) -> None:
        """Nobody controls the cliente's account from now on. The caller has it locked."""
        self.session.execute(_SOLTAR, {"cliente_id": cliente_id})

    def conversiones(
        self, cuenta_id: UUID, despues: tuple[datetime, UUID] | None, limite: int
    ) -> list[FilaConversion]:
        """What this CM converted, after (when, distributor), the latest first."""
        datos: dict[str, Any] = {"cuenta_id": cuenta_id, "limite": limite}
        donde = ""
        if despues is not None:
            donde = " AND (v.en, v.distribuidor_id) < (:en, :id)"
            datos |= {"en": despues[0], "id": despues[1]}
        filas = self.session.execute(text(_LISTA.format(despues=donde)), datos)
        return [FilaConversion(**f._mapping) for f in filas]

    def convertir(self, conversion: ConversionGuardada) -> None:
        """Record a conversion and move its cliente, which the caller has locked."""
        datos = dict(conversion.__dict__)
        self.session.execute(_ANOTAR, datos)
        self.session.execute(_PASAR, datos)
