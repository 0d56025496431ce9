"""Lists of a CTI's documents on a real PostgreSQL: whole, in order, and read from an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.timbrado.repository.comprobantes import consulta_de_pagina
from services.timbrado.use_cases import comprobantes
from shared.contracts import timbrado as c
from tests.integration.notaria import Notaria, abrir, rechazo


@pytest.fixture(scope="module")
def notaria(
    base_de_datos_modulo: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notaria]:
    with abrir(base_de_datos_modulo("timbrado"), tmp_path_factory.mktemp("cfdi")) as una:
        yield una


def test_a_ctis_documents_are_listed_by_their_index(notaria: Notaria) -> None:
    cancelada = notaria.timbrada(lineas=0)
    notaria.cancelar(cancelada)
    vigente = notaria.timbrada(lineas=0)

    def pagina(**filtros: Any) -> list[c.TimbradoEnLista]:
        hojas: list[c.TimbradoEnLista] = []
        cursor = None
        while True:
            with notaria.banco.uow() as uow:
                p = c.ListarTimbrados(
                    cuenta_id=notaria.banco.cm, cti=notaria.banco.cti, limite=7, cursor=cursor, **filtros
                )
                una = comprobantes.listar_timbrados(uow, p)
            hojas += una.datos
            cursor = una.siguiente
            if cursor is None:
                return hojas

    todas = pagina()
    assert [t.uuid for t in todas[:2]] == [vigente, cancelada]
    assert len({t.id for t in todas}) == len(todas)
    assert todas == sorted(todas, key=lambda t: (t.creado_en, t.id), reverse=True)
    assert cancelada in [t.uuid for t in pagina(estado="cancelado")]
    assert {t.estado for t in pagina(estado="cancelado")} == {"cancelado"}
    assert cancelada not in [t.uuid for t in pagina(estado="timbrado")]
    assert [t.uuid for t in pagina(uuid=cancelada)] == [cancelada]
    assert {t.emisor for t in pagina(emisor=notaria.emisor.rfc)} == {notaria.emisor.rfc}
    assert pagina(emisor="XAXX010101000") == []
    assert pagina(desde=todas[0].creado_en) == todas[:1]
    assert pagina(hasta=todas[0].creado_en) == todas[1:]
    with notaria.banco.uow() as uow:
        error = rechazo(
            lambda: comprobantes.listar_timbrados(
                uow, c.ListarTimbrados(cuenta_id=uuid4(), cti=notaria.banco.cti)
            )
        )
    assert error.code == "no_encontrado"


def test_a_page_of_a_ctis_documents_is_read_from_an_index(notaria: Notaria) -> None:
    uuid = notaria.timbrada(lineas=0)
    with notaria.banco.engine.connect() as connection:
        connection.execute(
            text(
                "INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, emisor, receptor, tipo, total, sello,"
                " no_certificado, estado, uuid, tfd, pac, xml, tomado_hasta, creado_en)"
                " SELECT gen_random_uuid(), sha256(CAST(CAST(i AS text) AS bytea)), :cti || '-' || (i % 4),"
                " cuenta_id, cliente_id, 'E' || (i % 9), 'R' || (i % 99), tipo, total, '', '', 'timbrado',"
                " gen_random_uuid(), '', pac, '', now(), now() - make_interval(mins => i)"
                " FROM timbrados, generate_series(1, 20000) i WHERE uuid = :u"
            ),
            {"cti": notaria.banco.cti, "u": uuid},
        )
        connection.execute(text("ANALYZE timbrados"))
        casos: list[tuple[dict[str, Any], str | None, str]] = [
            ({}, None, "ix_timbrados_cti_creado_en_id"),
            ({"receptor": "R7"}, None, "ix_timbrados_cti_creado_en_id"),
            ({}, "timbrado", "ix_timbrados_cti_creado_en_id"),
            ({"uuid": uuid}, None, "uq_timbrados_uuid"),
            ({"idd": "x"}, None, "uq_timbrados_cti_idd"),
        ]
        for filtros, estado, indice in casos:
            sql, params = consulta_de_pagina(f"{notaria.banco.cti}-1", filtros, estado, None, 51)
            plan = "\n".join(connection.execute(text(f"EXPLAIN {sql}"), params).scalars())
            assert indice in plan, (filtros, plan)
            assert "Seq Scan on timbrados" not in plan
        connection.rollback()
