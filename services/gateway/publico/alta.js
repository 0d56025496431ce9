/* Formulario de alta de distribuidores de Cuenta Maestra, para una página ajena:
 *
 *   <script src="https://…/publico/alta.js" data-llave="pk_…" async></script>
 *
 * Aparece donde está el script, o en el elemento que diga data-destino="#id". data-nivel="1" a "6" es el nivel de
 * su encabezado (2). Avisa a la página con el evento `cm:alta` cuando el alta se recibió, sin datos de la persona.
 * Colores: las propiedades CSS --cm-color y --cm-color-texto del elemento que lo contiene.
 *
 * One file, no dependency, nothing evaluated. Its elements live in a shadow root whose styles are a constructed
 * sheet, so that a host whose policy forbids inline styles needs only `script-src` and `connect-src` for our origin.
 * Every text is set as text, never as markup.
 */
(function () {
  "use strict";

  var script = document.currentScript;
  if (!script) return;
  var BASE = new URL(script.src, document.baseURI).origin;
  var LLAVE = script.getAttribute("data-llave") || "";
  var DESTINO = script.getAttribute("data-destino");
  var NIVEL = /^[1-6]$/.test(script.getAttribute("data-nivel") || "") ? script.getAttribute("data-nivel") : "2";
  var EN_CABEZA = Boolean(script.closest("head"));
  var PLAZO = 20000;

  var ESTILOS = [
    ":host{all:initial;display:block;max-width:34rem;margin:0 auto;color:#1b1f24;background:#fff;",
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color-scheme:light}",
    "*{box-sizing:border-box}",
    ".caja{padding:1.25rem;border:1px solid #d0d5dc;border-radius:.75rem;background:#fff}",
    ".titulo{margin:0 0 .25rem;font-size:1.375rem;line-height:1.25;font-weight:650}",
    ".quien{margin:0 0 1rem;color:#4a5361}",
    ".campo{margin:0 0 1rem}",
    "label{display:block;margin:0 0 .25rem;font-weight:600}",
    ".ayuda{margin:.25rem 0 0;color:#4a5361;font-size:.875rem}",
    ".opcional{font-weight:400;color:#4a5361}",
    "input[type=text],input[type=email],input[type=tel]{width:100%;min-height:2.75rem;padding:.5rem .75rem;font:inherit;",
    "color:inherit;background:#fff;border:1px solid #6b7482;border-radius:.5rem}",
    "input[aria-invalid=true]{border-color:#b3261e;border-width:2px}",
    ":focus-visible{outline:3px solid #1a5fb4;outline-offset:2px}",
    ".error{margin:.25rem 0 0;color:#b3261e;font-size:.9375rem}",
    ".error:empty,.general:empty{display:none}",
    ".acepto{display:flex;gap:.75rem;align-items:flex-start}",
    ".acepto input{flex:none;width:1.5rem;height:1.5rem;margin:0}",
    ".acepto label{margin:0;font-weight:400}",
    "a{color:#174ea6;text-decoration:underline}",
    "button{width:100%;min-height:3rem;padding:.625rem 1.25rem;font:inherit;font-weight:650;cursor:pointer;",
    "color:var(--cm-color-texto,#fff);background:var(--cm-color,#174ea6);border:1px solid transparent;border-radius:.5rem}",
    "button[aria-disabled=true]{cursor:progress;opacity:.75}",
    ".general{margin:0 0 1rem;padding:.75rem 1rem;color:#7a1a14;background:#fdecea;border:1px solid #b3261e;border-radius:.5rem}",
    ".estado{margin:.75rem 0 0;color:#4a5361}",
    ".estado:empty{display:none}",
    // Out of sight for people and for screen readers; a program that fills every field fills it.
    ".nadie{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}",
    "@media (prefers-reduced-motion:no-preference){button{transition:opacity .15s}}",
    "@media (min-width:40rem){.caja{padding:2rem}button{width:auto}}"
  ].join("");

  var CAMPOS = [
    { id: "nombre", texto: "Nombre o razón social", tipo: "text", completar: "organization", maximo: 200,
      falta: "Escriba el nombre o la razón social de su negocio." },
    { id: "rfc", texto: "RFC", opcional: true, tipo: "text", completar: "off", maximo: 20,
      ayuda: "12 caracteres si es empresa, 13 si es persona física." },
    { id: "titular", texto: "Su nombre completo", tipo: "text", completar: "name", maximo: 200,
      falta: "Escriba su nombre completo." },
    { id: "correo", texto: "Correo electrónico", tipo: "email", completar: "email", maximo: 254,
      ayuda: "Ahí recibirá el enlace para confirmar su registro.",
      falta: "Escriba su correo electrónico." },
    { id: "movil", texto: "Teléfono móvil", tipo: "tel", completar: "tel", maximo: 24,
      ayuda: "10 dígitos. Si no es de México, empiece con + y la clave del país.",
      falta: "Escriba su teléfono móvil." }
  ];

  var FORMAS = {
    rfc: [/^[A-ZÑ&]{3,4}\d{6}[A-Z\d]{3}$/, "Revise el RFC: 12 caracteres si es empresa, 13 si es persona física."],
    correo: [/^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/, "Revise el correo: debe verse como ana@empresa.mx."],
    movil: [/^(\d{10}|\+\d{10,15}|521?\d{10})$/, "El móvil debe tener 10 dígitos, o empezar con + y la clave del país."]
  };
  var LIMPIAR = {
    rfc: function (v) { return v.replace(/[\s-]/g, "").toUpperCase(); },
    movil: function (v) { return v.replace(/[^\d+]/g, ""); }
  };

  var SIN_RED = "No pudimos conectar. Revise su conexión a internet e intente de nuevo; lo que escribió sigue aquí.";
  var FALLA = "No pudimos recibir su registro. Intente de nuevo en unos minutos; lo que escribió sigue aquí.";

  function crear(etiqueta, atributos, texto) {
    var e = document.createElement(etiqueta);
    Object.keys(atributos || {}).forEach(function (n) { e.setAttribute(n, atributos[n]); });
    if (texto) e.textContent = texto;
    return e;
  }

  function identificador() {
    if (window.crypto && crypto.randomUUID) return crypto.randomUUID();
    var b = crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(b, function (x) { return (x + 256).toString(16).slice(1); }).join("");
  }

  // Answers {estado, cuerpo}; estado 0: no answer came.
  function pedir(ruta, opciones) {
    var corte = new AbortController();
    var reloj = setTimeout(function () { corte.abort(); }, PLAZO);
    return fetch(BASE + ruta, Object.assign({ mode: "cors", credentials: "omit", signal: corte.signal }, opciones))
      .then(function (r) {
        return r.json().catch(function () { return {}; }).then(function (cuerpo) {
          return { estado: r.status, cuerpo: cuerpo && typeof cuerpo === "object" ? cuerpo : {} };
        });
      })
      .catch(function () { return { estado: 0, cuerpo: {} }; })
      .then(function (respuesta) { clearTimeout(reloj); return respuesta; });
  }

  function Formulario(lugar) {
    this.raiz = lugar.attachShadow({ mode: "open" });
    this.lugar = lugar;
    lugar.setAttribute("lang", "es-MX");
    var hoja = new CSSStyleSheet();
    hoja.replaceSync(ESTILOS);
    this.raiz.adoptedStyleSheets = [hoja];
    this.caja = crear("div", { class: "caja" });
    this.raiz.appendChild(this.caja);
    this.enviando = false;
    this.cargar();
  }

  Formulario.prototype.cargar = function () {
    var yo = this;
    this.caja.replaceChildren(crear("p", { class: "estado", role: "status" }, "Cargando el formulario…"));
    return this.configurar().then(function (r) {
      if (r.estado === 200) return yo.dibujar();
      if (r.estado === 0 || r.estado === 429 || r.estado >= 500) return yo.sinCargar();
      yo.caja.replaceChildren(crear("p", { role: "alert" }, r.cuerpo.detail || "Este formulario no está disponible."));
    });
  };

  Formulario.prototype.configurar = function () {
    var yo = this;
    return pedir("/v1/publico/llaves/" + encodeURIComponent(LLAVE), { method: "GET" }).then(function (r) {
      if (r.estado === 200) yo.config = r.cuerpo;
      return r;
    });
  };

  Formulario.prototype.sinCargar = function () {
    var yo = this;
    var boton = crear("button", { type: "button" }, "Reintentar");
    boton.addEventListener("click", function () { yo.cargar(); });
    this.caja.replaceChildren(
      crear("p", { role: "alert" }, "No pudimos cargar el formulario. Revise su conexión e intente de nuevo."), boton
    );
  };

  Formulario.prototype.encabezado = function (texto) {
    return crear("h" + NIVEL, { class: "titulo", tabindex: "-1", id: "titulo" }, texto);
  };

  Formulario.prototype.dibujar = function () {
    var yo = this;
    var forma = crear("form", { novalidate: "", "aria-labelledby": "titulo" });
    forma.appendChild(this.encabezado(this.config.titulo));
    forma.appendChild(crear("p", { class: "quien" }, "Su registro llegará a " + this.config.cuenta + "."));
    this.campos = {};
    CAMPOS.forEach(function (c) { forma.appendChild(yo.campo(c)); });
    forma.appendChild(this.trampa());
    forma.appendChild(this.aceptacion());
    // Beside the button, where one looks after pressing it, on a phone too.
    this.general = crear("div", { class: "general", role: "alert" });
    this.boton = crear("button", { type: "submit" }, "Registrarme");
    forma.append(this.general, this.boton);
    this.estado = crear("p", { class: "estado", role: "status" });
    forma.appendChild(this.estado);
    forma.addEventListener("submit", function (evento) { evento.preventDefault(); yo.enviar(); });
    this.caja.replaceChildren(forma);
  };

  Formulario.prototype.campo = function (c) {
    var div = crear("div", { class: "campo" });
    var etiqueta = crear("label", { for: c.id }, c.texto);
    if (c.opcional) etiqueta.appendChild(crear("span", { class: "opcional" }, " (opcional)"));
    var entrada = crear("input", {
      id: c.id, name: c.id, type: c.tipo, autocomplete: c.completar, maxlength: String(c.maximo)
    });
    if (!c.opcional) entrada.setAttribute("aria-required", "true");
    if (c.id === "rfc") entrada.setAttribute("autocapitalize", "characters");
    var descrito = ["error-" + c.id];
    div.append(etiqueta, entrada);
    if (c.ayuda) {
      div.appendChild(crear("p", { class: "ayuda", id: "ayuda-" + c.id }, c.ayuda));
      descrito.push("ayuda-" + c.id);
    }
    entrada.setAttribute("aria-describedby", descrito.join(" "));
    div.appendChild(crear("p", { class: "error", id: "error-" + c.id }));
    this.vigilar(c.id, entrada);
    return div;
  };

  Formulario.prototype.trampa = function () {
    var div = crear("div", { class: "nadie", "aria-hidden": "true" });
    this.sitio = crear("input", { id: "sitio_web", type: "text", tabindex: "-1", autocomplete: "off" });
    div.append(crear("label", { for: "sitio_web" }, "Deje este campo vacío"), this.sitio);
    return div;
  };

  Formulario.prototype.aceptacion = function () {
    var div = crear("div", { class: "campo" });
    var linea = crear("div", { class: "acepto" });
    var casilla = crear("input", {
      id: "acepta_aviso", type: "checkbox", "aria-required": "true", "aria-describedby": "error-acepta_aviso"
    });
    var etiqueta = crear("label", { for: "acepta_aviso" }, "He leído y acepto el ");
    etiqueta.append(
      crear("a", { href: new URL(this.config.aviso_url, BASE).href, target: "_blank", rel: "noopener" }, "aviso de privacidad"), "."
    );
    linea.append(casilla, etiqueta);
    div.append(linea, crear("p", { class: "error", id: "error-acepta_aviso" }));
    this.vigilar("acepta_aviso", casilla);
    return div;
  };

  // An error goes away as soon as its field is touched.
  Formulario.prototype.vigilar = function (id, entrada) {
    var yo = this;
    this.campos[id] = entrada;
    entrada.addEventListener("input", function () { yo.marcar(id, ""); });
  };

  Formulario.prototype.marcar = function (id, mensaje) {
    var entrada = this.campos[id];
    if (mensaje) entrada.setAttribute("aria-invalid", "true");
    else entrada.removeAttribute("aria-invalid");
    this.raiz.getElementById("error-" + id).textContent = mensaje;
  };

  Formulario.prototype.leer = function () {
    var yo = this;
    var datos = {};
    CAMPOS.forEach(function (c) {
      var valor = yo.campos[c.id].value.trim();
      datos[c.id] = LIMPIAR[c.id] ? LIMPIAR[c.id](valor) : valor;
    });
    return datos;
  };

  Formulario.prototype.revisar = function (datos) {
    var errores = {};
    CAMPOS.forEach(function (c) {
      if (!datos[c.id]) {
        if (!c.opcional) errores[c.id] = c.falta;
      } else if (FORMAS[c.id] && !FORMAS[c.id][0].test(datos[c.id])) {
        errores[c.id] = FORMAS[c.id][1];
      }
    });
    if (!this.campos.acepta_aviso.checked) {
      errores.acepta_aviso = "Para registrarse, lea y acepte el aviso de privacidad.";
    }
    return errores;
  };

  // Each message by its field, the first of them focused; false when no field of ours is named.
  Formulario.prototype.mostrar = function (errores) {
    var yo = this;
    var primero = null;
    Object.keys(this.campos).forEach(function (id) {
      var mensaje = errores[id] ? String([].concat(errores[id])[0]) : "";
      yo.marcar(id, mensaje);
      if (mensaje && !primero) primero = yo.campos[id];
    });
    if (primero) primero.focus();
    return Boolean(primero);
  };

  Formulario.prototype.enviar = function () {
    if (this.enviando) return undefined;
    this.general.textContent = "";
    var datos = this.leer();
    if (this.mostrar(this.revisar(datos))) return undefined;
    if (!datos.rfc) delete datos.rfc;
    datos.acepta_aviso = true;
    datos.sitio_web = this.sitio.value;
    this.ocupar(true);
    return this.mandar(datos, true);
  };

  Formulario.prototype.mandar = function (datos, primera) {
    var yo = this;
    var contenido = JSON.stringify(datos);
    // The same content again, after a cut, is the same operation; other content is another.
    if (contenido !== this.contenido) { this.contenido = contenido; this.clave = identificador(); }
    datos = Object.assign({}, datos, { aviso_version: this.config.aviso_version, boleto: this.config.boleto });
    return pedir("/v1/publico/altas", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Llave-Publica": LLAVE, "Idempotency-Key": this.clave },
      body: JSON.stringify(datos)
    }).then(function (r) {
      if (r.estado === 202) return yo.agradecer(r.cuerpo);
      var errores = r.cuerpo.errores || {};
      if (primera && errores.boleto) {
        // The form lay open for a day: a fresh ticket, and on.
        delete datos.boleto; delete datos.aviso_version;
        yo.contenido = null;
        return yo.configurar().then(function () { return yo.mandar(datos, false); });
      }
      yo.ocupar(false);
      if (errores.aviso_version) {
        yo.campos.acepta_aviso.checked = false;
        errores.acepta_aviso = errores.aviso_version;
        yo.configurar();
      }
      if (yo.mostrar(errores)) return undefined;
      yo.general.textContent = r.estado === 0 ? SIN_RED : (r.estado < 500 && r.cuerpo.detail) || FALLA;
      yo.boton.focus();
    });
  };

  Formulario.prototype.ocupar = function (si) {
    this.enviando = si;
    // Not `disabled`: that would take the focus away from who uses a keyboard.
    this.boton.setAttribute("aria-disabled", String(si));
    this.boton.textContent = si ? "Enviando…" : "Registrarme";
    this.estado.textContent = si ? "Enviando su registro…" : "";
  };

  Formulario.prototype.agradecer = function (cuerpo) {
    this.enviando = false;
    var titulo = this.encabezado("Recibimos su registro");
    var parrafos = String(cuerpo.mensaje || "").split("\n").map(function (p) { return crear("p", {}, p); });
    var aviso = crear("div", { role: "status" });
    this.caja.replaceChildren(titulo, aviso);
    aviso.append.apply(aviso, parrafos);
    titulo.focus();
    this.lugar.dispatchEvent(new CustomEvent("cm:alta", { bubbles: true }));
  };

  function empezar() {
    var lugar = DESTINO ? document.querySelector(DESTINO) : crear("div", {});
    if (!lugar) {
      console.error("Cuenta Maestra: no existe el elemento " + DESTINO + " que indica data-destino.");
      return;
    }
    // A page may keep its scripts in its head, where nothing is shown.
    if (!DESTINO && EN_CABEZA) document.body.append(lugar);
    else if (!DESTINO) script.after(lugar);
    if (!lugar.shadowRoot) new Formulario(lugar);
  }

  if ((DESTINO || EN_CABEZA) && document.readyState === "loading") document.addEventListener("DOMContentLoaded", empezar);
  else empezar();
})();
