"""SQL of tokens that are used once: confirmations, recoveries, invitations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from services.clientes.domain import huella_de
from services.clientes.repository.base import Base

_AGREGAR = text(
    "INSERT INTO tokens (huella, proposito, sujeto, datos, creado_en, vence_en)"
    " VALUES (:huella, :proposito, :sujeto, :datos, :ahora, :vence_en)"
).bindparams(bindparam("datos", type_=JSONB))
_ANULAR = text(
    "UPDATE tokens SET usado_en = :ahora WHERE proposito = :proposito AND sujeto = :sujeto AND usado_en IS NULL"
)
# The update is the test: of two that bring the same token, one gets the row.
_USAR = text(
    "UPDATE tokens SET usado_en = :ahora WHERE huella = :huella AND proposito = :proposito AND usado_en IS NULL"
    " AND vence_en > :ahora RETURNING sujeto, datos"
)
_VER = text(
    "SELECT sujeto, datos FROM tokens WHERE huella = :huella AND proposito = :proposito AND usado_en IS NULL"
    " AND vence_en > :ahora"
)


class Tokens(Base):
    """Only hashes are stored; the token itself goes in a mail and nowhere else."""

    def agregar_token(
        self,
        token: str,
        *,
        proposito: str,
        sujeto: str,
        vence_en: datetime,
        ahora: datetime,
        datos: dict[str, Any] | None = None,
    ) -> None:
        """Keep a new token; earlier ones of the same purpose and subject stop working."""
        self.anular_tokens(proposito=proposito, sujeto=sujeto, ahora=ahora)
        self.session.execute(
            _AGREGAR,
            {
                "huella": huella_de(token),
                "proposito": proposito,
                "sujeto": sujeto,
                "datos": datos or {},
                "ahora": ahora,
                "vence_en": vence_en,
            },
        )

    def anular_tokens(self, *, proposito: str, sujeto: str, ahora: datetime) -> None:
        self.session.execute(_ANULAR, {"proposito": proposito, "sujeto": sujeto, "ahora": ahora})

    def usar_token(self, token: str, *, proposito: str, ahora: datetime) -> tuple[str, dict[str, Any]] | None:
        """Its subject and data, once; None when unknown, used, expired or of another purpose."""
        return self._fila(_USAR, token, proposito, ahora)

    def ver_token(self, token: str, *, proposito: str, ahora: datetime) -> tuple[str, dict[str, Any]] | None:
        """As `usar_token`, and the token can still be used."""
        return self._fila(_VER, token, proposito, ahora)

    def _fila(
        self, sql: Any, token: str, proposito: str, ahora: datetime
    ) -> tuple[str, dict[str, Any]] | None:
        fila = self.session.execute(
            sql, {"huella": huella_de(token), "proposito": proposito, "ahora": ahora}
        ).one_or_none()
        return None if fila is None else (fila.sujeto, dict(fila.datos))
