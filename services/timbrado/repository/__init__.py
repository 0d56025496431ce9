"""All of timbrado's SQL, a module per capability; `Repositorio` is all of them in one transaction."""

from services.timbrado.repository.aplicaciones import Aplicaciones
from services.timbrado.repository.avisos import Avisos
from services.timbrado.repository.cancelaciones import Cancelaciones
from services.timbrado.repository.comprobantes import Comprobantes
from services.timbrado.repository.conciliaciones import Conciliaciones
from services.timbrado.repository.consumo import Consumo
from services.timbrado.repository.conversiones import Conversiones
from services.timbrado.repository.ctis import Ctis
from services.timbrado.repository.directo import Directo, motor_directo
from services.timbrado.repository.estados import Estados
from services.timbrado.repository.guarda import Guarda
from services.timbrado.repository.ilimitadas import Ilimitadas
from services.timbrado.repository.lco import FuenteLcoPostgres, Lco
from services.timbrado.repository.llaves import Llaves
from services.timbrado.repository.masivas import Masivas
from services.timbrado.repository.pacs import EstadosDePacs, Pacs
from services.timbrado.repository.saldos import Saldos
from services.timbrado.repository.sandbox import MemoriaPostgres, Sandbox
from services.timbrado.repository.sandbox_sat import MemoriaSatPostgres
from services.timbrado.repository.timbrados import TimbradoConocido, Timbrados
from services.timbrado.repository.venta_automatica import VentasAutomaticas


class Repositorio(
    Ctis,
    Conversiones,
    Timbrados,
    Cancelaciones,
    Comprobantes,
    Masivas,
    Avisos,
    Llaves,
    Guarda,
    Pacs,
    Conciliaciones,
    Ilimitadas,
    Aplicaciones,
    VentasAutomaticas,
    Consumo,
    Estados,
    Saldos,
    Lco,
    Sandbox,
):
    """timbrado's database, inside one transaction."""


__all__ = [
    "Directo",
    "EstadosDePacs",
    "FuenteLcoPostgres",
    "MemoriaPostgres",
    "MemoriaSatPostgres",
    "Repositorio",
    "TimbradoConocido",
    "motor_directo",
]
