"""Contracts of ilimitadas on two real databases, and stamping with one: paid, restricted, proven.

The events go from outbox to use case here, each delivered twice and in the order that a test wants; that the bus
carries them is the end-to-end test's business.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from deploy.local import verificar
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from services.timbrado.aplicaciones import Aplicaciones, leer_llave
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.credenciales import Credenciales, hash_password
from services.timbrado.domain.ilimitada import CENTRO
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import Directo, EstadosDePacs, MemoriaPostgres, Repositorio
from services.timbrado.use_cases import aplicaciones, cuentas, ilimitadas, transferencias
from services.timbrado.use_cases.envio import Envio
from services.timbrado.use_cases.timbrar import Timbrador
from shared.contracts import eventos as ev
from shared.contracts import puntos as pu
from shared.contracts import timbrado as c
from shared.contracts.base import EVENTOS, load
from shared.errors import Codigo, DomainError
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
        for engine in (self.timbrado, self.puntos):
            while sealing.seal(engine):
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


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> cfdi.Material:
    """Certificates of the issuers, made once: a key pair each."""
    return cfdi.preparar(tmp_path_factory.mktemp("cfdi"))


@pytest.fixture
def mundo(base_de_datos: Callable[..., str], material: cfdi.Material) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("timbrado"), 12), new_engine(base_de_datos("puntos"), 12), material)
    uno.preparar()
    yield uno
    uno.cuadrar()
    uno.timbrado.dispose()
    uno.puntos.dispose()


@pytest.fixture
def reloj() -> Iterator[type[Uow]]:
    yield Uow
    Uow.adelanto = timedelta(0)


# -- the saga ------------------------------------------------------------------------------------------


def test_a_year_is_charged_once_and_given_once(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    antes = mundo.fila().version
    pedida = mundo.contratar(precio="2400")
    assert (pedida.estado, pedida.precio) == ("solicitada", Decimal("2400.00"))
    sin_pagar = mundo.contrato()
    assert (sin_pagar.vigente, sin_pagar.modalidad, sin_pagar.en_proceso) == (False, None, pedida)
    assert mundo.saldo() == Decimal("3000.00")
    mundo.entregar()
    activa = mundo.ver(pedida)
    assert activa.estado == "activa"
    assert activa.desde is not None
    assert activa.hasta == mundo.fila().vigente_hasta
    assert activa.hasta.astimezone(CENTRO).replace(year=activa.desde.year) == activa.desde.astimezone(CENTRO)
    assert mundo.fila().version == antes + 1
    assert mundo.saldo() == Decimal("600.00")


def test_without_puntos_it_is_refused_with_what_is_missing_and_can_be_asked_again(mundo: Mundo) -> None:
    mundo.acreditar("199.50")
    pedida = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    rechazada = mundo.ver(pedida)
    assert (rechazada.estado, rechazada.faltan) == ("rechazada", Decimal("1000.50"))
    assert "1,000.50 puntos" in (rechazada.motivo or "")
    assert mundo.fila().vigente_hasta is None
    assert [tipo for tipo, _ in mundo.avisos()] == ["ilimitada_no_contratada"]
    mundo.acreditar("5000")
    otra = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    assert mundo.ver(otra).estado == "activa"
    assert mundo.fila().rfc_contratado == EKU
    assert mundo.saldo() == Decimal("3999.50")


def test_one_request_at_a_time_also_when_many_ask_at_once(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    salidas: list[object] = []

    def pedir() -> None:
        try:
            salidas.append(mundo.contratar().estado)
        except DomainError as exc:
            salidas.append(exc.code)

    hilos = [threading.Thread(target=pedir) for _ in range(6)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert sorted(map(str, salidas)) == ["conflicto"] * 5 + ["solicitada"]
    mundo.entregar()
    assert mundo.saldo() == Decimal("6600.00")


def test_a_cancelled_request_gets_its_charge_back(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar("timbrado.cobro_solicitado_v1")
    assert mundo.saldo() == Decimal("600.00")
    assert mundo.cancelar(pedida).estado == mundo.cancelar(pedida).estado == "cancelada"
    mundo.entregar()
    cancelada = mundo.ver(pedida)
    assert cancelada.devolucion_en is not None
    assert (mundo.saldo(), mundo.fila().vigente_hasta) == (Decimal("3000.00"), None)


def test_a_cancellation_and_a_charge_that_cross_end_in_one_of_both(mundo: Mundo) -> None:
    mundo.acreditar("24000")
    for _ in range(4):
        pedida = mundo.contratar()
        mundo.entregar("timbrado.cobro_solicitado_v1")
        salidas: list[str] = []

        def cancelar(de: c.Contratacion = pedida, salidas: list[str] = salidas) -> None:
            try:
                salidas.append(mundo.cancelar(de).estado)
            except DomainError as exc:
                salidas.append(str(exc.code))

        hilos = [threading.Thread(target=cancelar), threading.Thread(target=mundo.entregar)]
        for hilo in hilos:
            hilo.start()
        for hilo in hilos:
            hilo.join()
        mundo.entregar()
        final = mundo.ver(pedida)
        assert (salidas[0], final.estado, final.devolucion_en is None) in (
            ("cancelada", "cancelada", False),
            ("conflicto", "activa", True),
        )
        mundo.cuadrar()


def test_a_request_without_answer_is_given_up_and_a_late_charge_given_back(
    mundo: Mundo, reloj: type[Uow]
) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar("timbrado.cobro_solicitado_v1")
    tarde = datetime.now(UTC) + timedelta(hours=24, seconds=1)
    assert mundo.vigilar(tarde - timedelta(seconds=10)) == 0
    assert (mundo.vigilar(tarde), mundo.vigilar(tarde)) == (1, 0)
    assert mundo.ver(pedida).estado == "caducada"
    assert [tipo for tipo, _ in mundo.avisos()] == ["ilimitada_no_contratada"]
    # Another one may be asked for, and the first one's charge does not become its year.
    otra = mundo.contratar("un_rfc", EKU)
    mundo.entregar("puntos.cobro_resuelto_v1", "timbrado.cobro_devuelto_v1")
    assert mundo.saldo() == Decimal("3000.00")
    assert (mundo.ver(pedida).estado, mundo.ver(otra).estado) == ("caducada", "solicitada")
    mundo.entregar()
    assert (mundo.ver(otra).estado, mundo.saldo()) == ("activa", Decimal("1800.00"))


def test_a_charge_that_arrives_before_the_timer_but_too_late_is_given_back(
    mundo: Mundo, reloj: type[Uow]
) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    reloj.adelanto = timedelta(hours=25)
    mundo.entregar()
    caducada = mundo.ver(pedida)
    assert (caducada.estado, caducada.devolucion_en is None) == ("caducada", False)
    assert (mundo.saldo(), mundo.fila().vigente_hasta) == (Decimal("3000.00"), None)


def test_the_price_that_was_seen_is_a_guard_and_the_contract_keeps_its_own(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    with pytest.raises(DomainError) as caso:
        mundo.contratar(precio="2399.99")
    assert (caso.value.code, caso.value.datos) == (Codigo.CONFLICTO, {"precio": "2400.00"})
    pedida = mundo.contratar(precio="2400.00")
    mundo.en_timbrado(
        ilimitadas.poner_tarifas, c.PonerTarifas(clave="u", abierta=Decimal(1), un_rfc=Decimal(1))
    )
    mundo.entregar()
    assert mundo.ver(pedida).precio == Decimal("2400.00")
    assert mundo.saldo() == Decimal("600.00")
    for mala in ("0", "-1", "0.001"):
        with pytest.raises(DomainError):
            mundo.en_timbrado(
                ilimitadas.poner_tarifas, c.PonerTarifas(clave="v", abierta=Decimal(mala), un_rfc=Decimal(1))
            )


def test_refusals_before_anything_is_asked(mundo: Mundo) -> None:
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("DELETE FROM tarifas WHERE modalidad = 'abierta'"))
    with pytest.raises(DomainError) as caso:
        mundo.contratar()
    assert caso.value.code is Codigo.CONFLICTO
    with pytest.raises(DomainError) as caso:
        mundo.contratar("un_rfc", "XAXX010101000")
    assert list(caso.value.errores) == ["rfc"]
    estandar = f"E{uuid4().hex[:8]}"
    mundo.en_timbrado(
        cuentas.crear_cti_estandar,
        ev.ClienteCreado(cuenta_id=mundo.cm, cliente_id=uuid4(), nic=1002, nombre="Y", cti=estandar),
    )
    for cuenta, cti, codigo in (
        (uuid4(), mundo.cti, Codigo.NO_ENCONTRADO),
        (mundo.cm, "NADIE", Codigo.NO_ENCONTRADO),
        (mundo.cm, estandar, Codigo.DATOS_INVALIDOS),
    ):
        with pytest.raises(DomainError) as caso:
            mundo.en_timbrado(
                ilimitadas.contratar,
                c.ContratarIlimitada(clave="k", cuenta_id=cuenta, cti=cti, modalidad="un_rfc", rfc=EKU),
            )
        assert caso.value.code is codigo
    with pytest.raises(DomainError) as caso:
        mundo.en_timbrado(
            transferencias.transferir,
            c.Transferir(clave="t", cuenta_id=mundo.cm, cti=mundo.cti, cantidad=1, importe=Decimal(1)),
        )
    assert list(caso.value.errores) == ["cti"]
    with mundo.timbrado.connect() as conexion:
        assert conexion.execute(text("SELECT count(*) FROM contrataciones")).scalar() == 0


def test_another_cms_contract_is_not_there(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    for caso_de_uso, peticion in (
        (ilimitadas.obtener, c.ObtenerContratacion(cuenta_id=uuid4(), contratacion_id=pedida.id)),
        (
            ilimitadas.cancelar,
            c.CancelarContratacion(clave="k", cuenta_id=uuid4(), contratacion_id=pedida.id),
        ),
        (ilimitadas.listar, c.ListarContrataciones(cuenta_id=uuid4(), cti=mundo.cti)),
    ):
        with pytest.raises(DomainError) as caso:
            mundo.en_timbrado(caso_de_uso, peticion)
        assert caso.value.code is Codigo.NO_ENCONTRADO
    mundo.entregar()


def test_renewals_follow_each_other_and_pages_show_them(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    ids = []
    for _ in range(3):
        ids.append(mundo.contratar().id)
        mundo.entregar()
    primera = mundo.en_timbrado(
        ilimitadas.listar, c.ListarContrataciones(cuenta_id=mundo.cm, cti=mundo.cti, limite=2)
    )
    resto = mundo.en_timbrado(
        ilimitadas.listar,
        c.ListarContrataciones(cuenta_id=mundo.cm, cti=mundo.cti, limite=2, cursor=primera.siguiente),
    )
    todas = [*primera.datos, *resto.datos]
    assert [x.id for x in reversed(todas)] == ids
    tercera, segunda, uno = todas
    assert (uno.hasta, segunda.hasta) == (segunda.desde, tercera.desde)
    assert tercera.hasta == mundo.fila().vigente_hasta
    assert resto.siguiente is None


def test_another_modalidad_rules_from_the_new_year_on(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.contratar()
    mundo.entregar()
    renovacion = mundo.contratar("un_rfc", EKU)
    mundo.entregar()
    desde = mundo.ver(renovacion).desde
    assert desde is not None
    # The year that runs was paid as open, and stays so to its end.
    assert mundo.fila().rfc_contratado is None
    version = mundo.fila().version
    contrato = mundo.contrato()
    assert (contrato.modalidad, contrato.rfc, contrato.vigente) == ("abierta", None, True)
    assert [x.id for x in contrato.siguientes] == [renovacion.id]
    # Nor is the end of the first year told, which is followed by another.
    assert mundo.vigilar(desde - timedelta(seconds=1)) == 0
    assert mundo.fila().rfc_contratado is None
    hilos = [threading.Thread(target=mundo.vigilar, args=(desde,)) for _ in range(3)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert (mundo.fila().rfc_contratado, mundo.fila().version) == (EKU, version + 1)
    assert (mundo.contrato().modalidad, mundo.contrato().siguientes) == ("un_rfc", [])


def test_the_database_refuses_two_requests_and_a_year_that_is_also_given_back(mundo: Mundo) -> None:
    mundo.acreditar("3000")
    pedida = mundo.contratar()
    mundo.entregar()
    for sql in (
        "UPDATE contrataciones SET devolucion_en = now()",
        "UPDATE contrataciones SET hasta = desde",
        "UPDATE contrataciones SET estado = 'cancelada'",
        "UPDATE contrataciones SET rfc = 'X'",
        "UPDATE ctis SET tipo = 'estandar'",
    ):
        with pytest.raises(IntegrityError), mundo.timbrado.begin() as conexion:
            conexion.execute(text(sql))
    assert mundo.ver(pedida).estado == "activa"


# -- notices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hasta",
    [
        datetime(2028, 3, 1, 14, 5, tzinfo=CENTRO),
        datetime(2027, 1, 5, 3, 0, tzinfo=CENTRO),
        datetime(2029, 1, 1, 0, 0, tzinfo=CENTRO),
    ],
)
def test_the_end_of_the_year_is_told_once_each_by_several_replicas(mundo: Mundo, hasta: datetime) -> None:
    mundo.acreditar("3000")
    mundo.contratar()
    mundo.entregar()
    mundo.vence(hasta)
    with mundo.timbrado.begin() as conexion:
        conexion.execute(
            text("UPDATE ctis SET proximo_aviso = :p WHERE vigente_hasta IS NOT NULL"),
            {"p": hasta - timedelta(days=60)},
        )
    dia = hasta.date()
    for faltan in range(40, -3, -1):
        ahora = datetime.combine(dia - timedelta(days=faltan), datetime.min.time(), CENTRO) + timedelta(
            hours=9
        )
        hilos = [threading.Thread(target=mundo.vigilar, args=(ahora,)) for _ in range(2)]
        for hilo in hilos:
            hilo.start()
        for hilo in hilos:
            hilo.join()
    dichos = mundo.avisos()
    assert [tipo for tipo, _ in dichos] == ["ilimitada_por_vencer"] * 3 + ["ilimitada_vencida"]
    for (_, mensaje), dice in zip(dichos, ["en 30 días", "en 7 días", "mañana", "venció el"], strict=True):
        assert dice in mensaje
        assert f"{hasta:%d/%m/%Y %H:%M}" in mensaje


# -- stamping ------------------------------------------------------------------------------------------


def test_an_ilimitada_stamps_only_while_paid_and_a_renewal_works_at_once(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    procesos = [mundo.timbrador(), mundo.timbrador()]
    for p in procesos:
        assert timbrar(p, mundo.solicitud()) == ["contrato_requerido"]
    mundo.pagar()
    for p in procesos:
        assert timbrar(p, mundo.solicitud(), mundo.solicitud()) == [None, None]
    # The year ends while both processes remember it as paid.
    mundo.vence(datetime.now(UTC) - timedelta(seconds=1))
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("UPDATE cuentas SET version = version + 1 WHERE tipo = 'cti'"))
    for p in procesos:
        assert timbrar(p, mundo.solicitud()) == ["contrato_requerido"]
    mundo.pagar()
    for p in procesos:
        assert timbrar(p, mundo.solicitud()) == [None]


def test_what_is_refused_over_and_over_is_not_read_each_time(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    p = mundo.timbrador()
    lote = [mundo.solicitud() for _ in range(5)]
    assert timbrar(p, lote[0]) == ["contrato_requerido"]
    pedida = mundo.contratar()
    mundo.entregar()
    assert mundo.ver(pedida).estado == "activa"
    # Within the moment it is not looked at again; a moment later, once, and all of the lot go.
    assert timbrar(p, *lote) == ["contrato_requerido"] * 5
    mundo.hora += aplicaciones.RELECTURA
    assert timbrar(p, *lote) == [None] * 5


def test_time_alone_ends_a_year_that_a_process_remembers(
    mundo: Mundo, monkeypatch: pytest.MonkeyPatch
) -> None:
    mundo.acreditar("9000")
    mundo.pagar()
    p = mundo.timbrador()
    assert timbrar(p, mundo.solicitud()) == [None]
    despues = datetime.now(UTC) + timedelta(days=367)

    class Manana(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return despues

    monkeypatch.setattr(aplicaciones, "datetime", Manana)
    momento = int(despues.timestamp())
    assert timbrar(p, mundo.solicitud(momento=momento)) == ["contrato_requerido"]
    mundo.pagar()
    assert timbrar(p, mundo.solicitud(momento=momento)) == [None]


def test_one_rfc_only_and_another_after_the_renewal(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.pagar("un_rfc", EKU)
    p = mundo.timbrador()
    ajena = mundo.solicitud(OTRO)
    assert timbrar(p, mundo.solicitud(), ajena) == [None, "no_permitido"]
    mundo.vence(datetime.now(UTC) - AYER)
    mundo.pagar("un_rfc", OTRO)
    # The process remembers the earlier RFC: it looks again before it refuses.
    assert timbrar(p, ajena, mundo.solicitud()) == [None, "no_permitido"]


def test_only_registered_applications_and_no_sql_for_their_keys(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.pagar()
    p = mundo.timbrador()
    buena = mundo.solicitud()
    sin_prueba = c.SolicitudDeTimbrado(cti=mundo.cti, contrasena=CLAVE, xml=mundo.factura().decode())
    vieja = mundo.solicitud(version="9.5")
    de_otro_xml = c.SolicitudDeTimbrado(
        cti=mundo.cti, contrasena=CLAVE, xml=mundo.factura().decode(), aplicacion=buena.aplicacion
    )
    lote = c.LoteDeTimbrado(solicitudes=[buena, sin_prueba, vieja, de_otro_xml])
    resultados = p.timbrar_lote(lote).resultados
    assert [(r.error, r.datos.get("motivo")) for r in resultados] == [
        (None, None),
        ("no_permitido", "sin_prueba"),
        ("no_permitido", "version"),
        ("no_permitido", "firma"),
    ]
    assert timbrar(p, *[mundo.solicitud() for _ in range(5)]) == [None] * 5
    assert mundo.leidas == 1
    mundo.en_timbrado(aplicaciones.revocar, c.RevocarAplicacion(clave="r", aplicacion_id=mundo.aplicacion))
    otro_proceso = mundo.timbrador()
    assert timbrar(otro_proceso, mundo.solicitud()) == ["no_permitido"]
    # Its ledger account moved nothing: what an ilimitada stamps is minted as it is spent.
    with mundo.timbrado.connect() as conexion:
        assert (
            conexion.execute(text("SELECT count(*) FROM movimientos WHERE motivo = 'timbrado'")).scalar() == 6
        )


def test_applications_are_registered_listed_and_revoked_for_good(mundo: Mundo) -> None:
    def registrar(nombre: str, llave: Ed25519PrivateKey) -> c.Aplicacion:
        una: c.Aplicacion = mundo.en_timbrado(
            aplicaciones.registrar(leer_llave),
            c.RegistrarAplicacion(clave="x", nombre=nombre, plataforma="web", llave_publica=publica(llave)),
        )
        return una

    otras = [registrar(f"App {i}", Ed25519PrivateKey.generate()).id for i in range(3)]
    with pytest.raises(DomainError) as caso:
        registrar("Otra", LLAVE)
    assert caso.value.code is Codigo.CONFLICTO
    primera = mundo.en_timbrado(aplicaciones.listar, c.ListarAplicaciones(limite=3))
    resto = mundo.en_timbrado(aplicaciones.listar, c.ListarAplicaciones(limite=3, cursor=primera.siguiente))
    assert [a.id for a in [*primera.datos, *resto.datos]] == [*reversed(otras), mundo.aplicacion]
    veces = [
        mundo.en_timbrado(aplicaciones.revocar, c.RevocarAplicacion(clave="r", aplicacion_id=otras[0]))
        for _ in range(2)
    ]
    assert veces[0] == veces[1]
    assert veces[0].revocada_en is not None
    with pytest.raises(DomainError) as caso:
        mundo.en_timbrado(aplicaciones.revocar, c.RevocarAplicacion(clave="r", aplicacion_id=uuid4()))
    assert caso.value.code is Codigo.NO_ENCONTRADO


def test_the_books_show_a_year_without_its_charge_and_a_charge_without_its_year(mundo: Mundo) -> None:
    mundo.acreditar("9000")
    mundo.pagar()
    bases = {"timbrado": mundo.timbrado, "puntos": mundo.puntos}
    mundo.cuadrar()
    for engine, rompe, repara, dice in (
        (
            mundo.puntos,
            "UPDATE cargos SET unidades = unidades + 1",
            "UPDATE cargos SET unidades = unidades - 1",
            "price",
        ),
        (
            mundo.puntos,
            "UPDATE cargos SET estado = 'devuelto', devuelto_en = now()",
            "UPDATE cargos SET estado = 'cobrado', devuelto_en = NULL",
            "no charge",
        ),
    ):
        with engine.begin() as conexion:
            conexion.execute(text(rompe))
        assert any(dice in p for p in verificar.verificar(bases, plazo=0)), dice
        with engine.begin() as conexion:
            conexion.execute(text(repara))
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("CREATE TEMP TABLE copia ON COMMIT DROP AS SELECT * FROM contrataciones"))
        conexion.execute(text("DELETE FROM contrataciones"))
        conexion.execute(text("CREATE TABLE copia_de_prueba AS SELECT * FROM copia"))
    assert any("no contract" in p for p in verificar.verificar(bases, plazo=0))
    with mundo.timbrado.begin() as conexion:
        conexion.execute(text("INSERT INTO contrataciones SELECT * FROM copia_de_prueba"))
        conexion.execute(text("DROP TABLE copia_de_prueba"))
