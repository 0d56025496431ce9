"""What the dialects' tests need of the machine: asked for only where it lacks, installed once per lock."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.local import instalar


@pytest.mark.parametrize(
    ("hay", "soap", "faltan"),
    [
        ({"node", "npm", "php"}, 0, []),
        ({"node", "npm", "php"}, 1, ["php-cli", "php-soap"]),
        ({"node", "npm"}, 0, ["php-cli", "php-soap"]),
        (set(), 0, ["nodejs", "npm", "php-cli", "php-soap"]),
    ],
)
def test_solo_lo_que_falta(
    monkeypatch: pytest.MonkeyPatch, hay: set[str], soap: int, faltan: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda programa: programa if programa in hay else None)
    monkeypatch.setattr(subprocess, "run", lambda orden, **_: subprocess.CompletedProcess(orden, soap))
    assert instalar.paquetes_de_ajenos() == faltan


@pytest.mark.parametrize(("hay", "faltan"), [({"chromium"}, []), (set(), ["chromium"])])
def test_el_navegador_solo_si_falta(
    monkeypatch: pytest.MonkeyPatch, hay: set[str], faltan: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda programa: programa if programa in hay else None)
    monkeypatch.setattr(Path, "glob", lambda *_: iter([Path("/usr/share/fonts/una.ttf")]))
    assert instalar.paquetes_de_navegador() == faltan


def test_npm_corre_una_vez_por_cerrojo_y_sin_programas_ajenos(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    ordenes: list[list[str]] = []
    codigo = 1

    def correr(orden: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ordenes.append(orden)
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(orden, codigo, stderr="no hay red")

    monkeypatch.setattr(instalar, "AJENOS", tmp_path)
    monkeypatch.setattr(subprocess, "run", correr)
    with pytest.raises(instalar.Falta, match="no hay red"):
        instalar.preparar_ajenos()
    codigo = 0
    instalar.preparar_ajenos()
    instalar.preparar_ajenos()
    assert ordenes == [["npm", "ci", "--ignore-scripts"]] * 2
    (tmp_path / "package-lock.json").write_text("{ }")
    instalar.preparar_ajenos()
    assert len(ordenes) == 3


def test_el_cerrojo_no_nombra_registro_alguno() -> None:
    for carpeta in (instalar.AJENOS, instalar.NAVEGADOR):
        texto = (carpeta / "package-lock.json").read_text()
        assert "resolved" not in texto
        assert "integrity" in texto
