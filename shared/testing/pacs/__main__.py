"""`python -m shared.testing.pacs {finkok,sw,prodigia,diverza,comercio_digital,sat} --carpeta DIR [--puerto N]`

Starts one local PAC until Ctrl-C, writes its certificate, a secret and a PACS_FILE into the folder, and reads
from standard input the failures that it shall have (`rechazar`, `colgar_despues`, …), one a line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shared.testing import cfdi
from shared.testing.pacs.comercio_digital import ServidorComercioDigital
from shared.testing.pacs.diverza import ServidorDiverza
from shared.testing.pacs.finkok import ServidorFinkok
from shared.testing.pacs.prodigia import ServidorProdigia
from shared.testing.pacs.sat import ServidorSat
from shared.testing.pacs.servidor import CONTRATO, SECRETO, USUARIO, Falla, ServidorPac
from shared.testing.pacs.sw import ServidorSw

SERVIDORES: dict[str, type[ServidorPac]] = {
    s.nombre: s
    for s in (
        ServidorFinkok, ServidorSw, ServidorProdigia, ServidorDiverza, ServidorComercioDigital, ServidorSat,
    )
}  # fmt: skip


def escribir_configuracion(carpeta: Path, servidores: list[ServidorPac]) -> Path:
    """A PACS_FILE with these servers, first the first, and what it names; for tests and for a person."""
    lineas: list[str] = []
    for i, s in enumerate(servidores):
        if isinstance(s, ServidorSat):
            lineas.append(f'[sat]\nurl = "{s.url}"\n')
            continue
        certificados = carpeta / s.nombre
        certificados.mkdir(parents=True, exist_ok=True)
        (certificados / f"{s.sellador.par.numero}.cer").write_bytes(s.sellador.par.der)
        (carpeta / f"{s.nombre}.secreto").write_text(SECRETO + "\n")
        (carpeta / f"{s.nombre}.secreto").chmod(0o600)
        urls = ", ".join(f'{servicio} = "{url}"' for servicio, url in s.urls.items())
        lineas.append(
            f'[[pacs]]\nnombre = "{s.nombre}"\ntipo = "{s.nombre}"\nusuario = "{USUARIO}"\n'
            f'secreto_file = "{s.nombre}.secreto"\ncontrato = "{CONTRATO}"\nprioridad = {(i + 1) * 10}\n'
            f'timeout = 2.0\ntimeout_conexion = 1.0\ncertificados_dir = "{s.nombre}"\n'
            f'rfc_prov_certif = "{s.rfc}"\nurls = {{ {urls} }}\n'
        )
    archivo = carpeta / "pacs.toml"
    archivo.write_text("\n".join(sorted(lineas, key=lambda x: x.startswith("[sat]"))))
    return archivo


def main(argv: list[str]) -> None:
    """Serve until the input ends or Ctrl-C."""
    analizador = argparse.ArgumentParser(prog="shared.testing.pacs", description=__doc__)
    analizador.add_argument("pac", choices=sorted(SERVIDORES))
    analizador.add_argument("--carpeta", type=Path, required=True)
    analizador.add_argument("--puerto", type=int, default=0)
    a = analizador.parse_args(argv)
    material = cfdi.preparar(a.carpeta / "material")
    with SERVIDORES[a.pac](material.autoridad, a.puerto) as servidor:
        archivo = escribir_configuracion(a.carpeta, [servidor])
        print(
            f"{a.pac} at {servidor.url}\nPACS_FILE={archivo}\nfailures, one a line: {', '.join(Falla)}",
            flush=True,
        )
        try:
            for linea in sys.stdin:
                try:
                    servidor.fallar(Falla(linea.strip()))
                except ValueError:
                    print(f"unknown: {linea.strip()}")
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
