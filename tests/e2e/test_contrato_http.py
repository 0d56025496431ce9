"""The OpenAPI document against the running system: whatever it allows is answered as it says, and never with a 500.

schemathesis makes the requests up. Few and always the same here; `make fuzz` makes many and others each time. What
changes something is asked in the name of a distributor of its own, so that no other test meets what it leaves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from requests import Session

from tests.e2e.otra_cuenta import otra_cuenta
from tests.sistema import Sistema

#: Limited by address, which all tests share; what would end the session or lock the perfil; and SOAP, whose refusals are
#: faults with status 500 (SOAP 1.1, 6.2).
APARTE = r"sesiones|contrasenas|segundo-factor|perfiles|publico|authenticate|soap"
#: `make fuzz` asks for many, with another seed each time.
CUANTOS = os.environ.get("FUZZ")
CUALES = (
    ["-n", CUANTOS, "--phases", "coverage,fuzzing"]
    if CUANTOS
    else ["-n", "2", "--phases", "fuzzing", "--seed", "1"]
)
REVISA = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def victima(sistema: Sistema) -> Session:
    return otra_cuenta(sistema)


def fuzz(sistema: Sistema, carpeta: Path, autorizacion: str, *mas: str) -> None:
    """Run schemathesis; it fails with what it found and how to ask it again."""
    orden = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{sistema.url}/openapi.json",
        "-H", f"Authorization: {autorizacion}", *CUALES,
        "-c", REVISA, "--exclude-path-regex", APARTE, "--request-timeout", "20", "--warnings", "off",
        "--no-color", *mas,
    ]  # fmt: skip
    hecho = subprocess.run(
        orden, cwd=carpeta, capture_output=True, text=True, timeout=3600 if CUANTOS else 150
    )
    assert hecho.returncode == 0, hecho.stdout[-6000:] + hecho.stderr[-2000:]


@pytest.mark.parametrize("papel", ["raiz", "distribuidor", "cliente"])
def test_lo_que_se_lee(sistema: Sistema, tmp_path: Path, papel: str) -> None:
    fuzz(sistema, tmp_path, str(sistema.sesion(papel).headers["Authorization"]), "--include-method", "GET")


def test_lo_que_se_cambia(sistema: Sistema, victima: Session, tmp_path: Path) -> None:
    fuzz(sistema, tmp_path, str(victima.headers["Authorization"]), "--exclude-method", "GET")


def test_lo_que_pide_una_cti(sistema: Sistema, tmp_path: Path) -> None:
    autorizacion = sistema.basica()["Authorization"]
    fuzz(
        sistema,
        tmp_path,
        autorizacion,
        "--include-path-regex",
        "/timbrado|/cfdi|/comprobantes|/account",
    )
