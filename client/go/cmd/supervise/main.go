// Supervise runs `fairlead serve` as a child: an example of how a Go program has a Fairlead router of its own.
//
//	supervise -fairlead .venv/bin/fairlead -data /var/lib/app/fairlead -socket /run/app/wamp.sock
//
// The Unix socket belongs to this program and is inherited by the server. Clients that connect while the server is
// being started again wait in the socket's queue; nobody is refused. The server is started again whenever it ends by
// itself, and ends with this program, however that ends: on SIGTERM in order, after a kill within a moment.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// A server that dies again at once is started more and more slowly.
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	// One that was ready for so long has died of something new.
	healthyAfter = time.Minute
	// The server gives its peers 5 s to say goodbye.
	stopLimit = 10 * time.Second
)

// The first inherited descriptor. The port on loopback, any free one, serves the page and /health.
const configuration = `listen = "127.0.0.1:0"

[[listeners]]
endpoint = "fd://3"
`

func main() {
	fairlead := flag.String("fairlead", "fairlead", "the command")
	data := flag.String("data", ".fairlead", "the data directory")
	socket := flag.String("socket", "wamp.sock", "the Unix socket to serve")
	flag.Parse()
	// A child's death signal comes when the thread ends that started it: this one lasts as long as the program.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := supervise(ctx, *fairlead, *data, *socket); err != nil {
		log.Fatal(err)
	}
}

func supervise(ctx context.Context, fairlead, data, socket string) error {
	inherited, err := listen(socket)
	if err != nil {
		return err
	}
	defer os.Remove(socket)
	defer inherited.Close()
	config := filepath.Join(data, "supervised.toml")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		begun := time.Now()
		err := serve(ctx, inherited, fairlead, "serve", "--config", config, "--data", data, "--exit-with-parent")
		if ctx.Err() != nil {
			return nil
		}
		log.Printf("the server has ended: %v; starting it again", err)
		if time.Since(begun) > healthyAfter {
			pause = firstPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// listen makes the socket, for this user only; one that a killed predecessor has left is replaced.
func listen(path string) (*os.File, error) {
	if connection, err := net.Dial("unix", path); err == nil {
		connection.Close()
		return nil, fmt.Errorf("somebody serves %s already", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) && isSocket(path) { // files of other kinds refuse as well
		os.Remove(path)
	}
	defer syscall.Umask(syscall.Umask(0o177))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	return listener.File() // a descriptor of its own, which stays open
}

func isSocket(path string) bool {
	file, err := os.Lstat(path)
	return err == nil && file.Mode().Type() == os.ModeSocket
}

// serve runs the server to its end; an end of the context stops it in order.
func serve(ctx context.Context, inherited *os.File, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.ExtraFiles = []*os.File{inherited}
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopLimit
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Fairlead is listening") {
			log.Printf("ready: process %d", command.Process.Pid)
		}
	}
	return command.Wait()
}
