package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long certificates hold: longer than any test, and shorter than anybody could use them for something else.
const validity = 24 * time.Hour

// writeCertificates writes ca.crt, server.crt, server.key, and sa.key with sa.pub for service accounts. Nothing
// is written of the CA's own key: no other certificate is signed.
func writeCertificates(directory string, addresses []string) error {
	caKey, ca, err := authority()
	if err != nil {
		return err
	}
	serverKey, server, err := serverCertificate(ca, caKey, addresses)
	if err != nil {
		return err
	}
	accounts, err := newKey()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&accounts.PublicKey)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(directory, "ca.crt", "CERTIFICATE", ca.Raw),
		writePEM(directory, "server.crt", "CERTIFICATE", server),
		writeKey(directory, "server.key", serverKey),
		writeKey(directory, "sa.key", accounts),
		writePEM(directory, "sa.pub", "PUBLIC KEY", public),
	)
}

func authority() (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := template("egressd-tests", 1)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return key, certificate, err
}

func serverCertificate(ca *x509.Certificate, caKey *ecdsa.PrivateKey, addresses []string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := template("kube-apiserver", 2)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default.svc"}
	for _, text := range addresses {
		address := net.ParseIP(text)
		if address == nil {
			return nil, nil, fmt.Errorf("%q is not an address", text)
		}
		template.IPAddresses = append(template.IPAddresses, address)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	return key, der, err
}

func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity),
	}
}

func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func writeKey(directory, name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(directory, name, "EC PRIVATE KEY", der)
}

func writePEM(directory, name, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(directory, name), text, 0o600)
}
