package fairlead_test

import (
	"context"
	"log"

	fairlead "fairlead.example/client"
	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

func Example() {
	ctx := context.Background()
	peer, err := fairlead.Connect(ctx, fairlead.Config{
		URL:    "ws://127.0.0.1:8080/ws", // or unix:///run/app/wamp.sock
		Client: client.Config{Realm: "realm1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer peer.Close()

	show := func(event fairlead.Event) { log.Println(event.Topic, event.Arguments) }
	resumed := func(isWhole bool) { log.Println("nothing was missed:", isWhole) }
	_, err = peer.Subscribe(ctx, "com.example", show, fairlead.SubscribeOptions{Match: "prefix", OnResumed: resumed})
	if err != nil {
		log.Fatal(err)
	}

	echo := func(_ context.Context, i *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: i.Arguments}
	}
	if err := peer.Register(ctx, "com.example.echo", echo, nil); err != nil {
		log.Fatal(err)
	}
	result, err := peer.Call(ctx, "com.example.echo", wamp.List{"hello"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	log.Println(result.Arguments)
}
