import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { skippedWithout } from "./skipped-without.ts";
import { createTestAuthority, missingOpenssl } from "./test-pki.ts";

test("an authority issues certificates with the dates asked for", skippedWithout(missingOpenssl()), () => {
  const authority = createTestAuthority();
  try {
    const notBefore = new Date("2020-01-01T00:00:00Z");
    const notAfter = new Date("2021-06-30T12:00:00Z");
    const { key, cert } = authority.issue({ commonName: "old", notBefore, notAfter });
    const certificate = new X509Certificate(cert);
    expect(certificate.subject).toBe("CN=old");
    expect(new Date(certificate.validFrom)).toEqual(notBefore);
    expect(new Date(certificate.validTo)).toEqual(notAfter);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  } finally {
    authority.remove();
  }
});
