"""What the tests of PACs on a real PostgreSQL share: a database, and a PAC of paper that says what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.pac.protocolo import Desconocido, PacCompleto, TimbreDelPac
from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import conciliacion_pac
from services.timbrado.use_cases.conciliacion_pac import ConciliadorDePacs, limites
from shared.contracts import timbrado as c
from shared.contracts.eventos import CuentaMaestraCreada
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

RAIZ = UUID("00000000-0000-4000-8000-00000000000a")
DIA = (datetime.now(CENTRO) - timedelta(days=1)).date()
INICIO, FIN = limites(DIA)


@dataclass
class PacDePapel:
    """A PAC that only has a list, to be told what it says."""

    nombre: str = "finkok"
    lista: bool = True
    lineas: list[TimbreDelPac] = field(default_factory=list)
    fallas: list[str] = field(default_factory=list)
    pedidos: list[tuple[datetime, datetime]] = field(default_factory=list)

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        self.pedidos.append((desde, hasta))
        if self.fallas == ["ilegible"]:
            raise ValueError(self.fallas.pop())
        if self.fallas:
            return Desconocido(self.fallas.pop())
        return [x for x in self.lineas if desde <= x.en < hasta]


@dataclass
class Banco:
    """A migrated database with a PAC of paper."""

    engine: Engine
    pac: PacDePapel
    ahora: datetime

    @property
    def pacs(self) -> dict[str, tuple[int, PacCompleto]]:
        pac: Any = self.pac
        return {self.pac.nombre: (10, pac)}

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def conciliador(self) -> ConciliadorDePacs:
        """As a replica has one."""
        return ConciliadorDePacs(self.pacs, self.uow, lambda: self.ahora)

    def correr(self, conciliador: ConciliadorDePacs | None = None) -> int:
        conciliador = conciliador or self.conciliador()
        pasos = 0
        while conciliador.paso():
            pasos += 1
        return pasos

    def timbrado(self, en: datetime, emisor: str = "EMP010101AA1", **cambios: Any) -> UUID:
        """A stamping of ours, as captured moments after `en`; its UUID."""
        uuid = uuid4()
        tfd = timbre.construir(
            uuid=str(uuid).upper(),
            fecha_timbrado=en.astimezone(CENTRO).strftime("%Y-%m-%dT%H:%M:%S"),
            rfc_prov_certif="FIN1203015JA",
            sello_cfd="c2VsbG8=",
            no_certificado_sat="30001000000500003416",
            firmar=lambda _: b"firma",
        )
        fila = {
            "id": uuid4(), "huella": uuid4().bytes * 2, "emisor": emisor, "pac": "finkok", "estado": "timbrado",
            "uuid": uuid, "tfd": tfd, "creado_en": en - timedelta(seconds=1), "terminado_en": en + timedelta(seconds=1),
            **cambios,
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, emisor, receptor, tipo, total, sello,"
                    " no_certificado, pac, xml, tomado_hasta, estado, uuid, tfd, creado_en, terminado_en) VALUES (:id,"
                    " :huella, 'CTI1', gen_random_uuid(), gen_random_uuid(), :emisor, 'XAXX010101000', 'I', 116, 's',"
                    " '1', :pac, 'x', now(), :estado, :uuid, :tfd, :creado_en, :terminado_en)"
                ),
                fila,
            )
        return uuid

    def linea(self, uuid: UUID, en: datetime, emisor: str = "EMP010101AA1") -> None:
        self.pac.lineas.append(TimbreDelPac(uuid, emisor, en))

    def ambos(self, en: datetime) -> UUID:
        uuid = self.timbrado(en)
        self.linea(uuid, en)
        return uuid

    def conciliacion(self) -> c.Conciliacion:
        with self.uow() as uow:
            todas = conciliacion_pac.listar_conciliaciones(uow, c.ListarConciliaciones()).datos
            return next(x for x in todas if x.dia == DIA)

    def diferencias(self, abiertas: bool | None = None) -> dict[UUID, str]:
        with self.uow() as uow:
            pagina = conciliacion_pac.listar_diferencias(
                uow, c.ListarDiferenciasDePac(conciliacion_id=self.conciliacion().id, abiertas=abiertas)
            )
            return {d.uuid: d.tipo for d in pagina.datos}

    def avisos(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    text("SELECT mensaje FROM avisos WHERE cuenta_id = :r ORDER BY creado_en, id"),
                    {"r": RAIZ},
                ).scalars()
            )

    def conciliar(self, clave: str = "k") -> c.Conciliacion:
        with self.uow() as uow:
            hecha = conciliacion_pac.conciliar_pac(self.pacs)(
                uow, c.ConciliarPac(clave=clave, cuenta_id=RAIZ, pac="finkok", dia=DIA)
            )
            uow.commit()
            return hecha


@contextmanager
def abrir(url: str) -> Iterator[Banco]:
    """A bench on a migrated database of timbrado."""
    engine = new_engine(url, 8)
    b = Banco(
        engine,
        PacDePapel(),
        datetime.combine(DIA + timedelta(days=1), datetime.min.time(), CENTRO).replace(hour=4),
    )
    with b.uow() as uow:
        conciliacion_pac.recordar_raiz(uow, CuentaMaestraCreada(cuenta_id=RAIZ, padre_id=None, nombre="Raíz"))
        conciliacion_pac.recordar_raiz(
            uow, CuentaMaestraCreada(cuenta_id=uuid4(), padre_id=RAIZ, nombre="Otra")
        )
        uow.commit()
    yield b
    engine.dispose()
