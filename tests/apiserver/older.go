package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// serveOlder answers as a server that has no ServiceCIDRs; all else goes to the real one. They came with Kubernetes
// 1.33, and today's server has no option to do without. It uses the certificates of writeCertificates.
func serveOlder(directory, address, serverURL string) error {
	upstream, err := url.Parse(serverURL)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	// A watch is a body that never ends: what comes goes on at once.
	proxy.FlushInterval = -1
	handler := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if strings.Contains(request.URL.Path, "/servicecidrs") {
			http.Error(answer, "404 page not found", http.StatusNotFound)
			return
		}
		proxy.ServeHTTP(answer, request)
	})
	crt, key := filepath.Join(directory, "server.crt"), filepath.Join(directory, "server.key")
	return http.ListenAndServeTLS(address, crt, key, handler)
}
