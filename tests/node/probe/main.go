// The one program of all containers that the node lab starts beside egressd: what holds a pod's namespaces open, a
// server, and callers that begin with their first instruction.
//
// All use the same messages: who calls writes a line, who is called answers "SOURCE NAME", the source address that
// it sees and its own name.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage:
  probe                  waits for SIGTERM, and reaps the dead meanwhile
  probe ask TO...        calls each address once, and prints as whom it was seen and who answered
  probe ROLE=ADDRESS...  plays all these roles at once, until SIGTERM:
    serve=PORT           answers, TCP and UDP
    call=TO              a new connection every 20 ms
    hold=TO              one connection, a line every 100 ms
    send=TO              datagrams from one port, one every 100 ms`

const (
	betweenCalls = 20 * time.Millisecond
	betweenLines = 100 * time.Millisecond
	// How long an answer may take. Nothing is far away here: what takes longer is lost.
	patience = time.Second
)

// begun is the moment of the first instruction, as nearly as a program can measure.
var begun = time.Now()

func main() {
	arguments := os.Args[1:]
	if len(arguments) > 1 && arguments[0] == "ask" {
		for _, to := range arguments[1:] {
			fmt.Println(to, ask(to))
		}
		return
	}
	for _, argument := range arguments {
		if err := play(argument); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	wait()
}

// play begins a role, which goes on beside all others.
func play(argument string) error {
	role, address, _ := strings.Cut(argument, "=")
	switch role {
	case "serve":
		return serve(address)
	case "call":
		go call(address)
	case "hold":
		go hold(address)
	case "send":
		go send(address)
	default:
		return errors.New(usage)
	}
	return nil
}

// wait returns when the program is asked to end. As the first process of a PID namespace it inherits the orphans.
func wait() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for arrived := range signals {
		if arrived != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

// name is the pod's.
func name() string {
	name, err := os.Hostname()
	if err != nil {
		return "nameless"
	}
	return name
}

// line is what a caller writes: what it is doing, who it is, how often it has done so, and for how many microseconds it
// has existed.
func line(role string, count int) string {
	return fmt.Sprintf("%s %s %d %d\n", role, name(), count, time.Since(begun).Microseconds())
}

// call begins a new connection again and again. A call that fails leaves a gap in what the called sees.
func call(to string) {
	for count := 0; ; count++ {
		if _, err := exchange(to, line("call", count)); err != nil {
			fmt.Println(time.Since(begun), err)
		}
		time.Sleep(betweenCalls)
	}
}

func ask(to string) string {
	answer, err := exchange(to, line("ask", 0))
	if err != nil {
		return "error " + err.Error()
	}
	return answer
}

func exchange(to, line string) (string, error) {
	connection, err := net.DialTimeout("tcp", to, patience)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	return exchangeOver(connection, bufio.NewReader(connection), line)
}

func exchangeOver(connection net.Conn, answers *bufio.Reader, line string) (string, error) {
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(connection, line); err != nil {
		return "", err
	}
	answer, err := answers.ReadString('\n')
	return strings.TrimSpace(answer), err
}

// hold keeps one connection as long as it can, and then begins another.
func hold(to string) {
	for count := 0; ; {
		connection, err := net.DialTimeout("tcp", to, patience)
		if err != nil {
			fmt.Println(time.Since(begun), err)
			time.Sleep(betweenLines)
			continue
		}
		answers := bufio.NewReader(connection)
		for err == nil {
			_, err = exchangeOver(connection, answers, line("hold", count))
			count++
			time.Sleep(betweenLines)
		}
		fmt.Println(time.Since(begun), err)
		connection.Close()
	}
}

// send does from one port what a client of DNS, SIP or QUIC does, whether an answer comes or not.
func send(to string) {
	for count := 0; ; count++ {
		socket, err := net.Dial("udp", to)
		for ; err == nil; count++ {
			_, err = fmt.Fprint(socket, line("send", count))
			time.Sleep(betweenLines)
		}
		fmt.Println(time.Since(begun), err)
		time.Sleep(betweenLines)
	}
}
