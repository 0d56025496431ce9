"""SQL of what replicas share of the PACs: pauses, circuit breaker, and how they do."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.timbrado.domain.pac import EstadoDePac, en_sonda, tras_falla
from services.timbrado.repository.base import Base

_COLUMNS = (
    "nombre, prioridad, pausado, motivo, fallas_seguidas, abierto_hasta, aperturas, en_sonda, ultimo_error,"
    " ultimo_error_en"
)
_PACS = text(f"SELECT {_COLUMNS} FROM pacs ORDER BY nombre")
_APPEAR = text("INSERT INTO pacs (nombre) VALUES (:nombre) ON CONFLICT (nombre) DO NOTHING")
_LOCK = text(f"SELECT {_COLUMNS}, clock_timestamp() AS ahora FROM pacs WHERE nombre = :nombre FOR UPDATE")
_WRITE = text(
    "UPDATE pacs SET fallas_seguidas = :fallas_seguidas, aperturas = :aperturas, abierto_hasta = :abierto_hasta,"
    " en_sonda = :en_sonda, ultimo_error = :ultimo_error, ultimo_error_en = :ultimo_error_en WHERE nombre = :nombre"
)
# What `domain.pac.tras_exito` does; a PAC that is well is not written, so it costs its pool no row lock.
_WELL = text(
    "UPDATE pacs SET fallas_seguidas = 0, aperturas = 0, abierto_hasta = NULL, en_sonda = false"
    " WHERE nombre = :nombre AND (fallas_seguidas > 0 OR abierto_hasta IS NOT NULL)"
)
_PAUSE = text(
    "INSERT INTO pacs (nombre, pausado, motivo, pausado_en) VALUES (:nombre, true, :motivo, now())"
    " ON CONFLICT (nombre) DO UPDATE SET pausado = true, motivo = EXCLUDED.motivo,"
    " pausado_en = coalesce(pacs.pausado_en, now())"
)
_RESUME = text(
    "UPDATE pacs SET pausado = false, motivo = NULL, pausado_en = NULL, fallas_seguidas = 0, aperturas = 0,"
    " abierto_hasta = NULL, en_sonda = false WHERE nombre = :nombre"
)
_COUNTERS = text(
    "SELECT pac, count(*) FILTER (WHERE estado = 'timbrado') AS timbrados,"
    " count(*) FILTER (WHERE estado = 'rechazado') AS rechazados"
    " FROM timbrados WHERE terminado_en >= now() - interval '1 hour' GROUP BY pac"
)
_WAITING = text("SELECT pac, count(*) AS pendientes FROM timbrados WHERE estado = 'pendiente' GROUP BY pac")
_ROOT = text("SELECT cuenta_id FROM raices ORDER BY cuenta_id LIMIT 1")


class Pacs(Base):
    """The shared state of each PAC; one that has no row is well."""

    def pacs(self) -> list[EstadoDePac]:
        """The state of every PAC that has one, by name: one small read."""
        return [EstadoDePac(**r._mapping) for r in self._session.execute(_PACS)]

    def anotar_falla(self, nombre: str, motivo: str) -> EstadoDePac:
        """Count a failure and open the breaker if it is time (`domain.pac.tras_falla`); the state after it.

        `motivo` is for operators and the log: never a body nor a credential.
        """
        estado, ahora = self._tomar(nombre)
        nuevo = tras_falla(estado, ahora, secrets.randbelow(1000) / 1000, motivo)
        self._escribir(nuevo)
        return nuevo

    def anotar_exito(self, nombre: str) -> None:
        """The PAC answered sense: closed, no failures. Costs a read of one row when it already was."""
        self._session.execute(_WELL, {"nombre": nombre})

    def tomar_sonda(self, nombre: str) -> bool:
        """Take the one probe of a PAC whose rest is over; False if another replica has it or it still rests."""
        estado, ahora = self._tomar(nombre)
        if estado.abierto_hasta is None or ahora < estado.abierto_hasta:
            return False
        self._escribir(en_sonda(estado, ahora))
        return True

    def pausar_pac(self, nombre: str, motivo: str) -> None:
        """Operators want nothing more sent to it. What it may have stamped is still asked of it."""
        self._session.execute(_PAUSE, {"nombre": nombre, "motivo": motivo})

    def reanudar_pac(self, nombre: str) -> None:
        """Send to it again, with a closed breaker."""
        self._session.execute(_RESUME, {"nombre": nombre})

    def cuentas_de_pacs(self) -> dict[str, dict[str, int]]:
        """By PAC: `timbrados` and `rechazados` of the last hour, and `pendientes` now."""
        cuentas: dict[str, dict[str, int]] = {}
        for r in self._session.execute(_COUNTERS):
            cuentas[r.pac] = {"timbrados": r.timbrados, "rechazados": r.rechazados}
        for r in self._session.execute(_WAITING):
            cuentas.setdefault(r.pac, {})["pendientes"] = r.pendientes
        return cuentas

    def poner_raiz(self, cuenta_id: UUID) -> None:
        """Remember the root's account."""
        self._session.execute(
            text("INSERT INTO raices (cuenta_id) VALUES (:id) ON CONFLICT DO NOTHING"), {"id": cuenta_id}
        )

    def raiz(self) -> UUID | None:
        """The root's account; None until its event arrives."""
        id_: UUID | None = self._session.execute(_ROOT).scalar()
        return id_

    def _tomar(self, nombre: str) -> tuple[EstadoDePac, datetime]:
        self._session.execute(_APPEAR, {"nombre": nombre})
        fila: dict[str, Any] = dict(self._session.execute(_LOCK, {"nombre": nombre}).one()._mapping)
        ahora: datetime = fila.pop("ahora")
        return EstadoDePac(**fila), ahora

    def _escribir(self, e: EstadoDePac) -> None:
        self._session.execute(
            _WRITE,
            {
                "nombre": e.nombre,
                "fallas_seguidas": e.fallas_seguidas,
                "aperturas": e.aperturas,
                "abierto_hasta": e.abierto_hasta,
                "en_sonda": e.en_sonda,
                "ultimo_error": e.ultimo_error,
                "ultimo_error_en": e.ultimo_error_en,
            },
        )


class EstadosDePacs:
    """The same for the routing: each call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pacs(self) -> list[EstadoDePac]:
        """Every state there is."""
        with Session(self._engine) as session:
            return Pacs(session).pacs()

    def anotar_falla(self, nombre: str, motivo: str) -> EstadoDePac:
        """One more failure; the state after it."""
        with Session(self._engine) as session, session.begin():
            return Pacs(session).anotar_falla(nombre, motivo)

    def anotar_exito(self, nombre: str) -> None:
        """It answered sense."""
        with Session(self._engine) as session, session.begin():
            Pacs(session).anotar_exito(nombre)

    def tomar_sonda(self, nombre: str) -> bool:
        """Take the one probe of a PAC whose rest is over."""
        with Session(self._engine) as session, session.begin():
            return Pacs(session).tomar_sonda(nombre)
