"""A whole running system for tests: own servers, own ports, every service supervised, seeded like `make up`."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import requests

from deploy.local import arriba, operar
from deploy.local.guardian import limpiar, vigilar
from deploy.local.instalacion import Instalacion
from deploy.local.procesos import descendientes, nacimiento
from deploy.local.supervision import Supervisor
from deploy.local.verificar import verificar
from shared.persistence.base import new_engine
from shared.testing import cfdi


@dataclass
class Sistema:
    """The system, as a program from outside sees it, and its processes, as kill -9 sees them."""

    instalacion: Instalacion
    demo: dict[str, Any]
    crash_dir: Path

    @property
    def url(self) -> str:
        return self.instalacion.url

    def sesion(self, papel: str) -> requests.Session:
        """Signed in by bearer token; every POST, PUT, PATCH and DELETE gets an Idempotency-Key."""
        return self.sesion_de(self.demo[papel]["usuario"], self.demo[papel]["contrasena"])

    def sesion_de(self, usuario: str, contrasena: str) -> requests.Session:
        """The same for any perfil."""
        s = _Sesion(self.url)
        r = s.post("/v1/sesiones", json={"usuario": usuario, "contrasena": contrasena})
        assert r.status_code == 201, r.text
        s.headers["Authorization"] = f"Bearer {r.json()['acceso']}"
        return s

    def basica(self, contrasena: str | None = None, cti: str | None = None) -> dict[str, str]:
        """HTTP Basic of the demonstration's CTI."""
        cti, contrasena = cti or self.demo["cti"]["id"], contrasena or self.demo["cti"]["contrasena"]
        return {"Authorization": "Basic " + base64.b64encode(f"{cti}:{contrasena}".encode()).decode()}

    @cached_property
    def emisor(self) -> cfdi.Emisor:
        """The test issuer, whose CSD the installation's authority signed."""
        return cfdi.preparar(self.instalacion.dir / "cfdi").emisor("EKU9003173C9")

    def factura(self, **datos: Any) -> bytes:
        """A fresh sealed CFDI 4.0 of the test issuer."""
        return cfdi.factura(self.emisor, folio=uuid4().hex[:12], **datos)

    def timbrar(self, xml: bytes, **headers: str) -> requests.Response:
        return requests.post(
            f"{self.url}/v1/timbrado",
            data=xml,
            headers={"Content-Type": "application/xml", **self.basica(), **headers},
            timeout=30,
        )

    def pids(self, servicio: str) -> list[int]:
        """The live processes of a service, by supervisord's word."""
        estados = Supervisor(self.instalacion).estados()
        return [e.pid for e in estados if e.nombre.partition("-")[0] == servicio and e.pid]

    def matar(self, servicio: str, uno: bool = True) -> None:
        """kill -9 one process of a service, or all."""
        for pid in self.pids(servicio)[: 1 if uno else None]:
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def congelado(self, servidor: str) -> Iterator[None]:
        """SIGSTOP a server with everything under it: connections stay open and nobody answers."""
        pids = [p for raiz in self.pids(servidor) for p in (raiz, *descendientes(raiz))]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def esperar_lista(self) -> None:
        arriba.esperar_lista(self.instalacion, Supervisor(self.instalacion))

    def armar(self, punto: str, pasadas: int = 0) -> None:
        """Have whichever process first reaches `punto` die there."""
        (self.crash_dir / punto).write_text(str(pasadas))

    def cuadrar(self) -> None:
        """`make verify`: every book balances."""
        servicios = [s.nombre for s in self.instalacion.servicios if s.base]
        bases = {s: new_engine(self.instalacion.base(s), 2) for s in servicios}
        try:
            assert verificar(bases) == []
        finally:
            for engine in bases.values():
                engine.dispose()


class _Sesion(requests.Session):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def request(self, method: Any, url: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        headers = dict(kwargs.pop("headers", None) or {})
        if str(method).upper() != "GET":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        kwargs.setdefault("timeout", 30)
        return super().request(method, self._base + str(url), headers=headers, **kwargs)


@contextmanager
def sistema_en_marcha(preparar: Callable[[Instalacion], None] = lambda _: None) -> Iterator[Sistema]:
    """Bring one up in a folder of its own; on the way out nothing of it is left. `preparar` configures it before."""
    carpeta = Path(mkdtemp(prefix="cuenta-maestra-sistema-", dir="/var/tmp"))
    carpeta.chmod(0o711)
    vigilar(carpeta)
    crash = carpeta / "crash"
    crash.mkdir()
    previo = os.environ.get("CRASH_DIR")
    os.environ["CRASH_DIR"] = str(crash)
    try:
        una = Instalacion(carpeta / "run")
        preparar(una)
        arriba.levantar(una)
        pid = Supervisor(una).pid
        assert pid is not None
        (carpeta / "supervisord.pid").write_text(f"{pid} {nacimiento(pid)}")
        arriba.herramienta(una, "deploy.local.sembrar")
        yield Sistema(una, json.loads((una.dir / "demo.json").read_text()), crash)
    finally:
        # Another one may be running beside it.
        if previo is None:
            del os.environ["CRASH_DIR"]
        else:
            os.environ["CRASH_DIR"] = previo
        operar.clean(Instalacion(carpeta / "run"))
        limpiar(carpeta)


def hasta(condicion: Any, segundos: float = 20, pausa: float = 0.2) -> Any:
    """The condition's first true value; AssertionError when it never comes."""
    limite = time.monotonic() + segundos
    while True:
        valor = condicion()
        if valor:
            return valor
        assert time.monotonic() < limite, f"not within {segundos} s: {condicion}"
        time.sleep(pausa)


def correr(modulo: str, instalacion: Instalacion) -> subprocess.CompletedProcess[str]:
    """Run a tool of the installation and keep what it prints."""
    archivo = str(instalacion.archivo_entorno("herramientas"))
    return subprocess.run(
        [sys.executable, "-m", "deploy.lanzar", archivo, modulo], capture_output=True, text=True, timeout=120
    )
