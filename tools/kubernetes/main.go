// A Kubernetes control plane in one binary: the first argument says which part of it to be.
//
// make kubernetes builds it into build/kubernetes (four to five minutes on two cores, once). localcloud/control_plane.py
// starts the parts; nobody runs a kubelet.
package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var parts = map[string]func() int{
	"etcd": func() int {
		etcdmain.Main(os.Args)
		return 0
	},
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
}

func main() {
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: kubernetes %s [flags]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	go endWithStarter()
	os.Args = os.Args[1:]
	os.Exit(parts[os.Args[0]]())
}

// A part whose standard input is a pipe ends with the process that holds the other end, however that one ended.
func endWithStarter() {
	about, err := os.Stdin.Stat()
	if err != nil || about.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}
