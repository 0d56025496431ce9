"""An ilimitada in use: the notices of its end, and what it stamps: paid, restricted, by proven applications."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from services.timbrado.aplicaciones import leer_llave
from services.timbrado.domain.ilimitada import CENTRO
from services.timbrado.use_cases import aplicaciones
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.testing import cfdi
from shared.testing.aplicaciones import publica
from tests.integration.apoyo_ilimitadas import AYER, CLAVE, EKU, LLAVE, OTRO, Mundo, mundo_nuevo, timbrar


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> cfdi.Material:
    """Certificates of the issuers, made once: a key pair each."""
    return cfdi.preparar(tmp_path_factory.mktemp("cfdi"))


@pytest.fixture
def mundo(base_de_datos: Callable[..., str], material: cfdi.Material) -> Iterator[Mundo]:
    with mundo_nuevo(base_de_datos, material) as uno:
        yield uno


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
