// Package fairlead has a WAMP peer that stays: its session is opened again whenever it is lost, with back-off and
// jitter, what it has subscribed and registered is made again in each new session, and what was published meanwhile is
// handed on from the event history of the topics that keep one. It wraps the client of nexus and works on any router.
package fairlead

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

// ID is that of a publication or subscription.
type ID = wamp.ID

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// ErrClosed is what a closed peer answers.
var ErrClosed = errors.New("the peer is closed")

// Config says where the router is and how to join.
type Config struct {
	// URL as nexus takes it: ws://host:port/ws, wss://..., tcp://host:port and unix:///path (RawSocket).
	URL string
	// Client is nexus' configuration: realm, serialization, authentication, TLS.
	Client client.Config
	// OnChange hears why there is no session, once an outage, and nil when there is one again.
	OnChange func(error)
	// OnRefused hears of a topic or procedure that was made once and is refused in a later session. It is tried again
	// in the next.
	OnRefused func(uri string, err error)
}

// A kept thing is made again in each session.
type kept interface {
	make(*client.Client) error
}

// A Peer outlives its sessions. Its methods may be called from any goroutine.
type Peer struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mutex   sync.Mutex
	session *client.Client
	joined  chan struct{} // closed while there is a session
	kept    map[string]kept
}

// Connect returns a peer with its first session. It gives up with the context; later sessions don't depend on it.
func Connect(ctx context.Context, config Config) (*Peer, error) {
	session, err := client.ConnectNet(ctx, config.URL, config.Client)
	if err != nil {
		return nil, err
	}
	p := &Peer{config: config, done: make(chan struct{}), joined: make(chan struct{}), kept: map[string]kept{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.has(session)
	go p.stay(session)
	return p, nil
}

// Session returns the open session; without one it waits as long as the context allows.
func (p *Peer) Session(ctx context.Context) (*client.Client, error) {
	for {
		p.mutex.Lock()
		session, joined := p.session, p.joined
		p.mutex.Unlock()
		if session != nil {
			return session, nil
		}
		select {
		case <-joined:
		case <-ctx.Done():
			return nil, fmt.Errorf("there is no session with the router now: %w", ctx.Err())
		case <-p.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// Call calls a procedure. Without a session it waits as long as the context allows; a call that is lost with its
// session is not made again, for it may have been performed. A canceled context cancels the call.
func (p *Peer) Call(ctx context.Context, procedure string, args wamp.List, kwargs wamp.Dict) (*wamp.Result, error) {
	session, err := p.Session(ctx)
	if err != nil {
		return nil, err
	}
	return session.Call(ctx, procedure, nil, args, kwargs, nil)
}

// Publish publishes and waits for the acknowledgement. Without a session it waits as long as the context allows.
func (p *Peer) Publish(ctx context.Context, topic string, args wamp.List, kwargs wamp.Dict) error {
	session, err := p.Session(ctx)
	if err != nil {
		return err
	}
	return session.Publish(topic, wamp.Dict{wamp.OptAcknowledge: true}, args, kwargs)
}

// Register offers a procedure, across sessions. With the option force_reregister it takes the procedure from whoever
// has it: from a session of ours, too, whose end the router has not noticed.
func (p *Peer) Register(
	ctx context.Context, procedure string, handler client.InvocationHandler, options wamp.Dict,
) error {
	return p.keep(ctx, procedure, &registration{procedure, handler, options})
}

// Unregister takes a procedure back.
func (p *Peer) Unregister(procedure string) error {
	return p.forget(procedure, (*client.Client).Unregister)
}

// Close leaves the realm, for good.
func (p *Peer) Close() {
	p.cancel()
	<-p.done
}

type registration struct {
	procedure string
	handler   client.InvocationHandler
	options   wamp.Dict
}

func (r *registration) make(session *client.Client) error {
	return session.Register(r.procedure, r.handler, r.options)
}

// keep makes a thing in this session, and from then on in each.
func (p *Peer) keep(ctx context.Context, uri string, thing kept) error {
	session, err := p.Session(ctx)
	if err != nil {
		return err
	}
	p.mutex.Lock()
	if session != p.session { // lost meanwhile: a session makes what was kept when it began, the others are made here
		p.mutex.Unlock()
		return p.keep(ctx, uri, thing)
	}
	if _, exists := p.kept[uri]; exists {
		p.mutex.Unlock()
		return fmt.Errorf("%s is subscribed or registered already", uri)
	}
	p.kept[uri] = thing
	p.mutex.Unlock()
	if err := thing.make(session); err != nil && session.Connected() {
		p.mutex.Lock()
		delete(p.kept, uri)
		p.mutex.Unlock()
		return err
	}
	return nil // or lost meanwhile: the next session makes it
}

func (p *Peer) forget(uri string, end func(*client.Client, string) error) error {
	p.mutex.Lock()
	session := p.session
	delete(p.kept, uri)
	p.mutex.Unlock()
	if session == nil {
		return nil // it ended with its session
	}
	return end(session, uri)
}

func (p *Peer) stay(session *client.Client) {
	defer close(p.done)
	for {
		select {
		case <-session.Done():
		case <-p.ctx.Done():
			p.lost()
			_ = session.Close() // or it is closed already
			return
		}
		p.lost()
		p.say(errors.New("the session was lost"))
		if session = p.reconnect(); session == nil {
			return
		}
		things := p.has(session)
		p.say(nil)
		p.restore(session, things)
	}
}

// reconnect returns a new session, or nil when the peer is closed first.
func (p *Peer) reconnect() *client.Client {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		// Jitter: a thousand clients that lost the same router at the same moment come back one by one.
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-p.ctx.Done():
			return nil
		}
		if session, err := client.ConnectNet(p.ctx, p.config.URL, p.config.Client); err == nil {
			return session
		}
	}
}

func (p *Peer) restore(session *client.Client, things map[string]kept) {
	for uri, thing := range things {
		if err := thing.make(session); err != nil && session.Connected() && p.config.OnRefused != nil {
			p.config.OnRefused(uri, err)
		}
	}
}

// has returns what is to be made in the new session: all that was kept before anybody could use it.
func (p *Peer) has(session *client.Client) map[string]kept {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.session = session
	close(p.joined)
	return maps.Clone(p.kept)
}

func (p *Peer) lost() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.session = nil
	p.joined = make(chan struct{})
}

func (p *Peer) say(err error) {
	if p.config.OnChange != nil {
		p.config.OnChange(err)
	}
}
