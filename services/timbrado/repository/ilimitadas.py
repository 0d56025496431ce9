"""SQL of the ilimitadas: prices, contracts and paid years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.ilimitada import Contratacion
from services.timbrado.repository.base import Base

_FIELDS = [f.name for f in fields(Contratacion)]
_COLUMNS = ", ".join(_FIELDS)
_RATES = text("SELECT modalidad, precio, actualizada_en FROM tarifas ORDER BY modalidad")
_SET_RATES = text(
    "INSERT INTO tarifas (modalidad, precio, actualizada_en)"
    " SELECT m, p, :ahora FROM unnest(CAST(:modalidades AS text[]), CAST(:precios AS numeric[])) t(m, p) ORDER BY m"
    " ON CONFLICT (modalidad) DO UPDATE SET precio = excluded.precio, actualizada_en = excluded.actualizada_en"
)
_OPEN = text(
    f"INSERT INTO contrataciones ({_COLUMNS}) VALUES ({', '.join(f':{n}' for n in _FIELDS)})"
    " ON CONFLICT (cti) WHERE estado = 'solicitada' DO NOTHING RETURNING id"
)
_ONE = f"SELECT {_COLUMNS} FROM contrataciones WHERE id = :id"
_CHANGE = text(
    "UPDATE contrataciones SET estado = :estado, motivo = :motivo, faltan = :faltan, resuelta_en = :resuelta_en,"
    " desde = :desde, hasta = :hasta, aplicada_en = :aplicada_en, devolucion_en = :devolucion_en WHERE id = :id"
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM contrataciones WHERE cti = :cti AND cuenta_id = :cuenta_id"
    " AND (CAST(:en AS timestamptz) IS NULL OR (solicitada_en, id) < (:en, :fila))"
    " ORDER BY solicitada_en DESC, id DESC LIMIT :limite"
)
_PENDING = text(
    f"SELECT {_COLUMNS} FROM contrataciones WHERE cti = :cti AND (estado = 'solicitada' OR"
    " (estado = 'activa' AND aplicada_en IS NULL)) ORDER BY desde NULLS LAST"
)
_PAID = text(
    "UPDATE ctis SET vigente_hasta = :hasta, proximo_aviso = :aviso WHERE id = :id AND tipo = 'ilimitada'"
)
_RULE = text(
    "UPDATE ctis SET rfc_contratado = :rfc WHERE id = :id AND rfc_contratado IS DISTINCT FROM :rfc RETURNING id"
)
_STALE = text(
    f"SELECT {_COLUMNS} FROM contrataciones WHERE estado = 'solicitada' AND caduca_en <= :ahora"
    " ORDER BY caduca_en LIMIT :limite FOR UPDATE SKIP LOCKED"
)
_BEGUN = text(
    "SELECT c.id, t.libro_id FROM contrataciones c JOIN ctis t ON t.id = c.cti"
    " WHERE c.estado = 'activa' AND c.aplicada_en IS NULL AND c.desde <= :ahora ORDER BY c.desde LIMIT :limite"
)
_TAKE_BEGUN = text(
    f"SELECT {_COLUMNS} FROM contrataciones WHERE id = ANY(:ids) AND aplicada_en IS NULL ORDER BY desde FOR UPDATE"
)
_NOTICES = text(
    "SELECT id, cuenta_id, vigente_hasta FROM ctis WHERE proximo_aviso <= :ahora ORDER BY proximo_aviso LIMIT :limite"
    " FOR UPDATE SKIP LOCKED"
)
_NEXT_NOTICE = text(
    "UPDATE ctis c SET proximo_aviso = u.aviso FROM unnest(CAST(:ids AS text[]), CAST(:avisos AS timestamptz[]))"
    " u(id, aviso) WHERE c.id = u.id"
)


class Ilimitadas(Base):
    """Contracts of ilimitadas. Whoever gives a year or changes the rule holds the CTI's ledger account first."""

    def tarifas(self) -> dict[str, tuple[Decimal, datetime]]:
        """Modalidad → price of a year in puntos, and since when."""
        return {r.modalidad: (r.precio, r.actualizada_en) for r in self._session.execute(_RATES)}

    def poner_tarifas(self, precios: Mapping[str, Decimal], ahora: datetime) -> None:
        """Set the prices; contracts that were made keep theirs."""
        self._session.execute(
            _SET_RATES, {"modalidades": list(precios), "precios": list(precios.values()), "ahora": ahora}
        )

    def abrir_contratacion(self, nueva: Contratacion) -> bool:
        """Record a request; false while another of the same CTI is under way."""
        return self._session.execute(_OPEN, asdict(nueva)).scalar() is not None

    def contratacion(self, id_: UUID) -> Contratacion | None:
        """A contract, unlocked."""
        return self._una(_ONE, id_)

    def tomar_contratacion(self, id_: UUID) -> Contratacion | None:
        """A contract, locked: a charge that arrives and a cancellation follow each other."""
        return self._una(f"{_ONE} FOR UPDATE", id_)

    def cambiar_contratacion(self, c: Contratacion) -> None:
        """Write what became of a contract."""
        self._session.execute(_CHANGE, asdict(c))

    def pagina_contrataciones(
        self, cuenta_id: UUID, cti: str, antes: tuple[datetime, UUID] | None, limite: int
    ) -> list[Contratacion]:
        """Contracts of a CTI, the newest first."""
        en, fila = antes or (None, None)
        params = {"cuenta_id": cuenta_id, "cti": cti, "en": en, "fila": fila, "limite": limite}
        return [Contratacion(**r._mapping) for r in self._session.execute(_PAGE, params)]

    def contrataciones_abiertas(self, cti: str) -> list[Contratacion]:
        """Those of a CTI that wait: for their charge, or for the year before to end."""
        return [Contratacion(**r._mapping) for r in self._session.execute(_PENDING, {"cti": cti})]

    def poner_vigencia(self, cti: str, hasta: datetime, aviso: datetime | None) -> None:
        """The CTI's year is paid until `hasta`; the caller changes the account's version in the same transaction."""
        self._session.execute(_PAID, {"id": cti, "hasta": hasta, "aviso": aviso})

    def poner_rfc_contratado(self, cti: str, rfc: str | None) -> bool:
        """The only issuer of the CTI, None: any; whether that is new. As above, the version changes with it."""
        return self._session.execute(_RULE, {"id": cti, "rfc": rfc}).scalar() is not None

    def contrataciones_caducas(self, ahora: datetime, limite: int) -> list[Contratacion]:
        """Take requests that puntos never answered; no two replicas take the same."""
        rows = self._session.execute(_STALE, {"ahora": ahora, "limite": limite})
        return [Contratacion(**r._mapping) for r in rows]

    def tomar_por_aplicar(self, ahora: datetime, limite: int) -> list[tuple[Contratacion, int]]:
        """Take paid years that have begun and do not rule yet, with their ledger accounts, which are locked first."""
        libros = {r.id: r.libro_id for r in self._session.execute(_BEGUN, {"ahora": ahora, "limite": limite})}
        if not libros:
            return []
        self.libro.tomar(list(libros.values()))
        rows = self._session.execute(_TAKE_BEGUN, {"ids": list(libros)})
        return [(Contratacion(**r._mapping), libros[r.id]) for r in rows]

    def avisos_de_vigencia(self, ahora: datetime, limite: int) -> list[tuple[str, UUID, datetime]]:
        """Take CTIs whose notice is due: (id, CM, end of the year); no two replicas take the same."""
        rows = self._session.execute(_NOTICES, {"ahora": ahora, "limite": limite})
        return [(r.id, r.cuenta_id, r.vigente_hasta) for r in rows]

    def poner_proximos_avisos(self, avisos: Sequence[tuple[str, datetime | None]]) -> None:
        """When each CTI's next notice is due; None: there is none left."""
        self._session.execute(_NEXT_NOTICE, {"ids": [a[0] for a in avisos], "avisos": [a[1] for a in avisos]})

    def _una(self, sql: str, id_: UUID) -> Contratacion | None:
        row: Any = self._session.execute(text(sql), {"id": id_}).first()
        return None if row is None else Contratacion(**row._mapping)
