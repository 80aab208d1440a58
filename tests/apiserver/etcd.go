package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	etcd "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// How long etcd may take to start or to answer. A loaded machine is slow, and only failures wait.
const patience = 30 * time.Second

// serveEtcd keeps its data in a directory and answers at clientURL until SIGTERM.
func serveEtcd(directory, clientURL, peerURL string) error {
	config, err := etcdConfig(directory, clientURL, peerURL)
	if err != nil {
		return err
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("cannot start etcd: %w", err)
	}
	defer server.Close()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	select {
	case <-ended:
		return nil
	case err := <-server.Err():
		return fmt.Errorf("etcd failed: %w", err)
	}
}

func etcdConfig(directory, clientURL, peerURL string) (*embed.Config, error) {
	client, err := url.Parse(clientURL)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(peerURL)
	if err != nil {
		return nil, err
	}
	config := embed.NewConfig()
	config.Dir = directory
	config.Name = "default"
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.LogLevel = "warn"
	// The data dies with the test: nothing is gained by waiting for a disk.
	config.UnsafeNoFsync = true
	// Enough for thousands of Services that change all the time.
	config.QuotaBackendBytes = 4 << 30
	return config, nil
}

// compactEtcd makes every watch that is behind start over, as etcd does by itself every five minutes.
func compactEtcd(clientURL string) error {
	client, err := etcd.New(etcd.Config{Endpoints: []string{clientURL}, DialTimeout: patience})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, err := client.Status(ctx, clientURL)
	if err != nil {
		return fmt.Errorf("cannot ask etcd for its revision: %w", err)
	}
	_, err = client.Compact(ctx, status.Header.Revision, etcd.WithCompactPhysical())
	if err != nil {
		return fmt.Errorf("cannot compact etcd: %w", err)
	}
	return nil
}
