"""The gateway as it runs: started by the runtime, with a broker and without any other service."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.puertos import libres
from services.gateway.salud import SERVICIOS
from tests.conftest import Vhost

RAIZ = Path(__file__).resolve().parents[2]


def _esperar(url: str, proceso: subprocess.Popen[bytes]) -> None:
    fin = time.monotonic() + 30
    while time.monotonic() < fin:
        assert proceso.poll() is None, "the gateway ended"
        try:
            if requests.get(f"{url}/salud/viva", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail("the gateway did not start")


def test_arranca_contesta_y_para(vhost: Vhost, tmp_path: Path) -> None:
    publica = tmp_path / "publica.pem"
    publica.write_bytes(
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    dialectos = tmp_path / "dialectos"
    dialectos.write_bytes(Fernet.generate_key())
    (puerto,) = libres(1)
    url = f"http://127.0.0.1:{puerto}"
    proceso = subprocess.Popen(
        [sys.executable, "-m", "shared.messaging.runtime", "gateway"],
        cwd=RAIZ,
        env={
            **os.environ,
            "SERVICIO": "gateway",
            "AMQP_URL": vhost(),
            "HTTP_PORT": str(puerto),
            "TOKEN_PUBLIC_KEY_FILE": str(publica),
            "DIALECTOS_KEY_FILE": str(dialectos),
        },
    )
    try:
        _esperar(url, proceso)
        inicio = time.monotonic()
        salud = requests.get(f"{url}/salud/lista", timeout=10)
        assert time.monotonic() - inicio < 4
        assert salud.status_code == 503
        assert salud.json()["servicios"] == dict.fromkeys(SERVICIOS, "no_disponible")
        assert requests.get(f"{url}/v1/cuenta", timeout=10).json()["code"] == "no_autenticado"
        assert requests.post(f"{url}/v1/timbrado", data=b"<x/>", timeout=10).status_code == 401
        assert len(requests.get(f"{url}/openapi.json", timeout=10).json()["paths"]) > 20
        proceso.terminate()
        assert proceso.wait(timeout=10) == 0
    finally:
        proceso.kill()
        proceso.wait()
