"""Rules of licencias and of its signed documents, without a database."""

from __future__ import annotations

import json
import os
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from services.licencias import domain
from services.licencias.domain import CodigoValidacion
from services.licencias.keyring import LlaveroPem
from shared.errors import DomainError

AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)


def crear_llave(carpeta: Path, nombre: str, momento: int = 1) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (carpeta / f"{nombre}.pem").write_bytes(pem)
    os.utime(carpeta / f"{nombre}.pem", (momento, momento))


@pytest.fixture
def llavero(tmp_path: Path) -> LlaveroPem:
    crear_llave(tmp_path, "a1")
    return LlaveroPem(tmp_path)


def licencia(emitida_en: datetime = AHORA) -> domain.Licencia:
    return domain.Licencia(
        id=uuid4(),
        cuenta_id=uuid4(),
        cliente_id=uuid4(),
        nic=1001,
        producto="punto-de-venta",
        caracteristicas=("multi-caja", "nube"),
        emitida_en=emitida_en,
        vence_en=domain.un_anio_despues(emitida_en),
    )


def test_a_document_is_read_back_and_verifies_offline(llavero: LlaveroPem) -> None:
    original = licencia()
    documento = domain.documento_de(original, llavero)
    contenido = domain.leer(documento, llavero)
    assert contenido is not None
    assert (contenido.id, contenido.nic, contenido.vence_en) == (original.id, 1001, original.vence_en)
    assert contenido.caracteristicas == original.caracteristicas
    # What an application does, with nothing of ours.
    externo = json.loads(documento)
    texto = json.dumps(
        externo["licencia"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    publica = Ed25519PublicKey.from_public_bytes(llavero.publicas()[externo["licencia"]["llave"]])
    publica.verify(domain.de_b64(externo["firma"]), texto)


def test_white_space_and_order_do_not_matter_content_does(llavero: LlaveroPem) -> None:
    documento = domain.documento_de(licencia(), llavero)
    objeto = json.loads(documento)
    assert domain.leer(json.dumps(objeto, indent=3), llavero) is not None
    for campo, valor in (("nic", 1002), ("vence_en", "2099-01-01T00:00:00Z"), ("llave", "b2"), ("extra", 1)):
        cambiado = {**objeto, "licencia": {**objeto["licencia"], campo: valor}}
        assert domain.leer(json.dumps(cambiado), llavero) is None


@pytest.mark.parametrize(
    "documento",
    [
        "", "null", "[]", "{}", "1", '"x"', "{", '{"licencia": null, "firma": "AA"}',
        '{"licencia": {}, "firma": 5}',
        "[" * 5000, "x" * 20_000, '{"licencia": {"nic": NaN}, "firma": ""}', '{"licencia": {}, "firma": "ñ"}',
        '{"licencia": {"tipo":"licencia","formato":1,"algoritmo":"Ed25519","llave":[]}, "firma": "AA"}',
    ],
)  # fmt: skip
def test_anything_else_is_not_a_document(llavero: LlaveroPem, documento: str) -> None:
    assert domain.leer(documento, llavero) is None


def test_a_repeated_key_is_refused(llavero: LlaveroPem) -> None:
    documento = domain.documento_de(licencia(), llavero)
    assert domain.leer(documento.replace('"nic":1001', '"nic":9,"nic":1001'), llavero) is None


def test_a_revocation_list_is_no_licence(llavero: LlaveroPem) -> None:
    lista = domain.firmar("revocaciones", {"licencias": []}, llavero)
    assert domain.leer(lista, llavero) is None
    assert domain.abrir("revocaciones", lista, llavero) is not None


def test_the_newest_key_signs_and_the_old_one_still_verifies(tmp_path: Path) -> None:
    crear_llave(tmp_path, "zz", momento=1)
    viejo = domain.documento_de(licencia(), LlaveroPem(tmp_path))
    crear_llave(tmp_path, "aa", momento=2)
    nuevo = LlaveroPem(tmp_path)
    assert nuevo.activa == "aa"
    assert domain.leer(viejo, nuevo) is not None
    (tmp_path / "zz.pem").unlink()
    assert domain.leer(viejo, LlaveroPem(tmp_path)) is None


def test_no_keys_or_a_wrong_one_stops_the_service(tmp_path: Path) -> None:
    for carpeta in (None, tmp_path):
        with pytest.raises(RuntimeError, match="LICENCIAS_KEYS_DIR"):
            LlaveroPem(carpeta)
    otra = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ec.pem").write_bytes(otra)
    with pytest.raises(RuntimeError, match="Ed25519"):
        LlaveroPem(tmp_path)


def test_a_year_also_from_29_february() -> None:
    assert domain.un_anio_despues(datetime(2028, 2, 29, 8, tzinfo=UTC)) == datetime(2029, 3, 1, 8, tzinfo=UTC)
    assert domain.un_anio_despues(AHORA) == AHORA.replace(year=2027)


def test_codes_in_their_order(llavero: LlaveroPem) -> None:
    contenido = domain.leer(domain.documento_de(licencia(), llavero), llavero)
    assert contenido is not None

    def juzgar(producto: str, ahora: datetime, *, revocada: bool) -> CodigoValidacion:
        return domain.juzgar(contenido, producto, ahora, lambda _: revocada)

    tarde = contenido.vence_en
    assert juzgar("punto-de-venta", AHORA, revocada=False) is CodigoValidacion.VALIDA
    assert juzgar("", AHORA, revocada=False) is CodigoValidacion.VALIDA
    assert juzgar("contabilidad", tarde, revocada=True) is CodigoValidacion.PRODUCTO_DISTINTO
    assert juzgar("punto-de-venta", tarde, revocada=True) is CodigoValidacion.REVOCADA
    assert juzgar("punto-de-venta", tarde, revocada=False) is CodigoValidacion.EXPIRADA


def test_a_contract_holds_through_its_last_day_in_mexico() -> None:
    mkl = domain.Mkl(
        id=uuid4(),
        cuenta_id=uuid4(),
        producto="x",
        inicia_en=date(2026, 1, 1),
        vence_en=date(2026, 12, 31),
    )
    ultimo = datetime(2027, 1, 1, 5, 59, tzinfo=UTC)
    assert mkl.vigente(domain.dia_en_mexico(ultimo))
    assert not mkl.vigente(domain.dia_en_mexico(datetime(2027, 1, 1, 6, tzinfo=UTC)))
    assert not mkl.vigente(date(2025, 12, 31))


@pytest.mark.parametrize("texto", ["", " ", "a b", "ñ", "x" * 65, "-a", "a\n"[:1] + "\n\nb"])
def test_bad_product(texto: str) -> None:
    with pytest.raises(DomainError):
        domain.producto_valido(texto)


def test_features_are_sorted_and_unique() -> None:
    assert domain.caracteristicas_validas(["Nube", "caja", "nube"]) == ("caja", "nube")
    with pytest.raises(DomainError):
        domain.caracteristicas_validas(["a"] * 51)


@pytest.mark.parametrize(
    ("desde", "hasta", "meses"),
    [
        (date(2026, 11, 24), date(2027, 11, 23), 12),
        (date(2026, 11, 24), date(2027, 11, 24), 13),
        (date(2026, 11, 24), date(2026, 11, 24), 1),
        (date(2026, 11, 24), date(2026, 12, 23), 1),
        (date(2026, 11, 24), date(2026, 12, 24), 2),
        (date(2027, 1, 31), date(2027, 2, 27), 1),
        (date(2027, 1, 31), date(2027, 2, 28), 2),
        (date(2028, 1, 31), date(2028, 2, 28), 1),
        (date(2028, 2, 29), date(2029, 2, 27), 12),
        (date(2026, 11, 24), date(2026, 11, 23), 0),
    ],
)
def test_un_mes_comenzado_cuenta_entero(desde: date, hasta: date, meses: int) -> None:
    assert domain.meses_restantes(desde, hasta) == meses


def test_lo_contratado_a_medio_anio() -> None:
    # 100 × 5 / 12 = 41.666…, 1 × 6 / 12 of a centavo rounds up.
    assert domain.precio_prorrateado(Decimal(100), date(2027, 1, 1), date(2027, 5, 31)) == Decimal("41.67")
    assert domain.precio_prorrateado(Decimal("0.01"), date(2027, 1, 1), date(2027, 6, 30)) == Decimal("0.01")
    assert domain.precio_prorrateado(Decimal(100), date(2027, 1, 1), date(2029, 6, 30)) == Decimal("100.00")


@given(
    precio=st.decimals(0, 10**6, places=2),
    desde=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    dias=st.integers(0, 800),
)
def test_el_prorrateo_nunca_cobra_de_mas_ni_baja_con_el_tiempo(
    precio: Decimal, desde: date, dias: int
) -> None:
    hasta = desde + timedelta(days=dias)
    uno = domain.precio_prorrateado(precio, desde, hasta)
    assert 0 <= uno <= precio
    # One day more never costs less; buying later never costs more.
    assert uno <= domain.precio_prorrateado(precio, desde, hasta + timedelta(days=1))
    assert domain.precio_prorrateado(precio, desde + timedelta(days=1), hasta) <= uno
    # By the month, counted out: the months that have begun between both days, both included.
    comenzados = 0
    while comenzados < 12 and _mas_meses(desde, comenzados) <= hasta:
        comenzados += 1
    exacto = precio * comenzados / 12
    assert abs(uno - exacto) <= Decimal("0.005")


def _mas_meses(dia: date, meses: int) -> date:
    anio, mes = divmod(dia.year * 12 + dia.month - 1 + meses, 12)
    return date(anio, mes + 1, min(dia.day, monthrange(anio, mes + 1)[1]))
