"""timbrado and puntos on two real databases, with a CM, its ilimitada and a registered application.

The events go from outbox to use case here, each delivered twice and in the order that a test wants; that the bus
carries them is the end-to-end test's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from deploy.local import verificar
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from services.timbrado.aplicaciones import Aplicaciones, leer_llave
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.credenciales import Credenciales, hash_password
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import Directo, EstadosDePacs, MemoriaPostgres, Repositorio
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import aplicaciones, cuentas, ilimitadas
from services.timbrado.use_cases.envio import Envio
from services.timbrado.use_cases.timbrar import Timbrador
from shared.contracts import eventos as ev
from shared.contracts import puntos as pu
from shared.contracts import timbrado as c
from shared.contracts.base import EVENTOS, load
from shared.ledger import sealing
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.testing import cfdi
from shared.testing.aplicaciones import prueba, publica

CLAVE = "una-contrasena-larga"
EKU, OTRO = "EKU9003173C9", "URE180429TM6"
LLAVE = Ed25519PrivateKey.generate()
AYER = timedelta(days=1)


class Uow(UnitOfWork[Any]):
    """A unit of work whose clock a test moves."""

    adelanto = timedelta(0)

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + self.adelanto


@dataclass
class Mundo:
    """timbrado and puntos with a root, a CM with puntos, its ilimitada and its pipeline."""

    timbrado: Engine
    puntos: Engine
    material: cfdi.Material
    cm: UUID = field(default_factory=uuid4)
    raiz: UUID = field(default_factory=uuid4)
    cti: str = field(default_factory=lambda: f"IL{uuid4().hex[:8]}")
    aplicacion: UUID = field(default_factory=uuid4)
    leidas: int = 0
    """How often applications were read."""
    hora: float = 0.0
    """The clock by which a refused CTI is read again."""

    def en_timbrado(self, caso: Callable[..., Any], *args: Any) -> Any:
        with Uow(self.timbrado, Repositorio) as uow:
            hecho = caso(uow, *args)
            uow.commit()
            return hecho

    def en_puntos(self, caso: Callable[..., Any], *args: Any) -> Any:
        with Uow(self.puntos, RepositorioPuntos) as uow:
            hecho = caso(uow, *args)
            uow.commit()
            return hecho

    def preparar(self) -> None:
        for cuenta, padre in ((self.raiz, None), (self.cm, self.raiz)):
            self.en_puntos(
                puntos.abrir_monedero_de_cuenta,
                ev.CuentaMaestraCreada(cuenta_id=cuenta, padre_id=padre, nombre="CM"),
            )
        self.en_timbrado(
            ilimitadas.poner_tarifas, c.PonerTarifas(clave="t", abierta=Decimal(2400), un_rfc=Decimal(1200))
        )
        self.aplicacion = self.en_timbrado(
            aplicaciones.registrar(leer_llave),
            c.RegistrarAplicacion(
                clave="a", nombre="FactuDesk", plataforma="windows", llave_publica=publica(LLAVE)
            ),
        ).id
        self.en_timbrado(
            cuentas.crear_cti_estandar,
            ev.ClienteCreado(cuenta_id=self.cm, cliente_id=uuid4(), nic=1001, nombre="X", cti=self.cti),
        )
        with self.timbrado.begin() as conexion:
            conexion.execute(
                text("UPDATE ctis SET tipo = 'ilimitada', hash_contrasena = :h"), {"h": hash_password(CLAVE)}
            )

    def acreditar(self, cuantos: str) -> None:
        self.en_puntos(
            puntos.acreditar,
            pu.Acreditar(clave="k", cuenta_id=self.raiz, destino_id=self.cm, puntos=Decimal(cuantos)),
        )

    def saldo(self) -> Decimal:
        saldo: Decimal = self.en_puntos(puntos.consultar_saldo, pu.ConsultarSaldo(cuenta_id=self.cm)).saldo
        return saldo

    def contratar(
        self, modalidad: str = "abierta", rfc: str | None = None, precio: str | None = None
    ) -> c.Contratacion:
        pedida: c.Contratacion = self.en_timbrado(
            ilimitadas.contratar,
            c.ContratarIlimitada(
                clave="k",
                cuenta_id=self.cm,
                cti=self.cti,
                modalidad=modalidad,
                rfc=rfc,
                precio=None if precio is None else Decimal(precio),
            ),
        )
        return pedida

    def ver(self, contratacion: c.Contratacion) -> c.Contratacion:
        vista: c.Contratacion = self.en_timbrado(
            ilimitadas.obtener, c.ObtenerContratacion(cuenta_id=self.cm, contratacion_id=contratacion.id)
        )
        return vista

    def pagar(self, modalidad: str = "abierta", rfc: str | None = None) -> None:
        """A year from the request to what every process sees of it."""
        pedida = self.contratar(modalidad, rfc)
        self.entregar()
        assert self.ver(pedida).estado == "activa"
        self.hora += aplicaciones.RELECTURA

    def contrato(self) -> c.Contrato:
        visto: c.Contrato = self.en_timbrado(
            ilimitadas.obtener_contrato, c.ObtenerContrato(cuenta_id=self.cm, cti=self.cti)
        )
        return visto

    def cancelar(self, contratacion: c.Contratacion) -> c.Contratacion:
        cancelada: c.Contratacion = self.en_timbrado(
            ilimitadas.cancelar,
            c.CancelarContratacion(clave="k", cuenta_id=self.cm, contratacion_id=contratacion.id),
        )
        return cancelada

    def entregar(self, *eventos: str) -> None:
        """Deliver what lies in both outboxes, each event twice, until none is left; only `eventos` if named."""
        while pendientes := [x for e in (self.timbrado, self.puntos) for x in _tomar(e, eventos)]:
            for nombre, carga in pendientes:
                for _ in range(2):
                    self._atender(nombre, carga)

    def perder(self, evento: str) -> int:
        """Take these out of the outboxes and deliver them to nobody; how many."""
        return sum(len(_tomar(e, (evento,))) for e in (self.timbrado, self.puntos))

    def _atender(self, nombre: str, carga: dict[str, Any]) -> None:
        evento = load(EVENTOS[nombre].carga, carga)
        match nombre:
            case "timbrado.cobro_solicitado_v1":
                self.en_puntos(puntos.cobrar, evento)
            case "timbrado.cobro_devuelto_v1":
                self.en_puntos(puntos.devolver, evento)
            case "puntos.cobro_resuelto_v1":
                self.en_timbrado(ilimitadas.resolver, evento)

    def vigilar(self, ahora: datetime) -> int:
        hechos: int = self.en_timbrado(ilimitadas.vigilar, ahora)
        return hechos

    def avisos(self) -> list[tuple[str, str]]:
        with self.timbrado.connect() as conexion:
            filas = conexion.execute(text("SELECT tipo, mensaje FROM avisos ORDER BY creado_en, clave"))
            return [(f.tipo, f.mensaje) for f in filas]

    def vence(self, hasta: datetime) -> None:
        """Move the end of the paid year, as time would."""
        with self.timbrado.begin() as conexion:
            conexion.execute(
                text("UPDATE ctis SET vigente_hasta = :h WHERE id = :i"), {"h": hasta, "i": self.cti}
            )

    def fila(self) -> Any:
        with self.timbrado.connect() as conexion:
            return conexion.execute(
                text(
                    "SELECT c.vigente_hasta, c.rfc_contratado, l.version FROM ctis c JOIN cuentas l ON l.id = c.libro_id"
                    " WHERE c.id = :i"
                ),
                {"i": self.cti},
            ).one()

    def cuadrar(self) -> None:
        """Everything that `make verify` checks of these two services."""
        for engine, al_lado in ((self.timbrado, al_sellar), (self.puntos, None)):
            while sealing.seal(engine, al_lado):
                pass
            with engine.begin() as conexion:
                conexion.execute(text("DELETE FROM outbox"))
        assert verificar.verificar({"timbrado": self.timbrado, "puntos": self.puntos}, plazo=0) == []

    def timbrador(self) -> Timbrador:
        """The pipeline of one more process."""

        def uow() -> UnitOfWork[Repositorio]:
            return UnitOfWork(self.timbrado, Repositorio)

        def leer(ids: Any) -> Any:
            with uow() as u:
                return u.repo.ctis(ids)

        def leer_aplicacion(id_: UUID) -> Any:
            self.leidas += 1
            with uow() as u:
                return u.repo.aplicacion(id_)

        credenciales = Credenciales(leer, lambda f, *a: f(*a))
        with self.timbrado.connect() as conexion:
            consumo, emision = conexion.execute(
                text("SELECT id FROM cuentas WHERE NOT con_limite ORDER BY tipo")
            ).scalars()
        pac = PacSandbox(self.material.pac, MemoriaPostgres(self.timbrado), espera=0.01)
        directo = Directo(self.timbrado)
        pacs = Enrutador([(10, pac)], EstadosDePacs(self.timbrado))
        return Timbrador(
            Validador(Confianza.de_carpeta(self.material.autoridades)),
            Envio(pacs, uow, directo, consumo, 0.2),
            credenciales,
            uow,
            directo,
            emision,
            admitir=aplicaciones.Admision(
                credenciales, uow, Aplicaciones(leer_aplicacion).verificar, lambda: self.hora
            ).admitir,
        )

    def factura(self, rfc: str = EKU) -> bytes:
        return cfdi.factura(self.material.emisor(rfc), folio=uuid4().hex[:12])

    def solicitud(self, rfc: str = EKU, **prueba_: Any) -> c.SolicitudDeTimbrado:
        xml = self.factura(rfc)
        return c.SolicitudDeTimbrado(
            cti=self.cti,
            contrasena=CLAVE,
            xml=xml.decode(),
            aplicacion=prueba(LLAVE, self.aplicacion, self.cti, xml, **prueba_),
        )


def _tomar(engine: Engine, eventos: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    with engine.begin() as conexion:
        filas = conexion.execute(
            text(
                "DELETE FROM outbox WHERE evento LIKE '%.cobro_%' AND (:todos OR evento = ANY(:e)) RETURNING evento, carga"
            ),
            {"todos": not eventos, "e": list(eventos)},
        )
        return [(f.evento, dict(f.carga)) for f in filas]


def timbrar(timbrador: Timbrador, *solicitudes: c.SolicitudDeTimbrado) -> list[str | None]:
    """What became of each: an error's code, or None."""
    lote = c.LoteDeTimbrado(solicitudes=list(solicitudes))
    return [r.error for r in timbrador.timbrar_lote(lote).resultados]


@contextmanager
def mundo_nuevo(base_de_datos: Callable[..., str], material: cfdi.Material) -> Iterator[Mundo]:
    """One on fresh databases; what a test leaves must balance."""
    uno = Mundo(new_engine(base_de_datos("timbrado"), 12), new_engine(base_de_datos("puntos"), 12), material)
    uno.preparar()
    yield uno
    uno.cuadrar()
    uno.timbrado.dispose()
    uno.puntos.dispose()
