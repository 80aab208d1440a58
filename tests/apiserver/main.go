// Kubernetes in one binary, for tests on one machine: etcd, the API server, the controller manager, the scheduler,
// kube-proxy, the kubelet and kubectl, each as a subcommand and so a process of its own, which a test can kill alone.
// One binary, since nine tenths of what each is made of is the same: it is compiled and linked once.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const usage = `usage:
  apiserver etcd DIR CLIENT-URL PEER-URL     etcd, until SIGTERM
  apiserver compact CLIENT-URL               makes etcd forget every revision but the newest
  apiserver certificates DIR ADDRESS...      a CA, a server's certificate, a key pair for service accounts
  apiserver older DIR ADDRESS SERVER-URL     a server in front of another, without what old ones lack
  apiserver kube-apiserver FLAG...
  apiserver kube-controller-manager FLAG...
  apiserver kube-scheduler FLAG...
  apiserver kube-proxy FLAG...
  apiserver kubelet FLAG...
  apiserver kubectl ARGUMENT...`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(subcommand string, arguments []string) error {
	if command := server(subcommand); command != nil {
		os.Exit(execute(command, arguments))
	}
	switch {
	case subcommand == "etcd" && len(arguments) == 3:
		return serveEtcd(arguments[0], arguments[1], arguments[2])
	case subcommand == "compact" && len(arguments) == 1:
		return compactEtcd(arguments[0])
	case subcommand == "certificates" && len(arguments) > 1:
		return writeCertificates(arguments[0], arguments[1:])
	case subcommand == "older" && len(arguments) == 3:
		return serveOlder(arguments[0], arguments[1], arguments[2])
	case subcommand == "kubectl":
		return executeKubectl(arguments)
	}
	return errors.New(usage)
}

// server is one of Kubernetes' own servers, nil for any other subcommand.
func server(subcommand string) *cobra.Command {
	switch subcommand {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllers.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kube-proxy":
		return proxy.NewProxyCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	return nil
}

func execute(command *cobra.Command, arguments []string) int {
	command.SetArgs(arguments)
	return cli.Run(command)
}

func executeKubectl(arguments []string) error {
	// It looks for plugins in os.Args by itself, and must not find our own argument there.
	os.Args = append([]string{"kubectl"}, arguments...)
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return nil
}
