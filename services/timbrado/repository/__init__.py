"""All of timbrado's SQL, a module per capability; `Repositorio` is all of them in one transaction."""

from services.timbrado.repository.aplicaciones import Aplicaciones
from services.timbrado.repository.avisos import Avisos
from services.timbrado.repository.ctis import Ctis
from services.timbrado.repository.directo import Directo
from services.timbrado.repository.ilimitadas import Ilimitadas
from services.timbrado.repository.pacs import Pacs
from services.timbrado.repository.sandbox import MemoriaPostgres, Sandbox
from services.timbrado.repository.timbrados import TimbradoConocido, Timbrados


class Repositorio(Ctis, Timbrados, Avisos, Pacs, Ilimitadas, Aplicaciones, Sandbox):
    """timbrado's database, inside one transaction."""


__all__ = ["Directo", "MemoriaPostgres", "Repositorio", "TimbradoConocido"]
