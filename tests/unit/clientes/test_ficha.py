"""The form of a cliente: what is understood, refused and warned of, and that its CSV reads back the same."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.clientes.domain import ClienteGuardado, columnas, ficha
from services.clientes.domain.cartera import FilaDeCartera, Lugar
from shared.contracts import clientes as c
from shared.contracts.base import load
from shared.contracts.clientes.campos import COLORES
from shared.errors import DomainError
from shared.rfc import digito_correcto, validar_rfc

EN = datetime(2026, 2, 27, 12, tzinfo=UTC)


def guardado(**datos: Any) -> ClienteGuardado:
    return ClienteGuardado(
        **{
            "cliente_id": uuid4(),
            "cuenta_id": uuid4(),
            "nic": 1001,
            "cti": "CTI0001001",
            "nombre": "X",
            "creado_en": EN,
            **datos,
        }
    )


def en_cartera(cliente: ClienteGuardado) -> FilaDeCartera:
    return FilaDeCartera(
        lugar=Lugar(cliente.nic, cliente.cliente_id), saldo_timbres=42, saldo_puntos=750, ultima_compra=EN
    )


def releer(cliente: ClienteGuardado) -> columnas.FilaLeida:
    """A cliente written and read back."""
    (celdas,) = csv.reader(io.StringIO(columnas.escribir([(cliente, en_cartera(cliente))]), newline=""))
    (leida,) = columnas.leer(columnas.COLUMNAS, [[2, *celdas]])
    return leida


@pytest.mark.parametrize(
    ("escrito", "guardado_como"),
    [
        ("55 1234 5678", "+525512345678"),
        ("(55) 1234-5678 ext. 12", "+525512345678 ext. 12"),
        ("55 1234 5678 extensión 9", "+525512345678 ext. 9"),
        ("5512345678 x301", "+525512345678 ext. 301"),
        ("01 55 1234 5678", "+525512345678"),
        ("044 55 1234 5678", "+525512345678"),
        ("+52 1 55 1234 5678", "+525512345678"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("55", "55"),
        ("55 1234 5678 / 55 8765 4321", "55 1234 5678 / 55 8765 4321"),
        ("recepción", "recepción"),
    ],
)
def test_phones_are_normalised_and_never_refused(escrito: str, guardado_como: str) -> None:
    assert ficha.normalizar_telefono(escrito) == guardado_como
    assert ficha.normalizar_telefono(guardado_como) == guardado_como


@pytest.mark.parametrize("rfc", ["EKU9003173C9", "GODE561231GR8"])
def test_the_check_digit_of_known_rfc(rfc: str) -> None:
    assert validar_rfc(rfc) == rfc
    assert digito_correcto(rfc)
    otro = "1" if rfc[-1] != "1" else "2"
    assert validar_rfc(rfc[:-1] + otro), "a wrong digit is never refused"
    assert not digito_correcto(rfc[:-1] + otro)


@pytest.mark.parametrize(
    "rfc", ["ABC010231AB1", "ABCD010230AB1", "ABC990229AB1", "ABC011301AB1", "AB010101AB1"]
)
def test_days_that_are_not_in_the_calendar(rfc: str) -> None:
    with pytest.raises(DomainError):
        validar_rfc(rfc)
    assert validar_rfc("ABC000229AB1"), "1900 had none, 2000 had it"


def test_every_mistake_is_told_at_once() -> None:
    malos = ficha.revisar(
        {
            "nombre": " ",
            "rfc": "mal",
            "correo": "ana@",
            "sitio_web": "javascript:alert(1)",
            "regimen_fiscal": "999",
            "uso_cfdi": "Z01",
            "representante": {"correo": "x", "nombre": "y" * 201},
            "domicilio": {"codigo_postal": "123", "estado": "Texas"},
            "precio_especifico": Decimal("NaN"),
            "otros": {str(n): "x" for n in range(21)},
        }
    )
    assert set(malos.errores) == {
        "nombre", "rfc", "correo", "sitio_web", "regimen_fiscal", "uso_cfdi", "representante.correo",
        "representante.nombre", "domicilio.codigo_postal", "domicilio.estado", "precio_especifico", "otros",
    }  # fmt: skip


def test_warnings_accept_what_they_warn_of() -> None:
    datos = ficha.revisar(
        {
            "nombre": "X",
            "rfc": "EKU9003173C1",
            "regimen_fiscal": "612",
            "uso_cfdi": "d01",
            "domicilio": {"codigo_postal": "64000", "estado": "edo. de méxico"},
        }
    ).exigir()
    assert datos["domicilio"]["estado"] == "México"
    assert set(ficha.advertencias(datos)) == {"rfc", "regimen_fiscal", "uso_cfdi", "domicilio.codigo_postal"}
    bien = ficha.revisar(
        {
            "rfc": "EKU9003173C9",
            "regimen_fiscal": "601",
            "uso_cfdi": "G03",
            "domicilio": {"codigo_postal": "64000", "estado": "NLE"},
        }
    ).exigir()
    assert ficha.advertencias(bien) == {}


def test_an_edit_of_one_part_keeps_the_others() -> None:
    antes = guardado(tecnico={"nombre": "Eva", "movil": "+525512345678"}, otros={"Giro": "Hotel"})
    datos = ficha.revisar({"tecnico": {"correo": "Eva@X.mx"}}).exigir()
    assert ficha.cambios(antes, datos, ["tecnico.movil"]) == {
        "tecnico": {"nombre": "Eva", "correo": "eva@x.mx"}
    }
    assert ficha.cambios(antes, {"tecnico": {"nombre": "Eva"}}) == {}
    assert ficha.cambios(antes, {}, ["tecnico.nombre", "tecnico.movil"]) == {"tecnico": None}


def test_the_columns_are_those_of_the_contract() -> None:
    assert columnas.COLUMNAS == c.COLUMNAS_DE_CLIENTES
    assert columnas.DE_LECTURA == c.COLUMNAS_DE_LECTURA
    assert ficha.COLORES == COLORES


def texto(largo: int) -> st.SearchStrategy[str]:
    letras = st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs", "Cc"))
    return st.text(st.one_of(letras, st.sampled_from("=+-@' \t\n,;\"áñ")), max_size=largo)


@settings(max_examples=150, deadline=None)
@given(
    nombre=texto(40).filter(str.strip),
    notas=texto(60),
    puesto=texto(20),
    otros=st.dictionaries(texto(10).filter(str.strip), texto(20), max_size=3),
    telefono=st.sampled_from(["", "55 1234 5678 ext. 3", "-5", "=1+1"]),
    precio=st.decimals(min_value=0, max_value=999999, places=4) | st.none(),
    etiquetas=st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, *ficha.COLORES])),
)
def test_what_is_written_as_csv_reads_back_the_same(
    nombre: str,
    notas: str,
    puesto: str,
    otros: dict[str, str],
    telefono: str,
    precio: Decimal | None,
    etiquetas: tuple[bool, bool, str | None],
) -> None:
    datos = ficha.revisar(
        {
            "nombre": nombre,
            "notas": notas,
            "telefono": telefono,
            "otros": otros,
            "representante": {"puesto": puesto},
            "precio_especifico": precio,
        }
    ).exigir()
    favorito, baja, color = etiquetas
    cliente = guardado(**datos, favorito=favorito, baja=baja, color=color)
    leida = releer(cliente)
    assert leida.errores == {}
    assert leida.nic == 1001
    assert ficha.cambios(cliente, leida.datos, [x for x in leida.vaciar if x != "nombre"]) == {}
    assert leida.etiquetas == {"favorito": favorito, "baja": baja, "color": color}


def test_a_cell_is_never_a_formula() -> None:
    cliente = guardado(nombre="=HYPERLINK(1)", telefono="+525512345678", notas="@x", correo="-1")
    linea = columnas.escribir([(cliente, en_cartera(cliente))])
    celdas = next(csv.reader(io.StringIO(linea, newline="")))
    for celda in celdas:
        assert not celda.startswith(("=", "+", "-", "@"))
    assert celdas[-3:] == ["42", "7.50", "2026-02-27T12:00:00+00:00"]


@given(st.emails())
@settings(max_examples=100, deadline=None)
def test_a_correo_that_is_kept_passes_the_contract_that_shows_it(correo: str) -> None:
    datos = ficha.revisar({"tecnico": {"correo": correo}})
    if not datos.errores:
        load(c.Contacto, datos.datos["tecnico"])


def test_cells_as_people_write_them() -> None:
    nombres = [
        "nic",
        "nombre",
        "codigo_postal",
        "precio_especifico",
        "otros",
        "favorito",
        "baja",
        "color",
        "cti",
    ]
    filas = [
        [2, "", " Ferretería ", "6000", "$0.85", "Giro: Hotel | Zona: Norte", "Sí", "", "Azul", "CTI1"],
        [3, "x", "", "06000", "gratis", "sin dos puntos", "quizás", "no", "beis", ""],
        [4, "1", "corta"],
    ]
    bien, mal, corta = columnas.leer(nombres, filas)
    assert bien.errores == {}
    assert bien.datos == {
        "nombre": "Ferretería", "domicilio": {"codigo_postal": "06000"}, "precio_especifico": Decimal("0.85"),
        "otros": {"Giro": "Hotel", "Zona": "Norte"},
    }  # fmt: skip
    assert bien.etiquetas == {"favorito": True, "baja": False, "color": "azul"}
    assert set(mal.errores) == {"nic", "precio_especifico", "otros", "favorito", "color"}
    assert "fila" in corta.errores
