import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureVersion, type TlsOptions } from "node:tls";
import { listenError } from "./listen.ts";

/** A certificate or key in PEM form. */
export type Pem = string | Buffer;

export interface TlsSettings {
  /** The private key, in PEM form. */
  readonly key: Pem;
  /** The server's certificate and, after it, those that lead to its root, in PEM form. */
  readonly cert: Pem;
  /** The authorities whose client certificates count, in PEM form. */
  readonly ca?: Pem | readonly Pem[];
  /** Of the private key, where it is encrypted. */
  readonly passphrase?: string;
  /**
   * "request": clients may send a certificate; whether it is good is told to the authenticator. "require": without
   * a good one the handshake fails. Both need `ca`. Default "none".
   */
  readonly clientCertificate?: "none" | "request" | "require";
  /** Default "TLSv1.2". */
  readonly minVersion?: SecureVersion;
  /** Application protocols to agree on, best first; a client that offers only others is refused. Default: none. */
  readonly alpnProtocols?: readonly string[];
}

/** What Node needs; throws DUNLIN_LISTEN, with one line that says what is wrong and the remedy. */
export function tlsServerOptions(listenerName: string, settings: TlsSettings, nowMs: number): TlsOptions {
  const {
    key,
    cert,
    passphrase,
    clientCertificate = "none",
    minVersion = "TLSv1.2",
    alpnProtocols,
  } = settings;
  const ca = settings.ca === undefined ? [] : [settings.ca].flat();
  if (clientCertificate !== "none" && ca.length === 0) {
    const remedy = "give the authorities that sign them as `ca`, else those of every web site would count";
    throw listenError(listenerName, `client certificates cannot be checked; ${remedy}`);
  }
  const certificate = readCertificate(listenerName, "the certificate", cert);
  for (const authority of ca) readCertificate(listenerName, "a certificate in `ca`", authority);
  checkValidity(listenerName, certificate, nowMs);
  if (!certificate.checkPrivateKey(readKey(listenerName, key, passphrase))) {
    const remedy = "give the key that it was issued for";
    throw listenError(listenerName, `the private key is not that of ${nameOf(certificate)}; ${remedy}`);
  }
  const options: TlsOptions = {
    key,
    cert,
    minVersion,
    requestCert: clientCertificate !== "none",
    rejectUnauthorized: clientCertificate === "require",
    ...(ca.length > 0 && { ca }),
    ...(passphrase !== undefined && { passphrase }),
    ...(alpnProtocols !== undefined && { ALPNProtocols: [...alpnProtocols] }),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw listenError(
      listenerName,
      `TLS cannot be set up: ${messageOf(cause)}; check certificate and key`,
      cause,
    );
  }
  return options;
}

function readCertificate(listenerName: string, what: string, pem: Pem): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    const remedy = 'give it in PEM form, "-----BEGIN CERTIFICATE-----"';
    throw listenError(listenerName, `${what} cannot be read (${messageOf(cause)}); ${remedy}`, cause);
  }
}

function readKey(listenerName: string, key: Pem, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? key : { key, passphrase });
  } catch (cause) {
    const remedy = 'give it in PEM form, "-----BEGIN PRIVATE KEY-----", and its passphrase if it has one';
    throw listenError(listenerName, `the private key cannot be read (${messageOf(cause)}); ${remedy}`, cause);
  }
}

function checkValidity(listenerName: string, certificate: X509Certificate, nowMs: number): void {
  const name = nameOf(certificate);
  if (nowMs > Date.parse(certificate.validTo)) {
    const problem = `the certificate of ${name} expired on ${certificate.validTo}`;
    throw listenError(listenerName, `${problem}; renew it`);
  }
  if (nowMs < Date.parse(certificate.validFrom)) {
    const problem = `the certificate of ${name} is not valid before ${certificate.validFrom}`;
    throw listenError(listenerName, `${problem}; wait, or set this machine's clock if it is wrong`);
  }
}

function nameOf(certificate: X509Certificate): string {
  return `"${certificate.subject?.replaceAll("\n", ", ") ?? "(no name)"}"`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
