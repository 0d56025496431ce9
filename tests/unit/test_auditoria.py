"""What an audit entry says, how it is sealed, and how an exported log is checked offline."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import pytest

from services.gateway.csv import a_csv
from shared.auditoria import asiento, cadena, verificar
from shared.contracts import clientes, facturacion, licencias, puntos, timbrado
from shared.contracts.base import RPCS, PeticionConClave, Rpc
from shared.quien import SISTEMA, Quien

#: Their calls are known once they are imported.
CONTRATOS = (clientes, facturacion, licencias, puntos, timbrado)
CUENTA, PERFIL = uuid4(), uuid4()
AHORA = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _Contacto:
    nombre: str
    puesto: str
    correo: str
    movil: str


@dataclass(frozen=True, kw_only=True)
class _Pedida(PeticionConClave):
    cuenta_id: UUID
    cti: str
    cantidad: int
    importe: Decimal
    correo: str = ""
    rfc: str = ""
    notas: str = ""
    representante: _Contacto | None = None
    filas: list[str] = field(default_factory=list)
    contrasena: str = ""
    reservado: str = field(default="", repr=False)
    actor: str = ""


CONTRATO: Rpc[Any, Any] = Rpc.__new__(Rpc)
object.__setattr__(CONTRATO, "servicio", "timbrado")
object.__setattr__(CONTRATO, "metodo", "pedir_v1")

PEDIDA = _Pedida(
    clave="c:1",
    cuenta_id=CUENTA,
    cti="ABC",
    cantidad=5,
    importe=Decimal("10.50"),
    correo="ana.ruiz@empresa.mx",
    rfc="RUAA800101AB1",
    notas="le gusta el café",
    representante=_Contacto(nombre="Ana Ruiz", puesto="Gerente", correo="ana@x.mx", movil="+525512345678"),
    filas=[f"f{n}" for n in range(50_000)],
    contrasena="Secreta-1234",
    reservado="otra-Secreta",
    actor=str(PERFIL),
)


def _llamada(**nota: Any) -> Any:
    [uno] = asiento.de_llamada(
        CONTRATO,
        PEDIDA,
        {"id": "7", "contrasena": "Secreta-1234", "saldo": 3},
        asiento.Nota(**nota),
        AHORA,
        Quien("perfil", str(PERFIL), "10.0.0.1"),
    )
    return uno


def test_an_entry_says_who_what_and_where_without_secrets_or_persons() -> None:
    a = _llamada(objeto="cti:ABC", antes={"bloqueada": False}, despues={"bloqueada": True})
    assert (a.cuenta_id, a.accion, a.actor, a.ip, a.objeto) == (
        CUENTA, "timbrado.pedir_v1", str(PERFIL), "10.0.0.1", "cti:ABC",
    )  # fmt: skip
    dicho = json.loads(a.detalle)
    assert dicho["peticion"]["cantidad"] == 5
    assert dicho["peticion"]["importe"] == "10.50"
    assert dicho["peticion"]["correo"] == "a***@empresa.mx"
    assert dicho["peticion"]["representante"] == {
        "nombre": "A*** R***", "puesto": "G***", "correo": "a***@x.mx", "movil": "***5678",
    }  # fmt: skip
    assert dicho["peticion"]["filas"] == "(50000 elementos)"
    assert (dicho["antes"], dicho["despues"]) == ({"bloqueada": False}, {"bloqueada": True})
    for nunca in ("ecreta", "Ana", "Ruiz", "café", "5512345678", "800101", "c:1"):
        assert nunca not in a.detalle
    assert len(a.detalle.encode()) < 4_000


def test_what_was_acted_upon_is_found_when_nobody_says_it() -> None:
    assert _llamada().objeto == "cti:ABC"
    for peticion, respuesta, objeto in (
        (
            {"cuenta_id": "c1", "nombre": "x"},
            {"cliente_id": "u", "nic": 1001, "cuenta_id": "c1"},
            "cliente:1001",
        ),
        ({"titular_perfil_id": "p", "padre_id": "c1"}, {"padre_id": "c1", "cuenta_id": "c2"}, "cuenta:c2"),
        ({"cuenta_id": "c1", "distribuidor_id": "c2"}, {"id": "7"}, "distribuidor:c2"),
        ({"cuenta_id": "c1", "exigir": True}, {"id": True, "cuenta_id": "c1"}, ""),
    ):
        assert asiento._objeto(peticion, respuesta) == objeto
    sin_id = asiento.de_hecho("clientes.x", cuentas=(), objeto="", detalle={}, en=AHORA, q=SISTEMA)
    assert [(a.cuenta_id, a.actor_tipo) for a in sin_id] == [(None, "sistema")]


def test_what_concerns_several_cms_is_in_the_log_of_each() -> None:
    otra = uuid4()
    dos = asiento.de_hecho(
        "clientes.iniciar_sesion", cuentas=(CUENTA, otra), objeto="", detalle={}, en=AHORA, q=SISTEMA
    )
    assert [a.cuenta_id for a in dos] == [CUENTA, otra]
    assert len({a.id for a in dos}) == 2


def test_a_part_that_is_too_long_is_cut_and_says_so() -> None:
    texto = asiento.canonico({"antes": {f"campo{n}": "x" * 150 for n in range(300)}})
    assert json.loads(texto)["antes"]["recortado"].endswith("caracteres)")
    assert len(texto) < 3_000
    assert json.loads(asiento.canonico({"a": {"raro": "\ud800\x1f"}}))["a"]["raro"] == "?\x1f"
    assert "\x1f" not in asiento.canonico({"a": {"raro": "\x1f"}})


DIRECCION = "zoila.vaca@privado.mx"


def _lleno(tipo: Any) -> Any:
    """A value of a contract's type whose every text is somebody's address."""
    origen, dentro = get_origin(tipo), [x for x in get_args(tipo) if x is not type(None)]
    if tipo in (str, Any, object):
        return DIRECCION
    if is_dataclass(tipo) and isinstance(tipo, type):
        tipos = get_type_hints(tipo)
        return tipo(**{f.name: _lleno(tipos[f.name]) for f in fields(tipo) if f.init})
    if origen in (list, tuple):
        return [_lleno(dentro[0])]
    if origen is dict or tipo is dict:
        return {"dato": _lleno(dentro[-1]) if dentro else DIRECCION}
    return _lleno(dentro[0]) if dentro and not isinstance(dentro[0], str) else None


@pytest.mark.parametrize("nombre", sorted(k for k, x in RPCS.items() if x.cambia and not x.sin_auditar))
def test_no_audited_call_writes_an_address_whatever_its_fields_are_called(nombre: str) -> None:
    contrato = RPCS[nombre]
    respuesta = _lleno(contrato.respuesta)
    partes = {"peticion": asiento.mostrar(_lleno(contrato.peticion)), "despues": asiento.mostrar(respuesta)}
    dicho = asiento.canonico({**partes, "motivo": asiento.mostrar({"motivo": f"rechazó <{DIRECCION}>"})})
    assert "z***@privado.mx" in dicho
    assert "zoila" not in dicho


# -- the chain and its check ------------------------------------------------------------------------------


def _sellados(n: int) -> list[dict[str, Any]]:
    """Entries of a CM as `GET /v1/auditoria` gives them."""
    asientos = [
        {
            "id": uuid4(), "en": f"2026-11-24T12:00:{k:02}.000005Z", "accion": "timbrado.transferir_v1",
            "actor_tipo": "perfil", "actor": str(PERFIL), "ip": "10.0.0.1", "correlacion": "ab",
            "objeto": "=cmd|x" if k == 1 else "cti:Ñ", "resultado": "hecho", "detalle": '{"á":1}', "cadena": CUENTA,
        }
        for k in range(n)
    ]  # fmt: skip
    eslabones = cadena.encadenar({}, asientos)
    return [
        {**{c: str(v) for c, v in a.items()}, "secuencia": e[1], "anterior": e[3].hex(), "sello": e[4].hex()}
        for a, e in zip(asientos, eslabones, strict=True)
    ]


def _en(formato: str, filas: list[dict[str, Any]]) -> bytes:
    if formato == "csv":
        return a_csv(filas, list(filas[0]))
    return json.dumps({"datos": filas, "siguiente": None}).encode()


@pytest.mark.parametrize("formato", ["json", "csv"])
def test_an_exported_log_is_checked_offline(formato: str, tmp_path: Path, capsys: Any) -> None:
    filas = list(reversed(_sellados(6)))
    archivo = tmp_path / f"auditoria.{formato}"
    archivo.write_bytes(_en(formato, filas))
    assert verificar.main([str(archivo)]) == 0
    assert verificar.main([str(archivo), "--sello", filas[0]["sello"]]) == 0
    assert verificar.main([str(archivo), "--sello", "0" * 64]) == 1
    # A filtered list has gaps, which are told and are no fault.
    archivo.write_bytes(_en(formato, [filas[0], filas[3]]))
    capsys.readouterr()
    assert verificar.main([str(archivo)]) == 0
    assert "faltan 2" in capsys.readouterr().out


@pytest.mark.parametrize("formato", ["json", "csv"])
@pytest.mark.parametrize(
    "campo", ["actor", "objeto", "detalle", "en", "secuencia", "anterior", "resultado", "cadena"]
)
def test_an_altered_entry_is_found(formato: str, campo: str, tmp_path: Path) -> None:
    filas = _sellados(4)
    filas[2][campo] = {"secuencia": 9, "cadena": str(uuid4())}.get(campo, str(filas[2][campo])[:-1] + "x")
    archivo = tmp_path / "auditoria"
    archivo.write_bytes(_en(formato, filas))
    assert verificar.main([str(archivo)]) == 1


def test_an_entry_put_in_the_place_of_another_is_found() -> None:
    filas = _sellados(4)
    ajenas = _sellados(4)
    problemas = verificar.verificar(verificar.leer(_en("json", [*filas[:2], ajenas[2], filas[3]])))
    assert len(problemas) == 2
    assert verificar.verificar(verificar.leer(_en("json", [*filas, ajenas[1]]))) != []


def test_what_is_no_log_is_not_read(tmp_path: Path) -> None:
    for n, mal in enumerate([b"", b"{}", b'{"datos":[{"id":1}]}', b"a,b\n1,2\n", b"\xff\xfe", b"{"]):
        archivo = tmp_path / str(n)
        archivo.write_bytes(mal)
        assert verificar.main([str(archivo)]) == 2


def test_the_verifier_reads_what_the_gateway_writes_as_csv() -> None:
    filas = _sellados(3)
    leidas = list(csv.DictReader(io.StringIO(a_csv(filas, list(filas[0])).decode("utf-8-sig"))))
    assert leidas[1]["objeto"] == "'=cmd|x"
    assert all(verificar.concuerda(f) for f in leidas)


def test_who_asks_travels_as_text() -> None:
    quien = Quien("perfil", str(PERFIL), "::1")
    assert Quien.leer(quien.escribir()) == quien
    for raro in (None, "", "x", 5, "a|b|c|d"):
        assert Quien.leer(raro) is SISTEMA
    assert Quien.leer(replace(quien, id="a|b").escribir()).id == "ab"
