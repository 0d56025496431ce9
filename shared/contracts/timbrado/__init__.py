"""timbrado: stocks, CTI, transfers, stampings and PACs; a module per capability."""

from shared.contracts.timbrado.avisos import *
from shared.contracts.timbrado.cancelaciones import *
from shared.contracts.timbrado.comprobantes import *
from shared.contracts.timbrado.ctis import *
from shared.contracts.timbrado.estados import *
from shared.contracts.timbrado.ilimitadas import *
from shared.contracts.timbrado.lco import *
from shared.contracts.timbrado.llaves import *
from shared.contracts.timbrado.masivas import *
from shared.contracts.timbrado.pacs import *
from shared.contracts.timbrado.pronosticos import *
from shared.contracts.timbrado.saldos import *
from shared.contracts.timbrado.timbrar import *
from shared.contracts.timbrado.transferencias import *
from shared.contracts.timbrado.venta_automatica import *
