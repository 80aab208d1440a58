// One address for each pod, written in kube-proxy's way: sigs.k8s.io/knftables, which starts an `nft` for each transaction.
// It prints how much of a processor the start took, and then each change, as nanoseconds, a line each: its own time and
// that of the `nft` that it started.
package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"sigs.k8s.io/knftables"
)

const (
	table = "kube_proxy_way"
	chain = "egress"
	addrs = "addrs"
)

func main() {
	services, changes := argument(1), argument(2)
	nft, err := knftables.New(knftables.IPv4Family, table)
	must(err)
	report(func() { must(nft.Run(context.Background(), everything(nft, services))) })
	// Which address each Service has now, where it is not its first.
	turns := map[int]int{}
	for turn := 1; turn <= changes; turn++ {
		number := turn * 7919 % services
		report(func() { must(nft.Run(context.Background(), change(nft, number, turns[number], turn))) })
		turns[number] = turn
	}
}

func everything(nft knftables.Interface, services int) *knftables.Transaction {
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Add(&knftables.Chain{
		Name:     chain,
		Type:     knftables.PtrTo(knftables.NATType),
		Hook:     knftables.PtrTo(knftables.PostroutingHook),
		Priority: knftables.PtrTo(knftables.SNATPriority),
	})
	tx.Add(&knftables.Map{Name: addrs, Type: "ipv4_addr : ipv4_addr"})
	tx.Add(&knftables.Rule{Chain: chain, Rule: "snat to ip saddr map @" + addrs})
	for number := range services {
		tx.Add(element(number, 0))
	}
	return tx
}

func change(nft knftables.Interface, number, before, after int) *knftables.Transaction {
	tx := nft.NewTransaction()
	tx.Delete(element(number, before))
	tx.Add(element(number, after))
	return tx
}

// The pod of a Service, and the address that it has in a turn.
func element(number, turn int) *knftables.Element {
	return &knftables.Element{
		Map:   addrs,
		Key:   []string{address(0x0a010001 + number)},
		Value: []string{address(0x0b000000 + (number+turn)%250)},
	}
}

func address(number int) string {
	return netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)}).String()
}

func report(work func()) {
	before := processorTime()
	work()
	fmt.Println(processorTime() - before)
}

// Of this process, and of its children that have ended.
func processorTime() int64 {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		must(syscall.Getrusage(who, &usage))
		sum += usage.Utime.Nano() + usage.Stime.Nano()
	}
	return sum
}

func argument(at int) int {
	if len(os.Args) <= at {
		must(fmt.Errorf("usage: %s SERVICES CHANGES", os.Args[0]))
	}
	number, err := strconv.Atoi(os.Args[at])
	must(err)
	return number
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
