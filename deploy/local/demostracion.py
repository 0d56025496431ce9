"""The main job once, through HTTP alone, each step shown: sign in, sell timbres, stamp a real CFDI 4.0, invoice.

Reads `.run/demo.json`, as any program from outside would. Ends with 1 when a step is not as it must be.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared.testing import cfdi


class Http:
    """A caller of the public API, with what it is signed in as."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.headers: dict[str, str] = {}

    def __call__(
        self,
        metodo: str,
        ruta: str,
        cuerpo: Any = None,
        *,
        tipo: str = "application/json",
        esperado: int = 200,
    ) -> Any:
        """Call; the JSON answer. Exits with the answer when the status is another."""
        datos = (
            cuerpo if isinstance(cuerpo, bytes) else None if cuerpo is None else json.dumps(cuerpo).encode()
        )
        peticion = urllib.request.Request(
            self._url + ruta, data=datos, method=metodo, headers={**self.headers, "Content-Type": tipo}
        )
        if metodo != "GET":
            peticion.add_header("Idempotency-Key", str(uuid4()))
        try:
            with urllib.request.urlopen(peticion, timeout=20) as respuesta:
                estado, texto = respuesta.status, respuesta.read()
        except urllib.error.HTTPError as fallo:
            estado, texto = fallo.code, fallo.read()
        if estado != esperado:
            sys.exit(
                f"\n{metodo} {ruta} answered {estado}, not {esperado}:\n{texto.decode(errors='replace')}"
            )
        return json.loads(texto) if texto else None


def main() -> None:
    """Show it."""
    carpeta = Path(os.environ["CUENTA_MAESTRA_RUN"])
    demo = json.loads((carpeta / "demo.json").read_text())
    api = Http(demo["url"])
    print("\nThe main job, through HTTP:")
    sesion = api(
        "POST",
        "/v1/sesiones",
        {"usuario": demo["distribuidor"]["usuario"], "contrasena": demo["distribuidor"]["contrasena"]},
        esperado=201,
    )
    api.headers["Authorization"] = f"Bearer {sesion['acceso']}"
    print(f"  1. the distributor signs in          {sesion['nombre']}")
    cti = demo["cti"]["id"]
    hecha = api(
        "POST",
        f"/v1/ctis/{cti}/transferencias",
        {"cantidad": 10, "importe": "12.50", "confirmar": True},
        esperado=201,
    )
    print(f"  2. sells 10 timbres to {cti}    balance {hecha['saldo']}, stock {hecha['existencia']}")
    emisor = cfdi.preparar(carpeta / "cfdi").emisor("EKU9003173C9")
    xml = cfdi.factura(emisor, folio=secrets.token_hex(6))
    app = Http(demo["url"])
    basica = base64.b64encode(f"{cti}:{demo['cti']['contrasena']}".encode()).decode()
    app.headers["Authorization"] = f"Basic {basica}"
    inicio = time.monotonic()
    timbrado = app("POST", "/v1/timbrado", xml, tipo="application/xml")
    milisegundos = (time.monotonic() - inicio) * 1000
    print(f"  3. a CFDI 4.0 is stamped             UUID {timbrado['uuid']} ({milisegundos:.0f} ms)")
    repetido = app("POST", "/v1/timbrado", xml, tipo="application/xml")
    if repetido["uuid"] != timbrado["uuid"] or not repetido["repetido"]:
        sys.exit(f"the repeat got another stamp: {repetido['uuid']}")
    saldo = api("GET", f"/v1/ctis/{cti}")["saldo"]
    if saldo != hecha["saldo"] - 1:
        sys.exit(f"the balance is {saldo}: one timbre was to be spent")
    print(f"  4. sent again: the same UUID, free   balance {saldo}")
    venta = _venta(api, hecha["transferencia_id"])
    print(f"  5. the venta waits to be invoiced    {venta['cantidad']} timbres, ${venta['importe']}")
    (carpeta / "ultimo-timbrado.xml").write_text(timbrado["xml"])
    print(f"\nStamped: {timbrado['uuid']}")


def _venta(api: Http, transferencia: str) -> dict[str, Any]:
    limite = time.monotonic() + 20
    while True:
        for venta in api("GET", "/v1/ventas?estado=por_facturar&limite=200")["datos"]:
            if transferencia in venta.values():
                hallada: dict[str, Any] = venta
                return hallada
        if time.monotonic() > limite:
            sys.exit("the venta did not reach facturación in 20 s")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
