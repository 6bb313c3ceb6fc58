package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	fairlead "fairlead.example/client"
	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

const patience = 20 * time.Second

// command is the `fairlead` of $FAIRLEAD, else of the checkout's environment.
func command() string {
	if path := os.Getenv("FAIRLEAD"); path != "" {
		return path
	}
	path, _ := filepath.Abs("../../../../.venv/bin/fairlead")
	return path
}

// A supervisor is this program, built, in a process of its own.
type supervisor struct {
	t         *testing.T
	process   *os.Process
	data      string
	socket    string
	readiness *bufio.Scanner
}

func newSupervisor(t *testing.T) *supervisor {
	directory := t.TempDir()
	program := filepath.Join(directory, "supervise")
	if output, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatal(string(output))
	}
	s := &supervisor{t: t, data: filepath.Join(directory, "data"), socket: filepath.Join(directory, "wamp.sock")}
	run := exec.Command(program, "-fairlead", command(), "-data", s.data, "-socket", s.socket)
	reading, writing := io.Pipe()
	run.Stderr = writing
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	s.process, s.readiness = run.Process, bufio.NewScanner(reading)
	ended := make(chan struct{})
	go func() {
		_ = run.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		go func() { _, _ = io.Copy(io.Discard, reading) }()
		<-ended
		if _, err := os.Stat(s.socket); err == nil && !t.Failed() {
			_ = os.Remove(s.socket)
		}
	})
	return s
}

// ready is the process of the server that has just become ready.
func (s *supervisor) ready() int {
	s.t.Helper()
	for s.readiness.Scan() {
		if _, after, found := strings.Cut(s.readiness.Text(), "ready: process "); found {
			var pid int
			if _, err := fmt.Sscan(after, &pid); err != nil {
				s.t.Fatal(err)
			}
			return pid
		}
	}
	s.t.Fatal("the supervisor has ended")
	return 0
}

func (s *supervisor) connect() *fairlead.Peer {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	ticket := func(*wamp.Challenge) (string, wamp.Dict) { return strings.TrimSpace(string(token)), wamp.Dict{} }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := fairlead.Connect(ctx, fairlead.Config{
		URL:    "unix://" + s.socket,
		Client: client.Config{Realm: "realm1", AuthHandlers: map[string]client.AuthFunc{"ticket": ticket}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

func lists(p *fairlead.Peer) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := p.Call(ctx, "fairlead.log.list", nil, nil)
	return err
}

func hasEnded(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still not true")
		}
	}
}

func TestAServerThatDiesIsStartedAgainAndItsClientsComeBack(t *testing.T) {
	s := newSupervisor(t)
	pid := s.ready()
	p := s.connect()
	if err := lists(p); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if s.ready() == pid {
		t.Fatal("it is the same process")
	}
	eventually(t, func() bool { return lists(p) == nil })
}

func TestTheServerEndsWithItsSupervisor(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			s := newSupervisor(t)
			pid := s.ready()
			if err := s.process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return hasEnded(pid) })
		})
	}
}

func TestAFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path); err == nil {
		t.Fatal("it is no socket")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Fatal(string(text), err)
	}
}
