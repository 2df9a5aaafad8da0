package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// newSelfSigned makes a certificate for this machine's names, valid for a day and kept in
// memory only. No client trusts it by default; its fingerprint is logged, to compare.
func newSelfSigned(log *slog.Logger) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{ // without SerialNumber: a random one is used
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"}, // what clients compare
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, // and IsCA false: it signs no other
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	log.Info("self-signed certificate", "sha256", fmt.Sprintf("%x", sha256.Sum256(der)),
		"until", template.NotAfter.UTC().Format(time.RFC3339))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
