"""A bank of one CM on a real PostgreSQL, and the CM's own actions on its CTI."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import text

from services.timbrado.credenciales import hash_password
from services.timbrado.domain import Contrasena
from services.timbrado.use_cases import avisos, cuentas, guarda, llaves
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.persistence.uow import UnitOfWork
from tests.integration.test_timbrado_pipeline import CLAVE, Banco, armar

T = TypeVar("T")
OTRA = "otra-contrasena-distinta"
ACTOR = str(uuid4())


class Cm(Banco):
    """A bank and the CM's own actions on it, each in its transaction."""

    def hacer(self, use_case: Callable[[UnitOfWork[Any], Any], T], peticion: Any) -> T:
        with self.uow() as uow:
            hecho = use_case(uow, peticion)
            uow.commit()
            return hecho

    def crear(self, **datos: Any) -> c.CtiCreada:
        nueva = Contrasena(CLAVE, hash_password(CLAVE), True)
        peticion = c.CrearCti(
            **{"clave": "k", "cuenta_id": self.cm, "nic": 1001, "tipo": "estandar", **datos}
        )
        return self.hacer(cuentas.crear_cti(nueva), peticion)

    def restablecer(self, contrasena: str, horas: int = 0) -> c.CtiConContrasena:
        nueva = Contrasena(contrasena, hash_password(contrasena), False)
        return self.hacer(
            cuentas.restablecer_contrasena(nueva),
            c.RestablecerContrasena(
                clave="k", cuenta_id=self.cm, cti=self.cti, traslape_horas=horas, actor=ACTOR
            ),
        )

    def bloquear(self, bloqueada: bool, motivo: str | None = None, cti: str | None = None) -> c.Cti:
        return self.hacer(
            cuentas.bloquear_cti,
            c.BloquearCti(
                clave="k", cuenta_id=self.cm, cti=cti or self.cti, bloqueada=bloqueada, motivo=motivo,
                actor=ACTOR, origen_ip="203.0.113.7",
            ),
        )  # fmt: skip

    def llave(self, nombre: str = "Sucursal") -> c.LlaveCreada:
        return self.hacer(
            llaves.crear_llave, c.CrearLlave(clave="k", cuenta_id=self.cm, cti=self.cti, nombre=nombre)
        )

    def limitar(self, **limites: Any) -> c.Limites:
        return self.hacer(
            llaves.poner_limites, c.PonerLimites(clave="k", cuenta_id=self.cm, cti=self.cti, **limites)
        )

    def bitacora(self, cti: str | None = None) -> list[c.Anotacion]:
        return self.hacer(
            cuentas.listar_bitacora, c.ListarBitacora(cuenta_id=self.cm, cti=cti or self.cti, limite=200)
        ).datos

    def avisos(self, **filtros: Any) -> list[c.Aviso]:
        return self.hacer(avisos.listar_avisos, c.ListarAvisos(cuenta_id=self.cm, **filtros)).datos

    def lista(self, **filtros: Any) -> c.PaginaCtis:
        return self.hacer(cuentas.listar_ctis, c.ListarCtis(cuenta_id=self.cm, **filtros))

    def uso(self, cantidad: int, hora: datetime, cti: str | None = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO consumo_por_hora (cti, hora, cantidad) VALUES (:cti, :hora, :cantidad)"),
                {"cti": cti or self.cti, "hora": hora, "cantidad": cantidad},
            )

    def vigilar(self) -> int:
        with self.uow() as uow:
            return guarda.vigilar(uow)


@contextmanager
def abrir(url: str, carpeta: Path, timbres: int = 100) -> Iterator[Cm]:
    """The bank on a fresh database."""
    uno = Cm(**vars(armar(url, carpeta, timbres)))
    try:
        yield uno
    finally:
        uno.engine.dispose()


def a_la_vez(cuantas: int, accion: Callable[[int], T]) -> list[T | DomainError]:
    """Run it in as many threads; a refusal is an answer."""
    out: list[T | DomainError] = []

    def una(i: int) -> None:
        try:
            out.append(accion(i))
        except DomainError as exc:
            out.append(exc)

    hilos = [threading.Thread(target=una, args=(i,)) for i in range(cuantas)]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    return out


def hora_actual() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
