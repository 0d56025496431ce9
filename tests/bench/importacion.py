"""`python -m tests.bench.importacion`: an import of 100,000 clientes, over HTTP and through the whole system.

received    the POST: the file read, cut in pieces and kept
imported    from then until every cliente is in the cartera, with the progress that a person sees
known       until the last cliente's CTI exists: what was told in lots has reached the other services
exported    the whole cartera as CSV
again       the same export imported with `actualizar=true`, which changes nothing
"""

from __future__ import annotations

import argparse
import time
from typing import Any
from uuid import uuid4

import requests

from tests.sistema import Sistema, hasta, sistema_en_marcha

RUTA = "/v1/clientes/importaciones"
#: RFC of the rows end in these, so that each has its own and few have the right digit.
_LETRAS = "ABCDEFGHIJKLMNPQRSTUVWXYZ"


def archivo(filas: int) -> bytes:
    """A CSV as a distributor would have it: name, RFC, contacts, address."""
    lineas = [
        "nombre,rfc,telefono,correo,calle,municipio,estado,codigo_postal,representante_nombre,representante_correo,notas"
    ]
    for n in range(filas):
        clave = "".join(_LETRAS[n // 25**k % 25] for k in range(3))
        rfc = f"{clave}{n // 25**3 % 100:02d}0115{_LETRAS[n % 25]}{n % 10}{n % 10}"
        lineas.append(
            f"Cliente número {n} S.A. de C.V.,{rfc},55 1{n:07d},cliente{n}@empresa{n % 97}.mx,Reforma {n},Cuauhtémoc,"
            f"Ciudad de México,06{n % 1000:03d},Persona {n},persona{n}@empresa{n % 97}.mx,Nota {n}"
        )
    return "\n".join(lineas).encode()


def enviar(sesion: requests.Session, cuerpo: bytes, **opciones: str) -> tuple[str, float]:
    inicio = time.perf_counter()
    r = sesion.post(
        RUTA,
        data=cuerpo,
        params={"duplicados": "crear", **opciones},
        headers={"Content-Type": "text/csv", "Idempotency-Key": str(uuid4())},
        timeout=300,
    )
    assert r.status_code == 202, r.text
    return r.headers["Location"], time.perf_counter() - inicio


def esperar(sistema: Sistema, ruta: str) -> tuple[dict[str, Any], float]:
    """The import when it has ended, telling its progress."""
    inicio, dicho = time.perf_counter(), -10
    sesion, desde = sistema.sesion("distribuidor"), time.monotonic()
    while True:
        if time.monotonic() - desde > 300:
            sesion, desde = sistema.sesion("distribuidor"), time.monotonic()
        visto = sesion.get(ruta).json()
        if visto["porcentaje"] >= dicho + 10:
            dicho = visto["porcentaje"]
            print(
                f"  {dicho:3d} %  {visto['hechas']:,} rows in {time.perf_counter() - inicio:.1f} s",
                flush=True,
            )
        if visto["terminada_en"]:
            return visto, time.perf_counter() - inicio
        time.sleep(0.5)


def medir(sistema: Sistema, filas: int) -> None:
    sesion, cuerpo = sistema.sesion("distribuidor"), archivo(filas)
    ruta, recibido = enviar(sesion, cuerpo)
    print(f"received    {recibido:6.1f} s  {len(cuerpo) / 2**20:.1f} MB")
    hecha, importado = esperar(sistema, ruta)
    assert hecha["creadas"] == filas, hecha
    print(f"imported    {importado:6.1f} s  {filas / importado:,.0f} rows/s")
    inicio = time.perf_counter()
    sesion = sistema.sesion("distribuidor")
    nic = sesion.get(f"{ruta}/filas", params={"limite": 1}).json()["datos"][0]["nic"]
    ultima = f"CTI{nic + filas - 1:07d}"
    hasta(lambda: sesion.get(f"/v1/ctis/{ultima}").status_code == 200, 300)
    print(f"known       {time.perf_counter() - inicio:6.1f} s  after the import ended")
    inicio = time.perf_counter()
    exportado = sesion.get("/v1/clientes/exportacion", timeout=300).content
    tardo = time.perf_counter() - inicio
    print(f"exported    {tardo:6.1f} s  {filas / tardo:,.0f} rows/s, {len(exportado) / 2**20:.1f} MB")
    lineas = exportado.decode("utf-8-sig").splitlines()[: filas // 2 + 1]
    ruta, _ = enviar(sesion, "\n".join(lineas).encode(), actualizar="true")
    hecha, importado = esperar(sistema, ruta)
    assert hecha["sin_cambios"] == len(lineas) - 1, hecha
    print(f"again       {importado:6.1f} s  {(len(lineas) - 1) / importado:,.0f} rows/s, nothing changed")


def main() -> None:
    opciones = argparse.ArgumentParser(description=__doc__)
    opciones.add_argument("--filas", type=int, default=100_000)
    with sistema_en_marcha() as sistema:
        medir(sistema, opciones.parse_args().filas)


if __name__ == "__main__":
    main()
