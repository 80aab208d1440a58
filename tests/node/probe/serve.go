package main

import (
	"bufio"
	"fmt"
	"net"
)

// serve answers on a port.
func serve(port string) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		return err
	}
	go accept(listener)
	go answerDatagrams(socket)
	return nil
}

func accept(listener net.Listener) {
	for {
		if connection, err := listener.Accept(); err == nil {
			go answerLines(connection)
		}
	}
}

func answerLines(connection net.Conn) {
	defer connection.Close()
	for lines := bufio.NewScanner(connection); lines.Scan(); {
		if _, err := fmt.Fprint(connection, answer(connection.RemoteAddr())); err != nil {
			return
		}
	}
}

func answerDatagrams(socket net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		if _, from, err := socket.ReadFrom(buffer); err == nil {
			_, _ = socket.WriteTo([]byte(answer(from)), from)
		}
	}
}

func answer(to net.Addr) string {
	source, _, _ := net.SplitHostPort(to.String())
	return fmt.Sprintf("%s %s\n", source, name())
}
