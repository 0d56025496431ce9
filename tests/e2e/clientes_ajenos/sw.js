// SW's own Node.js library, unmodified: signs in, stamps, stamps again, asks the balance and cancels.
// Reads {puerto, user, password, xml, otro} as JSON and prints what the library answered to each step.
'use strict';
const http = require('http');
const { Authentication, StampService, AccountBalance, CancelationService } = require('sw-sdk-nodejs');

const entrada = JSON.parse(require('fs').readFileSync(0, 'utf8'));
// The library names a host without port, so it is Node that is told which port http is here.
http.globalAgent.defaultPort = entrada.puerto;
const url = 'http://127.0.0.1';
const { user, password } = entrada;

const paso = (llamar) => new Promise((listo) => llamar((error, data) => listo({ error, data })));

async function main() {
  const salida = {};
  salida.mala = await paso((cb) => Authentication.auth({ url, user, password: password + 'x' }).Token(cb));
  salida.token = await paso((cb) => Authentication.auth({ url, user, password }).Token(cb));
  const token = salida.token.data.data.token;
  if (entrada.cancelacion) {
    salida.cancelada = await paso((cb) =>
      CancelationService.Set({ url, token, xml: entrada.cancelacion }).CancelationByXML(cb));
  } else {
    const conUsuario = StampService.Set({ url, user, password });
    const conToken = StampService.Set({ url, token });
    salida.v4 = await paso((cb) => conUsuario.StampV4(entrada.xml, cb));
    salida.repetido = await paso((cb) => conToken.StampV4(entrada.xml, cb));
    salida.b64 = await paso((cb) => conToken.StampV2(Buffer.from(entrada.otro).toString('base64'), cb, true));
    salida.v1 = await paso((cb) => conToken.StampV1(entrada.otro, cb));
    salida.roto = await paso((cb) => conToken.StampV3(entrada.xml.slice(0, -20), cb));
    salida.saldo = await paso((cb) => AccountBalance.Set({ url, token }).GetAccountBalance(cb));
  }
  // The library leaves a refused sign-in's answer unread, which would keep its connection, and this program, alive.
  process.stdout.write(JSON.stringify(salida), () => process.exit(0));
}

main();
