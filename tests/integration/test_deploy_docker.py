"""The compose file says what an installation without Docker does; no engine is needed to read it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.docker import secretos
from deploy.lanzar import leer
from deploy.servicios import SERVICIOS
from tests.conftest import RAIZ

TEXTO = (RAIZ / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXTO)
CONTENEDORES: dict[str, Any] = COMPOSE["services"]
TRABAJOS = {"secretos", "migrar", "topologia"}


@pytest.mark.parametrize("servicio", SERVICIOS, ids=lambda s: s.nombre)
def test_cada_servicio_corre_lo_mismo_que_sin_docker(servicio: Any) -> None:
    contenedor = CONTENEDORES[servicio.nombre]
    assert contenedor["command"][-2:] == [servicio.modulo, servicio.nombre]
    assert contenedor.get("deploy", {"replicas": 1})["replicas"] == servicio.procesos
    assert contenedor["volumes"] == [f"secretos-{servicio.nombre}:/secretos:ro"]
    assert contenedor["depends_on"] == {
        "migrar": {"condition": "service_completed_successfully"},
        "topologia": {"condition": "service_completed_successfully"},
    }


def test_todo_lo_que_no_es_trabajo_dice_si_esta_sano() -> None:
    assert {nombre for nombre, c in CONTENEDORES.items() if "healthcheck" not in c} == TRABAJOS


def test_todo_trabajo_es_esperado_por_alguien() -> None:
    # `up --wait` takes a container that ends for a failure unless another one waits for its end.
    esperados = {
        nombre
        for contenedor in CONTENEDORES.values()
        for nombre, como in contenedor.get("depends_on", {}).items()
        if como["condition"] == "service_completed_successfully"
    }
    assert esperados == TRABAJOS


def test_no_hay_secretos_escritos_ni_por_defecto() -> None:
    for nombre, contenedor in CONTENEDORES.items():
        for variable in contenedor.get("environment", {}):
            es_secreto = re.search("PASSWORD|CLAVE|SECRET|_URL", variable)
            assert not es_secreto or variable.endswith("_FILE"), (nombre, variable)
    assert set(re.findall(r"\$\{(\w+)", TEXTO)) == {"HTTP_PORT", "PROXIES_DE_CONFIANZA"}


def test_solo_el_gateway_se_ve_y_solo_desde_esta_maquina() -> None:
    assert {n: c["ports"] for n, c in CONTENEDORES.items() if "ports" in c} == {
        "gateway": ["127.0.0.1:${HTTP_PORT:-8080}:8000"]
    }


def test_nuestra_imagen_no_es_de_root_y_no_escribe() -> None:
    dockerfile = (RAIZ / "deploy" / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)", dockerfile, re.MULTILINE) == ["10001"]
    assert "--require-hashes" in dockerfile
    for contenedor in (c for c in CONTENEDORES.values() if "build" in c):
        assert contenedor["read_only"]
        assert contenedor["cap_drop"] == ["ALL"]


def test_los_volumenes_de_secretos_tienen_dueno_en_la_imagen() -> None:
    dockerfile = (RAIZ / "deploy" / "Dockerfile").read_text()
    carpetas = re.search(r"for uno in (.*); do", dockerfile)
    assert carpetas is not None
    montados = {v.partition(":")[2].rpartition("/")[2] for v in CONTENEDORES["secretos"]["volumes"]}
    assert set(carpetas.group(1).split()) == montados


def test_el_trabajo_de_secretos_da_a_cada_uno_lo_suyo_y_nada_cambia_la_segunda_vez(tmp_path: Path) -> None:
    for volumen in CONTENEDORES["secretos"]["volumes"]:
        (tmp_path / volumen.partition(":")[2].rpartition("/")[2]).mkdir()
    secretos.main(tmp_path)
    antes = {a: a.read_bytes() for a in tmp_path.rglob("*") if a.is_file()}
    secretos.main(tmp_path)
    assert {a: a.read_bytes() for a in tmp_path.rglob("*") if a.is_file()} == antes
    for servicio in SERVICIOS:
        variables = leer(tmp_path / servicio.nombre / "entorno.env")
        assert ("DATABASE_URL" in variables) == servicio.base
        for nombre in servicio.secretos:
            assert (tmp_path / servicio.nombre / Path(variables[nombre]).relative_to("/secretos")).exists()
        texto = (tmp_path / servicio.nombre / "entorno.env").read_text()
        for otro in (s for s in SERVICIOS if s.base and s is not servicio):
            assert (tmp_path / "maestro" / "claves" / otro.nombre).read_text() not in texto
    assert not (tmp_path / "gateway" / "secretos" / "tokens" / "privada.pem").exists()


def test_el_correo_del_operador_llega_solo_a_clientes(tmp_path: Path) -> None:
    assert CONTENEDORES["secretos"]["env_file"] == [{"path": "correo.env", "required": False}]
    assert "correo.env" in (RAIZ / ".gitignore").read_text().splitlines()
    dichas = {
        "SMTP_URL": "smtp://correo.empresa.mx:587", "SMTP_USER": "cm", "SMTP_PASSWORD": "no-en-claro",
        "PORTAL_URL": "https://portal.empresa.mx", "CORREO_DE": "CM <cm@empresa.mx>", "OTRA": "x",
    }  # fmt: skip
    for volumen in CONTENEDORES["secretos"]["volumes"]:
        (tmp_path / volumen.partition(":")[2].rpartition("/")[2]).mkdir()
    secretos.main(tmp_path, dichas)
    entorno = tmp_path / "clientes" / "entorno.env"
    variables = leer(entorno)
    assert {n: variables[n] for n in dichas if n not in ("SMTP_PASSWORD", "OTRA")} == {
        n: v for n, v in dichas.items() if n not in ("SMTP_PASSWORD", "OTRA")
    }
    assert "OTRA" not in variables
    contrasena = tmp_path / "clientes" / Path(variables["SMTP_PASSWORD_FILE"]).relative_to("/secretos")
    assert contrasena.read_text() == "no-en-claro"
    assert contrasena.stat().st_mode & 0o777 == 0o600
    con_ella = [a for a in tmp_path.rglob("*") if a.is_file() and b"no-en-claro" in a.read_bytes()]
    assert con_ella == [contrasena]
    assert not any("SMTP_URL" in leer(a) for a in tmp_path.rglob("entorno.env") if a != entorno)
    # Without the file the links lead to the port of this machine, and nothing of before stays.
    secretos.main(tmp_path, {"HTTP_PORT": "9090"})
    variables = leer(entorno)
    assert variables["PORTAL_URL"] == "http://127.0.0.1:9090"
    assert not {"SMTP_URL", "SMTP_PASSWORD_FILE"} & set(variables)
    assert not contrasena.exists()
    with pytest.raises(ValueError, match="line break"):
        secretos.main(tmp_path, {"CORREO_DE": "a\nDATABASE_URL=otra"})
