"""The short way through a contract is the schema's twin: same payloads, same values, same refusals."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import timbrado as c
from shared.contracts.base import dump, load, schema_of
from shared.contracts.rapido import Inusual, codec_de
from shared.errors import DomainError

UUIDS = st.uuids()
TEXTOS = st.text(max_size=30)
SOLICITUDES = st.builds(
    c.SolicitudDeTimbrado,
    cti=TEXTOS, contrasena=TEXTOS, xml=TEXTOS, idd=st.none() | TEXTOS, ip=st.none() | TEXTOS,
    aplicacion=st.none() | TEXTOS,
)  # fmt: skip
RESULTADOS = st.builds(
    c.ResultadoDeTimbrado,
    uuid=st.none() | UUIDS, xml=st.none() | TEXTOS, idd=st.none() | TEXTOS, repetido=st.booleans(),
    error=st.none() | TEXTOS, detail=st.none() | TEXTOS,
    datos=st.dictionaries(TEXTOS, st.integers() | TEXTOS, max_size=3),
)  # fmt: skip
LOTES = st.builds(c.LoteDeTimbrado, solicitudes=st.lists(SOLICITUDES, max_size=4)) | st.builds(
    c.ResultadosDeTimbrado, resultados=st.lists(RESULTADOS, max_size=4)
)


def test_the_stampings_have_a_short_way() -> None:
    assert codec_de(c.LoteDeTimbrado) is not None
    assert codec_de(c.ResultadosDeTimbrado) is not None
    assert codec_de(c.Transferir) is None  # it has validators and a Decimal


@given(LOTES)
def test_it_dumps_and_loads_what_the_schema_does(payload: Any) -> None:
    codec = codec_de(cast("Any", type(payload)))
    assert codec is not None
    assert codec.dump(payload) == schema_of(type(payload)).dump(payload)
    assert codec.load(codec.dump(payload)) == payload == schema_of(type(payload)).load(dump(payload))


BASURA = (
    st.none() | st.booleans() | st.integers() | TEXTOS | UUIDS.map(str) | st.lists(st.integers(), max_size=1)
)


@given(st.fixed_dictionaries({}, optional={f.name: BASURA for f in fields(c.ResultadoDeTimbrado)}))
def test_what_it_takes_the_schema_takes_as_well(data: dict[str, Any]) -> None:
    codec = codec_de(c.ResultadoDeTimbrado)
    assert codec is not None
    try:
        corto = codec.load(data)
    except Inusual:
        return
    assert corto == schema_of(c.ResultadoDeTimbrado).load(data)


def test_what_is_wrong_is_still_told_by_the_schema() -> None:
    with pytest.raises(DomainError) as error:
        load(c.LoteDeTimbrado, {"solicitudes": [{"cti": "a", "xml": 3}]})
    assert {"solicitudes.0.contrasena", "solicitudes.0.xml"} <= set(error.value.errores)


def test_an_unknown_field_is_ignored_between_services() -> None:
    uuid = uuid4()
    leido = load(c.ResultadoDeTimbrado, {"uuid": str(uuid), "nuevo": 1})
    assert leido == c.ResultadoDeTimbrado(uuid=UUID(str(uuid)))
