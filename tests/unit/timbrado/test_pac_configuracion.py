"""PACS_FILE: what is wrong is told with the field's name, and nothing that can't be verified is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.pac.configuracion import ConfiguracionInvalida, cargar, construir
from shared.testing.certificados import Autoridad
from tests.unit.timbrado.apoyo_cfdi import autoridad, otra_autoridad
from tests.unit.timbrado.apoyo_pac import configurar, servidor

CONFIANZA = Confianza([leer_certificado(autoridad().par.der)])


def escribir(carpeta: Path, **cambios: Any) -> Path:
    """A file with one good PAC, changed; a change to `...` takes the field away."""
    (carpeta / "secreto").write_text("clave\n")
    certificados = carpeta / "cer"
    certificados.mkdir(exist_ok=True)
    if not any(certificados.iterdir()):
        par = autoridad().emitir("FIN1203015JA", "FINKOK DE PRUEBA")
        (certificados / "uno.cer").write_bytes(par.der)
    pac = {
        "nombre": "finkok", "tipo": "finkok", "usuario": "u", "secreto_file": "secreto", "certificados_dir": "cer",
        "rfc_prov_certif": "FIN1203015JA", **cambios,
    }  # fmt: skip
    archivo = carpeta / "pacs.json"
    archivo.write_text(json.dumps({"pacs": [{k: v for k, v in pac.items() if v is not ...}]}))
    return archivo


def test_a_whole_file_gives_the_active_ones_by_priority(tmp_path: Path) -> None:
    servidores = [servidor(n) for n in ("sw", "finkok", "prodigia")]
    configs = configurar(tmp_path, *servidores)
    assert [(c.nombre, c.prioridad) for c in configs] == [("sw", 10), ("finkok", 20), ("prodigia", 30)]
    for s, config in zip(servidores, configs, strict=True):
        pac = construir(config, CONFIANZA)
        assert pac.nombre == s.nombre
        assert pac.certificado_de(s.sellador.par.numero) is not None
        assert "un-secreto" not in repr(config)


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    [config] = cargar(escribir(tmp_path))
    toml = tmp_path / "pacs.toml"
    toml.write_text(
        '[[pacs]]\nnombre="finkok"\ntipo="finkok"\nusuario="u"\nsecreto_file="secreto"\n'
        'certificados_dir="cer"\nrfc_prov_certif="FIN1203015JA"\n'
    )
    assert cargar(toml) == [config]
    assert config.secreto == "clave"


@pytest.mark.parametrize(
    ("cambios", "dice"),
    [
        ({"nombre": ...}, r"pacs\[0\]\.nombre"),
        ({"nombre": "Con Mayúsculas"}, r"pacs\[0\]\.nombre"),
        ({"nombre": "sandbox"}, r"nombre must be .* not sandbox"),
        ({"tipo": "facturama"}, r"tipo must be one of finkok, sw"),
        ({"usuario": 7}, r"usuario must be a text"),
        ({"secreto": "aquí"}, r"pacs\[0\]\.secreto is no known field"),
        ({"secreto_file": "no-esta"}, r"secreto_file can't be read"),
        ({"prioridad": -1}, r"prioridad must be a number from 0 to 1000"),
        ({"timeout": "8"}, r"timeout must be a number"),
        ({"timeout": True}, r"timeout must be a number"),
        ({"concurrencia": 0}, r"concurrencia must be"),
        ({"activo": "no"}, r"activo must be true or false"),
        ({"activo": False}, r"no PAC is activo"),
        ({"urls": {"otra": "https://x"}}, r"urls\.otra is none of timbrado"),
        ({"urls": {"timbrado": "http://pac.example"}}, r"urls\.timbrado must be an https URL"),
        ({"tipo": "prodigia"}, r"contrato is required by prodigia"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, cambios: dict[str, Any], dice: str) -> None:
    with pytest.raises(ConfiguracionInvalida, match=dice):
        cargar(escribir(tmp_path, **cambios))


def test_two_of_one_name_and_bad_files_are_refused(tmp_path: Path) -> None:
    archivo = escribir(tmp_path)
    datos = json.loads(archivo.read_text())
    archivo.write_text(json.dumps({"pacs": datos["pacs"] * 2}))
    with pytest.raises(ConfiguracionInvalida, match="two PACs are called finkok"):
        cargar(archivo)
    for texto, dice in (("{", "pacs.json"), ("[]", "must hold a table"), ('{"pacs": []}', "at least one"),
                        ('{"otro": 1}', "unknown section otro")):  # fmt: skip
        archivo.write_text(texto)
        with pytest.raises(ConfiguracionInvalida, match=dice):
            cargar(archivo)
    with pytest.raises(ConfiguracionInvalida, match="can't be read"):
        cargar(tmp_path / "no-esta.toml")


@pytest.mark.parametrize(
    ("emite", "rfc", "dice"),
    [
        (autoridad, "OTR010101AA1", "of OTR010101AA1, and rfc_prov_certif says FIN1203015JA"),
        (otra_autoridad, "FIN1203015JA", "not issued by a configured authority"),
    ],
)
def test_a_certificate_that_is_not_the_pacs_is_refused(
    tmp_path: Path, emite: Any, rfc: str, dice: str
) -> None:
    quien: Autoridad = emite()
    (tmp_path / "cer").mkdir()
    (tmp_path / "cer" / "ajeno.cer").write_bytes(quien.emitir(rfc, "AJENO").der)
    [config] = cargar(escribir(tmp_path))
    with pytest.raises(ConfiguracionInvalida, match=dice):
        construir(config, CONFIANZA)


def test_no_certificates_or_an_authoritys_are_refused(tmp_path: Path) -> None:
    [config] = cargar(escribir(tmp_path))
    uno = tmp_path / "cer" / "uno.cer"
    uno.write_bytes(autoridad().par.der)
    with pytest.raises(ConfiguracionInvalida, match="not a certificate that seals"):
        construir(config, CONFIANZA)
    uno.write_bytes(b"basura")
    with pytest.raises(ConfiguracionInvalida, match="is not a certificate"):
        construir(config, CONFIANZA)
    uno.unlink()
    with pytest.raises(ConfiguracionInvalida, match=r"holds no \.cer"):
        construir(config, CONFIANZA)
