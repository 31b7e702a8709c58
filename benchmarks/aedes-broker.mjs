// Aedes on a port: aedes-broker.mjs PORT [CERTIFICATE KEY]
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Aedes } from "aedes";

const [port, certFile, keyFile] = process.argv.slice(2);
const aedes = await Aedes.createBroker();
const server =
  certFile && keyFile
    ? createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, aedes.handle)
    : createServer(aedes.handle);
server.listen(Number(port), "127.0.0.1");
