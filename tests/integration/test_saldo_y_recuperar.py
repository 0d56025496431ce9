"""What a CTI has left and the earlier stamp of a document, by the CTI's credentials: neither ever spends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from services.timbrado.credenciales import Credenciales
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases.recuperar import recuperar_timbrado
from services.timbrado.use_cases.saldo import consultar_saldo
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.ledger import sealing
from tests.integration.test_timbrado_pipeline import CLAVE, Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 5)
    yield b
    b.engine.dispose()


@pytest.fixture
def credenciales(banco: Banco) -> Credenciales:
    def leer(ids: object) -> object:
        with banco.uow() as uow:
            return uow.repo.ctis(ids)  # type: ignore[arg-type]

    return Credenciales(leer, lambda f, *a: f(*a))  # type: ignore[arg-type]


def saldo(banco: Banco, credenciales: Credenciales, contrasena: str = CLAVE) -> c.SaldoCti:
    with banco.uow() as uow:
        p = c.ConsultarSaldoCti(cti=banco.cti, contrasena=contrasena)
        return consultar_saldo(credenciales)(uow, p)


def recuperar(
    banco: Banco, credenciales: Credenciales, xml: bytes, contrasena: str = CLAVE
) -> c.ResultadoDeTimbrado:
    with banco.uow() as uow:
        p = c.SolicitudDeTimbrado(cti=banco.cti, contrasena=contrasena, xml=xml.decode())
        return recuperar_timbrado(credenciales)(uow, p)


def test_the_balance_is_what_can_be_spent_now(banco: Banco, credenciales: Credenciales) -> None:
    assert saldo(banco, credenciales) == c.SaldoCti(cti=banco.cti, tipo="estandar", saldo=5, utilizados=0)
    banco.timbrar(banco.factura("S1"), banco.factura("S2"))
    while sealing.seal(banco.engine, al_sellar):
        pass
    visto = saldo(banco, credenciales)
    assert (visto.saldo, visto.utilizados) == (3, 2)
    banco.fallar("tiempo_agotado_antes")
    [r] = banco.timbrar(banco.factura("S3"))
    assert r.error == Codigo.PENDIENTE
    assert saldo(banco, credenciales).saldo == 2  # one is held


def test_a_blocked_cti_may_still_ask_and_a_stranger_may_not(banco: Banco, credenciales: Credenciales) -> None:
    with banco.engine.begin() as connection:
        connection.execute(
            text("UPDATE cuentas SET bloqueada = true, version = version + 1 WHERE titular = :t"),
            {"t": banco.cti},
        )
    assert saldo(banco, credenciales).saldo == 5
    with pytest.raises(DomainError) as exc:
        saldo(banco, credenciales, "otra-contrasena")
    assert exc.value.code is Codigo.CREDENCIALES_INVALIDAS


def test_what_was_stamped_is_had_again_and_the_rest_is_not_stamped(
    banco: Banco, credenciales: Credenciales
) -> None:
    xml = banco.factura("R1")
    with pytest.raises(DomainError) as exc:
        recuperar(banco, credenciales, xml)
    assert exc.value.code is Codigo.NO_ENCONTRADO
    assert banco.saldo() == (5, 0)
    [hecho] = banco.timbrar(xml)
    otra = recuperar(banco, credenciales, xml)
    assert (otra.uuid, otra.xml, otra.repetido) == (hecho.uuid, hecho.xml, True)
    # The addenda is not part of the document; what comes back is what was stamped.
    con_addenda = xml.replace(b"</cfdi:Comprobante>", b"<cfdi:Addenda><a/></cfdi:Addenda></cfdi:Comprobante>")
    assert recuperar(banco, credenciales, con_addenda).xml == hecho.xml
    # Who lost the answer may only have the stamped document at hand.
    assert recuperar(banco, credenciales, (hecho.xml or "").encode()).uuid == hecho.uuid
    assert banco.saldo() == (4, 0)


@pytest.mark.parametrize(
    ("xml", "contrasena", "codigo"),
    [
        (b"<roto", CLAVE, Codigo.CFDI_INVALIDO),
        (b"<otro/>", CLAVE, Codigo.CFDI_INVALIDO),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', CLAVE, Codigo.CFDI_INVALIDO),
        (b"<otro/>", "otra-contrasena", Codigo.CREDENCIALES_INVALIDAS),
    ],
)
def test_what_can_not_be_looked_up_is_refused(
    banco: Banco, credenciales: Credenciales, xml: bytes, contrasena: str, codigo: Codigo
) -> None:
    with pytest.raises(DomainError) as exc:
        recuperar(banco, credenciales, xml, contrasena)
    assert exc.value.code is codigo


def test_one_under_way_is_pendiente_and_one_of_another_issuer_is_not_told(
    banco: Banco, credenciales: Credenciales
) -> None:
    xml = banco.factura("R2")
    banco.fallar("tiempo_agotado_antes")
    banco.timbrar(xml)
    with pytest.raises(DomainError) as exc:
        recuperar(banco, credenciales, xml)
    assert exc.value.code is Codigo.PENDIENTE
    with banco.engine.begin() as connection:
        connection.execute(
            text("UPDATE ctis SET rfcs = ARRAY['AAA010101AAA'] WHERE id = :t"), {"t": banco.cti}
        )
        connection.execute(
            text("UPDATE cuentas SET version = version + 1 WHERE titular = :t"), {"t": banco.cti}
        )
    with pytest.raises(DomainError) as exc:
        recuperar(banco, credenciales, xml)
    assert exc.value.code is Codigo.NO_PERMITIDO
