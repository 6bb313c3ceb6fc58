package fairlead

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

const patience = 20 * time.Second

// python is one that has Fairlead: of $FAIRLEAD_PYTHON, else of the checkout's environment.
func python() string {
	if path := os.Getenv("FAIRLEAD_PYTHON"); path != "" {
		return path
	}
	return "../../.venv/bin/python"
}

// A site is a router of its own and a proxy before it whose connections can be cut.
type site struct {
	t       *testing.T
	address string
	proxy   net.Listener
	stop    func()

	mutex       sync.Mutex
	connections []net.Conn
}

func newSite(t *testing.T) *site {
	s := &site{t: t, address: "127.0.0.1:0"}
	s.start()
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.proxy = proxy
	go s.relay()
	t.Cleanup(func() {
		proxy.Close()
		s.cut()
		s.stop()
	})
	return s
}

func (s *site) start() {
	_, port, _ := net.SplitHostPort(s.address)
	command := exec.Command(python(), "testdata/router.py", port)
	command.Stderr = os.Stderr
	input, _ := command.StdinPipe()
	output, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		s.t.Fatal("the router did not start")
	}
	if port == "0" { // the next one has the same
		s.address = "127.0.0.1:" + strings.TrimSpace(line)
	}
	s.stop = func() {
		input.Close()
		_ = command.Wait()
	}
}

func (s *site) relay() {
	for {
		near, err := s.proxy.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", s.address)
		if err != nil {
			near.Close()
			continue
		}
		s.mutex.Lock()
		s.connections = append(s.connections, near, far)
		s.mutex.Unlock()
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
			}()
		}
	}
}

func (s *site) cut() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, connection := range s.connections {
		connection.Close()
	}
	s.connections = nil
}

func (s *site) config(address string) Config {
	return Config{URL: "ws://" + address + "/ws", Client: client.Config{Realm: "realm1", Logger: silent{}}}
}

// peer is one whose connection can be cut; direct is one whose connection cannot.
func (s *site) peer() *Peer   { return s.connected(s.proxy.Addr().String()) }
func (s *site) direct() *Peer { return s.connected(s.address) }

func (s *site) connected(address string) *Peer {
	p, err := Connect(waiting(s.t), s.config(address))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

type silent struct{}

func (silent) Print(...any)          {}
func (silent) Println(...any)        {}
func (silent) Printf(string, ...any) {}

func waiting(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A record of what a subscription has handed on.
type record struct {
	sync.Mutex
	numbers []int64
	resumed []bool
}

func (r *record) watch(t *testing.T, p *Peer, topic string) *Subscription {
	t.Helper()
	subscription, err := p.Subscribe(waiting(t), topic, func(event Event) {
		r.Lock()
		defer r.Unlock()
		number, _ := wamp.AsInt64(event.Arguments[0])
		r.numbers = append(r.numbers, number)
	}, SubscribeOptions{Match: "prefix", OnResumed: func(isWhole bool) {
		r.Lock()
		defer r.Unlock()
		r.resumed = append(r.resumed, isWhole)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return subscription
}

func (r *record) becomes(t *testing.T, numbers ...int64) {
	t.Helper()
	eventually(t, func() bool {
		r.Lock()
		defer r.Unlock()
		return slices.Equal(r.numbers, numbers)
	})
}

func (r *record) told(t *testing.T) []bool {
	t.Helper()
	eventually(t, func() bool {
		r.Lock()
		defer r.Unlock()
		return len(r.resumed) > 0
	})
	return r.resumed
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still not true")
		}
	}
}

func publish(t *testing.T, p *Peer, topic string, numbers ...int64) {
	t.Helper()
	for _, number := range numbers {
		if err := p.Publish(waiting(t), topic, wamp.List{number}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWasPublishedWhileAwayIsFilledIn(t *testing.T) {
	s := newSite(t)
	watcher, publisher := s.peer(), s.direct()
	var seen record
	subscription := seen.watch(t, watcher, "com.example.kept")
	publish(t, publisher, "com.example.kept.a", 0)
	seen.becomes(t, 0)
	s.cut()
	publish(t, publisher, "com.example.kept.b", 1, 2, 3)
	if told := seen.told(t); !slices.Equal(told, []bool{true}) || !subscription.Resumed() {
		t.Fatal("it should be whole", told)
	}
	publish(t, publisher, "com.example.kept.a", 4)
	seen.becomes(t, 0, 1, 2, 3, 4)
}

func TestWithoutHistoryAGapIsPossible(t *testing.T) {
	s := newSite(t)
	var seen record
	subscription := seen.watch(t, s.peer(), "com.example.forgotten")
	publish(t, s.direct(), "com.example.forgotten", 0)
	seen.becomes(t, 0)
	s.cut()
	if told := seen.told(t); told[0] || subscription.Resumed() {
		t.Fatal("nobody can know whether it is whole")
	}
}

func TestARestartOfTheRouterLosesItsHistoryAndThatIsSaid(t *testing.T) {
	s := newSite(t)
	var seen record
	watcher := s.peer()
	seen.watch(t, watcher, "com.example.kept")
	publish(t, s.direct(), "com.example.kept", 0)
	seen.becomes(t, 0)
	s.stop()
	s.start()
	if told := seen.told(t); told[0] {
		t.Fatal("nobody can know whether it is whole")
	}
	publish(t, s.direct(), "com.example.kept", 1)
	seen.becomes(t, 0, 1)
}

func TestUnderCutsNoEventIsLostOrRepeated(t *testing.T) {
	s := newSite(t)
	publisher := s.direct()
	var seen record
	seen.watch(t, s.peer(), "com.example.kept")
	wanted := []int64{}
	for number := range int64(900) {
		publish(t, publisher, "com.example.kept.x", number)
		if number%60 == 30 {
			s.cut()
		}
		wanted = append(wanted, number)
		time.Sleep(time.Millisecond)
	}
	seen.becomes(t, wanted...)
	if told := seen.told(t); len(told) < 3 || slices.Contains(told, false) {
		t.Fatal("each loss should have been filled", told)
	}
}

func TestRegistrationsAndCallsGoOnAfterACut(t *testing.T) {
	s := newSite(t)
	callee, caller := s.peer(), s.direct()
	echo := func(_ context.Context, i *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: i.Arguments}
	}
	if err := callee.Register(waiting(t), "com.example.echo", echo, wamp.Dict{"force_reregister": true}); err != nil {
		t.Fatal(err)
	}
	if err := callee.Register(waiting(t), "com.example.echo", echo, nil); err == nil {
		t.Fatal("it is registered already")
	}
	works := func() bool {
		result, err := caller.Call(waiting(t), "com.example.echo", wamp.List{"hello"}, nil)
		return err == nil && result.Arguments[0] == "hello"
	}
	if !works() {
		t.Fatal("the call failed")
	}
	s.cut()
	eventually(t, works)
	if err := callee.Unregister("com.example.echo"); err != nil {
		t.Fatal(err)
	}
	if works() {
		t.Fatal("it was unregistered")
	}
}

func TestACallWhileAwayFailsWhenItsTimeIsUp(t *testing.T) {
	s := newSite(t)
	p := s.peer()
	s.stop()
	eventually(t, func() bool {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		return p.session == nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Call(ctx, "com.example.x", nil, nil); err == nil || !strings.Contains(err.Error(), "no session") {
		t.Fatal(err)
	}
	s.start()
	if err := p.Publish(waiting(t), "com.example.x", nil, nil); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := p.Session(waiting(t)); err != ErrClosed {
		t.Fatal(err)
	}
}

func TestWhatIsRegisteredAsTheSessionComesBackIsMadeOnce(t *testing.T) {
	s := newSite(t)
	var p *Peer
	registered := make(chan error, 1)
	refused := make(chan error, 1)
	config := s.config(s.proxy.Addr().String())
	config.OnRefused = func(_ string, err error) { refused <- err }
	config.OnChange = func(why error) {
		if why == nil {
			registered <- p.Register(waiting(t), "com.example.one", func(context.Context, *wamp.Invocation) client.InvokeResult {
				return client.InvokeResult{}
			}, nil)
		}
	}
	var err error
	if p, err = Connect(waiting(t), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	s.cut()
	if err := <-registered; err != nil {
		t.Fatal(err)
	}
	publish(t, p, "com.example.x", 1)
	select {
	case err := <-refused:
		t.Fatal("it was made twice", err)
	case <-time.After(300 * time.Millisecond):
	}
}
