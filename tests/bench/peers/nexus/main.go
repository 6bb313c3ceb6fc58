// The nexus router as a peer of the benchmark: one realm, anonymous, WebSocket on the address given.
// No logging of messages, everything else as nexus' own defaults have it.
package main

import (
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/gammazero/nexus/v3/router"
	"github.com/gammazero/nexus/v3/wamp"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: nexus-peer HOST:PORT")
	}
	config := &router.Config{RealmConfigs: []*router.RealmConfig{{
		URI:           wamp.URI("realm1"),
		AnonymousAuth: true,
		AllowDisclose: true,
	}}}
	nexus, err := router.NewRouter(config, log.New(io.Discard, "", 0))
	if err != nil {
		log.Fatal(err)
	}
	closer, err := router.NewWebsocketServer(nexus).ListenAndServe(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	closer.Close()
	nexus.Close()
}
