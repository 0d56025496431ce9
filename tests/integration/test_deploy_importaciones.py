"""The import contract allows what it names and nothing else."""

from __future__ import annotations

from grimp import ImportGraph

from deploy.importaciones import SoloPuede


def _malas(imports: list[tuple[str, str]], **opciones: object) -> list[tuple[str, str]]:
    grafo = ImportGraph()
    for importador, importado in imports:
        for modulo in (importador, importado):
            grafo.add_module(modulo)
        grafo.add_import(importer=importador, imported=importado)
    contrato = SoloPuede(
        name="prueba", session_options={}, contract_options={"modulos": ["services.*.domain"], **opciones}
    )
    return [(uno, otro) for uno, otro, _ in contrato.check(grafo, False).metadata["malas"]]


def test_solo_lo_nombrado() -> None:
    imports = [
        ("services.puntos.domain", "decimal"),
        ("services.puntos.domain", "shared.money"),
        ("services.puntos.domain.cuentas", "services.puntos.domain.valores"),
        ("services.puntos.domain", "sqlalchemy"),
        ("services.puntos.domain.cuentas", "services.timbrado.domain"),
        ("services.puntos.models", "sqlalchemy"),
    ]
    assert _malas(imports, puede=["{propio}.domain", "shared.money"]) == [
        ("services.puntos.domain", "sqlalchemy"),
        ("services.puntos.domain.cuentas", "services.timbrado.domain"),
    ]


def test_todo_menos_lo_vedado() -> None:
    imports = [
        ("services.puntos.domain", "lxml"),
        ("services.puntos.domain", "nameko.rpc"),
        ("services.timbrado.domain", "nameko"),
    ]
    assert _malas(imports, nunca=["nameko"], salvo=["services.timbrado"]) == [
        ("services.puntos.domain", "nameko.rpc")
    ]
