// The nexus client as a peer: does what the lines on its standard input ask for.
// The client does not reconnect by itself: this does.
package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/transport/serialize"
	"github.com/gammazero/nexus/v3/wamp"
	"github.com/gammazero/nexus/v3/wamp/crsign"
)

const retry = 100 * time.Millisecond

type settings struct {
	URL        string
	Realm      string
	Serializer string
	Auth       *struct {
		Method, Authid, Secret string
		PublicKey              string `json:"public_key"`
	}
}

type request struct {
	ID        int
	Do        string
	Topic     string
	Procedure string
	Behaviour string
	Progress  bool
	Call      int
	Args      []any
	Kwargs    map[string]any
	Options   map[string]any
}

type peer struct {
	settings settings
	mutex    sync.Mutex
	client   *client.Client
	cancels  map[int]context.CancelFunc
	hasLeft  bool
}

var (
	serializers = map[string]serialize.Serialization{
		"json": client.JSON, "msgpack": client.MSGPACK, "cbor": client.CBOR,
	}
	output = struct {
		sync.Mutex
		*json.Encoder
	}{Encoder: json.NewEncoder(os.Stdout)}
)

func main() {
	p := &peer{cancels: map[int]context.CancelFunc{}}
	if err := json.Unmarshal([]byte(os.Args[1]), &p.settings); err != nil {
		log.Fatal(err)
	}
	go p.stayJoined()
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			log.Fatal(err)
		}
		r.Args, r.Kwargs = unpackedList(r.Args), unpackedDict(r.Kwargs)
		ctx, cancel := context.WithCancel(context.Background())
		p.mutex.Lock()
		p.cancels[r.ID] = cancel
		p.mutex.Unlock()
		go p.perform(ctx, r)
	}
}

func (p *peer) stayJoined() {
	for !p.isLeaving() {
		c, err := client.ConnectNet(context.Background(), p.settings.URL, p.config())
		if err != nil {
			say("left", map[string]any{"reason": err.Error()})
			time.Sleep(retry)
			continue
		}
		p.mutex.Lock()
		p.client = c
		p.mutex.Unlock()
		details := c.RealmDetails()
		say("joined", map[string]any{"authid": details["authid"], "authrole": details["authrole"]})
		<-c.Done()
		say("left", map[string]any{"reason": "lost"})
	}
}

func (p *peer) isLeaving() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.hasLeft
}

func (p *peer) config() client.Config {
	config := client.Config{
		Realm:         p.settings.Realm,
		Serialization: serializers[p.settings.Serializer],
		Logger:        log.New(io.Discard, "", 0),
	}
	if auth := p.settings.Auth; auth != nil {
		config.HelloDetails = wamp.Dict{"authid": auth.Authid, "authextra": wamp.Dict{"pubkey": auth.PublicKey}}
		config.AuthHandlers = map[string]client.AuthFunc{auth.Method: func(c *wamp.Challenge) (string, wamp.Dict) {
			switch auth.Method {
			case "wampcra":
				return crsign.RespondChallenge(auth.Secret, c, nil), wamp.Dict{}
			case "cryptosign":
				return cryptosign(auth.Secret, c), wamp.Dict{}
			}
			return auth.Secret, wamp.Dict{}
		}}
	}
	return config
}

// cryptosign is not in nexus' client: the signature, then what was signed.
func cryptosign(seed string, challenge *wamp.Challenge) string {
	secret, _ := hex.DecodeString(seed)
	text, _ := wamp.AsString(challenge.Extra["challenge"])
	data, _ := hex.DecodeString(text)
	return hex.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(secret), data)) + text
}

func (p *peer) perform(ctx context.Context, r request) {
	value, err := p.do(ctx, r)
	if err == nil {
		write(map[string]any{"id": r.ID, "value": packed(value)})
		return
	}
	uri, args, kwargs := "nexus.error", []any{err.Error()}, map[string]any{}
	var failed client.RPCError
	if errors.As(err, &failed) {
		uri, args, kwargs = string(failed.Err.Error), failed.Err.Arguments, failed.Err.ArgumentsKw
	}
	write(map[string]any{"id": r.ID, "error": map[string]any{
		"uri": uri, "args": packed(list(args)), "kwargs": packed(dict(kwargs)),
	}})
}

func (p *peer) do(ctx context.Context, r request) (any, error) {
	p.mutex.Lock()
	c := p.client
	p.mutex.Unlock()
	switch r.Do {
	case "subscribe":
		return nil, c.Subscribe(r.Topic, func(event *wamp.Event) {
			topic, _ := wamp.AsString(event.Details["topic"])
			if topic == "" {
				topic = r.Topic
			}
			retained, _ := wamp.AsBool(event.Details["retained"])
			say("event", map[string]any{
				"topic": topic, "args": list(event.Arguments), "kwargs": dict(event.ArgumentsKw), "retained": retained,
			})
		}, r.Options)
	case "unsubscribe":
		return nil, c.Unsubscribe(r.Topic)
	case "publish":
		options := wamp.Dict{"acknowledge": true}
		for name, value := range r.Options {
			options[name] = value
		}
		return nil, c.Publish(r.Topic, options, r.Args, r.Kwargs)
	case "register":
		return nil, c.Register(r.Procedure, p.endpoint(r.Behaviour), r.Options)
	case "unregister":
		return nil, c.Unregister(r.Procedure)
	case "call":
		var onProgress client.ProgressHandler
		if r.Progress {
			onProgress = func(result *wamp.Result) {
				say("progress", map[string]any{"args": list(result.Arguments), "kwargs": dict(result.ArgumentsKw)})
			}
		}
		result, err := c.Call(ctx, r.Procedure, wamp.Dict{}, r.Args, r.Kwargs, onProgress)
		if err != nil {
			return nil, err
		}
		return map[string]any{"args": list(result.Arguments), "kwargs": dict(result.ArgumentsKw)}, nil
	case "cancel":
		p.mutex.Lock()
		p.cancels[r.Call]()
		p.mutex.Unlock()
		return nil, nil
	case "leave":
		p.mutex.Lock()
		p.hasLeft = true
		p.mutex.Unlock()
		return nil, c.Close()
	}
	return nil, errors.New("unknown request " + r.Do)
}

func (p *peer) endpoint(behaviour string) client.InvocationHandler {
	return func(ctx context.Context, i *wamp.Invocation) client.InvokeResult {
		switch behaviour {
		case "echo":
			return client.InvokeResult{Args: i.Arguments, Kwargs: i.ArgumentsKw}
		case "fail":
			return client.InvokeResult{Err: "com.example.failed", Args: i.Arguments, Kwargs: i.ArgumentsKw}
		case "count":
			count, _ := wamp.AsInt64(i.Arguments[0])
			for number := range count {
				if err := p.client.SendProgress(ctx, wamp.List{number}, nil); err != nil {
					return client.InvokeResult{Err: "com.example.failed"}
				}
			}
			return client.InvokeResult{Args: wamp.List{count}}
		default:
			say("invoked", map[string]any{})
			<-ctx.Done()
			say("interrupted", map[string]any{})
			return client.InvocationCanceled
		}
	}
}

// Requests and answers as JSON documents, a line each; support/peers.py has the other end.

func say(kind string, fields map[string]any) {
	document := packed(fields).(map[string]any)
	document["said"] = kind
	write(document)
}

func write(document map[string]any) {
	output.Lock()
	defer output.Unlock()
	if err := output.Encode(document); err != nil {
		log.Fatal(err)
	}
}

// packed has each binary string as {"$binary": base64}, which JSON has no other way for.
func packed(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]any{"$binary": base64.StdEncoding.EncodeToString(v)}
	case map[string]any:
		copied := map[string]any{}
		for name, item := range v {
			copied[name] = packed(item)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for index, item := range v {
			copied[index] = packed(item)
		}
		return copied
	case wamp.Dict:
		return packed(dict(v))
	case wamp.List:
		return packed(list(v))
	}
	return value
}

func unpacked(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["$binary"].(string); ok {
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				log.Fatal(err)
			}
			return data
		}
		return unpackedDict(v)
	case []any:
		return unpackedList(v)
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

func unpackedDict(values map[string]any) map[string]any {
	copied := map[string]any{}
	for name, value := range values {
		copied[name] = unpacked(value)
	}
	return copied
}

func unpackedList(values []any) []any {
	copied := make([]any, len(values))
	for index, value := range values {
		copied[index] = unpacked(value)
	}
	return copied
}

func list(values wamp.List) []any {
	if values == nil {
		return []any{}
	}
	return values
}

func dict(values wamp.Dict) map[string]any {
	if values == nil {
		return map[string]any{}
	}
	return values
}
