"""The SAT's LCO in PostgreSQL: loaded whole or not at all, asked with one statement per lot, and only when told to."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError

from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.cfdi.lco import EstadoLco, LcoGuardada, LcoIlegible
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.repository import FuenteLcoPostgres, Repositorio
from services.timbrado.repository.lco import CargaDeLco
from services.timbrado.use_cases import lco
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.errors import DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.unit.timbrado.apoyo_cfdi import AHORA, CORPUS, codigo, emisor, factura
from tests.unit.timbrado.apoyo_lco import lista

RFC, NUMERO = "EMP010101AA1", "30001000000500003416"


@pytest.fixture(scope="module")
def engine(base_de_datos_modulo: Callable[..., str]) -> Iterator[Engine]:
    engine = new_engine(base_de_datos_modulo("timbrado"), 4)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def vacia(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE lco SET exigir = false, version = NULL"))
        for version in connection.execute(text("SELECT id FROM lco_versiones")).scalars().all():
            connection.execute(text(f"DROP TABLE lco_lineas_{version}"))
        connection.execute(text("DELETE FROM lco_versiones"))


class Banco:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def carga(self) -> Iterator[CargaDeLco]:
        with self.engine.begin() as connection:
            yield CargaDeLco(connection)

    def cargar(self, *archivos: Path, forzar: bool = False) -> int:
        return lco.cargar(archivos, self.carga, forzar=forzar)

    def estado(self) -> c.EstadoDeLco:
        with UnitOfWork(self.engine, Repositorio) as uow:
            return lco.consultar_lco(uow, Vacio())

    def exigir(self, exigir: bool) -> c.EstadoDeLco:
        with UnitOfWork(self.engine, Repositorio) as uow:
            estado = lco.configurar_lco(uow, c.ConfigurarLco(clave="k", exigir=exigir))
            uow.commit()
            return estado

    def tablas(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'lco_lineas_%' ORDER BY 1"
                    )
                ).scalars()
            )


@pytest.fixture
def banco(engine: Engine) -> Banco:
    return Banco(engine)


def archivo(
    carpeta: Path, lineas: Sequence[tuple[str, str, str, str]], fecha: str = "2026-11-24T00:00:00"
) -> Path:
    ruta = carpeta / f"LCO_{fecha[:10]}_{len(list(carpeta.iterdir()))}.XML"
    ruta.write_bytes(lista(lineas, fecha))
    return ruta


def test_several_files_become_one_version(banco: Banco, tmp_path: Path) -> None:
    uno = archivo(tmp_path, [(RFC, NUMERO, "A", "1"), (RFC, "30001000000500003417", "R", "1")])
    # The second file repeats a pair in a worse state, as the SAT's do.
    otro = archivo(tmp_path, [("ÑAN010101AB2", "30001000000500003418", "A", "0"), (RFC, NUMERO, "C", "1")])
    comprimido = tmp_path / "LCO.XML.gz"
    comprimido.write_bytes(gzip.compress(otro.read_bytes()))
    assert banco.cargar(uno, comprimido) == 3
    estado = banco.estado()
    assert (estado.exigir, estado.fecha, estado.lineas) == (False, date(2026, 11, 24), 3)
    assert estado.cargada_en is not None
    guardada = LcoGuardada(FuenteLcoPostgres(banco.engine))
    assert guardada.exigida() is False
    banco.exigir(True)
    guardada = LcoGuardada(FuenteLcoPostgres(banco.engine))
    assert guardada.exigida() is True
    assert guardada.buscar(RFC, NUMERO) == EstadoLco("C", True)
    assert guardada.buscar("ÑAN010101AB2", "30001000000500003418") == EstadoLco("A", False)
    assert guardada.buscar("OTR010101AA1", NUMERO) is None
    assert guardada.buscar(RFC, "30001000000500009999") is None


def test_a_load_that_fails_leaves_the_earlier_list(banco: Banco, tmp_path: Path) -> None:
    bueno = archivo(tmp_path, [(RFC, f"3000100000050000{n}", "A", "1") for n in range(1000, 1010)])
    banco.cargar(bueno)
    banco.exigir(True)
    antes, tablas = banco.estado(), banco.tablas()
    cortado = tmp_path / "cortado.xml"
    cortado.write_bytes(bueno.read_bytes()[:-40])
    de_otro_dia = archivo(tmp_path, [(RFC, NUMERO, "A", "1")], "2026-11-23T00:00:00")
    corto = archivo(tmp_path, [(RFC, NUMERO, "A", "1")])
    for archivos in ([cortado], [bueno, de_otro_dia], [corto]):
        with pytest.raises(LcoIlegible):
            banco.cargar(*archivos)
        assert banco.estado() == antes
        assert banco.tablas() == tablas
    assert banco.cargar(corto, forzar=True) == 1
    assert banco.estado().exigir is True


def test_old_versions_leave(banco: Banco, tmp_path: Path) -> None:
    lista_ = archivo(tmp_path, [(RFC, NUMERO, "A", "1")])
    for _ in range(4):
        banco.cargar(lista_)
    assert len(banco.tablas()) == 2
    assert banco.estado().lineas == 1


def test_two_loads_at_once_are_not_two(banco: Banco, tmp_path: Path) -> None:
    lista_ = archivo(tmp_path, [(RFC, NUMERO, "A", "1")])
    with banco.carga() as otra:
        assert otra.libre
        with pytest.raises(DomainError, match="en curso"):
            banco.cargar(lista_)


def test_it_is_not_asked_without_a_list(banco: Banco) -> None:
    with pytest.raises(DomainError) as error:
        banco.exigir(True)
    assert error.value.code == "conflicto"
    with pytest.raises(IntegrityError), banco.engine.begin() as connection:
        connection.execute(text("UPDATE lco SET exigir = true"))
    assert banco.exigir(False).version is None


def test_a_lot_asks_once_and_again_only_what_is_new(banco: Banco, tmp_path: Path) -> None:
    propio = emisor().numero
    banco.cargar(archivo(tmp_path, [(RFC, propio, "A", "1")]))
    banco.exigir(True)
    reloj = [0.0]
    guardada = LcoGuardada(FuenteLcoPostgres(banco.engine), lambda: reloj[0])
    validador = Validador(Confianza([leer_certificado(emisor().par.der)]), guardada)
    dichas: list[str] = []
    event.listen(banco.engine, "before_cursor_execute", lambda *a: dichas.append(a[2]))
    xmls = [factura(serie=s) for s in "ABC"]
    validador.anticipar([x.decode() for x in xmls])
    assert len(dichas) == 2  # which version, and its lines
    for xml in xmls:
        validador.validar(xml, AHORA)
    validador.anticipar([x.decode() for x in xmls])
    assert len(dichas) == 2
    # A new list takes the certificate's obligations away; it is seen once the state is asked again.
    banco.cargar(archivo(tmp_path, [(RFC, propio, "A", "0")]))
    validador.validar(xmls[0], AHORA)
    reloj[0] += LcoGuardada.VIGENCIA + 1
    assert codigo(xmls[0], con=validador) == "402"
    banco.cargar(archivo(tmp_path, [(RFC, propio, "R", "1")]))
    reloj[0] += LcoGuardada.VIGENCIA + 1
    assert codigo(xmls[0], con=validador) == "304"
    banco.exigir(False)
    reloj[0] += LcoGuardada.VIGENCIA + 1
    validador.validar(xmls[0], AHORA)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no shared corpus here")
def test_the_sats_own_test_list(banco: Banco, tmp_path: Path) -> None:
    """As it is, and as the SAT publishes the daily one: inside of a PKCS#7 signature, gzipped."""
    plana = CORPUS / "lco-prueba-2023-05-19.xml"
    assert banco.cargar(plana) == 2637
    assert banco.estado().fecha == date(2023, 5, 19)
    firmada = tmp_path / "LCO_2023-05-19_1.XML.gz"
    firmada.write_bytes(gzip.compress(firmar(plana, tmp_path)))
    assert banco.cargar(firmada) == 2637


def firmar(ruta: Path, carpeta: Path) -> bytes:
    """What `openssl smime -sign -nodetach` makes of a file, by a key of the moment."""
    llave, cert, salida = (carpeta / nombre for nombre in ("k.pem", "c.pem", "f.der"))
    for orden in (
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", llave, "-out", cert],
        [
            "smime",
            "-sign",
            "-nodetach",
            "-binary",
            "-outform",
            "der",
            "-in",
            ruta,
            "-out",
            salida,
            "-signer",
            cert,
            "-inkey",
            llave,
        ],
    ):
        subprocess.run(["openssl", *map(str, orden)], check=True, capture_output=True)
    return salida.read_bytes()
