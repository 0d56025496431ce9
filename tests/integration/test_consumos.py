"""What was spent is told once, by the sealer, in the transaction that chains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from services.timbrado.service.movimientos import al_sellar_timbrado as _al_sellar
from shared.ledger import sealing
from shared.ledger.sealing import Eslabon
from tests.integration.test_timbrado_pipeline import Banco, armar


def _eventos(banco: Banco) -> list[dict[str, Any]]:
    with banco.engine.connect() as connection:
        return [
            r.carga
            for r in connection.execute(
                text("SELECT carga FROM outbox WHERE evento = 'timbrado.timbres_consumidos_v1' ORDER BY id")
            )
        ]


def test_the_sealer_tells_what_each_cti_spent_once(
    base_de_datos: Callable[[str], str], tmp_path: Path
) -> None:
    banco = armar(base_de_datos("timbrado"), tmp_path, 10)
    assert all(r.error is None for r in banco.timbrar(*(banco.factura(f"C{n}") for n in range(3))))

    def muere(connection: Connection, eslabones: Sequence[Eslabon]) -> None:
        _al_sellar(connection, eslabones)
        raise RuntimeError("killed before the commit")

    with pytest.raises(RuntimeError):
        sealing.seal(banco.engine, muere)
    assert _eventos(banco) == []
    while sealing.seal(banco.engine, _al_sellar):
        pass
    [evento] = _eventos(banco)
    [consumo] = evento["consumos"]
    assert (consumo["cti"], consumo["cantidad"], consumo["cuenta_id"]) == (banco.cti, 3, str(banco.cm))
    assert sealing.seal(banco.engine, _al_sellar) == 0
    assert len(_eventos(banco)) == 1
    banco.engine.dispose()
