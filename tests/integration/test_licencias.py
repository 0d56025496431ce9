"""licencias on a real PostgreSQL, through its unit of work, with real keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.licencias import domain, use_cases
from services.licencias.keyring import LlaveroPem
from services.licencias.repository import Repositorio
from shared.contracts import licencias as c
from shared.contracts.base import Vacio
from shared.contracts.eventos import ClienteCreado, CuentaMaestraCreada
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

CUENTA, AJENA = uuid4(), uuid4()
NIC, OTRO_NIC = 11, 12
PRODUCTO = "punto-de-venta"
AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Reloj(UnitOfWork[Repositorio]):
    """A unit of work at a time of the test's choosing."""

    momento = AHORA

    @property
    def ahora(self) -> datetime:
        return self.momento


class Casa:
    """A service with two CMs, each with one cliente."""

    def __init__(self, engine: Engine, llavero: LlaveroPem) -> None:
        self.engine, self.llavero = engine, llavero
        for cuenta, nic in ((CUENTA, NIC), (AJENA, OTRO_NIC)):
            self.correr(use_cases.anotar_cuenta, CuentaMaestraCreada(cuenta_id=cuenta, nombre="CM"))
            nuevo = ClienteCreado(
                cuenta_id=cuenta, cliente_id=UUID(int=nic), nic=nic, nombre="Cliente", cti="C1"
            )
            self.correr(use_cases.anotar_cliente, nuevo)

    def correr(self, caso: Callable[..., Any], peticion: Any, momento: datetime = AHORA) -> Any:
        with Reloj(self.engine, Repositorio) as uow:
            assert isinstance(uow, Reloj)
            uow.momento = momento
            respuesta = caso(uow, peticion)
            uow.commit()
            return respuesta

    def contratar(self, vence_en: date = date(2027, 11, 23)) -> c.Mkl:
        peticion = c.ContratarMkl(clave="k", cuenta_id=CUENTA, producto=PRODUCTO, vence_en=vence_en)
        mkl = self.correr(use_cases.contratar_mkl, peticion)
        assert isinstance(mkl, c.Mkl)
        return mkl

    def generar(self, cuenta: UUID = CUENTA, nic: int = NIC, momento: datetime = AHORA) -> c.Licencia:
        peticion = c.GenerarLicencia(clave="k", cuenta_id=cuenta, nic=nic, producto="Punto-De-Venta")
        caso = partial(use_cases.generar_licencia, llavero=self.llavero)
        licencia = self.correr(caso, peticion, momento)
        assert isinstance(licencia, c.Licencia)
        return licencia

    def validar(self, documento: str, producto: str = PRODUCTO, momento: datetime = AHORA) -> c.Validacion:
        caso = partial(use_cases.validar_licencia, llavero=self.llavero)
        validacion = self.correr(caso, c.ValidarLicencia(documento=documento, producto=producto), momento)
        assert isinstance(validacion, c.Validacion)
        return validacion

    def revocar(self, id: UUID, cuenta: UUID = CUENTA, momento: datetime = AHORA) -> c.Licencia:
        peticion = c.RevocarLicencia(clave="r", cuenta_id=cuenta, licencia_id=id)
        licencia = self.correr(use_cases.revocar_licencia, peticion, momento)
        assert isinstance(licencia, c.Licencia)
        return licencia


@pytest.fixture
def casa(base_de_datos: Callable[..., str], tmp_path: Path) -> Iterator[Casa]:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "k1.pem").write_bytes(pem)
    engine = new_engine(base_de_datos("licencias"))
    yield Casa(engine, LlaveroPem(tmp_path))
    engine.dispose()


def test_without_a_contract_in_force_no_licence(casa: Casa) -> None:
    with pytest.raises(DomainError) as caso:
        casa.generar()
    assert caso.value.code is Codigo.CONTRATO_REQUERIDO
    assert casa.contratar().vigente
    assert casa.generar().estado == "vigente"
    with pytest.raises(DomainError) as caso:
        casa.generar(momento=datetime(2027, 11, 24, 6, tzinfo=UTC))
    assert caso.value.code is Codigo.CONTRATO_REQUERIDO


def test_the_life_of_a_licence(casa: Casa) -> None:
    casa.contratar()
    licencia = casa.generar()
    assert licencia.vence_en == AHORA.replace(year=2027)
    buena = casa.validar(licencia.documento)
    assert (buena.codigo, buena.licencia_id, buena.nic) == ("VALIDA", licencia.id, NIC)
    assert casa.validar(licencia.documento, "otro").codigo == "PRODUCTO_DISTINTO"
    assert casa.validar(licencia.documento, momento=licencia.vence_en).codigo == "EXPIRADA"
    falsa = casa.validar(licencia.documento.replace(f'"nic":{NIC}', '"nic":99'))
    assert falsa == c.Validacion(codigo="FIRMA_INVALIDA")

    revocada = casa.revocar(licencia.id)
    assert revocada.estado == "revocada"
    assert casa.revocar(licencia.id, momento=AHORA + timedelta(days=1)).revocada_en == revocada.revocada_en
    assert casa.validar(licencia.documento).codigo == "REVOCADA"


def test_keys_and_revocations_are_published_signed(casa: Casa) -> None:
    casa.contratar()
    licencia = casa.generar()
    casa.generar()
    casa.revocar(licencia.id)
    caso = partial(use_cases.llaves_publicas, llavero=casa.llavero)
    publicadas = casa.correr(caso, Vacio())
    assert [llave.id for llave in publicadas.llaves] == ["k1"]
    lista = domain.abrir("revocaciones", publicadas.revocaciones, casa.llavero)
    assert lista is not None
    assert lista["licencias"] == [str(licencia.id)]
    despues = casa.correr(caso, Vacio(), licencia.vence_en)
    assert json.loads(despues.revocaciones)["revocaciones"]["licencias"] == []


def test_another_cm_generates_lists_and_revokes_nothing(casa: Casa) -> None:
    casa.contratar()
    licencia = casa.generar()
    intentos: list[Callable[[], object]] = [
        lambda: casa.generar(CUENTA, OTRO_NIC),
        lambda: casa.correr(use_cases.listar_licencias, c.ListarLicencias(cuenta_id=AJENA, nic=NIC)),
        lambda: casa.revocar(licencia.id, AJENA),
    ]
    for intento in intentos:
        with pytest.raises(DomainError) as caso:
            intento()
        assert caso.value.code is Codigo.NO_ENCONTRADO


def test_lists_are_paged(casa: Casa) -> None:
    for mes in range(1, 4):
        casa.contratar(date(2027, mes, 1))
    mkl = c.ListarMkl(cuenta_id=CUENTA, limite=2)
    primera = casa.correr(use_cases.listar_mkl, mkl)
    resto = casa.correr(
        use_cases.listar_mkl, c.ListarMkl(cuenta_id=CUENTA, limite=2, cursor=primera.siguiente)
    )
    assert [m.vence_en.month for m in [*primera.datos, *resto.datos]] == [3, 2, 1]
    assert resto.siguiente is None

    ids = {casa.generar(momento=AHORA + timedelta(hours=h // 2)).id for h in range(3)}
    una = casa.correr(use_cases.listar_licencias, c.ListarLicencias(cuenta_id=CUENTA, nic=NIC, limite=2))
    peticion = c.ListarLicencias(cuenta_id=CUENTA, nic=NIC, limite=2, cursor=una.siguiente)
    otra = casa.correr(use_cases.listar_licencias, peticion)
    assert {v.id for v in [*una.datos, *otra.datos]} == ids


def test_the_database_keeps_a_licence_as_it_was_signed(casa: Casa) -> None:
    casa.contratar()
    casa.revocar(casa.generar().id)
    for cambio in (
        "UPDATE licencias SET nic = 5",
        "UPDATE licencias SET revocada_en = NULL",
        "DELETE FROM licencias",
    ):
        with pytest.raises(DBAPIError), casa.engine.begin() as conexion:
            conexion.execute(text(cambio))
